"""Classes of the grey values of an image: exact 1-D k-means, and the iteration of T-ROF."""

from __future__ import annotations

import numpy as np

from ..core.compiled import exact_kernel

_LEVELS = 4096  # of rough k-means
_MOST_ROUNDS = 1000  # of T-ROF; measured: 6 to 52


def rough_kmeans(values: np.ndarray, num_classes: int) -> np.ndarray:
    """`kmeans` of values rounded to 4096 levels, which is much faster."""
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.array([low])
    step = (high - low) / (_LEVELS - 1)
    counts = np.bincount(np.rint((values.ravel() - low) / step).astype(np.int64))
    found = np.flatnonzero(counts)
    return _best(low + step * found, counts[found], num_classes)


def kmeans(values: np.ndarray, num_classes: int) -> np.ndarray:
    """The centres of the best k-means clustering of numbers, by dynamic programming.

    No other centres have a smaller ``sum of min_k (value - centre_k)^2``. There are fewer than
    ``num_classes`` if there are fewer different values.

    References
    ----------
    Wang & Song, Ckmeans.1d.dp, The R Journal 3 (2011) 29-33; divide and conquer over the splits.
    """
    distinct, counts = np.unique(values, return_counts=True)
    return _best(distinct, counts, num_classes)


def _best(distinct: np.ndarray, counts: np.ndarray, num_classes: int) -> np.ndarray:
    """The best centres of increasing values that occur ``counts`` times."""
    num_classes = min(num_classes, distinct.size)
    middle = distinct[distinct.size // 2]
    weight = np.concatenate([[0.0], np.cumsum(counts, dtype=np.float64)])
    first = np.concatenate([[0.0], np.cumsum(counts * (distinct - middle))])
    second = np.concatenate([[0.0], np.cumsum(counts * (distinct - middle) ** 2)])
    ends = _splits(weight, first, second, num_classes)
    return middle + np.diff(first[ends]) / np.diff(weight[ends])


def between(values: np.ndarray) -> np.ndarray:
    """The thresholds half-way between increasing values."""
    return (values[:-1] + values[1:]) / 2


def class_means(f: np.ndarray, u: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Means of f on the classes ``t_i < u <= t_(i+1)``.

    The mean of an empty class is half-way between its thresholds, or its only threshold.
    """
    labels = np.searchsorted(thresholds, u, side="left").ravel()
    counts = np.bincount(labels, minlength=thresholds.size + 1)
    edges = np.concatenate([thresholds[:1], thresholds, thresholds[-1:]])
    means = np.bincount(labels, f.ravel(), thresholds.size + 1) / np.maximum(counts, 1)
    return np.where(counts > 0, means, (edges[:-1] + edges[1:]) / 2)


def rest(f: np.ndarray, u: np.ndarray, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of f and thresholds between them where the iteration of T-ROF comes to rest.

    References
    ----------
    Cai, Chan, Schoenlieb, Steidl & Zeng, SIAM J. Sci. Comput. 41 (2019) B1310-B1340.
    """
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
def _cost(weight, first, second, i, j):
    """Sum of squares about the mean of the values i .. j - 1."""
    total = first[j] - first[i]
    return second[j] - second[i] - total * total / (weight[j] - weight[i])


@exact_kernel
def _splits(weight, first, second, num_classes):
    """The ends (num_classes + 1,) of the best classes."""
    n = weight.size - 1
    best = np.empty(n + 1)
    best[0] = 0.0
    for j in range(1, n + 1):
        best[j] = _cost(weight, first, second, 0, j)
    splits = np.zeros((num_classes, n + 1), np.int32)
    stack = np.empty((128, 4), np.int64)
    for k in range(1, num_classes):
        least = np.full(n + 1, np.inf)
        # The best split grows with the end, so that the one in the middle halves the search. Of
        # the last class, only the end of all values is of interest.
        stack[0] = (k + 1 if k < num_classes - 1 else n, n, k, n - 1)
        size = 1
        while size > 0:
            size -= 1
            low, high, left, right = stack[size]
            middle = (low + high) // 2
            found, at = np.inf, left
            for i in range(left, min(right, middle - 1) + 1):
                cost = best[i] + _cost(weight, first, second, i, middle)
                if cost < found:
                    found, at = cost, i
            least[middle] = found
            splits[k, middle] = at
            if low < middle:
                stack[size] = (low, middle - 1, left, at)
                size += 1
            if middle < high:
                stack[size] = (middle + 1, high, at, right)
                size += 1
        best = least
    ends = np.zeros(num_classes + 1, np.int64)
    ends[num_classes] = n
    for k in range(num_classes - 1, 0, -1):
        ends[k] = splits[k, ends[k + 1]]
    return ends
