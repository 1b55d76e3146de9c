"""The solver of `CroftonTotalVariation`, compiled, for images with one channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.compiled import helper, kernel
from ...core.namespace import sum64
from ..certificate import StepTerms, assemble
from ..crofton import CroftonTotalVariation
from ..reference import ReferenceDual

_AT_ONCE = 2**21  # pixels times iterations of a compiled call, for which Ctrl-C waits


class CroftonDual(ReferenceDual):
    """`ReferenceDual` with compiled loops; without Huber smoothing."""

    energy: CroftonTotalVariation

    def __init__(
        self, f: np.ndarray, energy: CroftonTotalVariation, num_threads: int | None = None
    ) -> None:
        super().__init__(f, energy, num_threads)
        self._offsets, self._shares = energy.faces(2)
        weights = energy.weights
        self._radius = np.zeros((0, 0), f.dtype) if weights is None else weights.astype(f.dtype)

    def iterate(self, betas: Sequence[float]) -> None:
        """Do one iteration for each momentum factor."""
        y, p = self.y[:, 0].copy(), self.p[:, 0].copy()
        kind = self.f.dtype.type
        tau, step = (factor * self._shares for factor in (self.tau, self.step_size))
        factors, block = np.asarray(betas, kind), max(_AT_ONCE // self.f.size, 1)
        for begin in range(0, len(factors), block):
            _iterate(
                self.f[0], y, p, self._radius, self._offsets, tau.astype(kind), step.astype(kind),
                factors[begin : begin + block], kind(1),
            )  # fmt: skip
        self.y, self.p = y[:, None], p[:, None]

    def measure(self) -> StepTerms:
        """Gap, energies and certificate terms at the current flux, in float64."""
        f, p = self.f[0].astype(np.float64), self.p[:, 0].astype(np.float64)
        radius = self._radius.astype(np.float64)
        _project(p, radius)
        u = _primal(f, p, self.tau * self._shares, self._offsets)
        self._image = u.astype(self.f.dtype)[None]
        sums = _slacks(f, u, p, radius, self._offsets, self._shares)
        start, half, stop, before, after = sums.tolist()
        return assemble(
            self.energy,
            tuple(self.f.shape),
            self.tau,
            gap=self.tau * stop,
            integral=0.5 * self.tau * (start + 2 * half + stop),
            values=(before, after),
            squares=(
                sum64((u - f) ** 2), sum64(u * u), sum64(f * f), sum64((self._image[0] - u) ** 2)
            ),
            dual=0.0,
        )  # fmt: skip


@helper
def _add(u, factor, y):
    for j in range(u.size):
        u[j] += factor * y[j]


@helper
def _primal_row(f, y, tau, offsets, r, u):
    """Row r of ``f + tau div y``; y is zero where there is no neighbour.

    Rows are passed as views: an index of unknown sign keeps loops from being vectorised.
    """
    u[:] = f[r]
    for a in range(y.shape[0]):
        dy, dx = offsets[a, 1], offsets[a, 2]
        _add(u, tau[a], y[a, r])
        if r >= dy:
            above = y[a, r - dy]
            if dx >= 0:
                _add(u[dx:], -tau[a], above[: above.size - dx])
            else:
                _add(u[:dx], -tau[a], above[-dx:])


@helper
def _step(y, p, here, ahead, s, beta, one):
    for j in range(y.size):
        q = min(max(y[j] + s * (ahead[j] - here[j]), -one), one)
        y[j] = q + beta * (q - p[j])
        p[j] = q


@helper
def _weighted_step(y, p, here, ahead, s, beta, radius):
    for j in range(y.size):
        w = radius[j]
        q = min(max(y[j] + s * (ahead[j] - here[j]), -w), w)
        y[j] = q + beta * (q - p[j])
        p[j] = q


@kernel
def _primal(f, y, tau, offsets):
    """``f + tau div y``."""
    u = np.empty_like(f)
    for r in range(f.shape[0]):
        _primal_row(f, y, tau, offsets, r, u[r])
    return u


@kernel
def _iterate(f, y, p, radius, offsets, tau, step, betas, one):
    """One iteration for each of ``betas``; y and p are changed in place."""
    height, width = f.shape
    u = np.empty_like(f)
    for k in range(betas.shape[0]):
        beta = betas[k]
        for r in range(height):
            _primal_row(f, y, tau, offsets, r, u[r])
        for a in range(y.shape[0]):
            dy, dx = offsets[a, 1], offsets[a, 2]
            x0, x1 = max(0, -dx), width - max(0, dx)
            for r in range(height - dy):
                rows = (y[a, r, x0:x1], p[a, r, x0:x1], u[r, x0:x1], u[r + dy, x0 + dx : x1 + dx])
                if radius.shape[0] > 0:
                    _weighted_step(*rows, step[a], beta, radius[r, x0:x1])
                else:
                    _step(*rows, step[a], beta, one)


@kernel
def _project(p, radius):
    """Bring p into the dual ball, in place; a flux from elsewhere may leave it."""
    for a in range(p.shape[0]):
        for r in range(p.shape[1]):
            for j in range(p.shape[2]):
                w = radius[r, j] if radius.shape[0] > 0 else 1.0
                p[a, r, j] = min(max(p[a, r, j], -w), w)


@kernel
def _slacks(f, u, p, radius, offsets, shares):
    """Slacks of f, of (f + u) / 2 and of u, and J of f and of u, summed row by row."""
    sums = np.zeros(5)
    height, width = f.shape
    for a in range(p.shape[0]):
        dy, dx, share = offsets[a, 1], offsets[a, 2], shares[a]
        for r in range(height - dy):
            start, half, stop, before, after = 0.0, 0.0, 0.0, 0.0, 0.0
            for j in range(max(0, -dx), width - max(0, dx)):
                w = radius[r, j] if radius.shape[0] > 0 else 1.0
                d0 = share * (f[r + dy, j + dx] - f[r, j])
                d1 = share * (u[r + dy, j + dx] - u[r, j])
                middle = 0.5 * (d0 + d1)
                q = p[a, r, j]
                before += w * abs(d0)
                after += w * abs(d1)
                start += w * abs(d0) - q * d0
                half += w * abs(middle) - q * middle
                stop += w * abs(d1) - q * d1
            sums[0] += start
            sums[1] += half
            sums[2] += stop
            sums[3] += before
            sums[4] += after
    return sums
