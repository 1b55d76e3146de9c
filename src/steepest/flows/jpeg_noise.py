"""The white noise that a photograph had before it was compressed as JPEG.

JPEG rounds the cosine coefficients of blocks of 8 x 8 pixels to multiples of steps. Where the
picture is flat, weak noise is rounded to zero, and what remains is not white. But the rounding is
known once the grid of the blocks and the steps have been found. So the energies of the flattest
blocks are compared with those of white noise that is rounded in the same way. Of a colour image,
this is done with the luminance, which JPEG rounds like a grey image.
"""

import math
from functools import cache

import numpy as np
from scipy.fft import dct, dctn
from scipy.ndimage import correlate1d

from ..core.grey import LUMA

_SIDE = 8  # pixels of a block
_FEWEST, _MOST = 40, 10_000  # blocks that are used
_CROP = 512  # pixels along each side of the part in which the grid is looked for
_FINE = ((7, 7), (6, 6), (5, 7), (7, 5), (5, 5), (4, 6), (6, 4))  # frequencies that show the grid
_SPARSE = 0.5  # by how much the logarithms of their sizes must be smaller on the grid than off it
_HINT = 0.2  # by how much that of the highest frequency must be, to look at the others
_STEPS = np.geomspace(200, 1.5, 165)  # that are tried, for a range of 255
_BIN = 0.1  # width of the bins of coefficients, for a range of 255
_COMB = 0.6  # least mean cosine of coefficients that are multiples of a step
_KNOWN = 6  # least number of known steps
# most that coefficients differ from multiples, in grey levels; rounding makes 0.29, in colour 0.35
_MISFIT = {1: 0.4, 3: 0.45}
_SHARES = 2.0 ** -np.arange(0, 7.1, 0.5)
_LEVELS = (0.1, 0.2, 0.35, 0.6)  # of the distribution of energies that are compared
_FIT = 1.05  # largest accepted ratio of the deviations that they show; more for few blocks
_NEARLY = 1.3  # times that, if no blocks fit
_SAMPLES = 1500  # blocks of simulated noise
_TILT = 0.15  # energy of high over low frequencies in texture, relative to that in noise


def noise_before_jpeg(channel: np.ndarray) -> tuple[float, float] | None:
    """The deviation of the noise and the share of flat blocks; None if this is no JPEG image.

    It is also None where the coefficients are not multiples of the steps, because noise was added
    after the compression or channels were mixed, and where no blocks look like rounded noise.
    """
    found = rounded_coefficients(channel[None])
    return None if found is None else rounded_noise(*found)


def rounded_coefficients(image: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The cosine coefficients (blocks, frequencies) and their steps, which ascend.

    The image has shape (1, height, width), or (3, height, width) for RGB. The result is None if it
    was not compressed as JPEG, or too few blocks are not saturated.
    """
    space = image.shape[1:]
    if len(space) != 2 or (space[0] - 7) * (space[1] - 7) < 64 * _FEWEST:
        return None
    first = [max(0, (n - _CROP) // 2 // _SIDE * _SIDE) for n in space]
    grid = _grid(_light(image[:, first[0] : first[0] + _CROP, first[1] : first[1] + _CROP]))
    if grid is None:
        return None
    channel = _light(image)
    low, high = image.min((1, 2), keepdims=True), image.max((1, 2), keepdims=True)
    found = _coefficients(channel, ((image <= low) | (image >= high)).any(0), grid)
    if len(found) < _FEWEST:
        return None
    steps = _steps(found, float(np.ptp(channel)))
    known = np.flatnonzero(steps)
    known = known[np.argsort(steps[known], kind="stable")]
    if len(known) < _KNOWN:
        return None
    found, steps = found[:, known], steps[known]
    misfit = float(np.median(abs(found - steps * np.rint(found / steps)))) / 0.6745
    level = _grey_level(image[0])
    if misfit > (_MISFIT[len(image)] * level if level else 0.1 * steps[0]):
        return None
    return found, steps


def _light(image: np.ndarray) -> np.ndarray:
    """The only channel, or the luminance of RGB."""
    return image[0] if len(image) == 1 else np.tensordot(np.array(LUMA, image.dtype), image, 1)


def _grid(part: np.ndarray) -> tuple[int, int] | None:
    """The first row and column of the grid, on which high frequencies are smallest."""
    basis = dct(np.eye(_SIDE), axis=0, norm="ortho")
    height, width = ((n - 7) // _SIDE for n in part.shape)
    tiny, half = 1e-6 * float(np.ptp(part)) + 1e-30, _SIDE // 2
    sizes = np.zeros((_SIDE, _SIDE))
    for i, j in _FINE:
        size = abs(correlate1d(correlate1d(part, basis[i], 0), basis[j], 1))[half:, half:]
        size = size[: _SIDE * height, : _SIDE * width].reshape(height, _SIDE, width, _SIDE)
        size = size.transpose(1, 3, 0, 2).reshape(_SIDE, _SIDE, -1)
        sizes += np.log(np.median(size, -1, overwrite_input=True) + tiny) / len(_FINE)
        if (i, j) == _FINE[0] and sizes.min() > np.median(sizes) - _HINT / len(_FINE):
            return None
    y, x = divmod(int(sizes.argmin()), _SIDE)
    return (y, x) if sizes[y, x] < np.median(sizes) - _SPARSE else None


def _coefficients(channel: np.ndarray, saturated: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """The cosine coefficients (blocks, 64) of the blocks without saturated pixels."""

    def blocks_of(array: np.ndarray) -> np.ndarray:
        part = array[grid[0] :, grid[1] :]
        height, width = (n // _SIDE for n in part.shape)
        part = part[: _SIDE * height, : _SIDE * width].reshape(height, _SIDE, width, _SIDE)
        blocks = part.swapaxes(1, 2).reshape(-1, _SIDE, _SIDE)
        return blocks[:: math.ceil(len(blocks) / _MOST)]

    blocks = blocks_of(channel)[~blocks_of(saturated).any((1, 2))]
    return np.asarray(dctn(blocks, axes=(1, 2), norm="ortho")).reshape(-1, _SIDE * _SIDE)


def _steps(found: np.ndarray, span: float) -> np.ndarray:
    """The steps (64,) of which the coefficients are multiples; 0 where none can be seen.

    Those of the two slopes are left out: pictures have slopes, where they have no noise.
    """
    unit = span / 255
    table, mask = _combs()
    steps = np.zeros(found.shape[1])
    order = np.add.outer(np.arange(_SIDE), np.arange(_SIDE)).ravel()
    for k in np.flatnonzero((order > 1) & (order < _SIDE)):
        sizes = abs(found[:, k]) / unit
        bins = np.bincount((sizes / _BIN).astype(int), minlength=table.shape[1])[: table.shape[1]]
        bins = bins.astype(np.float32)
        scores = (table @ bins) / np.maximum(counts := mask @ bins, 1) * (counts >= _SIDE)
        if (top := scores.max()) > _COMB:
            at = int(np.argmax(scores > 0.85 * top))  # also multiples of a half or a third of it
            while at + 1 < len(scores) and scores[at + 1] > scores[at]:
                at += 1
            step = _STEPS[at]
            near = sizes[(sizes > step / 2) & (sizes < 4.5 * step)]
            multiples = np.rint(near / step)
            steps[k] = unit * float(near @ multiples) / float(multiples @ multiples)
    return steps


@cache
def _combs() -> tuple[np.ndarray, np.ndarray]:
    """For each step, the cosines of sizes from a half to 4.5 of it, by bins; and where they are."""
    sizes = _BIN * (np.arange(int(4.5 * _STEPS[0] / _BIN)) + 0.5)
    ratio = sizes / _STEPS[:, None]
    mask = ((ratio > 0.5) & (ratio < 4.5)).astype(np.float32)
    return mask * np.cos(2 * np.pi * ratio).astype(np.float32), mask


def _grey_level(channel: np.ndarray) -> float:
    """The step of the grey values of an image with few of them; otherwise 0."""
    values = np.unique(channel[:_CROP, :_CROP])
    if not 2 <= len(values) <= 256:
        return 0.0
    level = float(np.diff(values).min())
    multiples = (values - values[0]) / level
    return level if abs(multiples - np.rint(multiples)).max() < 0.05 else 0.0


def rounded_noise(found: np.ndarray, steps: np.ndarray) -> tuple[float, float] | None:
    """The deviation of white noise with rounded coefficients like these, and the share of blocks.

    It is None if no share of blocks is like that, or if rounding hardly matters. The steps are in
    ascending order; those much larger than the deviation do not show it. Compared with such noise,
    texture has more energy at low frequencies; its share makes the deviation smaller.
    """
    normal = np.random.default_rng(0).standard_normal((_SAMPLES, len(steps)))
    sigmas = np.geomspace(0.15 * steps[0], 4 * steps[-1], 50)
    count = min(9, len(steps))
    for _ in range(3):
        values, own, noise = found[:, :count], steps[:count], normal[:, :count]
        energy = (values**2).sum(1)
        simulated = ((own * np.rint(sigmas[:, None, None] * noise / own)) ** 2).sum(-1)
        sigma, share = _matching(np.sort(energy), np.sort(simulated, 1), sigmas, own[0] ** 2 / 2)
        if sigma == 0:
            return None
        count = max(min(_KNOWN, len(steps)), int(np.searchsorted(steps, 3 * sigma)))
    if 2 * sigma > steps[-1]:
        return None
    rounded = (own * np.rint(sigma * noise / own)) ** 2
    rounded = rounded[np.argsort(rounded.sum(1))[: int(_LEVELS[-1] * _SAMPLES)]].mean(0)
    flattest = np.argsort(energy)[: max(_SIDE, int(_LEVELS[-1] * share * len(energy)))]
    seen = (values[flattest] ** 2).mean(0)
    third = len(own) // 3
    low = float(seen[:third].sum() / rounded[:third].sum())
    high = float(seen[-third:].sum() / max(rounded[-third:].sum(), 1e-300))
    sigma *= math.sqrt(min(1.0, max(0.0, (high - _TILT * low) / (1 - _TILT))))
    return (sigma, share) if sigma else (0.0, 0.0)


def _matching(
    energy: np.ndarray, simulated: np.ndarray, sigmas: np.ndarray, least: float
) -> tuple[float, float]:
    """The deviation for the largest share of blocks whose energies are those of noise.

    If there is none, it is that for which they are nearly so, or 0. Energies below ``least`` are
    due to the rounding of grey values.
    """
    places = (np.array(_LEVELS) * _SAMPLES).astype(int)
    columns = np.maximum.accumulate(simulated[:, places], 0).T
    nearest, found = _NEARLY, (0.0, 0.0)
    for share in _SHARES:
        at = (np.array(_LEVELS) * share * len(energy)).astype(int)
        if at[-1] < 12:
            break
        values = np.mean([energy[np.maximum(at + shift, 0)] for shift in (-1, 0, 1)], 0)
        seen = (values >= least) & (values > columns[:, 0])
        pairs = zip(values[seen], columns[seen], strict=True)
        shown = np.array([np.interp(value, column, sigmas) for value, column in pairs])
        if len(shown) < 2 or shown.max() > sigmas[-1] * 0.999:  # what is larger seems to be that
            continue
        misfit = float(shown.max() / shown.min()) / (_FIT + 0.3 / math.sqrt(at[-1]))
        sigma = float(np.exp(np.log(shown).mean()))
        if misfit <= 1:
            if all(np.interp(sigma, sigmas, column) < 2 * least for column in columns[~seen]):
                return sigma, float(share)
        elif misfit < nearest:
            nearest, found = misfit, (sigma, float(share))
    return found
