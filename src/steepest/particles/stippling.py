"""Dots that represent an image or a density: `stipple` and `sample`."""

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.ndimage import map_coordinates

from ..core.arrays import as_array, dtype_name
from ..core.errors import InputError
from ..core.grey import to_grey
from ..core.namespace import detached
from ..core.numbers import check_count, check_flag, check_number
from ..core.progress import Callback, check_callback
from ..core.result import Result
from ..core.rng import Rng, generator
from ..core.solver import Solver, limits
from ..core.status import Status, finished
from ..flows.options import takes_options_of
from ..grid.dithering import dither
from .attraction import attract
from .descent import Functional, descend
from .volumes import block_sums, sample_volume

_FINEST, _COARSEST = 1 / 2, 1 / 32  # dots per pixel where they are densest
_MOST_PIXELS = 1 << 26
_BITS = 20  # of the places along a curve
_TOL, _MAX_NUM_ITER = 0.05, 500


@dataclass(frozen=True, eq=False)
class Dots(Result):
    """Points with the density of an image.

    Attributes
    ----------
    points : float64 array (N, 2), or (N,) and (N, 3) for densities in 1-D and 3-D
        Positions (row, column) in pixels; pixel centres are integers. In 2-D, the points are in the
        order of a space-filling curve, so that a plotter has short ways.
    shape : tuple of int
        Shape of the image.
    discrepancy : float
        Energy distance F between the points and the density, in pixels. It is 0 only for equal
        measures.
    quality : float
        F divided by that of a locally hexagonal pattern of as many points (to leading order in N);
        in 3-D, of a body-centred cubic one. It measures how even the points are. A few points, or
        an image with details finer than their distances, may stay above 1 whatever one does. In 1-D
        the points are optimal, and the quality is 1.
    radius : float
        Radius of dots of one size, in pixels, whose areas sum to the total darkness of the image
        (for `sample`: to the sum of the density divided by its maximum; in 3-D, volumes of balls).
        Printed with this radius, the dots are as dark as the image.
    radii : float64 array (N,)
        Radius of each dot, in pixels. All are `radius`, except with ``size_by_tone``.
    iterations : int
        Number of steps.
    status : Status
        CONVERGED if ``quality <= 1 + tol``, STATIONARY if the points came to rest before that.
    """

    points: np.ndarray
    shape: tuple[int, ...]
    discrepancy: float
    quality: float
    radius: float
    radii: np.ndarray
    iterations: int
    status: Status


def make_dots(
    ink: np.ndarray,
    tone: np.ndarray,
    num_points: int,
    *,
    rng: Rng = 0,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> Dots:
    """Minimise F for a density; the areas (volumes) of the dots give ``tone``, where 1 is black."""
    own = limits(solver, tol=_TOL, max_num_iter=_MAX_NUM_ITER)
    most = _MOST_PIXELS if ink.ndim == 1 else _MOST_PIXELS // 16
    count = check_count(num_points, "num_points", most=most)
    random = generator(rng)
    check_callback(on_step)
    if ink.ndim == 1:
        return _quantiles(ink, count)
    scale = 1.0
    if ink.ndim == 3:
        points, energy, quality, steps, status = sample_volume(ink, count, own, random, on_step)
        radius = (3 * float(tone.sum()) / (4 * math.pi * count)) ** (1 / 3)
    else:
        density, scale = _resample(ink / ink.max(), count)
        density /= density.sum()
        functional = Functional(attract(density), count, own.threads)
        points = _start(density, count, random)
        points = points[along_curve(points)]
        points, energy, steps, status = descend(functional, points, own, scale, on_step)
        quality = energy / functional.attraction.hexagonal(count)
        points = np.clip((points + 0.5) / scale - 0.5, -0.5, np.subtract(ink.shape, 0.5))
        points = points[along_curve(points)]
        radius = math.sqrt(float(tone.sum()) / (math.pi * count))
    areas = np.ones(count) if tone is ink else _areas(points, ink, tone)
    radii = radius * np.sqrt(areas)
    result = Dots(points, ink.shape, energy / scale, quality, radius, radii, steps, status)
    return finished(result, own.raise_on_failure)


@takes_options_of(make_dots)
def stipple(
    image: Any,
    num_points: int,
    *,
    invert: bool = False,
    gamma: float = 1.0,
    size_by_tone: float = 0.0,
    **options: Any,
) -> Dots:
    """Turn an image into dots that are dense where it is dark (electrostatic halftoning).

    Minimises the energy distance F between the dots x_i and the darkness of the image, nu:
    ``F = 1/N sum_i A(x_i) - 1/(2 N^2) sum_ij |x_i - x_j| - 1/2 int A dnu``, where
    ``A(x) = int |x - y| dnu(y)``. F is the squared difference of the two grey tones, summed over
    all frequencies with the weight ``1 / |frequency|^3``. The tones are therefore right on average
    over any area with several dots.

    Parameters
    ----------
    image : array (H, W) or (H, W, 3)
        uint8, uint16, or floats in [0, 1]. Colours are converted to luma.
    num_points : int
        Number of dots.
    invert : bool
        Put the dots where the image is light, for light ink on dark paper.
    gamma : float
        The darkness is ``1 - grey**gamma`` (with ``invert``: the lightness is ``grey**gamma``).
        With 1, tones are linear in grey values; with 2.2, in the light of a screen, so that dots
        printed without dot gain look as the image does there.
    size_by_tone : float
        How much of the tone is in the sizes of the dots, from 0 to 1. Their density is
        proportional to ``darkness**(1 - size_by_tone)``, which replaces the darkness in F, and
        their area to ``darkness**size_by_tone``. With 0 all dots have one size. With 1 they are
        evenly spaced, as in a halftone screen, wherever the image is not white.
    rng : int, numpy.random.Generator or None
        Moves the dots of the start within their pixels.
    solver : Solver, optional
        The iteration stops when F is at most ``1 + tol`` times that of a locally hexagonal pattern
        (default 0.05). The default of ``max_num_iter`` is 500.
    on_step : callable, optional
        Called with a `DotStep` after each step. Return True to stop.

    Raises
    ------
    InputError
        If an argument is out of range, or the image is white (with ``invert``: black) everywhere.
    NotConverged
        If the limit was reached and the solver has ``raise_on_failure=True``.

    Notes
    -----
    The start is an error diffusion. Images with more than 32 pixels per dot where the dots are
    densest are first averaged over blocks, which are at most a fifth as wide as the dots are apart.

    References
    ----------
    Schmaltz, Gwosdek, Bruhn & Weickert, *Electrostatic halftoning*, Computer Graphics Forum 29
    (2010) 2313-2327. Teuber, Steidl, Gwosdek, Schmaltz & Weickert, *Dithering by differences of
    convex functions*, SIAM J. Imaging Sciences 4 (2011) 79-108.
    """
    array = _plain(image, "image")
    if array.dtype.kind not in "uf" or (array.dtype.kind == "u" and array.dtype.itemsize > 2):
        raise InputError(
            f"image has dtype {array.dtype}; allowed are uint8, uint16 and floats in [0, 1]"
        )
    if array.size == 0:
        raise InputError(f"image of shape {array.shape} has no pixels")
    grey = to_grey(array).astype(np.float64) ** check_number(gamma, "gamma", least=0.1, most=10)
    ink = grey if check_flag(invert, "invert") else 1 - grey
    if not ink.any():
        tone, place = ("black", "light") if invert else ("white", "dark")
        raise InputError(f"image is {tone} everywhere; dots are put where it is {place}")
    share = check_number(size_by_tone, "size_by_tone", most=1)
    density = np.where(ink > 0, ink ** (1 - share), 0.0) if share else ink
    return make_dots(density, ink, num_points, **options)


@takes_options_of(make_dots)
def sample(density: Any, num_points: int, **options: Any) -> Dots:
    """Distribute points evenly with a given density, such as the points of a scan.

    As `stipple`, for any density. In 1-D, the points are the quantiles ``(i - 1/2) / N`` of the
    density, which minimise F exactly. In 3-D, F is summed by slicing: each step follows 48 random
    directions out of 384, so F falls only on average, and ``max_num_iter`` steps are taken. The
    result is then more even with more steps; ``tol`` only decides the status.

    Parameters
    ----------
    density : array (n,), (H, W) or (D, H, W)
        Real numbers that are not negative and not all zero, constant on each pixel. Only their
        ratios matter.
    num_points, rng, solver, on_step
        As in `stipple`, as are the errors.
    """
    array = _plain(density, "density")
    if array.ndim not in (1, 2, 3) or array.size == 0:
        raise InputError(f"density has shape {array.shape}; allowed are (n,), (H, W) and (D, H, W)")
    if array.dtype.kind not in "buif":
        raise InputError(f"density has dtype {array.dtype}; allowed are real numbers")
    values = array.astype(np.float64)
    if not (np.isfinite(values).all() and (values >= 0).all() and 1e-150 < values.max() < 1e150):
        raise InputError(
            "density must be finite, not negative and not zero everywhere (at most 1e150)"
        )
    tone = values / values.max()
    return make_dots(tone, tone, num_points, **options)


def _plain(values: Any, name: str) -> np.ndarray:
    array = np.asarray(detached(as_array(values, name)))
    if dtype_name(array) == "object":
        raise InputError(f"{name} has dtype object; allowed are real numbers")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"{name} holds NaN or infinite values; every value must be finite")
    return array


def _areas(points: np.ndarray, density: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """Return the areas that give the tone, of mean 1: the tone per dot in a square around each."""
    sums = []
    for values in (density * (len(points) / density.sum()), tone):
        sums.append(np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0))))
    less, half = np.zeros(len(points)), np.full(len(points), float(max(density.shape)))
    for _ in range(24):  # squares in which one dot is expected, by bisection
        middle = (less + half) / 2
        enough = _in_squares(sums[0], points, middle) >= 1
        less, half = np.where(enough, less, middle), np.where(enough, middle, half)
    inside = np.maximum(_in_squares(sums[1], points, half), 0)  # not below by rounding
    areas = inside / _in_squares(sums[0], points, half)
    return np.asarray(areas / areas.mean())


def _in_squares(sums: np.ndarray, points: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Return the integrals over squares around the points, from sums up to each row and column."""
    last = np.subtract(sums.shape, 1)
    ends = [np.clip(points + 0.5 + side * half[:, None], 0, last).T for side in (-1, 1)]
    total = np.zeros(len(points))
    for down, right in product(range(2), repeat=2):
        corner = map_coordinates(sums, [ends[down][0], ends[right][1]], order=1, mode="nearest")
        total += corner if down == right else -corner
    return total


def _resample(ink: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """Return the density with fewer or more pixels, and the number of new ones along one old."""
    densest = count / float(ink.sum())  # dots per pixel; the peak of the ink is 1
    if densest < _COARSEST:
        block = math.isqrt(int(_COARSEST / densest))
        return block_sums(ink, block) / block**2, 1 / block
    finer = min(densest / _FINEST, 16 * count / ink.size)  # a few bright pixels need no fine grid
    copies = max(math.ceil(math.sqrt(finer)), 1)
    if ink.size * copies**2 > _MOST_PIXELS:
        raise InputError(
            f"image of shape {ink.shape} with num_points={count} needs a grid of more than "
            f"{_MOST_PIXELS} pixels; use fewer points, or a smaller image"
        )
    return np.repeat(np.repeat(ink, copies, axis=0), copies, axis=1), float(copies)


def _start(density: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Return points by error diffusion, each anywhere in its pixel, as many as are asked for."""
    parts, left = [], count
    while left:  # more than once if there are fewer pixels than points
        now = min(left, density.size)
        parts.append(np.argwhere(dither(density, now)))
        left -= now
    points = np.concatenate(parts).astype(np.float64)
    return points + random.uniform(-0.5, 0.5, points.shape)


def _quantiles(density: np.ndarray, count: int) -> Dots:
    """Return the optimal points for a density that is constant on each pixel of a line."""
    share = np.concatenate([[0.0], np.cumsum(density)]) / density.sum()
    kept = np.concatenate([[True], np.diff(share) > 0])
    kept[:-1] |= np.diff(share) > 0  # the ends of gaps
    edges = np.arange(len(share)) - 0.5
    levels = (np.arange(count) + 0.5) / count
    points = np.interp(levels, share[kept], edges[kept])
    # F = int (R_mu - R_nu)^2: between k/N and (k+1)/N of the mass, R_mu - R_nu is a sawtooth
    discrepancy = _line_distance(points, share, edges)
    radius = float(density.sum() / density.max()) / (2 * count)
    radii = np.full(count, radius)
    return Dots(points, density.shape, discrepancy, 1.0, radius, radii, 0, Status.CONVERGED)


def _line_distance(points: np.ndarray, share: np.ndarray, edges: np.ndarray) -> float:
    """Return ``int (R_mu - R_nu)^2`` for points and a piecewise linear R_nu."""
    breaks = np.unique(np.concatenate([points, edges]))
    middle = (breaks[1:] + breaks[:-1]) / 2
    own = np.searchsorted(np.sort(points), middle) / len(points)
    a, b = (own - np.interp(each, edges, share) for each in (breaks[:-1], breaks[1:]))
    return float((np.diff(breaks) * (a * a + a * b + b * b)).sum() / 3)


def along_curve(points: np.ndarray) -> np.ndarray:
    """Return the order of the points (N, 2) along Hilbert's curve."""
    low = points.min(axis=0)
    side = max(float((points.max(axis=0) - low).max()), 1e-300)
    y, x = ((points - low) * ((2**_BITS - 1) / side)).astype(np.int64).T
    key = np.zeros(len(points), np.int64)
    for bit in reversed(range(_BITS)):
        right, top = (x >> bit) & 1, (y >> bit) & 1
        key = 4 * key + ((3 * right) ^ top)
        # Turn the quadrant so that the curve inside it is the standard one
        flip = (top == 0) & (right == 1)
        x, y = np.where(flip, 2**_BITS - 1 - x, x), np.where(flip, 2**_BITS - 1 - y, y)
        x, y = np.where(top == 0, y, x), np.where(top == 0, x, y)
    return np.argsort(key, kind="stable")
