"""Denoising of manifold-valued images by total variation and its generalisations."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.ndimage import correlate1d

from ..convex.energy import Energy
from ..convex.total_variation import TotalVariation
from ..core.errors import InputError
from ..core.numbers import check_flag
from ..core.progress import Callback, Reporter
from ..core.solver import Limits, Solver, limits
from ..core.status import Status, finished
from ..flows.denoise import denoise as denoise_vectors
from ..flows.result import DenoiseResult
from .arguments import prepare
from .certificate import minimise
from .euclidean import Euclidean
from .problem import Problem, linearise
from .result import ManifoldResult


def denoise(
    image: Any,
    strength: float,
    manifold: Any,
    energy: Energy | None = None,
    *,
    known: Any = None,
    embedded: bool = False,
    spacing: float | Sequence[float] | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> ManifoldResult:
    r"""Denoise an image of phases, directions, rotations or tensors.

    Minimises, over images x with values on a manifold with distance d,

        F(x) = 1/2 sum_i d(x_i, f_i)^2 + strength J(x),

    where f is the image and J is one of

    - `TotalVariation` (default): the distances of neighbours;
    - `SecondOrderTotalVariation`, which keeps slopes: twice the distance of a point to the midpoint
      of its two neighbours and, mixed, of the midpoints of the two diagonals of four pixels;
    - `CombinedTotalVariation`: ``alpha`` times the first plus ``beta`` times the second;
    - `TotalGeneralisedVariation`, which keeps slopes and edges: the minimum over slopes v, one
      tangent vector at x_i per axis, of
      ``alpha1 sum_i |log_(x_i) x_j - v_i| + alpha0 sum_i |(E v)_i|``, with the next pixel j along
      each axis and the symmetrised differences E v of the slopes, by parallel transport.

    For real numbers these are the energies of `steepest.denoise`, up to the position of the mixed
    difference.

    Parameters
    ----------
    image : array or tensor (\*space, \*point_shape), float16, float32 or float64
        One to three axes of space; the axes of a point come last. Phases are in radians and have
        no axes of their own, directions are unit vectors (..., 3), rotations are unit quaternions
        (..., 4) with the scalar last as in SciPy, tensors are (..., 3, 3).
    strength : float
        Weight of J. Its unit is that of the distance (radians) x pixel, and x pixel^2 for
        `SecondOrderTotalVariation`. The weight of each order must be 0 or from 1e-12 to 1e12 times
        that power of the smallest spacing.
    manifold : str or Manifold
        "circle", "sphere", "rotations", "spd" (symmetric positive definite matrices with the
        affine-invariant metric), or an object such as ``Rotations(symmetry="m-3m")``.
    energy : Energy, optional
        One of the energies above, with its norm, ``huber`` (a distance per pixel; second order: per
        pixel^2) and ``weights``, but neither ``coupled=False`` nor ``boundary="periodic"``.
    known : Boolean array (\*space), optional
        False where the image has no data. These pixels are filled in; their values are not used.
    embedded : bool
        True: denoise in a Euclidean embedding and project back (see Notes). Default False. Not for
        `TotalGeneralisedVariation`.
    spacing
        As in `steepest.flow`. Spacings may differ by a factor of 1e6.
    solver : Solver, optional
        ``tol`` is the part by which the energy, linearised at the current image, can still fall
        (default 1e-4). On flat manifolds this bounds the relative gap. The default of
        ``max_num_iter`` is 20000.
    on_step : callable, optional
        Called with a `ManifoldStep` before every outer step. Return True to stop.

    Returns
    -------
    ManifoldResult
        With `TotalGeneralisedVariation` on flat manifolds, ``gap`` is guaranteed but rough: often
        ten, sometimes hundreds of times ``tol``. ``status`` says so (`Status.WIDER_GAP`).

    Raises
    ------
    InputError, NotConverged
        As in `steepest.denoise`.

    Notes
    -----
    The problem is not convex if the manifold has positive curvature or is closed (phases,
    directions, rotations). The solver then finds a stationary point near the start, which is the
    image. ``status`` says what is proved.

    With ``embedded=True``, phases become (cos, sin), directions vectors in space and tensors
    matrix logarithms; these are denoised as vector-valued images. It is faster, often as good,
    and measures chords in place of distances. ``energy`` is still F of the result; nothing is
    certified about it.

    The method is described in docs/manifold. The problem for phases: Weinmann, Demaret & Storath,
    SIAM J. Imaging Sci. 7 (2014) 2226-2257; the second order: Bacak, Bergmann, Steidl & Weinmann,
    SIAM J. Sci. Comput. 38 (2016) A567-A597; total generalised variation: Bredies, Holler, Storath
    & Weinmann, SIAM J. Imaging Sci. 11 (2018) 1785-1848.
    """
    reporter = Reporter(on_step)
    own = limits(solver, tol=1e-4, max_num_iter=20000, positive=True)
    problem, to_image = prepare(
        image, strength, manifold, energy, known=known, spacing=spacing, num_threads=own.threads
    )
    if check_flag(embedded, "embedded"):
        if problem.num_tangents > 1:
            raise InputError(f"embedded=True; allowed is False with energy={energy!r}")
        result = _by_embedding(problem, own, reporter, to_image)
    else:
        state = problem.state(start_of(problem))
        result = minimise(problem, state, own, reporter, to_image)
    return finished(result, own.raise_on_failure)


def start_of(problem: Problem) -> np.ndarray:
    """Where to start: the data or, for phases, which have wraps to choose, a smoother image.

    That is the mean over 3 x 3 pixels in the embedding or, for second order, the embedded solution
    of half the strength (measured: lower energies than from the data).
    """
    manifold, data, space = problem.manifold, problem.data, problem.space
    if manifold.point_shape != () or not problem.terms:
        return data
    if problem.beta > 0 and problem.num_tangents == 1 and problem.known is None:
        half = replace(problem, alpha=problem.alpha / 2, beta=problem.beta / 2, huber=(0.0, 0.0))
        return denoise_embedded(half, Limits(1e-2, 20000, problem.num_threads), None)[0]
    ambient = manifold.embed(data).reshape(*space, -1)
    for axis in range(len(space)):
        ambient = correlate1d(ambient, np.ones(3), axis, mode="constant")
    return np.asarray(manifold.project(ambient.reshape(len(data), -1)))


def _by_embedding(
    problem: Problem, own: Limits, reporter: Reporter, to_image: Any
) -> ManifoldResult:
    points, found = denoise_embedded(problem, own, reporter.stage)
    linear = linearise(problem, points)
    status = Status.EMBEDDED if found.status.ok else found.status
    gap = found.model_gap if isinstance(found, ManifoldResult) else found.gap
    return ManifoldResult(
        image=to_image(linear.x), energy=linear.energy, gap=None, error_bound=None,
        model_gap=float(gap), largest_step=float("nan"), iterations=found.iterations,
        status=status,
    )  # fmt: skip


def denoise_embedded(
    problem: Problem, own: Limits, on_step: Callback | None
) -> tuple[np.ndarray, DenoiseResult | ManifoldResult]:
    """Solve a problem in the embedding, from its data: projected points, and the result there."""
    manifold, space = problem.manifold, problem.space
    ambient = np.ascontiguousarray(manifold.embed(problem.data).reshape(problem.num_pixels, -1))
    found: DenoiseResult | ManifoldResult
    if problem.beta == 0 and problem.known is None:  # the fastest solver of this case
        energy = TotalVariation(
            norm="isotropic" if problem.isotropic else "anisotropic",
            huber=problem.huber[0],
            weights=None if problem.weights is None else problem.weights.reshape(space),
        )
        found = denoise_vectors(
            ambient.reshape(*space, -1), problem.alpha, energy, channel_axis=-1,
            spacing=problem.spacing, solver=replace(own, raise_on_failure=False), on_step=on_step,
        )  # fmt: skip
    else:
        flat = replace(problem, manifold=Euclidean(ambient.shape[1]), data=ambient)
        shape = (*space, -1)
        found = minimise(flat, ambient, own, Reporter(on_step), lambda x: x.reshape(shape))
    vectors = np.ascontiguousarray(found.image).reshape(-1, *manifold.embedding_shape)
    return np.asarray(manifold.project(vectors)), found
