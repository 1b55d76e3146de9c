"""Classes of the grey values of an image: exact 1-D k-means, and the iteration of T-ROF."""

from collections.abc import Callable

import numpy as np

from ..core.compiled import copy, exact_helper, exact_kernel

_BINS = 4096  # of k-means
_MOST_ROUNDS = 1000  # of T-ROF; measured: 6 to 52


def kmeans(values: np.ndarray, num_classes: int, exact: bool = True) -> np.ndarray:
    """The centres of the best k-means clustering of numbers, by dynamic programming.

    There are fewer than ``num_classes`` if there are fewer different values. ``exact=False`` takes
    only classes of whole bins, of 4096. (Wang & Song, Ckmeans.1d.dp, The R Journal 3 (2011) 29-33.)
    """
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.array([low])
    x = to_bins(values, low, high)

    def chosen(split: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.unique(values_in_bins(x, split), return_counts=True)

    return kmeans_centres(bin_moments(x), low, high, num_classes, chosen if exact else None)


def to_bins(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Numbers from 0 to the number of bins - 1; their integer part is the bin."""
    return (values.ravel() - low) / (high - low) * (_BINS - 1)


def kmeans_centres(
    moments: np.ndarray,
    low: float,
    high: float,
    num_classes: int,
    chosen: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray] | None] | None,
) -> np.ndarray:
    """The centres of `kmeans` from the moments of the bins; without ``chosen``, of whole bins.

    ``chosen(split)`` returns the different values in the bins where ``split``, and their numbers.
    """
    used = np.flatnonzero(moments[0])
    sums = _sums(moments[:, used])
    if chosen is not None:
        split = np.zeros(_BINS, bool)
        split[used[_may_be_split(sums, num_classes)]] = True
        found = chosen(split)
        if found is not None:
            single, counts = found
            whole = used[~split[used]]
            items = np.hstack([moments[:, whole], counts * single ** np.array([[0], [1], [2]])])
            order = np.argsort(np.concatenate([whole, single.astype(np.int64)]), kind="stable")
            sums = _sums(items[:, order])
    return low + _best(sums, num_classes) / (_BINS - 1) * (high - low)


def _sums(items: np.ndarray) -> np.ndarray:
    """The sums of the first 0, 1, ... items, along the last axis."""
    return np.pad(np.cumsum(items, axis=1), ((0, 0), (1, 0)))


def _best(sums: np.ndarray, num_classes: int) -> np.ndarray:
    """The best centres of increasing values, given as sums."""
    num_classes = min(num_classes, sums.shape[1] - 1)
    _, splits = _layers(*sums, num_classes, 0)
    ends = [sums.shape[1] - 1]
    for k in range(num_classes - 1, 0, -1):
        ends.append(splits[k, ends[-1]])
    ends = [0, *ends[::-1]]
    return np.diff(sums[1, ends]) / np.diff(sums[0, ends])


def _may_be_split(sums: np.ndarray, num_classes: int) -> np.ndarray:
    """The bins that the best classes may split: whole bins cost too much, free ones too little."""
    size = sums.shape[1] - 1
    if size <= num_classes:
        return np.arange(size)
    upper, _ = _layers(*sums, num_classes, 0)
    others = max(num_classes - 1, 1)
    before, _ = _layers(*sums, others, 1)
    after, _ = _layers(*(sums[:, -1:] - sums[:, ::-1]), others, 1)
    after = after[:, ::-1]
    least = np.full(size, np.inf)
    for k in range(num_classes - 1):  # k + 1 classes before the bin, the others after it
        least = np.minimum(least, before[k, :-1] + after[num_classes - 2 - k, 1:])
    return np.flatnonzero(least <= upper[(num_classes - 1) % 2, -1] + 1e-9 * sums[2, -1])


def between(values: np.ndarray) -> np.ndarray:
    """The thresholds half-way between increasing values."""
    return (values[:-1] + values[1:]) / 2


def iterate_means(
    f: np.ndarray, u: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Means of f and thresholds between them where the iteration T-ROF comes to rest."""
    order = np.argsort(u, axis=None, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(f.ravel()[order])])
    sorted_u = u.ravel()[order]
    for _ in range(_MOST_ROUNDS):
        ends = np.searchsorted(sorted_u, thresholds, side="right")
        ends = np.concatenate([[0], ends, [order.size]])
        counts = np.diff(ends)
        kept = counts > 0
        means = np.diff(sums[ends])[kept] / counts[kept]
        new = between(np.sort(means))  # means of f need not be in the order of the classes
        if new.size == thresholds.size and np.array_equal(new, thresholds):
            break
        thresholds = new
    return np.sort(means), thresholds


@exact_kernel
def bin_moments(x):
    """The sums of ``x^k`` of each bin, for k = 0, 1, 2."""
    out = np.zeros((_BINS, 3))
    for i in range(x.size):
        own = out[int(x[i])]
        own[0] += 1.0
        own[1] += x[i]
        own[2] += x[i] * x[i]
    return np.ascontiguousarray(out.T)


@exact_kernel
def values_in_bins(x, wanted):
    """The values in the wanted bins."""
    out, count = np.empty(x.size), 0
    for i in range(x.size):
        out[count] = x[i]
        count += wanted[int(x[i])]
    return out[:count].copy()


@exact_helper
def _cost(weight, first, second, i, j):
    """Sum of squares about the mean of the items i .. j - 1; 0 for none."""
    if j <= i:
        return 0.0
    total = first[j] - first[i]
    return max(second[j] - second[i] - total * total / (weight[j] - weight[i]), 0.0)


@exact_kernel
def _layers(weight, first, second, num_classes, skipped):
    """The least cost of the first j items in k + 1 classes, and where the last class begins.

    All but the first class begin ``skipped`` items late; if that is 0, two layers are kept.
    """
    n = weight.size - 1
    kept = num_classes if skipped else 2
    best = np.full((kept, n + 1), np.inf)
    splits = np.zeros((num_classes, n + 1), np.int32)
    for j in range(n + 1):
        best[0, j] = _cost(weight, first, second, 0, j)
    stack = np.empty((128, 4), np.int64)
    for k in range(1, num_classes):
        before, own = best[(k - 1) % kept], best[k % kept]
        # The best split grows with the end, so that the one in the middle halves the search. Of
        # the last class, only the end of all items is of interest if none are skipped.
        if skipped:
            copy(stack[0], (0, n, 0, n - 1))
        else:
            copy(stack[0], (n if k == num_classes - 1 else k + 1, n, k, n - 1))
        size = 1
        while size > 0:
            size -= 1
            low, high, left, right = stack[size]
            middle = (low + high) // 2
            found, at = np.inf, left
            for i in range(left, min(right, middle - 1 + skipped) + 1):
                cost = before[i] + _cost(weight, first, second, i + skipped, middle)
                if cost < found:
                    found, at = cost, i
            own[middle] = found
            splits[k, middle] = at
            if low < middle:
                copy(stack[size], (low, middle - 1, left, at))
                size += 1
            if middle < high:
                copy(stack[size], (middle + 1, high, at, right))
                size += 1
    return best, splits
