"""How likely each pixel is known, from the pixels before it: a logistic regression on the fly.

A pixel's logit is ``bias + sum of weights[near[k, 2]]`` over the known pixels among its neighbours
``offsets[k]``; after each pixel the weights that took part move along the gradient of the code
length (McMahan et al. 2013, "Ad click prediction", for the method; Mahoney's PAQ for its use in
coding). Everything is integer arithmetic.

Pixels are visited in waves, ``wave = column + SLANT * row``, and all neighbours lie in earlier
waves. So a wave is decoded in one call, and its probabilities come from the weights before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import isqrt

import numba
import numpy as np

from .logistic import LARGEST, ONE, tables

SLANT = 4  # columns that each row lags behind the one above
_NEAR = 6
_SHIFT = 24  # weights are logits times 2**24
_RATE = 2560  # of learning, at most
_STABLE = 12  # the rate is lower where a wave as a whole would overshoot: dense masks, large images

_compile = numba.njit(cache=True)


@lru_cache(maxsize=16)
def neighbours(radius: int) -> np.ndarray:
    """(n, 3): rows up, columns right and weight of each neighbour, the nearest first.

    The nearest have a weight each; those from ``_NEAR`` on share one by distance and direction.
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


def reach(size: int, count: int) -> int:
    """How far to look: about 1.5 times the distance of known pixels, within 6 to 16."""
    return min(max(isqrt(9 * size // (4 * max(count, 1))), _NEAR), 16)


@_compile
def wave_rows(wave: int, rows: int, columns: int) -> tuple[int, int]:
    """First and one past the last row that have a pixel in a wave."""
    first = max(0, (wave - columns + SLANT) // SLANT)
    return first, max(first, min(rows, wave // SLANT + 1))


@_compile
def predict(mask, wave, near, weights, squash, out):  # type: ignore[no-untyped-def]
    """Probabilities of a wave's pixels into ``out``; how many they are."""
    rows, columns = mask.shape
    first, last = wave_rows(wave, rows, columns)
    for i in range(first, last):
        j = wave - SLANT * i
        logit = weights[-1]
        for k in range(near.shape[0]):
            a, b = i - near[k, 0], j + near[k, 1]
            if a >= 0 and b >= 0 and b < columns and mask[a, b]:
                logit += weights[near[k, 2]]
        logit >>= _SHIFT
        out[i - first] = squash[min(max(logit, -LARGEST), LARGEST) + LARGEST]
    return last - first


@_compile
def learn(mask, wave, near, weights, rate, probabilities):  # type: ignore[no-untyped-def]
    """Move the weights after a wave whose pixels now stand in ``mask``."""
    rows, columns = mask.shape
    first, last = wave_rows(wave, rows, columns)
    for i in range(first, last):
        j = wave - SLANT * i
        step = ((ONE if mask[i, j] else 0) - probabilities[i - first]) * rate
        weights[-1] += step
        for k in range(near.shape[0]):
            a, b = i - near[k, 0], j + near[k, 1]
            if a >= 0 and b >= 0 and b < columns and mask[a, b]:
                weights[near[k, 2]] += step


@_compile
def _all_waves(mask, near, weights, rate, squash, bits, out):  # type: ignore[no-untyped-def]
    """What the decoder does wave by wave, for a mask that is known."""
    rows, columns = mask.shape
    at = 0
    for wave in range(columns + SLANT * (rows - 1)):
        count = predict(mask, wave, near, weights, squash, out[at:])
        first, _ = wave_rows(wave, rows, columns)
        for i in range(count):
            bits[at + i] = mask[first + i, wave - SLANT * (first + i)]
        learn(mask, wave, near, weights, rate, out[at:])
        at += count
    return at


def _start(shape: tuple[int, int], count: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Neighbours, weights before the first pixel (all 0 but the bias), and the rate of learning."""
    size = shape[0] * shape[1]
    near = neighbours(reach(size, count))
    weights = np.zeros(near[:, 2].max() + 2, np.int64)
    weights[-1] = int(tables()[1][min(max(count * 4096 // size, 1), 4094)]) << _SHIFT
    longest = min(shape[0], shape[1] // SLANT + 1)
    active = 1 + len(near) * count // size
    curvature = longest * active * count * (size - count) // (size * size)
    return near, weights, _RATE * _STABLE // max(_STABLE, curvature)


def model_mask(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bits of a 2-D mask in the order of waves, and their probabilities in 1/65536."""
    near, weights, rate = _start(mask.shape, int(mask.sum()))
    bits, out = np.zeros(mask.size, np.uint8), np.zeros(mask.size, np.int32)
    _all_waves(mask, near, weights, rate, tables()[0], bits, out)
    return bits, out


def waves(mask: np.ndarray, count: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Fill a mask wave by wave: yields probabilities, and the rows and columns they are for.

    Before the next one is asked for, the pixels have to stand in ``mask``.
    """
    rows, columns = mask.shape
    near, weights, rate = _start(mask.shape, count)
    squash, out = tables()[0], np.zeros(rows, np.int64)
    lines = np.arange(rows)
    for wave in range(columns + SLANT * (rows - 1)):
        number = predict(mask, wave, near, weights, squash, out)
        if number == 0:
            continue
        first, last = wave_rows(wave, rows, columns)
        yield out[:number], lines[first:last], wave - SLANT * lines[first:last]
        learn(mask, wave, near, weights, rate, out)
