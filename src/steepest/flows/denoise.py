"""The single ROF problem ``argmin_v 1/2||v - f||^2 + strength J(v)``, certified."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..convex.certificate import StepTerms, psnr_bound
from ..convex.multilevel import coarse_flux, correct
from ..convex.solve import Goal, Momentum, make_dual, needs_double, rounding_floor, solve
from ..convex.total_variation import TotalVariation
from ..convex.warm_start import try_flux
from ..core.errors import InputError, NotConverged
from ..core.namespace import Array, cast, detached, is_torch, namespace, to_float64
from ..core.numbers import check_count, check_number
from ..core.status import Status
from .flux_guess import feasible_part
from .march import Callback, distance
from .problem import Problem, make_problem, rescaled
from .result import Step
from .tape import gradient_tape


@dataclass(frozen=True, eq=False)
class DenoiseResult:
    """A certified ROF solution. With a batch, gap and bounds have one entry an item.

    Attributes
    ----------
    image : array, shape and dtype of the input
    flux : array (ndim, \\*image.shape)
        Dual field: ``image = f + strength div flux``.
    gap : float
        Relative duality gap, gap / energy.
    error_bound : float
        Guaranteed L2 distance to the exact minimiser: ``sqrt(gap)``, by strong convexity of the
        primal and of the dual energy (docs/certificate).
    psnr_bound : float
        The same as a guaranteed PSNR in dB for ``data_range``.
    iterations : int
    status : Status
    """

    image: Array
    flux: Array
    gap: Any
    error_bound: Any
    psnr_bound: Any
    iterations: int
    status: Status
    strength: float
    data_range: float

    @property
    def converged(self) -> bool:
        """Whether the tolerance was met."""
        return self.status.ok

    def __repr__(self) -> str:
        worst = float(np.min(self.psnr_bound))
        return (
            f"<DenoiseResult: strength {self.strength:g}, {self.iterations} iterations, "
            f"PSNR >= {worst:.1f} dB, {self.status}>"
        )


def denoise_tv(
    image: Any,
    strength: Any,
    *,
    tol: float = 1e-4,
    data_range: float | None = None,
    isotropic: bool = True,
    huber: float = 0.0,
    weights: Any = None,
    spacing: float | Sequence[float] | None = None,
    channel_axis: int | None = None,
    coupled: bool = True,
    batch_axis: int | None = None,
    max_num_iter: int = 20000,
    on_step: Callback | None = None,
    flux: Any = None,
    num_threads: int | None = None,
    raise_on_failure: bool = False,
) -> DenoiseResult:
    """Total variation denoising: ``argmin_v 1/2||v - image||^2 + strength * J(v)``.

    This is one implicit Euler step of `tv_flow` of length ``strength``. (scikit-image's
    ``denoise_tv_chambolle`` with ``weight`` solves the same problem.) It starts from the solution
    on coarser grids.

    Parameters
    ----------
    image : array, 1-D to 3-D, plus optional channel and batch axes
        dtypes as in `tv_flow`: floats as they are, uint8/uint16 scaled to [0, 1] and back.
        Where a torch tensor requires grad, ``image`` of the result is differentiable, see Notes.
    strength : float
        Not negative; unit: grey value x pixel. A torch scalar may require grad (then positive).
    tol : float
        Relative duality gap; it bounds the relative suboptimality of the energy.
    data_range, isotropic, huber, weights, spacing, channel_axis, coupled, batch_axis, num_threads
        As in `tv_flow`.
    max_num_iter : int
        Largest number of iterations.
    on_step : callable, optional
        Called with a `Step` whenever the gap is measured (``step`` counts iterations, ``image``
        is None); returning True stops the solver.
    flux : array (ndim, \\*image.shape), optional
        A dual field to start with, such as the ``flux`` of an earlier result for similar data. It
        is put into the dual ball, and used where its dual energy is the smaller one.
    raise_on_failure : bool
        Raise `NotConverged` where the tolerance was not met.

    Returns
    -------
    DenoiseResult

    Raises
    ------
    InputError
        Bad image, strength or options.
    NotConverged
        Only with ``raise_on_failure=True``.

    Notes
    -----
    Gradients with respect to ``image`` and ``strength`` come from implicit differentiation of the
    solution (docs/gradients): exact for an exact solution at which the solution is differentiable
    (almost everywhere), with ``tol`` 1e-4 accurate to some per cent on a photograph. The flux and
    the certificate are constants.

    References
    ----------
    Rudin, Osher & Fatemi, Physica D 60 (1992) 259-268.
    """
    tape = gradient_tape(image, strength, "strength")
    problem = make_problem(
        image if tape is None else tape.image,
        channel_axis=channel_axis,
        batch_axis=batch_axis,
        coupled=coupled,
        isotropic=isotropic,
        huber=huber,
        weights=weights,
        spacing=spacing,
        data_range=data_range,
    )
    strength = check_number(detached(strength), "strength")
    tol = check_number(tol, "tol")
    max_num_iter = check_count(max_num_iter, "max_num_iter")
    solved = []
    for index, part in enumerate(problem.parts):
        watch = _watcher(on_step, problem, strength, max_num_iter)
        start = None if flux is None else feasible_part(flux, problem, index, "flux")
        goal = Goal(tol, max_num_iter)
        scaled = strength * problem.scale
        solved.append(_solve(part, problem.functional, scaled, goal, num_threads, watch, start))
    result = _collect(problem, solved, strength)
    if tape is not None:
        result = tape.denoised(problem, result, solved, tol)
    if raise_on_failure and not (result.converged or result.status is Status.STOPPED):
        raise NotConverged(str(result.status), result)
    return result


def _collect(problem: Problem, solved: list[_Solved], strength: float) -> DenoiseResult:
    """Put the parts' solutions together."""
    gaps = np.array([[s.terms.gap] for s in solved])
    primal = np.array([[s.terms.primal] for s in solved])
    bounds = np.array([[_distance_bound(s.terms)] for s in solved])
    error = problem.certificate(bounds / problem.scale)
    total = np.maximum(problem.certificate(primal, "sum"), np.finfo(float).tiny)
    psnr = [psnr_bound(e, problem.size, problem.data_range) for e in np.ravel(error)]
    relative = problem.certificate(gaps, "sum") / total
    status = Status.worst([s.status for s in solved])
    return DenoiseResult(
        image=problem.assemble([rescaled(s.image, 1 / problem.scale) for s in solved]),
        flux=problem.assemble([s.flux for s in solved], leading=1, integers=False),
        gap=_scalar(relative, problem.batch_axis),
        error_bound=_scalar(error, problem.batch_axis),
        psnr_bound=_scalar(np.array(psnr), problem.batch_axis),
        iterations=sum(s.iterations for s in solved),
        status=status,
        strength=strength,
        data_range=problem.data_range,
    )


def _distance_bound(terms: StepTerms) -> float:
    """``||u - u*||^2 <= gap``: both energies are 1-strongly convex, and their excesses add up."""
    return math.sqrt(terms.gap + terms.allowance) + terms.residual


def _scalar(values: Any, batch_axis: int | None) -> Any:
    return float(np.ravel(values)[0]) if batch_axis is None else np.ravel(values)


def _watcher(on_step: Callback | None, problem: Problem, strength: float, limit: int) -> Any:
    """Turn the solver's measurements into the user's `Step`."""
    if on_step is None:
        return None
    if not callable(on_step):
        raise InputError("on_step must be callable")

    def watch(terms: StepTerms, iterations: int) -> bool:
        bound = math.sqrt(terms.gap) / problem.scale
        gap = terms.gap / terms.primal if terms.primal > 0 else 0.0
        step = Step(iterations, limit, strength, gap, iterations, bound, lambda: None)
        return on_step(step) is True

    return watch


@dataclass(frozen=True, eq=False)
class _Solved:
    image: Array
    flux: Array
    terms: StepTerms
    iterations: int
    status: Status


def _solve(
    f: Array,
    functional: TotalVariation,
    strength: float,
    goal: Goal,
    num_threads: int | None,
    watch: Any,
    start: Array | None = None,
) -> _Solved:
    if strength == 0:
        zero = namespace(f).stack([f * 0] * len(functional.spacing))
        return _Solved(f, zero, StepTerms(0, 0, 0, 0, 0, 0, 0, 0), 0, Status.CONVERGED)
    size = float(abs(f).max())
    if needs_double(f, functional, strength, size):
        double = None if start is None else to_float64(start)
        solved = _solve(to_float64(f), functional, strength, goal, num_threads, watch, double)
        image = cast(solved.image, f.dtype)
        residual = solved.terms.residual + distance(image, solved.image)
        terms = replace(solved.terms, residual=residual)
        return replace(solved, image=image, flux=cast(solved.flux, f.dtype), terms=terms)
    dual = make_dual(f, functional, num_threads)
    goal = replace(goal, floor=rounding_floor(f, functional, strength, size))
    momentum, outcome = Momentum(expected=40), None
    if start is not None:
        momentum, outcome = try_flux(dual, start, strength, goal, momentum)
    if outcome is None and not is_torch(f):
        coarse = coarse_flux(f, functional, strength, num_threads)
        if coarse is not None and start is not None:
            momentum, outcome = try_flux(dual, coarse, strength, goal, momentum)
        elif coarse is not None:
            dual.set_flux(coarse)
    if outcome is None:
        outcome = solve(dual, strength, goal, momentum, lambda d: correct(d, functional), watch)
    return _Solved(dual.image, dual.flux, outcome.terms, outcome.iterations, outcome.status)


def discrepancy_strength(
    image: Any, sigma: float | None = None, *, rtol: float = 0.01, **options: Any
) -> float:
    """The strength for which `denoise_tv` removes just the noise (Morozov's principle).

    Finds ``strength`` with ``||v - image||^2 = sigma^2 N``, N the number of values, by secant
    steps on the distance, which grows with the strength.

    Parameters
    ----------
    image : array
        As in `denoise_tv`; batches are not allowed.
    sigma : float, optional
        Standard deviation of the Gaussian noise (for uint8/uint16 on the [0, 1] scale); default
        `estimate_noise`.
    rtol : float
        Relative accuracy of the distance.
    **options
        Passed to `denoise_tv`.

    Returns
    -------
    float
        Zero for ``sigma == 0``.

    Raises
    ------
    InputError
        Where not even the mean is as far from the image as the noise, or options are bad.
    """
    from .noise import estimate_noise

    channel_axis = options.get("channel_axis")
    sigma = estimate_noise(image, channel_axis) if sigma is None else check_number(sigma, "sigma")
    if options.get("batch_axis") is not None:
        raise InputError("batch_axis: discrepancy_strength takes one image at a time")
    problem = make_problem(image, channel_axis=channel_axis)
    f = np.asarray(problem.parts[0], dtype=np.float64) / problem.scale
    wanted = sigma * math.sqrt(f.size)
    if wanted == 0:
        return 0.0
    space = tuple(range(1, f.ndim))
    farthest = float(np.linalg.norm(f - f.mean(space, keepdims=True)))
    if wanted >= farthest:
        raise InputError(
            f"sigma={sigma:g} is not smaller than the image's own standard deviation "
            f"{farthest / math.sqrt(f.size):g}; nothing but its mean would remain"
        )
    if problem.layout.integer_maximum is not None:
        image = problem.assemble([f.astype(np.float32)], integers=False)
    return _match_distance(image, f, problem.assemble, wanted, sigma, rtol, options)


def _match_distance(
    image: Any,
    f: np.ndarray,
    assemble: Callable[..., Any],
    wanted: float,
    start: float,
    rtol: float,
    options: dict[str, Any],
) -> float:
    """Bracketed secant iteration on log distance against log strength."""
    target = assemble([f], integers=False)
    low, high, strength = 0.0, math.inf, start
    previous: tuple[float, float] | None = None
    for _ in range(40):
        v = np.asarray(denoise_tv(image, strength, **{"tol": 1e-4, **options}).image, np.float64)
        distance = float(np.linalg.norm(v - target))
        if abs(distance - wanted) <= rtol * wanted:
            return strength
        low, high = (strength, high) if distance < wanted else (low, strength)
        slope = 1.0
        if previous is not None and previous[0] != strength and distance != previous[1]:
            slope = math.log(distance / previous[1]) / math.log(strength / previous[0])
        previous = (strength, distance)
        proposal = strength * (wanted / distance) ** (1 / min(max(slope, 0.2), 2.0))
        inside = low < proposal < high
        middle = math.sqrt(low * high) if low > 0 and high < math.inf else 2 * max(low, high / 4)
        strength = proposal if inside else middle
    return strength
