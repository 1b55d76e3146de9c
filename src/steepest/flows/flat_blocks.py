"""The flattest blocks of an image, which show its noise.

An image is cut into small overlapping blocks. From each, the best plane is removed. The variance
that remains is that of the noise, plus that of the picture. Where the picture is flat, only noise
is left, and then the variances of the blocks follow a known distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache, reduce

import numpy as np
from scipy.fft import dct
from scipy.ndimage import gaussian_filter
from scipy.special import gammaincinv

SIDE = {1: 32, 2: 8, 3: 4}  # pixels of a block along each axis
_MOST = 40_000  # blocks that are used of a large image
LEAST = 20  # blocks below which nothing can be said
BLURS = (0.0, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.5)  # widths for which noise is simulated
_SHARES = 2.0 ** -np.arange(0, 7.6, 0.5)
_LOW, _HIGH = 0.05, 0.6  # part of the distribution that is compared with that of noise
_FEWEST = 8
_EQUAL = 0.35  # largest share of equal neighbours along an axis; white noise in 8 bits has fewer
_FINEST = 0.85  # least frequency, the mean over the axes, relative to the highest
_PARTS = (1.0, 0.1, 0.02)  # shares for which correlations are simulated
_FIT = 1.04  # largest accepted ratio of two quantiles to that of noise


@dataclass(frozen=True, eq=False)
class Blocks:
    """Blocks of a channel in the order of their variances, without their planes.

    ``place`` are their numbers among all blocks, ``saturated`` the shares of their pixels that are
    the least or largest of the image. ``constant`` is the share of the image where it is constant.
    Blocks that are constant in part or half saturated are left out, ``total`` counts them, too.
    """

    channel: np.ndarray
    variance: np.ndarray
    mean: np.ndarray
    place: np.ndarray
    saturated: np.ndarray
    constant: float
    total: int

    def __len__(self) -> int:
        return len(self.variance)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.channel.ndim

    @property
    def part(self) -> float:
        """Their share of all blocks that are not constant."""
        return min(1.0, len(self) / max(1.0, (1 - self.constant) * self.total))

    def over(self, line: np.ndarray) -> Blocks:
        """With the variance of each divided by a number, in their new order."""
        variance = self.variance / line
        return replace(self, variance=variance).where(np.argsort(variance, kind="stable"))

    def where(self, chosen: np.ndarray) -> Blocks:
        """Those of these numbers or for which a mask holds."""
        return replace(
            self, variance=self.variance[chosen], mean=self.mean[chosen],
            place=self.place[chosen], saturated=self.saturated[chosen],
        )  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """The variance of noise that explains the flattest blocks.

    ``share`` of all blocks are flat enough to show it, ``count`` of them were used, and ``fits``
    says whether their variances are distributed as those of noise.
    """

    variance: float
    share: float
    count: int
    fits: bool


@dataclass(frozen=True)
class Correlation:
    """Correlations of the values in the flattest blocks with their neighbours.

    ``near`` is (ndim,) for the next pixel along each axis; ``diagonal`` and ``far`` are means for
    the diagonal neighbours and those two pixels away. ``finest`` is the share of the highest
    frequencies in the variance, relative to that in white noise.
    """

    near: np.ndarray
    diagonal: float
    far: float
    finest: float


def cut_blocks(channel: np.ndarray) -> Blocks:
    r"""Cut an array (\*space) into blocks that overlap by half of their sides."""
    ndim, side = channel.ndim, SIDE[channel.ndim]
    changing = ~constant_in(channel[None])[0]
    constant = 1 - float(changing.mean())
    if min(channel.shape) < side:
        none = np.zeros(0)
        return Blocks(channel, none, none, none.astype(int), none, constant, 0)
    low, high = float(channel.min()), float(channel.max())
    saturated = block_means((channel <= low) | (channel >= high))
    bad = saturated > 0.5
    bad |= block_means(~changing) > 0.02
    for axis in range(ndim):  # as where the border of an image was repeated
        ahead = np.moveaxis(channel, axis, 0)
        bad |= block_means(np.moveaxis(ahead[1:] == ahead[:-1], 0, axis), axis) > _EQUAL
    values = _windows(channel).reshape(-1, side**ndim).astype(np.float64)
    mean = values.mean(1)
    values = _without_planes(values, ndim)
    variance = np.einsum("ij,ij->i", values, values) / values.shape[1]
    place = np.flatnonzero(~bad & (variance > 1e-9 * (high - low) ** 2))
    place = place[np.argsort(variance[place], kind="stable")]
    each = (variance[place], mean[place], place, saturated[place])
    return Blocks(channel, *each, constant, len(bad))


def values_in(channel: np.ndarray, place: np.ndarray) -> np.ndarray:
    """What a channel has in the blocks with these numbers, without planes."""
    every = _windows(channel)
    values = every[np.unravel_index(place, every.shape[: channel.ndim])].astype(np.float64)
    return _without_planes(values.reshape(len(place), -1), channel.ndim)


def _without_planes(values: np.ndarray, ndim: int) -> np.ndarray:
    """In place."""
    plane = _planes(ndim)
    values -= values.mean(1)[:, None]
    values -= (values @ plane) @ plane.T
    return values


def constant_in(array: np.ndarray) -> np.ndarray:
    r"""Where an image (channels, \*space) is equal to all neighbours in a box of three pixels."""
    same = np.ones(array.shape, bool)
    for axis in range(1, array.ndim):  # boxes of one more axis, of three that are equal
        first, second = ((slice(None),) * axis + (part,) for part in (slice(-1), slice(1, None)))
        equal = array[first] == array[second]
        equal &= same[first]
        equal &= same[second]
        same[first] &= equal
        same[second] &= equal
    return same


def _windows(channel: np.ndarray) -> np.ndarray:
    r"""The blocks of an array (\*space), as an array of twice as many axes."""
    side = SIDE[channel.ndim]
    found = np.lib.stride_tricks.sliding_window_view(channel, (side,) * channel.ndim)
    return found[(slice(None, None, _step(channel.shape)),) * channel.ndim]


def block_means(array: np.ndarray, axis: int | None = None) -> np.ndarray:
    r"""The means of the blocks of an array (\*space), which may be of pairs along an axis."""
    shape = tuple(n + (k == axis) for k, n in enumerate(array.shape))
    step, means = _step(shape), array.astype(np.float64)
    for k, n in enumerate(shape):
        side = SIDE[array.ndim] - (k == axis)
        count = n - SIDE[array.ndim] + 1
        lines = np.moveaxis(means, k, 0)
        total = reduce(np.add, [lines[i : i + count : step] for i in range(side)])
        means = np.moveaxis(total / side, 0, k)
    return means.ravel()


def _step(shape: tuple[int, ...]) -> int:
    """The distance between blocks, half of their side in images that are not large."""
    side, ndim = SIDE[len(shape)], len(shape)
    step = side // 2
    count = math.prod((n - side + 1) // step for n in shape)
    return step * max(1, math.ceil((count / _MOST) ** (1 / ndim)))


def fit_variance(blocks: Blocks, blur: float) -> Fit:
    """The variance of noise of this blur, from the largest share of blocks that noise explains.

    If a share of all blocks is flat, their variances are the smallest, and their order statistics
    are those of a gamma distribution. The largest share is taken for which the ratio of two
    quantiles is that of this distribution. If there is none, the image has texture everywhere;
    then the least variances are an upper bound of that of the noise.
    """
    variance, n = blocks.variance, len(blocks)
    levels, quantiles = _quantiles(blocks.ndim, blur)
    best: tuple[float, Fit] | None = None
    for share in _SHARES:
        first, last = math.ceil(_LOW * share * n), int(_HIGH * share * n)
        if last < _FEWEST and best is not None:
            break
        some = np.arange(first, min(max(last, first + 2), n))
        ratio = variance[some] / np.interp((some + 0.5) / (share * n), levels, quantiles)
        spread = float(ratio[-1] / ratio[0])
        fit = Fit(
            float(np.exp(np.log(ratio).mean())), float(share), max(_FEWEST, last), spread <= _FIT
        )
        if fit.fits:
            return fit
        if best is None or spread < best[0]:
            best = spread, fit
    assert best is not None
    least = variance[:3] / np.interp((np.arange(3) + 0.5) / n, levels, quantiles)
    fit = best[1]
    return Fit(min(fit.variance, float(least.mean())), fit.share, fit.count, fits=False)


def correlation(blocks: Blocks, count: int) -> Correlation:
    """The correlations in the first blocks, each of which counts the same."""
    values = values_in(blocks.channel, blocks.place[:count])
    values /= np.sqrt((values * values).mean(1))[:, None]
    products = values.T @ values
    square = products.diagonal().mean()

    def of(pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        return np.array([products[a, b].mean() / square for a, b in pairs])

    near, diagonal, far = _neighbours(blocks.ndim)
    cosines = _finest(blocks.ndim)
    finest = float((cosines * (products @ cosines)).sum(0).mean() / square)
    return Correlation(
        of(near), float(of(diagonal).mean()) if diagonal else 0.0, float(of(far).mean()), finest
    )


def expected(ndim: int, share: float) -> np.ndarray:
    """``(blurs, 4)``: what `correlation` finds in blurred noise if this share of blocks is used."""
    table = _simulated(ndim)  # (blurs, shares, 4)
    at = float(
        np.interp(math.log(max(share, _PARTS[-1])), np.log(_PARTS[::-1]), range(len(_PARTS))[::-1])
    )
    low = min(int(at), len(_PARTS) - 2)
    return (1 - (at - low)) * table[:, low] + (at - low) * table[:, low + 1]


@cache
def _simulated(ndim: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    shape = {1: (65536,), 2: (256, 256), 3: (40, 40, 40)}[ndim]
    rows = []
    for blur in BLURS:
        noise = rng.standard_normal(shape)
        blocks = cut_blocks(gaussian_filter(noise, blur, mode="wrap") if blur else noise)
        row = []
        for part in _PARTS:
            found = correlation(blocks, int(_HIGH * part * len(blocks)))
            row.append((found.near.mean(), found.diagonal, found.far, found.finest))
        rows.append(row)
    return np.array(rows)


def autocorrelation(blur: float) -> np.ndarray:
    """``(25,)``: correlations along an axis, from 0 to 24 pixels apart, in noise of this blur."""
    if blur == 0:
        return np.eye(1, 25)[0]
    kernel = np.exp(-0.5 * (np.arange(-12, 13) / blur) ** 2)
    own = np.correlate(kernel, kernel, "full")[24:]
    return own / own[0]


@cache
def _planes(ndim: int) -> np.ndarray:
    """An orthonormal basis (pixels, ndim + 1) of the planes in a block."""
    line = np.linspace(-1, 1, SIDE[ndim])
    axes = np.meshgrid(*[line] * ndim, indexing="ij")
    basis, _ = np.linalg.qr(np.stack([np.ones(axes[0].size), *(a.ravel() for a in axes)], -1))
    return basis


@cache
def _finest(ndim: int) -> np.ndarray:
    """The cosines (pixels, frequencies) of the highest frequencies, as columns."""
    side = SIDE[ndim]
    cosines: np.ndarray = reduce(np.kron, [dct(np.eye(side), norm="ortho", axis=0)] * ndim)
    frequencies = np.indices((side,) * ndim).sum(0).ravel()
    return cosines[frequencies >= _FINEST * ndim * (side - 1)].T


@cache
def _neighbours(ndim: int) -> tuple[list[tuple[np.ndarray, np.ndarray]], ...]:
    """Pairs of pixels of a block that are next to each other, diagonal, and two apart."""
    side, unit = SIDE[ndim], np.eye(ndim, dtype=int)
    index = np.arange(side**ndim).reshape((side,) * ndim)

    def pairs(step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first = tuple(slice(max(0, -s), side - max(0, s)) for s in step)
        second = tuple(slice(max(0, s), side - max(0, -s)) for s in step)
        return index[first].ravel(), index[second].ravel()

    near = [pairs(unit[i]) for i in range(ndim)]
    far = [pairs(2 * unit[i]) for i in range(ndim)]
    diagonal = [
        pairs(unit[i] + s * unit[j]) for i in range(ndim) for j in range(i) for s in (1, -1)
    ]
    return near, diagonal, far


@cache
def _quantiles(ndim: int, blur: float) -> tuple[np.ndarray, np.ndarray]:
    """Levels, and the quantiles of the variances of blocks of unit noise with this blur.

    The variance is a quadratic form of Gaussian values. Its distribution is taken for a gamma
    distribution of the same mean and variance.
    """
    side = SIDE[ndim]
    line = np.zeros(side)
    own = autocorrelation(blur)[:side]
    line[: len(own)] = own
    one = line[np.abs(np.subtract.outer(np.arange(side), np.arange(side)))]
    covariance: np.ndarray = reduce(np.kron, [one] * ndim)
    plane = _planes(ndim)
    rest = covariance - plane @ (plane.T @ covariance)
    rest = rest - (rest @ plane) @ plane.T
    mean, variance = np.trace(rest) / len(rest), 2 * (rest * rest).sum() / len(rest) ** 2
    levels = np.concatenate([np.geomspace(1e-5, 0.02, 40)[:-1], np.linspace(0.02, 0.999, 200)])
    shape = mean**2 / variance
    return levels, gammaincinv(shape, levels) * mean / shape
