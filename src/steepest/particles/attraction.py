"""The attraction of the dots by a density that is constant on each pixel.

``A(x) = int |x - y| dnu(y)`` is sampled at the pixels by one convolution with the distance averaged
over a pixel, and evaluated between them by a cubic spline.
"""

from dataclasses import dataclass

import numpy as np

from .fourier import CUBIC, padded_length, transfer

SPLINE_MARGIN = 3  # nodes of the spline outside the image
HEXAGONAL = 0.112627931917  # F N^(3/2) / sqrt(area) of the hexagonal lattice (Epstein zeta at -1/2)
_NEAR = 8  # pixels within which averages over a pixel are not expanded in the distance


@dataclass(frozen=True, eq=False)
class Attraction:
    """What the descent needs to know of a target density, in units of pixels.

    ``coefficients`` (H + 6, W + 6) are those of the cubic spline of ``A``, ``curvature`` (H, W) is
    ``int 1 / |x - y| dnu(y)`` at the pixels, ``constant`` is ``int int |x - y| dnu dnu / 2``,
    ``root`` is ``int sqrt(density)`` and ``square`` is ``int density^2``.
    """

    coefficients: np.ndarray
    curvature: np.ndarray
    constant: float
    root: float
    square: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels along each axis."""
        return self.curvature.shape

    def hexagonal(self, count: int) -> float:
        """Return F of a locally hexagonal pattern of ``count`` dots, to leading order."""
        return HEXAGONAL * self.root * count**-1.5


def attract(density: np.ndarray) -> Attraction:
    """Prepare the attraction by a density (H, W) that is not negative and sums to 1."""
    rows, columns = density.shape
    shape = padded_length(rows), padded_length(columns)
    spectrum = np.fft.rfft2(density, shape)

    def with_kernel(kernel: np.ndarray) -> np.ndarray:
        return np.fft.irfft2(spectrum * kernel, shape)

    potential = with_kernel(transfer(shape, _average_twice))[:rows, :columns]
    coefficients = with_kernel(transfer(shape, _average, CUBIC, 1))
    m = SPLINE_MARGIN
    coefficients = np.roll(coefficients, (m, m), (0, 1))[: rows + 2 * m, : columns + 2 * m]
    return Attraction(
        np.ascontiguousarray(coefficients),
        np.ascontiguousarray(with_kernel(transfer(shape, _inverse))[:rows, :columns]),
        0.5 * float((density * potential).sum()),
        float(np.sqrt(density).sum()),
        float((density**2).sum()),
    )


def _average(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The distance from (y, x), averaged over the pixel at the origin."""
    return _blend(y, x, 1 / 24, _over_pixel)


def _average_twice(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The distance between a pixel at (y, x) and the one at the origin, averaged over both."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    halves = np.concatenate([nodes - 1, nodes + 1]) / 4  # split where the average is less smooth
    weights = np.concatenate([weights, weights]) / 4

    def average(v: np.ndarray, h: np.ndarray) -> np.ndarray:
        shifted = _over_pixel(
            (v + 0 * h)[..., None, None] + halves[:, None], (h + 0 * v)[..., None, None] + halves
        )
        return np.asarray(np.einsum("...ab,a,b->...", shifted, weights, weights))

    return _blend(y, x, 1 / 12, average)


def _inverse(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """One over the distance from (y, x), averaged over the pixel at the origin."""
    with np.errstate(divide="ignore"):
        result = 1 / np.hypot(y, x)
    result[0, 0] = 4 * np.arcsinh(1.0)
    return result


def _blend(y, x, factor, near):  # type: ignore[no-untyped-def]
    """Use ``near(y, x)`` within a few pixels and ``r + factor / r`` elsewhere."""
    r = np.hypot(y, x)
    with np.errstate(divide="ignore"):
        result = r + factor / r
    rows, columns = np.flatnonzero(y.ravel() <= _NEAR), np.flatnonzero(x.ravel() <= _NEAR)
    result[np.ix_(rows, columns)] = near(y[rows], x[:, columns])
    return result


def _over_pixel(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The distance averaged over a pixel around (y, x), in closed form."""
    bottom, top, left, right = y - 0.5, y + 0.5, x - 0.5, x + 0.5
    return np.asarray(
        _corner(top, right) - _corner(bottom, right) - _corner(top, left) + _corner(bottom, left)
    )


def _corner(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The integral of the distance from the origin over the rectangle from there to (y, x)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        cubes = x**3 * np.arcsinh(y / np.abs(x)) + y**3 * np.arcsinh(x / np.abs(y))
    cubes = np.where((x == 0) | (y == 0), 0.0, cubes)
    return np.asarray((x * y * np.hypot(y, x)) / 3 + cubes / 6)
