"""The probability that each pixel is known, by online logistic regression on earlier pixels.

The logit of a pixel is ``bias + sum of weights[near[k, 2]]`` over the neighbours ``near[k]`` that
are known. After each wave, the weights that took part move along the gradient of the code length
(McMahan et al. 2013, "Ad click prediction", for the method; Mahoney's PAQ for its use in coding).
All arithmetic is in integers.

Pixels are visited in waves, ``wave = column + SLANT * row``, such that all neighbours lie in
earlier waves. The probabilities of a wave are computed from the weights before it. If the blocks
around a pixel do not contain a known pixel yet, its neighbours are skipped.
"""

from functools import lru_cache
from math import isqrt

import numpy as np

from ..core.compiled import exact_helper, exact_kernel
from .coder import next_bit, used_up
from .logistic import LARGEST, ONE, tables

SLANT = 4  # each row lags this many columns behind the row above
_NEAR = 6
_SHIFT = 24  # weights are logits times 2**24
_RATE = 2560  # largest learning rate
_BLOCK = 16  # pixels along an axis; no neighbour is farther away
_STABLE = 12  # lowers the rate where a whole wave would overshoot: dense masks, large images


@lru_cache(maxsize=16)
def neighbours(radius: int) -> np.ndarray:
    """(n, 3): rows up, columns right and weight index of each neighbour, the nearest first.

    Each neighbour within ``_NEAR`` pixels has its own weight; those farther away share weights by
    distance and direction.
    """
    groups: dict[tuple[int, ...], int] = {}
    found = []
    for dy in range(radius + 1):
        for dx in range(-radius, radius + 1):
            square = dy * dy + dx * dx
            if dx < SLANT * dy and (dy > 0 or dx < 0) and square <= radius * radius:
                key: tuple[int, ...] = (square, dy, dx)
                if square > _NEAR * _NEAR:
                    sector = 0 if dx < -dy else 1 if dx < 0 else 2 if dx <= dy else 3
                    key = (isqrt(square) // 2, sector)
                found.append((square, dy, dx, key))
    found.sort()
    rows = [(dy, dx, groups.setdefault(key, len(groups))) for _, dy, dx, key in found]
    return np.array(rows, np.int64)


def neighbourhood_radius(size: int, count: int) -> int:
    """The radius of the neighbourhood: about 1.5 times the spacing of known pixels, 6 to 16."""
    return min(max(isqrt(9 * size // (4 * max(count, 1))), _NEAR), _BLOCK)


@exact_helper
def wave_rows(wave: int, rows: int, columns: int) -> tuple[int, int]:
    """The first row, and one past the last row, that have a pixel in a wave."""
    first = max(0, (wave - columns + SLANT) // SLANT)
    return first, max(first, min(rows, wave // SLANT + 1))


@exact_helper
def _alone(blocks, i, j):  # type: ignore[no-untyped-def]
    """Whether the blocks that can contain neighbours of a pixel have no known pixel."""
    row, column = i // _BLOCK + 1, j // _BLOCK + 1  # the array has a border of one block
    for a in range(row - 1, row + 1):
        for b in range(column - 1, column + 2):
            if blocks[a, b]:
                return False
    return True


@exact_helper
def _predict(mask, blocks, wave, near, weights, squash, out):  # type: ignore[no-untyped-def]
    """Write the probabilities of a wave's pixels to ``out``; return their number."""
    rows, columns = mask.shape
    first, last = wave_rows(wave, rows, columns)
    for i in range(first, last):
        j = wave - SLANT * i
        logit = weights[-1]
        if not _alone(blocks, i, j):
            for k in range(near.shape[0]):
                a, b = i - near[k, 0], j + near[k, 1]
                if a >= 0 and b >= 0 and b < columns and mask[a, b]:
                    logit += weights[near[k, 2]]
        logit >>= _SHIFT
        out[i - first] = squash[min(max(logit, -LARGEST), LARGEST) + LARGEST]
    return last - first


@exact_helper
def _learn(mask, blocks, wave, near, weights, rate, out):  # type: ignore[no-untyped-def]
    """Update the weights after a wave whose pixels are in ``mask``."""
    rows, columns = mask.shape
    first, last = wave_rows(wave, rows, columns)
    for i in range(first, last):
        j = wave - SLANT * i
        step = ((ONE if mask[i, j] else 0) - out[i - first]) * rate
        weights[-1] += step
        if not _alone(blocks, i, j):
            for k in range(near.shape[0]):
                a, b = i - near[k, 0], j + near[k, 1]
                if a >= 0 and b >= 0 and b < columns and mask[a, b]:
                    weights[near[k, 2]] += step
    for i in range(first, last):
        if mask[i, wave - SLANT * i]:
            blocks[i // _BLOCK + 1, (wave - SLANT * i) // _BLOCK + 1] = True


@exact_kernel
def _all_waves(mask, blocks, near, weights, rate, squash, bits, out):  # type: ignore[no-untyped-def]
    """The decoder's pass over all waves, for a known mask: bits and probabilities."""
    rows, columns = mask.shape
    at = 0
    for wave in range(columns + SLANT * (rows - 1)):
        count = _predict(mask, blocks, wave, near, weights, squash, out[at:])
        first, _ = wave_rows(wave, rows, columns)
        for i in range(count):
            bits[at + i] = mask[first + i, wave - SLANT * (first + i)]
        _learn(mask, blocks, wave, near, weights, rate, out[at:])
        at += count
    return at


@exact_kernel
def _decode(  # type: ignore[no-untyped-def]
    state, words, mask, wanted, blocks, near, weights, rate, squash, out
):
    """Decode into ``mask``; return whether the code is valid for ``wanted`` known pixels."""
    rows, columns = mask.shape
    found = 0
    for wave in range(columns + SLANT * (rows - 1)):
        first, last = wave_rows(wave, rows, columns)
        if first == last:
            continue
        count = _predict(mask, blocks, wave, near, weights, squash, out)
        for i in range(count):
            bit = next_bit(state, words, out[i])
            found += bit
            if bit < 0 or found > wanted:
                return False
            mask[first + i, wave - SLANT * (first + i)] = bit
        if used_up(state, words):
            break
        _learn(mask, blocks, wave, near, weights, rate, out)
    return found == wanted


def _start(shape: tuple[int, int], count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Blocks, neighbours, initial weights (0 except the bias), learning rate."""
    size = shape[0] * shape[1]
    near = neighbours(neighbourhood_radius(size, count))
    weights = np.zeros(near[:, 2].max() + 2, np.int64)
    weights[-1] = int(tables()[1][min(max(count * 4096 // size, 1), 4094)]) << _SHIFT
    longest = min(shape[0], shape[1] // SLANT + 1)
    active = 1 + len(near) * count // size
    curvature = longest * active * count * (size - count) // (size * size)
    blocks = np.zeros((shape[0] // _BLOCK + 2, shape[1] // _BLOCK + 3), bool)
    return blocks, near, weights, _RATE * _STABLE // max(_STABLE, curvature)


def model_mask(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bits of a 2-D mask in the order of waves, and their probabilities in 1/65536."""
    bits, out = np.zeros(mask.size, np.uint8), np.zeros(mask.size, np.int32)
    _all_waves(mask, *_start(mask.shape, int(mask.sum())), tables()[0], bits, out)
    return bits, out


def decode_mask(
    state: np.ndarray, words: np.ndarray, shape: tuple[int, int], count: int
) -> np.ndarray | None:
    """Decode a mask with ``count`` known pixels; None if the code is invalid."""
    mask, out = np.zeros(shape, bool), np.zeros(shape[0], np.int64)
    fits = _decode(state, words, mask, count, *_start(shape, count), tables()[0], out)
    return mask if fits else None
