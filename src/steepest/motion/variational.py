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

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..convex.compiled.kernels_saddle import (
    INNER,
    LEFT,
    NUM_MASKS,
    NUM_ROLLING,
    OPEN,
    RIGHT,
    RIGHT_HALF,
    SLOTS,
)
from ..convex.compiled.strips import aligned_zeros
from ..convex.compiled.vectors import LANES
from ..convex.dual import RELAXED
from ..core.threads import run_all
from .kernels import DATA_SLOTS, SQUARE, WEIGHT, C, G, iterate, measure

REACH = (0.1, 0.01)  # pixels of u, strain of w
_WAVE = 6  # iterations per wavefront
_HALO = 2 * _WAVE + 2  # rows that a wavefront reads beyond those that it gets right
_LEAST_ROWS = 4 * _HALO  # of a thread
_DTYPE = np.dtype(np.float32)


@dataclass
class _Strip:
    """Rows ``start`` to ``stop`` of the image, of which ``first`` to ``last`` are its own."""

    start: int
    stop: int
    first: int
    last: int
    state: np.ndarray
    data: np.ndarray
    work: np.ndarray


class Problem:
    """The state of the iteration, divided into strips of rows, which threads work on."""

    def __init__(
        self,
        shape: tuple[int, int],
        radii: Sequence[float],
        steps: Sequence[float],
        load_axis: int | None,
        num_threads: int,
    ) -> None:
        self.shape, self._width, self.delta = shape, shape[1], 0.0
        tau, omega = steps
        self._steps = np.array([tau, omega, 1 / (8 * tau + 9 * omega), 1 / (9 * omega)])
        self._radii, self._axis = np.array(radii, float), -1 if load_axis is None else load_axis
        height, width = shape
        stride = -(-width // LANES) * LANES
        self._masks = masks = aligned_zeros((NUM_MASKS, stride), _DTYPE)
        masks[LEFT, 1:width] = masks[RIGHT_HALF, : width - 1] = 0.5**0.5
        masks[INNER, 1 : width - 1] = masks[RIGHT, : width - 1] = masks[OPEN, : width - 1] = 1
        count = max(min(num_threads, height // _LEAST_ROWS), 1)
        self._strips = []
        for k in range(count):
            first, last = height * k // count, height * (k + 1) // count
            start, stop = max(first - _HALO, 0), min(last + _HALO, height)
            plane = (stop - start + 2, stride)
            self._strips.append(_Strip(
                start, stop, first, last,
                aligned_zeros((SLOTS, 2, *plane), _DTYPE),
                aligned_zeros((DATA_SLOTS, *plane), _DTYPE),
                aligned_zeros((_WAVE, NUM_ROLLING, 3, 2, stride + 2 * LANES), _DTYPE),
            ))  # fmt: skip

    def _inside(self, array: np.ndarray) -> np.ndarray:
        return array[..., 1:-1, : self._width]

    def set_data(self, gradient: np.ndarray, c: np.ndarray, weight: np.ndarray) -> None:
        """The data term, from (2, H, W), (H, W) and (H, W)."""
        for strip in self._strips:
            rows, inside = slice(strip.start, strip.stop), self._inside(strip.data)
            inside[G : G + 2], inside[C] = gradient[:, rows], c[rows]
            inside[WEIGHT], inside[SQUARE] = weight[rows], (gradient[:, rows] ** 2).sum(0)

    def set_fields(self, u: np.ndarray, w: np.ndarray) -> None:
        """Start from a displacement (2, H, W) and its gradient (2, 2, H, W), component first."""
        for strip in self._strips:
            rows, inside = slice(strip.start, strip.stop), self._inside(strip.state)
            inside[0] = u[:, rows]
            inside[1:3] = w[..., rows, :].swapaxes(0, 1)
            if strip.stop == self.shape[0]:
                inside[1, :, -1] = 0
            inside[2, ..., -1] = 0

    def fields(self) -> tuple[np.ndarray, np.ndarray]:
        """u (2, H, W) and w (2, 2, H, W)."""
        parts = [
            self._inside(s.state)[:3, :, s.first - s.start : s.last - s.start]
            for s in self._strips
        ]  # fmt: skip
        whole = np.concatenate(parts, 2)
        return whole[0], whole[1:].swapaxes(0, 1)

    def iterate(self, count: int) -> None:
        """Do ``count`` iterations."""
        for done in range(0, count, _WAVE):
            now = min(_WAVE, count - done)
            self._exchange()

            def work(strip: _Strip, now: int = now, last: bool = done + now == count) -> None:
                iterate(
                    strip.data, strip.state, strip.work, self._masks, self._steps, self._radii,
                    self.delta, RELAXED, now, self._axis, last,
                )  # fmt: skip

            run_all(work, self._strips)

    def _exchange(self) -> None:
        """Renew the halos: rows that another strip owns."""
        for above, below in zip(self._strips, self._strips[1:], strict=False):
            a, b = above.state, below.state
            cut = above.last  # rows from here on belong to `below`; arrays have a row before them
            here, there = cut - above.start + 1, cut - below.start + 1
            a[..., here : here + _HALO, :] = b[..., there : there + _HALO, :]
            b[..., there - _HALO : there, :] = a[..., here - _HALO : here, :]

    def measure(self) -> tuple[float, float]:
        """The energy and its restricted gap."""
        self._exchange()
        sums = np.zeros((self.shape[0], 2))

        def work(strip: _Strip) -> None:
            measure(
                strip.data, strip.state, self._masks, self._radii, self.delta, np.array(REACH),
                self._axis, strip.first - strip.start, sums[strip.first : strip.last],
            )  # fmt: skip

        run_all(work, self._strips)
        energy, gap = sums.sum(0).tolist()
        return energy, max(gap, 0.0)

    def solve(self, tol: float, max_num_iter: int) -> tuple[float, int]:
        """Iterate until the gap is at most ``tol`` times the energy; that, and the iterations.

        The energy counts as at least that of an error of a thousandth of a pixel everywhere.
        """
        done, step, gap = 0, 24, np.inf
        least = 1e-3 * sum(
            float((x[WEIGHT] * np.sqrt(x[SQUARE])).sum(dtype=np.float64))
            for x in (s.data[:, s.first - s.start + 1 : s.last - s.start + 1] for s in self._strips)
        )
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
