"""Convolution with a kernel of the distance on a grid, by padded Fourier transforms."""

from collections.abc import Callable

import numpy as np

MARGIN = 24
"""Nodes between the largest distance needed and the kink where the periodic kernel wraps around.

The inverse spline filters ring there. In 24 nodes this decays to 1e-9 (quintic) and less (cubic).
"""
QUINTIC = (66 / 120, 26 / 120, 1 / 120)
CUBIC = (4 / 6, 1 / 6)


def padded_length(size: int) -> int:
    """Return the next even length from ``2 size + 2 MARGIN`` with prime factors up to 7."""
    n = 2 * (size + MARGIN)
    while pow(2 * 3 * 5 * 7, n.bit_length(), n):  # not zero if n has other prime factors
        n += 2
    return n


def transfer(
    shape: tuple[int, int],
    kernel: Callable[[np.ndarray, np.ndarray], np.ndarray],
    spline: tuple[float, ...] = (1.0,),
    times: int = 0,
) -> np.ndarray:
    """Return the transform of ``kernel(y, x)`` over that of a B-spline, for `numpy.fft.rfft2`."""
    rows, columns = shape
    y = np.minimum(np.arange(rows), rows - np.arange(rows)).astype(np.float64)
    x = np.minimum(np.arange(columns), columns - np.arange(columns)).astype(np.float64)
    # The kernels are even, so their transforms are real.
    result = np.fft.rfft2(kernel(y[:, None], x[None, :])).real
    if times:
        result /= (_response(rows, spline)[:, None]) ** times
        result /= (_response(columns, spline)[: columns // 2 + 1]) ** times
    return result


def _response(n: int, spline: tuple[float, ...]) -> np.ndarray:
    """Return the transform of the values of a B-spline at the nodes."""
    angle = 2 * np.pi * np.arange(n) / n
    total = np.full(n, spline[0])
    for k, value in enumerate(spline[1:], 1):
        total += 2 * value * np.cos(k * angle)
    return total
