"""What a flow gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..convex.certificate import Bound
from ..convex.dual import Warm
from ..convex.solve import Momentum
from ..core.errors import InputError
from ..core.image_like import ImageLike
from ..core.namespace import Array
from ..core.status import Status
from .problem import Problem


@dataclass(frozen=True, eq=False)
class PartState:
    """Where one independent part (a batch item, a separate channel) of a flow stands.

    ``flux`` and ``warm``, the state of its solver, are None at the beginning.
    """

    image: Array
    flux: Array | None
    warm: Warm | None
    bound: Bound
    momentum: Momentum


@dataclass(frozen=True, eq=False)
class FlowState:
    """Everything needed to go on with a flow, the image and energy it began with included."""

    time: float
    problem: Problem = field(repr=False)
    parts: tuple[PartState, ...] = field(repr=False)
    go_on: Callable[..., FlowResult] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Step:
    """One finished implicit Euler step, as `on_step` sees it.

    ``gap`` is relative; ``error_bound`` the certified L2 distance to the exact flow so far;
    ``image`` the current image in the caller's axes (floating point), gathered when asked for. Of a
    batch or of separate channels it is the one item or channel at work. ``stage`` says what the
    step is part of: "flow", or the search that precedes it.
    """

    step: int
    num_steps: int
    time: float
    gap: float
    iterations: int
    error_bound: float
    gather: Callable[[], Array] = field(repr=False)
    stage: str = ""

    @cached_property
    def image(self) -> Array:
        """The image after this step (use it inside the callback: the solver moves on)."""
        return self.gather()


@dataclass(frozen=True, eq=False)
class FlowResult:
    """A certified flow. With a batch, the certificate arrays have a second axis, the items.

    Attributes
    ----------
    images : array (T, \\*image.shape), the dtype of the input
        The flow at ``times``.
    times : array (T,)
        Requested times that were reached (fewer than asked for if stopped early).
    flux : array (components, \\*image.shape), floating point
        Dual field at the last time. For total variation it has one component for each spatial
        axis, ``|flux| <= 1``, and its divergence is the velocity.
    gap : array (T,)
        Largest relative duality gap of the steps since the time before.
    error_bound : array (T,)
        Guaranteed L2 distance (root of the sum of squares over all pixels and channels) to the
        flow that is exact in time, on this pixel grid. For integer images it refers to the
        floating-point image before rounding.
    psnr_bound : array (T,)
        The same as a guaranteed PSNR in dB for ``data_range``.
    solver_error : array (T,)
        The share of ``error_bound**2`` that comes from inexact solution of the steps and rounding.
    time_error : array (T,)
        The rest of ``error_bound**2``, from the length of the steps.
    iterations : int
        Dual iterations in total.
    status : Status
        A sentence; ``converged`` says whether every tolerance was met.
    data_range : float
        The range that ``psnr_bound`` refers to.
    state : FlowState or None
        Where the flow stands; `continue_to` goes on from there. None where a network computed it.
    """

    images: Array
    times: np.ndarray
    flux: Array
    gap: np.ndarray
    error_bound: np.ndarray
    psnr_bound: np.ndarray
    solver_error: np.ndarray
    time_error: np.ndarray
    iterations: int
    num_steps: int
    status: Status
    data_range: float
    state: FlowState | None

    @property
    def converged(self) -> bool:
        """Whether every tolerance asked for was met."""
        return self.status.ok

    def continue_to(self, times: Any, **options: Any) -> FlowResult:
        """Go on with the flow to later times: the same image and energy, the same certificate.

        Parameters
        ----------
        times : float or increasing sequence of floats
            After the time at which this result ends.
        **options
            ``tol``, ``num_steps``, ``grid``, ``accuracy``, ``max_error``,
            ``max_num_steps``, ``max_num_iter``, ``on_step``, ``flux_guess``, ``num_threads`` and
            ``raise_on_failure`` of `steepest.flow`, with its defaults.

        Returns
        -------
        FlowResult
            At the new times. Its bounds are those of the whole flow from time 0.

        Raises
        ------
        InputError
            Bad times or options, or a result of a network, which has no state to go on from.
        """
        if self.state is None:
            raise InputError(
                "continue_to: this result was computed by a network, so it has no state"
            )
        return self.state.go_on(self.state, times, **options)

    def __repr__(self) -> str:
        worst = float(np.min(self.psnr_bound)) if self.psnr_bound.size else float("nan")
        last = float(self.times[-1]) if self.state is None else self.state.time
        return (
            f"<FlowResult: {len(self.times)} times to {last:g}, {self.num_steps} steps, "
            f"{self.iterations} iterations, PSNR >= {worst:.1f} dB, {self.status}>"
        )


@dataclass(frozen=True, eq=False)
class DenoiseResult(ImageLike):
    """A certified minimiser. With a batch, gap and bounds have one entry per item.

    Attributes
    ----------
    image : array, shape and dtype of the input
    flux : array (components, \\*image.shape)
        Dual field. For total variation, ``image = f + strength div flux``.
    gap : float
        Relative duality gap, gap / energy.
    error_bound : float
        Guaranteed L2 distance to the exact minimiser: ``sqrt(gap)``, by strong convexity of the
        primal and of the dual energy (docs/certificate).
    psnr_bound : float
        The same as a guaranteed PSNR in dB for ``data_range``.
    iterations : int
    status : Status
    strength : float, or array (channels,)
        An array where channels were treated separately, each with a strength of its own.
    data_range : float
        The range that ``psnr_bound`` refers to.
    """

    image: Array
    flux: Array
    gap: Any
    error_bound: Any
    psnr_bound: Any
    iterations: int
    status: Status
    strength: float | np.ndarray
    data_range: float

    @property
    def converged(self) -> bool:
        """Whether the tolerance was met."""
        return self.status.ok

    def __repr__(self) -> str:
        worst = float(np.min(self.psnr_bound))
        strengths = ", ".join(f"{each:g}" for each in np.atleast_1d(self.strength))
        return (
            f"<DenoiseResult: strength {strengths}, {self.iterations} iterations, "
            f"PSNR >= {worst:.1f} dB, {self.status}>"
        )
