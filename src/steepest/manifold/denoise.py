"""Denoising of manifold-valued images by total variation of first and second order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..core.arrays import as_array, check_spacing, check_weights, dtype_name
from ..core.errors import InputError
from ..core.namespace import detached, follows, is_torch, namespace
from ..core.numbers import check_count, check_flag, check_number
from ..core.progress import Callback, Reporter
from ..core.status import Status
from ..core.threads import resolve_num_threads
from .embedded import denoise_embedded
from .geometry import as_manifold
from .minimise import minimised
from .neighbours import nearest_known
from .problem import Problem, linearise
from .result import ManifoldResult

_STRONGEST = 1e12  # largest strength at spacing 1, and one over the smallest
_LONGEST = 1e6  # largest spacing, relative to the smallest


def denoise_tv(
    image: Any,
    strength: float,
    *,
    manifold: Any,
    second_order: float = 0.0,
    isotropic: bool = True,
    huber: float = 0.0,
    known: Any = None,
    weights: Any = None,
    spacing: float | Sequence[float] | None = None,
    embedded: bool = False,
    tol: float = 1e-4,
    max_num_iter: int = 20000,
    num_threads: int | None = None,
    on_step: Callback | None = None,
) -> ManifoldResult:
    """Denoise an image of phases, directions, rotations or tensors by total variation.

    Minimises, over images x with values on a manifold with distance d,

        F(x) = 1/2 sum_i d(x_i, f_i)^2 + strength TV(x) + second_order TV2(x),

    where f is the image. TV adds up the distances of neighbours. TV2 adds up second differences:
    twice the distance of a point to the midpoint of its two neighbours, and, mixed, of the
    midpoints of the two diagonals of four pixels. For real numbers, these are
    `steepest.TotalVariation` and (up to the position of the mixed difference)
    `steepest.SecondOrderTotalVariation`.

    Parameters
    ----------
    image : array or tensor (\\*space, \\*point_shape), float32 or float64
        One to three axes of space; the axes of a point come last. Phases are in radians and have
        no axes of their own, directions are unit vectors (..., 3), rotations are unit quaternions
        (..., 4) with the scalar last as in SciPy, tensors are (..., 3, 3).
    strength : float
        Weight of total variation, 0 or from 1e-12 to 1e12 times the smallest spacing. Its unit is
        that of the distance (radians) x pixel.
    manifold : str or Manifold
        "circle", "sphere", "rotations", "spd" (symmetric positive definite matrices with the
        affine-invariant metric), or an object such as ``Rotations(symmetry="m-3m")``.
    second_order : float
        Weight of second-order total variation, which keeps slopes; 0 (default) for none. Its unit
        is that of the distance x pixel^2, with the same limits.
    isotropic : bool
        True (default): the Euclidean norm over all differences at a pixel; False: their sum.
    huber : float
        Half-width of the quadratic zone of both total variations: a distance (per pixel) s costs
        s^2 / (2 huber) up to this value, and s - huber / 2 beyond. 0 (default): none.
    known : Boolean array (\\*space), optional
        False where the image has no data. These pixels are filled in; their values are not used.
    weights : array (\\*space), optional
        Weight of both total variations per pixel, finite and not negative; default 1.
    spacing : float or sequence of floats, optional
        Pixel spacing, one number or one per axis of space; default 1. Differences are divided by
        it. Spacings may differ by a factor of 1e6.
    embedded : bool
        True: denoise in a Euclidean embedding and project back (see Notes). Default False.
    tol : float
        The solver stops when the energy, linearised at the current image, can fall at most by this
        part. On flat manifolds this bounds the gap.
    max_num_iter : int
        Largest number of iterations.
    num_threads : int, optional
        Number of threads; by default one per processor. The result does not depend on it.
    on_step : callable, optional
        Called with a `ManifoldStep` before every outer step. Return True to stop.

    Returns
    -------
    ManifoldResult

    Raises
    ------
    InputError
        Bad image or options.

    Notes
    -----
    The problem is not convex if the manifold has positive curvature or is closed (phases,
    directions, rotations). The solver then finds a stationary point near the start, which is the
    image. ``status`` says what is proved.

    With ``embedded=True``, phases become (cos, sin), directions vectors in space and tensors
    matrix logarithms; these are denoised as vector-valued images. It is faster, often as good,
    and measures chords in place of distances. ``energy`` is still F of the result; nothing is
    certified about it.

    Linearised steps: the method is described in docs/manifold. The problem for phases: Weinmann,
    Demaret & Storath, SIAM J. Imaging Sci. 7 (2014) 2226-2257; the second order: Bacak, Bergmann,
    Steidl & Weinmann, SIAM J. Sci. Comput. 38 (2016) A567-A597.
    """
    reporter = Reporter(on_step)
    tol = check_number(tol, "tol", positive=True)
    max_num_iter = check_count(max_num_iter, "max_num_iter")
    problem, shaped = prepare(
        image, strength, manifold, second_order, isotropic, known, weights, spacing, num_threads,
        huber,
    )  # fmt: skip
    if check_flag(embedded, "embedded"):
        return _embedded(problem, tol, max_num_iter, reporter, shaped)
    return minimised(problem, start_of(problem), tol, max_num_iter, reporter, shaped)


def start_of(problem: Problem) -> np.ndarray:
    """Where to start: for phases, which have wraps to choose, from an image with less noise.

    That is the mean over 3 x 3 pixels in the embedding or, for second order, the embedded solution
    of half the strength; the energies found are lower than from the data (measured).
    """
    manifold, data, space = problem.manifold, problem.data, problem.space
    if manifold.point_shape != () or not problem.terms:
        return data
    if problem.second > 0 and problem.known is None:
        half = replace(problem, first=problem.first / 2, second=problem.second / 2, huber=0.0)
        return denoise_embedded(half, tol=1e-2, max_num_iter=20000)[0]
    ambient = manifold.embed(data).reshape(*space, -1)
    for axis in range(len(space)):
        wide = np.moveaxis(ambient, axis, 0)
        total = wide.copy()
        total[1:] += wide[:-1]
        total[:-1] += wide[1:]
        ambient = np.moveaxis(total, 0, axis)
    return np.asarray(manifold.project(np.ascontiguousarray(ambient).reshape(len(data), -1)))


def _embedded(
    problem: Problem, tol: float, max_num_iter: int, reporter: Reporter, shaped: Any
) -> ManifoldResult:
    points, found = denoise_embedded(problem, tol, max_num_iter, reporter.stage)
    linear = linearise(problem, points)
    status = Status.EMBEDDED if found.status.ok else found.status
    gap = found.model_gap if isinstance(found, ManifoldResult) else found.gap
    return ManifoldResult(
        image=shaped(linear.x), energy=linear.energy, gap=None, error_bound=None,
        model_gap=float(gap), largest_step=float("nan"), iterations=found.iterations,
        status=status,
    )  # fmt: skip


def prepare(
    image: Any, strength: Any, manifold: Any, second_order: Any = 0.0, isotropic: Any = True,
    known: Any = None, weights: Any = None, spacing: Any = None, num_threads: int | None = None,
    huber: Any = 0.0,
) -> tuple[Problem, Callable[[np.ndarray], Any]]:  # fmt: skip
    """Check the arguments of `denoise_tv`; return the problem.

    The second is a function that returns points as an array like ``image``. Pixels without data
    take the point of the nearest pixel with data, to start from.
    """
    given = as_array(image, "image")
    if dtype_name(given) not in ("float16", "float32", "float64"):
        raise InputError(
            f"image has dtype {dtype_name(given)}; allowed are float16, float32 and float64"
        )
    if follows(given):
        raise InputError("image requires grad, and the result is not differentiable; detach it")
    array = detached(given)
    space_of = as_manifold(manifold, array.shape)
    own = space_of.point_shape
    num_space = array.ndim - len(own)
    if not 1 <= num_space <= 3 or array.shape[num_space:] != own:
        raise InputError(
            f"image of shape {array.shape}; allowed for {space_of!r} are 1 to 3 axes of space"
            + (f" followed by the shape {own} of a point" if own else "")
        )
    space = array.shape[:num_space]
    if 0 in space:
        raise InputError(f"image of shape {array.shape} has no pixels")
    points = np.ascontiguousarray(array, np.float64).reshape(-1, *own)
    mask = _mask(known, space)
    if mask is not None:
        points = points[nearest_known(mask.reshape(space))]
    data = np.ascontiguousarray(space_of.check(points, "image"))
    weight = check_weights(weights, space, np.zeros(1))
    lengths = check_spacing(spacing, num_space)
    unit = min((h for h, n in zip(lengths, space, strict=True) if n > 1), default=1.0)
    relative = tuple(h / unit if n > 1 else 1.0 for h, n in zip(lengths, space, strict=True))
    if max(relative) > _LONGEST:
        raise InputError(
            f"spacing={spacing!r}; allowed are spacings that differ at most by a factor of "
            f"{_LONGEST:g}"
        )
    first = in_units(strength, "strength", unit)
    second = in_units(second_order, "second_order", unit**2)
    for order, wanted in ((1, first), (2, second)):
        if wanted:
            in_units(huber, "huber", unit**-order)
    problem = Problem(
        manifold=space_of, data=data, space=space, spacing=relative, first=first, second=second,
        isotropic=check_flag(isotropic, "isotropic"), known=mask,
        weights=None if weight is None else weight.ravel(),
        num_threads=resolve_num_threads(num_threads), huber=check_number(huber, "huber"), unit=unit,
    )  # fmt: skip

    def shaped(x: np.ndarray) -> Any:
        own_type = array.dtype.newbyteorder("=")
        points = x.reshape(array.shape).astype(own_type, copy=True)
        return (
            namespace(given).as_tensor(points, device=given.device) if is_torch(given) else points
        )

    return problem, shaped


def in_units(value: Any, name: str, unit: float) -> float:
    """A number divided by its unit: 0, or of a size that single precision can take."""
    number = check_number(value, name) / unit
    if number and not 1 / _STRONGEST <= number <= _STRONGEST:
        raise InputError(
            f"{name}={value!r}; allowed with this spacing are 0 and numbers from "
            f"{unit / _STRONGEST:g} to {unit * _STRONGEST:g}"
        )
    return number


def _mask(known: Any, space: tuple[int, ...]) -> np.ndarray | None:
    if known is None:
        return None
    array = np.asarray(as_array(known, "known"))
    if array.dtype != bool or array.shape != space:
        raise InputError(
            f"known has dtype {array.dtype} and shape {array.shape}; allowed are Boolean arrays of "
            f"the spatial shape {space}"
        )
    if not array.any():
        raise InputError("known is False everywhere; at least one pixel must be known")
    return None if array.all() else array.ravel().copy()
