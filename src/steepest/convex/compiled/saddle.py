"""The compiled solver of total generalised variation, for images of two axes in main memory.

The iteration, the repair and the certificate are those of `steepest.convex.saddle`, with the same
steps; only rounding differs. The iteration runs on one thread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..certificate import StepTerms, assemble, assemble_near
from ..dual import NO_PAUSE, RELAXED, Warm
from ..saddle import SaddleDual
from ..total_generalised_variation import momentum_factors
from .kernels_saddle import (
    INNER,
    LEFT,
    NUM_MASKS,
    NUM_ROLLING,
    NUM_SUMS,
    OPEN,
    RIGHT,
    RIGHT_HALF,
    SLOTS,
    P,
    Q,
    U,
    W,
    iterate,
    repair,
    settle,
    slacks,
    unbend,
)
from .strips import aligned_zeros
from .vectors import LANES

_WAVE = 6  # iterations per wavefront
_EPS = float(np.finfo(np.float64).eps)
_DOUBLE = np.dtype(np.float64)


class CompiledSaddle(SaddleDual):
    """The state and methods of `SaddleDual` for a NumPy array (channels, height, width)."""

    pause = NO_PAUSE

    def _begin(self, f: np.ndarray) -> None:
        energy = self.energy
        channels, height, width = f.shape
        # None keeps the loops over channels from being compiled
        self._coupled = True if channels > 1 else None
        self._shape, self._width, self._dtype = f.shape, width, f.dtype
        stride = -(-width // LANES) * LANES
        plane = (channels, height + 2, stride)
        self._f, self._stored = aligned_zeros(plane, f.dtype), aligned_zeros(plane, f.dtype)
        self._state = aligned_zeros((SLOTS, *plane), f.dtype)
        self._inside(self._f)[:] = f
        self._state[U], self._measured = self._f, self._f
        self._work = aligned_zeros((_WAVE, NUM_ROLLING, 3, channels, stride + 2 * LANES), f.dtype)
        self._rows = aligned_zeros((2, 2, channels, stride + 2 * LANES), f.dtype)
        self._q, self._y = aligned_zeros((3, *plane), f.dtype), aligned_zeros((3, *plane), f.dtype)
        self._r = aligned_zeros((2, *plane), _DOUBLE)
        self._exact = aligned_zeros(plane, _DOUBLE)  # the measured image
        self._w_before: np.ndarray | None = None
        self._sums = np.zeros(NUM_SUMS)
        h_y, h_x = energy.steps
        self._inverse = np.array([1 / h_y, 1 / h_x])
        self._radii = np.array([energy.alpha1, energy.alpha0])
        self._exact_masks = aligned_zeros((NUM_MASKS, stride), _DOUBLE)
        self._exact_masks[LEFT, 1:width] = math.sqrt(0.5) / h_x
        self._exact_masks[INNER, 1 : width - 1] = self._exact_masks[RIGHT, : width - 1] = 1 / h_x
        self._exact_masks[RIGHT_HALF, : width - 1] = math.sqrt(0.5) / h_x
        self._exact_masks[OPEN, : width - 1] = 1
        self._masks = aligned_zeros((NUM_MASKS, stride), f.dtype)
        self._masks[:] = self._exact_masks
        self._betas = np.array(momentum_factors())
        self._square = self._slack(0.0, 0.0, 0.0)[2]  # of the gradient of the measured image

    def _inside(self, arrays: np.ndarray) -> np.ndarray:
        """The pixels of images with a border."""
        return arrays[..., 1:-1, : self._width]

    def _slot(self, begin: int, count: int) -> np.ndarray:
        """Slots of the state, as a new array (components, channels, height, width)."""
        return self._inside(self._state[begin : begin + count]).copy()

    @property
    def warm(self) -> Warm:
        """q, p, w and u."""
        return (self._slot(Q, 3), self._slot(P, 2), self._slot(W, 2), self._slot(U, 1)[0])

    @warm.setter
    def warm(self, arrays: Warm) -> None:
        for begin, array in zip((Q, P, W), arrays, strict=False):
            self._inside(self._state[begin : begin + array.shape[0]])[:] = array
        self._inside(self._state[U])[:] = arrays[3]
        # what the discretisation does not use
        self._state[[W, P, Q], :, -2] = self._state[Q, :, 1] = 0
        self._state[[W + 1, P + 1, Q + 2], ..., self._width - 1] = self._state[Q + 2, ..., 0] = 0
        self._state[Q + 1, :, 1, 0] = self._state[Q + 1, :, -2, self._width - 1] = 0
        self._w_before = self._state[W : W + 2].copy()

    def set_flux(self, p: np.ndarray) -> None:
        """Start from a given q and its p = E* q."""
        energy, before = self.energy, self._w_before
        u = self._inside(self._f) - self.tau * energy.adjoint(p)
        self.warm = (p, energy.unbend(p), self._slot(W, 2), u)
        self._w_before = before

    def shrink_flux(self, factor: float) -> None:
        self._state[P:] *= self._dtype.type(factor)

    def iterate(self, betas: Sequence[float]) -> None:
        """Do one iteration for each entry; its value is ignored."""
        a, b, c, d = self.step_sizes
        steps = np.array([a / (1 + a), b * self.tau, c, d, self.tau])
        iterate(
            self._f, self._state, self._work, self._masks, self._inverse, steps, self._radii,
            RELAXED, len(betas), self._coupled,
        )  # fmt: skip

    @property
    def flux(self) -> np.ndarray:
        """A feasible q, (components, channels, \\*space)."""
        theta = self._repair()
        return self._inside(self._q) * self._dtype.type(theta)

    @property
    def image(self) -> np.ndarray:
        return self._inside(self._measured).copy()

    def write_image(self, out: np.ndarray) -> None:
        """Write the measured image into an array of any dtype."""
        out[:] = self._inside(self._measured)

    def _repair(self) -> float:
        """Set the repaired q, and r = E* q; the factor for which they are in K."""
        energy = self.energy
        self._q[:] = self._y[:] = self._state[Q:]
        repair(
            self._y, self._q, self._rows, self._masks, self._inverse,
            energy.alpha1 * (1 - self._margin), energy.alpha0, 1 / self._norm, self._betas,
            self._coupled,
        )  # fmt: skip
        of_q, of_r = unbend(self._q, self._r, self._exact_masks, self._inverse)
        within = 1.0
        for most, radius in ((of_q, energy.alpha0), (of_r, energy.alpha1)):
            within = min(within, radius / most if most > 0 else 1.0)
        return (1 - 8 * _EPS) * within

    def _slack(self, share: float, share_w: float, theta: float) -> tuple[float, float, float]:
        """J, the slack and the square of the gradient, as upper bounds (see `slacks`)."""
        w = self._state[W : W + 2]
        before = w if self._w_before is None else self._w_before
        slacks(
            self._f, self._exact, share, w, before, share_w, self._r, self._q, self._exact_masks,
            self._inverse, theta, self._radii, self._sums,
        )  # fmt: skip
        first, second, slack, slack_bent, square = self._sums.tolist()
        value = self.energy.alpha1 * first + self.energy.alpha0 * second
        return value, max(slack, 0.0) + max(slack_bent, 0.0), square

    def _measure(self) -> StepTerms:
        energy, tau, theta = self.energy, self.tau, self._repair()
        settle(
            self._f, self._state[U], self._r, self._exact, self._stored, self._inverse, tau * theta,
            self.alone, self._sums,
        )  # fmt: skip
        self._measured = self._stored
        change, stop, start, apart, residual = self._sums.tolist()
        value, after, square = self._slack(1.0, 1.0, theta)
        self._square = square
        squares = (change, stop, start, residual)
        if self.alone:
            return assemble_near(energy, self._shape, tau, value, after, squares, apart, 0.0)
        # all witnesses hold: that of the step before is often the better one
        share, at_start = 1.0, self._slack(0.0, 1.0, theta)
        if self._w_before is not None:
            older = self._slack(0.0, 0.0, theta)
            if older[1] < at_start[1]:
                share, at_start = 0.0, older
        halfway = self._slack(0.5, (1 + share) / 2, theta)
        return assemble(
            energy, self._shape, tau, gap=tau * after,
            integral=0.5 * tau * (at_start[1] + 2 * halfway[1] + after),
            values=(at_start[0], value), squares=squares, dual=0.0,
        )  # fmt: skip

    def advance(self) -> None:
        self._f, self._stored = self._stored, self._f
        self._w_before = self._state[W : W + 2].copy()
        self._begin_step()

    def _mean_slope(self) -> float:
        return math.sqrt(self._square / math.prod(self._shape[1:]))
