"""One problem ``argmin_v 1/2||v - f||^2 + strength J(v)``, certified: one step of the flow of J."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..convex.energy import Energy
from ..convex.total_variation import TotalVariation, norm_of
from ..core.errors import InputError
from ..core.namespace import detached
from ..core.progress import Callback
from .channels import each_channel, of_parts
from .discrepancy import denoise_discrepancy
from .flux_guess import feasible_part
from .options import takes_options_of
from .parts import checked, collect, make_plan, solve_parts
from .problem import Problem, make_problem
from .result import DenoiseResult
from .tape import gradient_tape


def denoise(
    image: Any,
    strength: Any = None,
    energy: Energy | None = None,
    *,
    tol: float = 1e-4,
    data_range: float | None = None,
    spacing: float | Sequence[float] | None = None,
    channel_axis: int | None = None,
    batch_axis: int | None = None,
    max_num_iter: int = 20000,
    on_step: Callback | None = None,
    flux: Any = None,
    num_threads: int | None = None,
    raise_on_failure: bool = False,
) -> DenoiseResult:
    """Denoising with a convex energy: ``argmin_v 1/2||v - image||^2 + strength * J(v)``.

    This is one implicit Euler step of `flow` of length ``strength``. With total variation it starts
    from the solution on coarser grids.

    Parameters
    ----------
    image : array, 1-D to 3-D, plus optional channel and batch axes
        dtypes as in `flow`: floats as they are, uint8/uint16 scaled to [0, 1] and back.
        If a torch tensor requires grad, ``image`` of the result is differentiable, see Notes.
    strength : float, or array (channels,), optional
        Not negative; unit for total variation: grey value x pixel. A torch scalar may require grad
        (then positive). One number per channel is allowed where the energy treats channels
        separately (``coupled=False``). Default: the strength that removes as much as there is
        noise, see `denoise_discrepancy` (NumPy, one image).
    energy : Energy, optional
        As in `flow`; default `TotalVariation`.
    tol : float
        Relative duality gap; it bounds the relative suboptimality of the energy.
    data_range, spacing, channel_axis, batch_axis, num_threads
        As in `flow`.
    max_num_iter : int
        Largest number of iterations.
    on_step : callable, optional
        Called with a `Step` whenever the gap is measured (``step`` counts the measurements,
        ``iterations`` the iterations, ``image`` is None); returning True stops the solver.
    flux : array (components, \\*image.shape), optional
        A dual field to start with, such as the ``flux`` of an earlier result for similar data. It
        is made feasible, and used if it has the smaller dual energy.
    raise_on_failure : bool
        Raise `NotConverged` where the tolerance was not met.

    Returns
    -------
    DenoiseResult

    Raises
    ------
    InputError
        Bad image, strength, energy or options.
    NotConverged
        Only with ``raise_on_failure=True``.

    Notes
    -----
    Gradients with respect to ``image`` and ``strength`` come from implicit differentiation of the
    solution (docs/gradients): exact for an exact solution at which the solution is differentiable
    (almost everywhere), with ``tol`` 1e-4 accurate to some per cent on a photograph. The flux and
    the certificate are constants.
    """
    if strength is None:
        if batch_axis is not None or flux is not None:
            raise InputError("strength=None: with batch_axis or flux it must be given")
        return denoise_discrepancy(
            image, None, energy, tol=tol, data_range=data_range, spacing=spacing,
            channel_axis=channel_axis, max_num_iter=max_num_iter, on_step=on_step,
            num_threads=num_threads, raise_on_failure=raise_on_failure,
        )  # fmt: skip
    tape = gradient_tape(image, strength, "strength")
    problem = make_problem(
        image if tape is None else tape.image,
        TotalVariation() if energy is None else energy,
        channel_axis=channel_axis,
        batch_axis=batch_axis,
        spacing=spacing,
        data_range=data_range,
    )
    if tape is not None:
        tape.check(problem)
    return solve(
        problem, each_channel(detached(strength), "strength", problem), tape=tape, tol=tol,
        max_num_iter=max_num_iter, on_step=on_step, flux=flux, num_threads=num_threads,
        raise_on_failure=raise_on_failure,
    )  # fmt: skip


@takes_options_of(denoise)
def denoise_tv(
    image: Any,
    strength: Any = None,
    *,
    isotropic: bool = True,
    huber: float = 0.0,
    weights: Any = None,
    coupled: bool = True,
    **options: Any,
) -> DenoiseResult:
    """Total variation denoising: ``argmin_v 1/2||v - image||^2 + strength * TV(v)``, certified.

    This is `denoise` with `TotalVariation`. (scikit-image's ``denoise_tv_chambolle`` with
    ``weight`` solves the same problem.)

    Parameters
    ----------
    image, strength
        As in `denoise`.
    isotropic, huber, weights, coupled
        As in `tv_flow`.
    **options
        tol, data_range, spacing, channel_axis, batch_axis, max_num_iter, on_step, flux,
        num_threads and raise_on_failure of `denoise`.

    Returns
    -------
    DenoiseResult

    Raises
    ------
    InputError
        Bad image, strength or options.
    NotConverged
        Only with ``raise_on_failure=True``.

    References
    ----------
    Rudin, Osher & Fatemi, Physica D 60 (1992) 259-268.
    """
    energy = TotalVariation(norm=norm_of(isotropic), huber=huber, weights=weights, coupled=coupled)
    return denoise(image, strength, energy, **options)


def solve(
    problem: Problem,
    strength: float | np.ndarray,
    *,
    tape: Any = None,
    tol: float = 1e-4,
    max_num_iter: int = 20000,
    on_step: Callback | None = None,
    flux: Any = None,
    num_threads: int | None = None,
    raise_on_failure: bool = False,
) -> DenoiseResult:
    """`denoise` of a prepared problem."""
    if tape is not None and np.ndim(strength):
        raise InputError("strength: where a gradient is asked for, one number is allowed")
    problem.check_times(np.atleast_1d(strength), "strength")
    plan = make_plan(problem, tol, max_num_iter, num_threads, on_step)
    starts = None
    if flux is not None:
        starts = [feasible_part(flux, problem, i, "flux") for i in range(len(problem.parts))]
    solved = solve_parts(problem, of_parts(strength, problem), plan, starts)
    result = collect(problem, solved, strength)
    if tape is not None:
        result = tape.denoised(problem, result, solved, tol)
    return checked(result, raise_on_failure)
