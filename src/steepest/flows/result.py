"""Results of flows and of denoising."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..convex.certificate import Bound, psnr_bound
from ..convex.dual import Warm
from ..convex.solve import Momentum
from ..core.errors import InputError
from ..core.namespace import Array
from ..core.numbers import check_number, counted
from ..core.progress import Pictured
from ..core.result import ImageResult, Result
from ..core.status import Status
from .noise_model import NoiseModel
from .problem import Problem


@dataclass(frozen=True, eq=False)
class PartState:
    """The state of one part of a flow; ``flux`` and ``warm``, of the solver, begin with None."""

    image: Array
    flux: Array | None
    warm: Warm | None
    bound: Bound
    momentum: Momentum

    def mapped(self, convert: Callable[[Array], Array]) -> PartState:
        """Return the same state with every array converted."""
        flux = None if self.flux is None else convert(self.flux)
        warm = None if self.warm is None else tuple(map(convert, self.warm))
        return replace(self, image=convert(self.image), flux=flux, warm=warm)


@dataclass(frozen=True, eq=False)
class FlowState:
    """Everything needed to continue a flow, including its initial image and its energy."""

    time: float
    problem: Problem = field(repr=False)
    parts: tuple[PartState, ...] = field(repr=False)
    resume: Callable[..., FlowResult] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Step(Pictured):
    """One finished implicit Euler step, as passed to `on_step`.

    ``gap`` is the relative duality gap. ``error_bound`` is the certified L2 distance to the exact
    flow at the current time. ``image`` is the current image in the axes of the input, in floating
    point, and is computed when the callback reads it. For a batch or separate channels, it is the
    item or channel being processed. ``stage`` tells what the step belongs to: "flow", or
    the search that precedes the flow.
    """

    step: int
    num_steps: int
    time: float
    gap: float
    iterations: int
    error_bound: float
    gather: Callable[[], Array] | None = field(repr=False)
    stage: str = ""


@dataclass(frozen=True, eq=False)
class FlowResult(Result):
    """A certified flow.

    For a batch, the arrays of the certificate have a second axis, with one entry per image.

    Attributes
    ----------
    images : array (T, \\*image.shape), dtype of the input
        The flow at ``times``.
    times : array (T,)
        Requested times that were reached. There are fewer than requested if the flow was stopped
        early.
    flux : array (components, \\*image.shape), floating point
        Dual field at the last time. For total variation, it has one component per spatial axis,
        ``|flux| <= 1``, and its divergence is the velocity.
    gap : array (T,)
        Largest relative duality gap of the steps since the previous entry of ``times``.
    error_bound : array (T,)
        Guaranteed upper bound on the L2 distance (root of the sum of squares over all pixels and
        channels) to the flow that is exact in time, on this pixel grid. For integer images, it
        refers to the floating-point image before rounding.
    solver_error : array (T,)
        The part of ``error_bound**2`` caused by rounding and the inexact solution of the steps.
    time_error : array (T,)
        The rest of ``error_bound**2``, caused by the length of the steps.
    iterations : int
        Total number of dual iterations.
    status : Status
        Describes in a sentence how the computation ended. ``converged`` tells whether every
        tolerance was met.
    data_range : float
        The range of grey values that `psnr_bound` refers to: 1 for integer images, otherwise the
        maximum minus the minimum of the image.
    state : FlowState or None
        State of the flow at its last time, from which `continue_to` continues. None if a network
        computed the flow.
    num_values : int
        Number of values of an image that the result does not hold, otherwise 0.
    """

    images: Array
    times: np.ndarray
    flux: Array
    gap: np.ndarray
    error_bound: np.ndarray
    solver_error: np.ndarray
    time_error: np.ndarray
    iterations: int
    num_steps: int
    status: Status
    data_range: float
    state: FlowState | None
    num_values: int = 0

    def psnr_bound(self, data_range: float | None = None) -> np.ndarray:
        """``error_bound`` as a guaranteed PSNR, in dB, relative to ``data_range``."""
        shape = self.images.shape[1:] if self.images is not None else (self.num_values,)
        return _psnr(self, shape, np.shape(self.error_bound)[1:], data_range)

    def continue_to(self, times: Any, **options: Any) -> FlowResult:
        """Continue the flow of the same image and energy to later times.

        Parameters
        ----------
        times : float or increasing sequence of floats
            New times. All must be later than the time at which this result ends.
        **options
            ``steps``, ``solver`` and ``on_step`` of `steepest.flow`.

        Returns
        -------
        FlowResult
            The flow at the new times. Its bounds hold for the whole flow from time 0.
        """
        if self.state is None:
            raise InputError(
                "continue_to: this result was computed by a network, so it has no state"
            )
        return self.state.resume(self.state, times, **options)

    def __repr__(self) -> str:
        psnr = self.psnr_bound()
        worst = float(np.min(psnr)) if psnr.size else float("nan")
        last = float(self.times[-1]) if self.state is None else self.state.time
        return (
            f"<FlowResult: {counted(len(self.times), 'time')} to {last:g}, "
            f"{counted(self.num_steps, 'step')}, {counted(self.iterations, 'iteration')}, "
            f"PSNR >= {worst:.1f} dB, {self.status}>"
        )


@dataclass(frozen=True, eq=False)
class DenoiseResult(ImageResult):
    """A certified minimiser.

    For a batch, ``gap`` and the bounds are arrays with one entry per image.

    Attributes
    ----------
    image : array, shape and dtype of the input
    flux : array (components, \\*image.shape)
        Dual field. For total variation, ``image = f + strength div flux``.
    gap : float
        Relative duality gap: the duality gap divided by the energy.
    error_bound : float
        Guaranteed upper bound on the L2 distance to the exact minimiser. It is the square root of
        the absolute duality gap plus a bound on rounding errors, and follows from the strong
        convexity of the primal and dual energies (docs/certificate).
    iterations : int
        Total number of dual iterations.
    status : Status
        Describes in a sentence how the computation ended.
    strength : float, or array (channels,), (images,) or (images, channels)
        The strength used. It is an array if each image of a batch, or each separate channel, has
        its own strength. If it is 0, the image is unchanged, and ``status`` is
        ``Status.NOTHING_REMOVED``.
    data_range : float
        The range of grey values that `psnr_bound` refers to: 1 for integer images, otherwise the
        maximum minus the minimum of the image.
    sigma : float, array like ``strength``, or None
        Standard deviation of the noise that the strength was chosen for. None if the strength was
        given.
    noise_share : float, array like ``strength``, or None
        Share of the image, over all its channels, that has noise. The rest is constant or
        saturated, or a channel without noise, and ``sigma`` does not refer to it. It is 0 if no
        noise was found, and None if the strength or the noise was given.
    noise : tuple of NoiseModel, or None
        The noise of each channel of each image that the strength was chosen for by
        `denoise_least_risk`. Its ``share`` is the part of the image, the flattest, in which it was
        measured.
    """

    image: Array
    flux: Array
    gap: Any
    error_bound: Any
    iterations: int
    status: Status
    strength: float | np.ndarray
    data_range: float
    sigma: float | np.ndarray | None = None
    noise_share: float | np.ndarray | None = None
    noise: tuple[NoiseModel, ...] | None = None

    def psnr_bound(self, data_range: float | None = None) -> Any:
        """``error_bound`` as a guaranteed PSNR, in dB, relative to ``data_range``."""
        return _psnr(self, self.image.shape, np.shape(self.error_bound), data_range)

    def __repr__(self) -> str:
        worst = float(np.min(self.psnr_bound()))
        strengths = ", ".join(f"{each:g}" for each in np.atleast_1d(self.strength))
        return (
            f"<DenoiseResult: strength {strengths}, {counted(self.iterations, 'iteration')}, "
            f"PSNR >= {worst:.1f} dB, {self.status}>"
        )


def _psnr(
    result: FlowResult | DenoiseResult,
    shape: tuple[int, ...],
    items: tuple[int, ...],
    data_range: float | None,
) -> Any:
    """The bound of a result as PSNR; ``items`` is the shape (1 or none) of a batch."""
    span = result.data_range
    if data_range is not None:
        span = check_number(data_range, "data_range", positive=True)
    return psnr_bound(result.error_bound, math.prod(shape) // math.prod(items), span)
