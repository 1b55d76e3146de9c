"""The convex problem of one warp: displacement and strain, with the Huber function h.

    min over u, w of  sum weight h(c + g.u)
                      + sum over both components of alpha1 |grad u_c - w_c| + alpha0 |E w_c|

by the over-relaxed primal-dual steps of `steepest.convex.saddle`, of a fixed length. There is no
bound of this energy from below for all u, because its data term says nothing along the edges of the
image. What is measured is the restricted gap of Chambolle & Pock (J. Math. Imaging Vis. 40 (2011)
120-145): how much lower the energy could be for displacements within `REACH` of u and w. As the
energy is convex, the distance to the minimum is at most that, times the distance to a minimiser in
units of `REACH`, if it is larger than one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..convex.compiled.kernels_rows import ALPHA0, ALPHA1, SLOTS
from ..convex.compiled.planes import column_masks, rolling_rows
from ..convex.compiled.strips import aligned_zeros
from ..convex.compiled.team import run_together
from ..convex.dual import RELAXED
from ..core.threads import run_all
from ..core.vectors import LANES
from .kernels import DATA_SLOTS, SQUARE, WEIGHT, C, G, iterate, measure

REACH = (0.1, 0.01)  # pixels of u, strain of w
_LEAST_ROWS = 56  # of a thread
_DTYPE = np.dtype(np.float32)


class Problem:
    """The state of the iteration."""

    def __init__(
        self,
        shape: tuple[int, int],
        radii: Sequence[float],
        steps: Sequence[float],
        load_axis: int | None,
        num_threads: int,
    ) -> None:
        self.shape, self.delta = shape, 0.0
        tau, omega = steps
        c, d = 1 / (8 * tau + 9 * omega), 1 / (9 * omega)
        self._numbers = np.array([1, 1, 0, omega, c, d, tau, *radii, RELAXED])
        self._radii, self._axis = np.array(radii, float), -1 if load_axis is None else load_axis
        height, width = shape
        stride = -(-width // LANES) * LANES
        self._masks = column_masks(width, 1.0, _DTYPE)
        self._threads = max(min(num_threads, height // _LEAST_ROWS), 1)
        self._state = aligned_zeros((SLOTS, 2, height + 2, stride), _DTYPE)
        self._data = aligned_zeros((DATA_SLOTS, height + 2, stride), _DTYPE)
        self._rolling = rolling_rows(self._threads, 2, stride, _DTYPE)

    def _inside(self, array: np.ndarray) -> np.ndarray:
        return array[..., 1:-1, : self.shape[1]]

    def set_data(self, gradient: np.ndarray, c: np.ndarray, weight: np.ndarray) -> None:
        """The data term, from (2, H, W), (H, W) and (H, W)."""
        inside = self._inside(self._data)
        inside[G : G + 2], inside[C] = gradient, c
        inside[WEIGHT], inside[SQUARE] = weight, (gradient**2).sum(0)

    def set_radii(self, radii: Sequence[float]) -> None:
        """The weights alpha1 and alpha0."""
        self._radii[:] = self._numbers[[ALPHA1, ALPHA0]] = radii

    def set_fields(self, u: np.ndarray, w: np.ndarray) -> None:
        """Start from a displacement (2, H, W) and its gradient (2, 2, H, W), component first."""
        inside = self._inside(self._state)
        inside[0] = u
        inside[1:3] = w.swapaxes(0, 1)
        inside[1, :, -1] = inside[2, ..., -1] = 0

    def fields(self) -> tuple[np.ndarray, np.ndarray]:
        """u (2, H, W) and w (2, 2, H, W)."""
        whole = self._inside(self._state)[:3].copy()
        return whole[0], whole[1:].swapaxes(0, 1)

    def iterate(self, count: int) -> None:
        """Do ``count`` iterations."""
        given = self._data, self._state, self._rolling[0], self._masks, self._numbers
        self._rolling[1][:] = 0
        run_together(
            _work,
            [
                (*given, self.delta, self._axis, count, part, self._rolling[1])
                for part in range(self._threads)
            ],
        )

    def measure(self) -> tuple[float, float]:
        """The energy and its restricted gap."""
        height = self.shape[0]
        sums = np.zeros((height, 2))

        def work(part: int) -> None:
            first, last = (height * k // self._threads for k in (part, part + 1))
            measure(
                self._data, self._state, self._masks, self._radii, self.delta, np.array(REACH),
                self._axis, first, last, sums,
            )  # fmt: skip

        run_all(work, range(self._threads))
        energy, gap = sums.sum(0).tolist()
        return energy, max(gap, 0.0)

    def solve(self, tol: float, max_num_iter: int) -> tuple[float, int]:
        """Iterate until the gap is at most ``tol`` times the energy; that, and the iterations.

        The energy counts as at least that of an error of a thousandth of a pixel everywhere.
        """
        done, step, gap = 0, 24, np.inf
        weight, square = self._data[WEIGHT], self._data[SQUARE]
        least = 1e-3 * float((weight * np.sqrt(square)).sum(dtype=np.float64))
        while done < max_num_iter:
            step = min(step, max_num_iter - done)
            self.iterate(step)
            done += step
            energy, absolute = self.measure()
            gap = absolute / max(energy, least) if absolute > 0 else 0.0
            if gap <= tol:
                break
            # the gap falls about like one over the iterations
            step = int(min(max(done * (gap / tol - 1), 12), done))
        return gap, done


def _work(arguments: tuple[Any, ...], *team: Any) -> None:
    *given, part, progress = arguments
    iterate(*given, (part, progress, *team))
