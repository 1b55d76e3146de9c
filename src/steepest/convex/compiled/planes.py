"""Memory of the compiled primal-dual solvers, and calls of their kernels, for images of two axes.

The kernels' fields p and q include the weights of the first and the second order: they are at most
``alpha1`` and ``alpha0`` in length.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.threads import resolve_num_threads
from ...core.vectors import LANES
from ..dual import NO_PAUSE, RELAXED
from .flags import APART
from .kernels_rows import (
    INNER,
    LEFT,
    NUM_MASKS,
    NUM_ROLLING,
    OPEN,
    RIGHT,
    RIGHT_HALF,
    SLOTS,
    P,
    Q,
    U,
    W,
)
from .kernels_saddle import NUM_SUMS, iterate, reduce_order, settle, slacks
from .strips import aligned_zeros
from .team import run_together

_WAVE = 6  # iterations per wavefront
_VALUES_PER_THREAD = 2**16  # less work per thread does not pay
_ROWS_PER_THREAD = 128
_EPS = float(np.finfo(np.float64).eps)
_DOUBLE = np.dtype(np.float64)


def column_masks(width: int, spacing: float, dtype: np.dtype) -> np.ndarray:
    """What the row functions multiply differences along x with, (NUM_MASKS, stride)."""
    masks = aligned_zeros((NUM_MASKS, -(-width // LANES) * LANES), dtype)
    masks[LEFT, 1:width] = masks[RIGHT_HALF, : width - 1] = math.sqrt(0.5) / spacing
    masks[INNER, 1 : width - 1] = masks[RIGHT, : width - 1] = 1 / spacing
    masks[OPEN, : width - 1] = 1
    return masks


def rolling_rows(
    threads: int, channels: int, stride: int, dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray]:
    """``work`` and ``progress`` of `share_waves`."""
    shape = (threads, _WAVE, NUM_ROLLING, 3, channels, stride + 2 * LANES)
    return aligned_zeros(shape, dtype), np.zeros(threads * APART, np.int64)


class Planes:
    """A state for an image (channels, height, width), and what is done with all of it.

    ``lifted`` is True if w is an unknown, None if it is the gradient of u; ``first`` is None if
    there is no term of first order.
    """

    pause = NO_PAUSE
    lifted: bool | None = None
    first: bool | None = True

    def _allocate(
        self,
        f: np.ndarray,
        spacing: Sequence[float],
        radii: Sequence[float],
        num_threads: int | None,
    ) -> None:
        channels, height, width = f.shape
        # None keeps the loops over channels from being compiled
        self._coupled = True if channels > 1 else None
        self._shape, self._width, self._dtype = f.shape, width, f.dtype
        stride = -(-width // LANES) * LANES
        plane = (channels, height + 2, stride)
        self._f, self._stored = aligned_zeros(plane, f.dtype), aligned_zeros(plane, f.dtype)
        self._state = aligned_zeros((SLOTS, *plane), f.dtype)
        self._inside(self._f)[:] = f
        self._measured, self._centred = self._f, aligned_zeros(plane, f.dtype)
        self._centre()
        most = min(f.size // _VALUES_PER_THREAD, height // _ROWS_PER_THREAD)
        threads = max(min(resolve_num_threads(num_threads), most), 1)
        self._work, self._progress = rolling_rows(threads, channels, stride, f.dtype)
        self._r = aligned_zeros((2, *plane), _DOUBLE)
        self._exact = aligned_zeros(plane, _DOUBLE)  # the measured image
        self._mixed = aligned_zeros(plane, _DOUBLE)  # between that and f
        self._sums, self._rows = np.zeros(NUM_SUMS), np.zeros((height, NUM_SUMS))
        h_y, h_x = spacing
        self._inverse, self._radii = np.array([1 / h_y, 1 / h_x]), np.array(radii)
        self._exact_masks = column_masks(width, h_x, _DOUBLE)
        self._masks = aligned_zeros(self._exact_masks.shape, f.dtype)
        self._masks[:] = self._exact_masks

    def _inside(self, arrays: np.ndarray) -> np.ndarray:
        """The pixels of images with a border."""
        return arrays[..., 1:-1, : self._width]

    def _slot(self, begin: int, count: int) -> np.ndarray:
        """Slots of the state, as a new array (components, channels, height, width)."""
        return self._inside(self._state[begin : begin + count]).copy()

    def _set_slots(self, begin: int, arrays: np.ndarray) -> None:
        self._inside(self._state[begin : begin + len(arrays)])[:] = arrays

    def _image_now(self) -> np.ndarray:
        """The image of the state, which holds its difference from f."""
        image: np.ndarray = self._inside(self._f + self._state[U])
        return image

    def _set_image(self, u: np.ndarray) -> None:
        self._inside(self._state[U])[:] = u - self._inside(self._f)

    def _replace_f(self) -> None:
        """Go on with the measured image instead of f."""
        self._state[U] += self._f - self._stored
        self._f, self._stored = self._stored, self._f
        self._centre()

    def _centre(self) -> None:
        """f less the mean of each channel, which rounding does not hide."""
        f = self._inside(self._f)
        self._inside(self._centred)[:] = f - f.mean((1, 2), np.float64, keepdims=True)

    def _close(self) -> None:
        """Set what the discretisation does not use to zero."""
        self._state[[W, P, Q], :, -2] = self._state[Q, :, 1] = 0
        self._state[[W + 1, P + 1, Q + 2], ..., self._width - 1] = self._state[Q + 2, ..., 0] = 0
        self._state[Q + 1, :, 1, 0] = self._state[Q + 1, :, -2, self._width - 1] = 0

    def shrink_flux(self, factor: float) -> None:
        self._state[P:] *= self._dtype.type(factor)

    @property
    def image(self) -> np.ndarray:
        """The measured image."""
        return self._inside(self._measured).copy()

    def write_image(self, out: np.ndarray) -> None:
        """Write the measured image into an array of any dtype."""
        out[:] = self._inside(self._measured)

    def _iterate(self, steps: tuple[float, float, float, float], tau: float, count: int) -> None:
        """Do iterations with the steps ``a / (1 + a)``, ``b tau``, c and d."""
        numbers = np.array([*self._inverse, *steps, tau, *self._radii, RELAXED])
        self._progress[:] = 0
        run_together(
            _work,
            [
                (
                    self._centred, self._state, self._work, self._masks, numbers, count,
                    self._coupled, self.lifted, self.first, part, self._progress,
                )
                for part in range(len(self._work))
            ],
        )  # fmt: skip

    def _within(self, q: np.ndarray, p: np.ndarray | None) -> float:
        """Set r to E* q, or to p + E* q; the factor for which |q| and |p|, or |E* q|, are small."""
        of_q, of_r = reduce_order(q, p, self._r, self._exact_masks, self._inverse)
        first, second = self._radii
        within = min(1.0, second / of_q if of_q > 0 else 1.0)
        if self.first is not None:
            within = min(within, first / of_r if of_r > 0 else 1.0)
        return (1 - 8 * _EPS) * within

    def _settle(self, factor: float, alone: bool) -> list[float]:
        """Set the measured image; the sums of `settle`."""
        settle(
            self._f, self._state[U], self._r, self._exact, self._stored, self._inverse, factor,
            alone, self._sums,
        )  # fmt: skip
        self._measured = self._stored
        squares: list[float] = self._sums.tolist()
        return squares

    def _between(self, share: float) -> np.ndarray:
        """``(1 - share) f + share image``, of the measured image."""
        if share == 1:
            return self._exact
        np.multiply(self._f, 1 - share, out=self._mixed)
        self._mixed += share * self._exact
        return self._mixed

    def _slack(
        self, v: np.ndarray, w: np.ndarray, r: np.ndarray, q: np.ndarray, theta: float
    ) -> tuple[float, float]:
        """J and the slack at v, as upper bounds (see `slacks`); the square of its slope is kept."""
        slacks(
            v, w, r, q, self._exact_masks, self._inverse, theta, self._radii, self.lifted,
            self._rows,
        )  # fmt: skip
        first, second, slack, slack_bent, self._square = self._rows.sum(0).tolist()
        alpha1, alpha0 = self._radii.tolist()
        return alpha1 * first + alpha0 * second, max(slack, 0.0) + max(slack_bent, 0.0)

    def _mean_slope(self) -> float:
        return math.sqrt(self._square / math.prod(self._shape[1:]))


def _work(arguments: tuple[Any, ...], *team: Any) -> None:
    *given, part, progress = arguments
    iterate(*given, (part, progress, *team))
