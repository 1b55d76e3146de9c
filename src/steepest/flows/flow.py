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
    tol: float | None = None,
    num_steps: int | None = None,
    grid: str | TimeGrid | None = None,
    accuracy: float | None = None,
    max_error: float | None = None,
    data_range: float | None = None,
    spacing: float | Sequence[float] | None = None,
    channel_axis: int | None = None,
    batch_axis: int | None = None,
    max_num_steps: int | None = None,
    max_num_iter: int = 5000,
    on_step: Callback | None = None,
    state: FlowState | None = None,
    flux_guess: Any = None,
    num_threads: int | None = None,
    raise_on_failure: bool = False,
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
        other object with the methods of `steepest.convex.energy.Energy`.
    tol : float, optional
        Relative duality gap at which a step counts as solved (default 1e-3). The gap is divided by
        the energy of the step, ``1/2||u_n - u_{n-1}||^2 + tau J(u_n)``, or by 1e-4 times
        ``1/2||image - mean||^2`` if that is larger. The latter saves iterations once the image is
        almost constant.
    num_steps : int, optional
        Number of steps up to the last time (default 50). At least one step is taken to each
        requested time. Not allowed with a `TimeGrid`.
    grid : "graded", "uniform", "log" or TimeGrid, optional
        End points of the steps. The requested times are always among them. "graded" (default):
        short steps first, ``t_k = T (k / num_steps)**1.5`` for a single time T. With several times,
        the same number of steps is shared out between them. "uniform": each interval between
        requested times is divided into equal steps that are no longer than ``T / num_steps``.
        "log": geometric progression from ``T / 1000`` to T.
    accuracy : float, optional
        Required certified PSNR at every time, in dB, relative to ``data_range``. Steps and gaps
        are then chosen adaptively, so ``num_steps``, ``grid`` and ``tol`` are not allowed. The
        number of steps grows about fivefold with every 10 dB. Above about 75 dB, the flow is
        computed in float64, whatever the dtype of the image.
    max_error : float, optional
        Like ``accuracy``, but given as a certified L2 distance.
    data_range : float, optional
        Range of grey values used for the PSNR. The default is 1 for integer images, otherwise the
        maximum minus the minimum of the image.
    spacing : float, or one per spatial axis, optional
        Pixel spacing (default 1).
    channel_axis : int, optional
        Axis of the channels. If None, the image is grey.
    batch_axis : int, optional
        Axis of independent images. The arrays of the certificate then have a second axis, with one
        entry per image.
    max_num_steps : int, optional
        Largest number of steps with ``accuracy`` or ``max_error`` (default 20000). A short pilot
        run estimates the number required. If it is larger, `TooManySteps` is raised, and its
        message gives the number of steps and the time that they would take.
    max_num_iter : int
        Largest number of iterations in one step.
    on_step : callable, optional
        Called with a `Step` after each step. Return True to stop the flow. The ``stage`` of the
        step is "flow", or "choosing the time steps" during the pilot run of ``accuracy`` or
        ``max_error``.
    state : FlowState, optional
        ``state`` of an earlier result for the same image and energy. The flow continues from that
        state, and ``times`` must be later than its time. `FlowResult.continue_to` is a shortcut.
    flux_guess : array or callable, optional
        Initial flux of each step: an array (steps, \\*flux.shape), or a function
        ``(t_start, t_stop) -> flux``. A poor guess costs iterations, but the certificate remains
        valid.
    num_threads : int, optional
        Number of threads. The default is ``STEEPEST_NUM_THREADS`` or, if that is not set, the
        number of processors. It does not change the results.
    raise_on_failure : bool
        Whether to raise `NotConverged` if a tolerance is not met. By default, the result is
        returned, and its ``status`` describes the problem.

    Returns
    -------
    FlowResult

    Raises
    ------
    InputError
        Bad image, times, energy or options, or options that exclude each other. The message names
        the argument.
    TooManySteps
        If ``accuracy`` or ``max_error`` requires more than ``max_num_steps`` steps. This is a
        subclass of `InputError`.
    NotConverged
        If a tolerance is not met and ``raise_on_failure=True``. Stopping the flow by ``on_step``
        does not raise.

    Notes
    -----
    Total variation with a Neumann boundary has compiled kernels for NumPy arrays and tensors on the
    CPU. An iteration then costs about 30 operations per pixel. Other energies use the array code.
    For tensors on another device, see docs/solver; there, the images of a batch (and channels that
    are not coupled) share their iterations, which end when every image meets ``tol``. The flow
    needs memory for about 12 images, plus the returned frames. The certificate bounds the
    distance to the flow that is exact in time (docs/certificate).

    Gradients with respect to ``image`` and ``times`` (docs/gradients) are computed by implicit
    differentiation of each implicit Euler step. When a requested time changes, the other steps move
    with it as ``grid`` prescribes; with ``accuracy`` or ``max_error``, they stay fixed. The
    accuracy of the gradients depends on that of the steps: with ``tol=1e-3``, they are accurate to
    a few per cent on a photograph. The flux and the certificate are treated as constants. ``state``
    cannot be combined with gradients.

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
        energy,
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
    """Compute the total variation flow of an image, with a certified error bound.

    This is `flow` with the energy `TotalVariation`.

    Parameters
    ----------
    image, times
        As in `flow`. The unit of times is grey value x pixel.
    isotropic : bool
        Whether to use isotropic (default) or anisotropic total variation.
    huber : float
        Half-width of the quadratic zone of Huber-TV, in grey values per pixel. The default, 0,
        gives total variation.
    weights : array of the spatial shape, optional
        Non-negative spatial weights of the total variation.
    coupled : bool
        Whether to use one norm for all channels of a pixel (vectorial TV, default) or to treat each
        channel separately.
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
        Bad image, times or options. The message names the argument.
    TooManySteps
        If ``accuracy`` or ``max_error`` requires more than ``max_num_steps`` steps.
    NotConverged
        If a tolerance is not met and ``raise_on_failure=True``.

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
    """Check that ``state`` is None or belongs to a flow of the same image and energy."""
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
