"""Denoising of manifold-valued images by total generalised variation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.numbers import check_count, check_number
from ..core.progress import Callback, Reporter
from .denoise import in_units, prepare, start_of
from .generalised import GeneralisedProblem, State
from .minimise import minimised
from .result import ManifoldResult


def denoise_tgv(
    image: Any,
    strength: float,
    *,
    manifold: Any,
    alpha1: float = 1.0,
    alpha0: float = 2.0,
    known: Any = None,
    weights: Any = None,
    spacing: float | Sequence[float] | None = None,
    tol: float = 1e-4,
    max_num_iter: int = 20000,
    num_threads: int | None = None,
    on_step: Callback | None = None,
) -> ManifoldResult:
    """Denoise an image of phases, directions, rotations or tensors by TGV of second order.

    Minimises, over images x on a manifold and slopes v, one tangent vector at x_i per axis::

        1/2 sum_i d(x_i, f_i)^2
            + strength (alpha1 sum_i |log_(x_i) x_j - v_i| + alpha0 sum_i |(E v)_i|),

    where f is the image, j the next pixel along each axis, and E v the symmetrised differences of
    the slopes, by parallel transport. Both norms are Euclidean over all entries at a pixel. Images
    that run along geodesics at constant speed cost nothing, and edges cost as much as in total
    variation. For real numbers this is `steepest.TotalGeneralisedVariation`.

    Parameters
    ----------
    image, manifold, known, weights, spacing, max_num_iter, num_threads, on_step
        As in `denoise_tv`.
    strength : float
        Weight of total generalised variation, not negative, in radians x pixel.
    alpha1, alpha0 : float
        Weights of the first and the second order, positive; ``alpha0 / alpha1`` is a length, in the
        unit of ``spacing``.
    tol : float
        The solver stops when the energy, linearised at the current image and slopes and with a
        small weight on the steps of the slopes, can fall at most by this part.

    Returns
    -------
    ManifoldResult
        On flat manifolds ``gap`` is a guaranteed bound, but a rough one: often ten, sometimes
        hundreds of times ``tol``. ``status`` says so (`Status.WIDER_GAP`).

    Raises
    ------
    InputError
        Bad image or options.

    Notes
    -----
    Bredies, Kunisch & Pock, SIAM J. Imaging Sci. 3 (2010) 492-526, for real numbers. On manifolds:
    Bergmann, Fitschen, Persch & Steidl, J. Math. Imaging Vis. 60 (2018) 1459-1481, and Bredies,
    Holler, Storath & Weinmann, SIAM J. Imaging Sci. 11 (2018) 1785-1848.
    """
    reporter = Reporter(on_step)
    tol = check_number(tol, "tol", positive=True)
    max_num_iter = check_count(max_num_iter, "max_num_iter")
    alpha1 = check_number(alpha1, "alpha1", positive=True)
    alpha0 = check_number(alpha0, "alpha0", positive=True)
    strength = check_number(strength, "strength")
    plain, shaped = prepare(
        image, strength, manifold, known=known, weights=weights, spacing=spacing,
        num_threads=num_threads,
    )  # fmt: skip
    problem = GeneralisedProblem(
        plain.manifold, plain.data, plain.space, plain.spacing,
        in_units(strength * alpha1, "strength * alpha1", plain.unit),
        in_units(strength * alpha0, "strength * alpha0", plain.unit**2), True, plain.known,
        plain.weights, plain.num_threads,
    )  # fmt: skip
    slopes = np.zeros((len(problem.space), problem.num_pixels, problem.manifold.dimension))
    state = State(start_of(plain), slopes)
    return minimised(problem, state, tol, max_num_iter, reporter, shaped)
