"""Gradient flow of a convex energy: ``du/dt in -dJ(u), u(0) = image``, with a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..convex.energy import Energy, same_energy
from ..convex.total_variation import TotalVariation, norm_of
from ..core.errors import InputError
from ..core.namespace import detached
from ..core.progress import Callback
from .adaptive import DEFAULT_MAX_STEPS
from .options import takes_options_of
from .problem import Problem, make_problem
from .result import FlowResult, FlowState
from .run import run
from .tape import gradient_tape
from .time_grid import TimeGrid


def flow(
    image: Any,
    times: float | Sequence[float] | np.ndarray,
    energy: Energy | None = None,
    *,
    tol: float = 1e-3,
    num_steps: int | None = None,
    grid: str | TimeGrid = "uniform",
    accuracy: float | None = None,
    max_error: float | None = None,
    data_range: float | None = None,
    spacing: float | Sequence[float] | None = None,
    channel_axis: int | None = None,
    batch_axis: int | None = None,
    max_num_steps: int = DEFAULT_MAX_STEPS,
    max_num_iter: int = 5000,
    on_step: Callback | None = None,
    state: FlowState | None = None,
    flux_guess: Any = None,
    num_threads: int | None = None,
    raise_on_failure: bool = False,
) -> FlowResult:
    """Gradient flow of an image under a convex energy, at given times, certified.

    Solves ``du/dt in -dJ(u), u(0) = image`` by implicit Euler steps
    ``u_n = argmin_v 1/2||v - u_{n-1}||^2 + tau J(v)``, each on its dual, warm-started.

    Parameters
    ----------
    image : array, 1-D to 3-D, plus optional channel and batch axes
        float32 or float64 are computed and returned as such; uint8 and uint16 are divided by 255
        or 65535, computed in float32 and written back in kind, so that times always refer to
        values in [0, 1]. Torch tensors (float) stay on their device; where they require grad,
        ``images`` of the result is differentiable, see Notes.
    times : float or increasing sequence of floats
        Times at which to return the flow. A leading 0 returns the image itself. Unit for total
        variation: grey value x pixel. A torch tensor may require grad.
    energy : Energy, optional
        `TotalVariation` (default), `SecondOrderTotalVariation`, `TotalGeneralisedVariation`, or any
        other object with the methods of `steepest.convex.energy.Energy`.
    tol : float
        Relative duality gap to which each step is solved: relative to the step's energy
        ``1/2||u_n - u_{n-1}||^2 + tau J(u_n)``, or where larger to 1e-4 of the energy
        ``1/2||image - mean||^2``, so that nothing is spent on what has all but vanished.
    num_steps : int, optional
        Number of uniform steps up to the last time (default 50); intervals between requested
        times are divided into equal steps no longer than that.
    grid : "uniform", "log" or TimeGrid
        Where the steps end; the requested times are always among them.
    accuracy : float, optional
        Certified PSNR (dB, for ``data_range``) wanted at every time: steps and gaps are then
        chosen adaptively, and ``num_steps``, ``grid`` and ``tol`` are not used. The number of
        steps grows about fivefold with every 10 dB. Beyond about 75 dB everything is computed in
        float64, whatever the dtype of the image.
    max_error : float, optional
        The same as a certified L2 distance.
    data_range : float, optional
        For PSNR; default 1 for integers, else the image's maximum minus minimum.
    spacing : float, or one per spatial axis, optional
        Pixel spacing (default 1).
    channel_axis : int, optional
        Axis of the channels (None: the image is grey).
    batch_axis : int, optional
        Axis of independent images; the certificate then has a second axis, the items.
    max_num_steps : int
        Largest number of steps that ``accuracy`` or ``max_error`` may choose. A short pilot finds
        out how many are needed; if more, `TooManySteps` says how many, and how long they take.
    max_num_iter : int
        Largest number of iterations in one step.
    on_step : callable, optional
        Called with a `Step` after each step; returning True stops the flow there. ``stage`` of the
        step is "flow", or "choosing the time steps" during the pilot of ``accuracy``.
    state : FlowState, optional
        ``state`` of an earlier result for the same image and energy: the flow goes on from there,
        and ``times`` lie after it. `FlowResult.continue_to` is the short way.
    flux_guess : array or callable, optional
        A flux to start each step with: an array (steps, \\*flux.shape), or a function
        ``(t_start, t_stop) -> flux``. A poor guess costs iterations, not validity.
    num_threads : int, optional
        Default: ``STEEPEST_NUM_THREADS`` or all processors. Does not change results.
    raise_on_failure : bool
        Raise `NotConverged` instead of returning a result whose status is not a success.

    Returns
    -------
    FlowResult

    Raises
    ------
    InputError
        Bad image, times, energy or options; the message names the argument.
    TooManySteps
        An `InputError`: the accuracy needs more than ``max_num_steps`` steps.
    NotConverged
        Only with ``raise_on_failure=True``.

    Notes
    -----
    Total variation with Neumann boundary has compiled kernels for NumPy arrays: an iteration costs
    about 30 operations per pixel. Other energies, and tensors, take the array code. Memory: about
    12 images, and the kept frames. The certificate bounds the distance to the flow exact in time
    (docs/certificate).

    Gradients (docs/gradients) with respect to ``image`` and ``times`` are those of the implicit
    Euler steps taken, by implicit differentiation of each; steps between requested times move with
    these as the grid says, and stand still with ``accuracy`` and ``max_error``. Their accuracy
    follows that of the steps: with ``tol`` 1e-3, some per cent on a photograph. The flux and the
    certificate are constants. ``state`` cannot be combined with gradients.

    Examples
    --------
    >>> import numpy as np, steepest
    >>> ramp = np.linspace(0.0, 1.0, 16)  # a fixed point of second-order total variation
    >>> result = steepest.flow(ramp, [0.5], steepest.SecondOrderTotalVariation())
    >>> bool(np.allclose(result.images[0], ramp))
    True
    """
    tape = gradient_tape(image, times, "times")
    problem = make_problem(
        image if tape is None else tape.image,
        TotalVariation() if energy is None else energy,
        channel_axis=channel_axis,
        batch_axis=batch_axis,
        spacing=spacing,
        data_range=data_range,
    )
    if tape is not None:
        tape.check(problem, state)
    _check_state(state, problem)
    return run(
        problem,
        times,
        state,
        tape=tape,
        tol=tol,
        num_steps=num_steps,
        grid=grid,
        accuracy=accuracy,
        max_error=max_error,
        max_num_steps=max_num_steps,
        max_num_iter=max_num_iter,
        on_step=on_step,
        flux_guess=flux_guess,
        num_threads=num_threads,
        raise_on_failure=raise_on_failure,
    )


@takes_options_of(flow)
def tv_flow(
    image: Any,
    times: float | Sequence[float] | np.ndarray,
    *,
    isotropic: bool = True,
    huber: float = 0.0,
    weights: Any = None,
    coupled: bool = True,
    **options: Any,
) -> FlowResult:
    """Total variation flow of an image at given times, certified: `flow` with `TotalVariation`.

    Parameters
    ----------
    image, times
        As in `flow`; the unit of times is grey value x pixel.
    isotropic : bool
        Isotropic (default) or anisotropic total variation.
    huber : float
        Half-width of Huber-TV's quadratic zone, in grey values per pixel; 0: total variation.
    weights : array of the spatial shape, optional
        Non-negative spatial weights of the total variation.
    coupled : bool
        One norm for all channels of a pixel (vectorial TV, default) or each channel alone.
    **options
        tol, num_steps, grid, accuracy, max_error, data_range, spacing, channel_axis, batch_axis,
        max_num_steps, max_num_iter, on_step, state, flux_guess, num_threads and raise_on_failure
        of `flow`.

    Returns
    -------
    FlowResult

    Raises
    ------
    InputError
        Bad image, times or options; the message names the argument.
    NotConverged
        Only with ``raise_on_failure=True``.

    References
    ----------
    Grossmann, Dittmer, Korolev & Schönlieb, Unsupervised learning of the total variation flow,
    Eqs. (3) and (8).

    Examples
    --------
    >>> import numpy as np, steepest
    >>> step = np.repeat([0.0, 1.0], 8)
    >>> result = steepest.tv_flow(step, [2.0, 8.0], tol=1e-10)
    >>> np.round(result.images[:, [0, -1]], 6)
    array([[0.25, 0.75],
           [0.5 , 0.5 ]])
    """
    energy = TotalVariation(norm=norm_of(isotropic), huber=huber, weights=weights, coupled=coupled)
    return flow(image, times, energy, **options)


def _check_state(state: FlowState | None, problem: Problem) -> None:
    """The state of a flow of this very problem, or None."""
    if state is None:
        return
    if not isinstance(state, FlowState):
        raise InputError(f"state must be the .state of a FlowResult, not {type(state).__name__}")
    before = state.problem
    shapes = [tuple(part.shape) for part in problem.parts]
    if [tuple(part.shape) for part in before.parts] != shapes:
        raise InputError(
            f"state belongs to an image of shape {tuple(before.parts[0].shape)} a part, "
            f"the given image has {shapes[0]}"
        )
    pairs = zip(before.parts, problem.parts, strict=True)
    if before.scale != problem.scale or not all(
        np.array_equal(detached(a), detached(b)) for a, b in pairs
    ):
        raise InputError("state belongs to another image; give the image the flow began with")
    if not same_energy(before.energy, problem.energy):
        raise InputError(
            f"state belongs to the flow of {before.energy}, not of {problem.energy}; a flow goes "
            "on with the energy, weights and spacing that it began with"
        )
