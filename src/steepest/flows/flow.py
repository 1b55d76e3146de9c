"""Gradient flow of a convex energy: ``du/dt in -dJ(u), u(0) = image``, with a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..convex.energy import Energy, same_energy
from ..core.errors import InputError
from ..core.namespace import detached
from ..core.progress import Callback
from ..core.solver import Solver, limits
from ..core.tiles import Tiles, refuse_by_tiles, works_by_tiles
from ..tiled.request import TileRequest, energy_by_tiles
from .options import takes_options_of
from .problem import Problem, make_problem
from .result import FlowResult, FlowState
from .run import DEFAULT_MAX_ITER, DEFAULT_TOL, Steps, run
from .tape import gradient_tape
from .time_grid import DEFAULT_NUM_STEPS, Accuracy, TimeGrid, grid_of


def flow(
    image: Any,
    times: float | Sequence[float] | np.ndarray,
    energy: Energy | None = None,
    *,
    steps: Steps = None,
    channel_axis: int | None = None,
    batch_axis: int | None = None,
    spacing: float | Sequence[float] | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
    start: Any = None,
    out: Any = None,
    tiles: Tiles | None = None,
) -> FlowResult:
    """Compute the gradient flow of an image under a convex energy, with a certified error bound.

    Solves ``du/dt in -dJ(u), u(0) = image`` by implicit Euler steps
    ``u_n = argmin_v 1/2||v - u_{n-1}||^2 + tau J(v)``. Each step is solved in its dual form and
    warm-started from the previous step.

    Parameters
    ----------
    image : array, 1-D to 3-D, plus optional channel and batch axes
        A float32 or float64 image is processed and returned in its own dtype. A uint8 or uint16
        image is divided by 255 or 65535, processed in float32 and converted back to its dtype, so
        that times always refer to values in [0, 1]. Floating-point torch tensors stay on their
        device. If a tensor requires grad, ``images`` of the result is differentiable (see Notes).
    times : float or increasing sequence of floats
        Times at which to return the flow. A leading 0 returns the image itself. The unit for total
        variation is grey value x pixel. A torch tensor may require grad.
    energy : Energy, optional
        `TotalVariation` (default), `SecondOrderTotalVariation`, `TotalGeneralisedVariation`, or any
        other object with the methods of `steepest.convex.energy.Energy`. The energy carries its
        norm, weights, Huber parameter, coupling of channels and boundary condition.
    steps : int, TimeGrid or Accuracy, optional
        How time is cut: the number of steps up to the last time (default 50, by `TimeGrid.graded`),
        their end points, or the certified accuracy to reach. At least one step is taken to each
        requested time.
    channel_axis : int, optional
        Axis of the channels. If None, the image is grey.
    batch_axis : int, optional
        Axis of independent images. The arrays of the certificate then have a second axis, with one
        entry per image.
    spacing : float, or one per spatial axis, optional
        Pixel spacing (default 1).
    solver : Solver, optional
        ``tol`` is the relative duality gap at which a step counts as solved (default 1e-3). The gap
        is divided by the energy of the step, ``1/2||u_n - u_{n-1}||^2 + tau J(u_n)``, or by 1e-4
        times ``1/2||image - mean||^2`` if that is larger. The latter saves iterations once the
        image is almost constant. ``max_num_iter`` is the limit for one step (default 5000). With
        an `Accuracy`, the gaps are chosen with the steps, and ``tol`` must not be given.
    on_step : callable, optional
        Called with a `Step` after each step. Return True to stop the flow. The ``stage`` of the
        step is "flow", or "choosing the time steps" during the pilot run for an `Accuracy`.
    start : FlowResult, FlowState, array or callable, optional
        An earlier result for the same image and energy: the flow continues from its last time, and
        ``times`` must be later. (`FlowResult.continue_to` is a shortcut.) Or an initial flux of
        each step: an array (steps, \\*flux.shape), or a function ``(t_start, t_stop) -> flux``. A
        poor flux costs iterations, but the certificate remains valid.
    out : array-like (T, \\*image.shape), optional
        Where the frames are written tile by tile; see `Tiles`.
    tiles : Tiles, optional
        How to work on an image that does not fit in memory. An `Accuracy` and ``start`` are then
        not available, the result has no ``flux`` and no ``state``, and weights are read by windows
        like the image.

    Returns
    -------
    FlowResult

    Raises
    ------
    InputError
        Bad image, times, energy or options, or options that exclude each other. The message names
        the argument.
    TooManySteps
        If an `Accuracy` requires more than its ``max_num_steps``. This is a subclass of
        `InputError`.
    NotConverged
        If a tolerance is not met and the solver has ``raise_on_failure=True``. Stopping the flow by
        ``on_step`` does not raise.

    Notes
    -----
    The flow needs memory for about 12 images, plus the returned frames. The certificate bounds the
    distance to the flow that is exact in time (docs/certificate). For tensors on an accelerator,
    the images of a batch (and channels that are not coupled) share their iterations, which end when
    every image meets ``tol`` (docs/solver_methods).

    Gradients with respect to ``image`` and ``times`` (docs/gradients) are computed by implicit
    differentiation of each implicit Euler step. When a requested time changes, the other steps move
    with it as their `TimeGrid` prescribes; with an `Accuracy`, they stay fixed. The accuracy of the
    gradients depends on that of the steps: with ``tol=1e-3``, they are accurate to a few per cent
    on a photograph. The flux and the certificate are treated as constants. ``start`` cannot be an
    earlier result then.

    References
    ----------
    Grossmann, Dittmer, Korolev & Schönlieb, Unsupervised learning of the total variation flow,
    Eqs. (3) and (8).

    Examples
    --------
    >>> import numpy as np, steepest
    >>> step = np.repeat([0.0, 1.0], 8)
    >>> result = steepest.flow(step, [2.0, 8.0], solver=steepest.Solver(tol=1e-10))
    >>> np.round(result.images[:, [0, -1]], 6)
    array([[0.25, 0.75],
           [0.5 , 0.5 ]])
    >>> ramp = np.linspace(0.0, 1.0, 16)  # a fixed point of second-order total variation
    >>> result = steepest.flow(ramp, [0.5], steepest.SecondOrderTotalVariation())
    >>> bool(np.allclose(result.images[0], ramp))
    True
    """
    if works_by_tiles(image, out, tiles):
        from .tiles.flow import flow_by_tiles

        refuse_by_tiles(start=start, steps=steps if isinstance(steps, Accuracy) else None)
        own = limits(solver, tol=DEFAULT_TOL, max_num_iter=DEFAULT_MAX_ITER)
        grid = grid_of(steps, TimeGrid.graded, DEFAULT_NUM_STEPS)
        request = TileRequest(image, out, own, tiles or Tiles(), channel_axis, spacing, on_step)
        return flow_by_tiles(request, times, energy_by_tiles(energy), grid, batch_axis)
    tape, energy = gradient_tape(image, times, "times", energy)
    problem = make_problem(
        image, energy, channel_axis=channel_axis, batch_axis=batch_axis, spacing=spacing
    )
    state, guess = _begin(start)
    if tape is not None:
        tape.check(problem, state)
    _check_state(state, problem)
    return run(
        problem, times, state, tape=tape, steps=steps, solver=solver, on_step=on_step, guess=guess
    )


@takes_options_of(flow)
def tv_flow(image: Any, times: float | Sequence[float] | np.ndarray, **options: Any) -> FlowResult:
    """Compute the total variation flow of an image, with a certified error bound.

    This is `flow` with its default energy, isotropic total variation. See there for the options,
    the result and the exceptions.
    """
    return flow(image, times, **options)


def _begin(start: Any) -> tuple[FlowState | None, Any]:
    """The state and the guess that ``start`` stands for."""
    if isinstance(start, FlowResult):
        if start.state is None:
            raise InputError("start: this result has no state to continue from")
        start = start.state
    return (start, None) if isinstance(start, FlowState) else (None, start)


def _check_state(state: FlowState | None, problem: Problem) -> None:
    """Check that ``state`` is None or belongs to a flow of the same image and energy."""
    if state is None:
        return
    before = state.problem
    shapes = [tuple(part.shape) for part in problem.parts]
    if [tuple(part.shape) for part in before.parts] != shapes:
        raise InputError(
            f"start belongs to an image of shape {tuple(before.parts[0].shape)} a part, "
            f"the given image has {shapes[0]}"
        )
    pairs = zip(before.parts, problem.parts, strict=True)
    if before.scale != problem.scale or not all(
        np.array_equal(detached(a), detached(b)) for a, b in pairs
    ):
        raise InputError("start belongs to another image; give the image the flow began with")
    if not same_energy(before.energy, problem.energy):
        raise InputError(
            f"start belongs to the flow of {before.energy}, not of {problem.energy}; a flow goes "
            "on with the energy, weights and spacing that it began with"
        )
