"""The solver of `CroftonTotalVariation`, compiled, for images with one channel."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.compiled import copy, helper, kernel
from ...core.namespace import sum64
from ...core.vectors import LANES, fill, load, maximum, minimum, store
from ..certificate import StepTerms, assemble_between
from ..crofton import CroftonTotalVariation
from .flags import begin, finish
from .strip_dual import StripDual
from .strips import Strip
from .team import run_together

_SWEEPS = 8  # iterations per wavefront


class CroftonDual(StripDual):
    """`ReferenceDual` compiled, without Huber smoothing."""

    energy: CroftonTotalVariation

    def __init__(
        self, f: np.ndarray, energy: CroftonTotalVariation, num_threads: int | None = None
    ) -> None:
        self._offsets, self._shares = energy.faces(f.ndim - 1)
        super().__init__(f, energy, len(self._shares), _SWEEPS, num_threads)
        self._f = self._image = f
        weights, width = energy.weights, f.shape[-1]
        self._weights = np.zeros((0, 0)) if weights is None else weights.astype(np.float64)
        self._edges = np.zeros((len(self._shares), self._strips[0].edge.size), f.dtype)
        for edge, dx in zip(self._edges, self._offsets[:, 2], strict=True):
            edge[max(0, -dx) : width - max(0, dx)] = 1
        self._norm = energy.norm_squared(f.shape[1:])
        self.set_step(1.0)

    def set_step(self, tau: float, relaxation: float = 1.0) -> None:
        self._finish()
        self.tau = tau
        self.step_size = relaxation / (tau * self._norm)
        self._tau = (tau * self._shares).astype(self._dtype)
        self._steps = (self.step_size * self._shares).astype(self._dtype)[:, None] * self._edges

    def _sweep(self, betas: np.ndarray, share: tuple[float, float]) -> None:
        def work(strip: Strip, *team: Any) -> None:
            _sweep(
                strip.image, strip.state, strip.work, strip.radius, self._tau, self._steps, betas,
                *share, *team,
            )  # fmt: skip

        run_together(work, self._strips)

    def _close(self, component: np.ndarray, k: int) -> None:
        component *= self._edges[k, : self._shape[-1]]
        if k > 0:
            component[:, -1] = 0

    @property
    def _places(self) -> Sequence[int]:
        return range(len(self._offsets))

    def advance(self) -> None:
        self._f = self._image
        for strip in self._strips:
            strip.image[:, strip.own_rows, : self._rows[1]] = self._f[:, strip.image_rows]
        self._exchange_images()

    def measure(self) -> StepTerms:
        """Gap, energies and certificate terms at the current flux, in float64."""
        f, p = self._f[0].astype(np.float64), self.flux[:, 0].astype(np.float64)
        radius = self._weights
        limit = radius if radius.size else 1.0  # a flux from elsewhere may leave the ball
        np.clip(p, -limit, limit, out=p)
        u = _primal(f, p, self.tau * self._shares, self._offsets)
        self._image = u.astype(self._dtype)[None]
        start, half, stop, before, after = _slacks(f, u, p, radius, self._offsets, self._shares)
        return assemble_between(
            self.energy,
            self._shape,
            self.tau,
            (start, half, stop),
            values=(before, after),
            squares=(
                sum64((u - f) ** 2), sum64(u * u), sum64(f * f), sum64((self._image[0] - u) ** 2)
            ),
            dual=0.0,
        )  # fmt: skip


@helper
def _inflow(state, flux, size, at, stride, tau):
    """``tau div`` of 16 pixels of the flux whose first component is in ``flux``.

    What comes from the pixels to the left, above left, above and above right is what these send.
    """
    change = fill(state, tau[0]) * (load(state, flux + at) - load(state, flux + at - 1))
    for a in range(1, 4):
        y = flux + a * size + at
        change += fill(state, tau[a]) * (load(state, y) - load(state, y - stride + a - 2))
    return change


@kernel
def _sweep(image, state, work, radius, tau, steps, betas, begins, ends, flags, member, ticket):
    """``len(betas)`` iterations on a strip, or a stretch of them (see `kernels_sweep.sweep`).

    ``steps`` (4, stride) are the dual steps, 0 where there is no face. The components point right,
    down right, down, and down left. A row of the primal image is complete before the row above it
    is projected.
    """
    begin(flags, member, ticket)
    height, stride = state.shape[1] - 1, state.shape[2]
    size, wide = (height + 1) * stride, work.shape[3]
    one, zero = fill(state, 1.0), fill(state, 0.0)
    way = height + betas.shape[0]
    for front in range(int(begins * way), int(ends * way)):
        for k in range(betas.shape[0]):
            r = front - k
            q = r - 1
            if r < 0 or q >= height:
                continue
            new, here = (2 * k + r % 2) * wide, (2 * k + q % 2) * wide
            if r < height:
                at = (r + 1) * stride
                for j in range(0, stride, LANES):
                    u = load(image, at + j) + _inflow(state, 0, size, at + j, stride, tau)
                    store(work, new + j, u)
            if q < 0:
                continue
            beta, open_ = fill(state, betas[k]), one if r < height else zero
            for j in range(0, stride, LANES):
                at = (q + 1) * stride + j
                w = one
                if radius is not None:
                    w = load(radius, at)
                centre = load(work, here + j)
                for a in range(4):
                    ahead, step = here + j + 1, load(steps, a * stride + j)
                    if a > 0:
                        ahead, step = new + j + 2 - a, step * open_
                    y = a * size + at
                    value = load(state, y) + step * (load(work, ahead) - centre)
                    value = minimum(maximum(value, zero - w), w)
                    store(state, y, value + beta * (value - load(state, y + 4 * size)))
                    store(state, y + 4 * size, value)
    finish(flags, member, ticket)


@helper
def _add(u, factor, y):
    for j in range(u.size):
        u[j] += factor * y[j]


@helper
def _primal_row(f, y, tau, offsets, r, u):
    """Row r of ``f + tau div y``; y is zero where there is no neighbour.

    Rows are passed as views: an index of unknown sign keeps loops from being vectorised.
    """
    copy(u, f[r])
    for a in range(y.shape[0]):
        dy, dx = offsets[a, 1], offsets[a, 2]
        _add(u, tau[a], y[a, r])
        if r >= dy:
            above = y[a, r - dy]
            if dx >= 0:
                _add(u[dx:], -tau[a], above[: above.size - dx])
            else:
                _add(u[:dx], -tau[a], above[-dx:])


@kernel
def _primal(f, y, tau, offsets):
    """``f + tau div y``."""
    u = np.empty_like(f)
    for r in range(f.shape[0]):
        _primal_row(f, y, tau, offsets, r, u[r])
    return u


@helper
def _row_slacks(p, f, f_ahead, u, u_ahead, w, share):
    """The sums of `_slacks` over the faces of a row."""
    start, half, stop, before, after = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(p.size):
        own = w[j]
        d0, d1 = share * (f_ahead[j] - f[j]), share * (u_ahead[j] - u[j])
        middle = 0.5 * (d0 + d1)
        before += own * abs(d0)
        after += own * abs(d1)
        start += own * abs(d0) - p[j] * d0
        half += own * abs(middle) - p[j] * middle
        stop += own * abs(d1) - p[j] * d1
    return start, half, stop, before, after


@kernel
def _slacks(f, u, p, radius, offsets, shares):
    """Slacks of f, of (f + u) / 2 and of u, and J of f and of u."""
    start, half, stop, before, after = 0.0, 0.0, 0.0, 0.0, 0.0
    height, width = f.shape
    ones = np.ones(width)
    for a in range(p.shape[0]):
        dy, dx, share = offsets[a, 1], offsets[a, 2], shares[a]
        x0, x1 = max(0, -dx), width - max(0, dx)
        for r in range(height - dy):
            w = ones
            if radius.shape[0] > 0:
                w = radius[r]
            row = _row_slacks(
                p[a, r, x0:x1], f[r, x0:x1], f[r + dy, x0 + dx : x1 + dx], u[r, x0:x1],
                u[r + dy, x0 + dx : x1 + dx], w[x0:x1], share,
            )  # fmt: skip
            start += row[0]
            half += row[1]
            stop += row[2]
            before += row[3]
            after += row[4]
    return start, half, stop, before, after
