"""The accelerated dual iteration compiled with numba, with the interface of `reference`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from ...core.threads import resolve_num_threads, run_all
from ..certificate import StepTerms, assemble
from ..dual import Warm
from ..solve import Momentum
from ..total_variation import TotalVariation
from .kernels_measure import certificate_sums, exact_primal, largest_norm
from .kernels_slack import MOST_COMPONENTS, WIDEST, slack_sums, upper_sums
from .kernels_sweep import primal, sweep
from .multilevel import coarse_flux, correction
from .strips import Strip, exchange_halos, make_strips

_SWEEPS = 8  # iterations per wavefront: enough to amortise a load, few enough to stay in cache
_VOLUME_SWEEPS = 2  # the same for volumes, whose planes are large
_SMOOTHING = 8  # iterations after a correction, which mend what it broke locally
_EPS = float(np.finfo(np.float64).eps)


class CompiledDual:
    """The state and methods of `reference.ReferenceDual`, compiled, for NumPy arrays."""

    patience = 400

    def __init__(self, f: np.ndarray, energy: TotalVariation, num_threads: int | None = None):
        self.energy = energy
        self._num_threads = num_threads
        self._shape = f.shape
        channels, space = f.shape[0], f.shape[1:]
        self._axes = max(len(space), 2)
        self._channels = channels
        self._plane = space[1] if len(space) == 3 else 1
        # None keeps what is not needed from being compiled: half of the wait at the first use
        self._volume = self._plane if self._axes == 3 else None
        several = channels > 1 or (self._axes == 3 and not energy.isotropic)
        self._several = True if several else None
        grey = channels == 1 and self._axes == 2 and energy.isotropic
        self._general = None if grey else True
        self._sweeps = _SWEEPS if self._axes == 2 else _VOLUME_SWEEPS
        rows = (channels, int(np.prod(space[:-1])), space[-1])
        weights = energy.weights
        self._strips = make_strips(
            f.reshape(rows),
            self._axes,
            unit=self._plane,
            sweeps=self._sweeps,
            weights=None if weights is None else weights.reshape(rows[1:]),
            num_threads=resolve_num_threads(num_threads),
        )
        spacing = (*energy.steps[::-1], 1.0, 1.0)[:3]  # in the kernels' order x, y, z
        self._inverse_spacing = np.array([1 / h for h in spacing])
        self._norm = energy.norm_squared(space)
        self._dtype = f.dtype.type
        self._tiny = self._dtype(1e-30)
        self._largest = 1.0
        plain = energy.huber == 0 and energy.weights is None
        few = rows[2] <= WIDEST and self._axes * channels <= MOST_COMPONENTS
        self._in_single = plain and few and self._dtype is np.float32
        self._single_is_enough = self._in_single
        self.set_step(1.0)

    def set_step(self, tau: float, relaxation: float = 1.0) -> None:
        """Set the step length ``tau`` and the dual step size, relaxation / (tau ||grad||^2)."""
        self.tau = tau
        self.step_size = relaxation / (tau * self._norm)
        self._tau = (tau * self._inverse_spacing).astype(self._dtype)
        self._step = (self.step_size * self._inverse_spacing).astype(self._dtype)
        self._shrink = self._dtype(1.0 / (1.0 + self.step_size * self.energy.huber))

    def _slots(self, kind: int) -> slice:
        """Slots of y (kind 0) or p (kind 1)."""
        size = self._axes * self._channels
        return slice(self._channels + kind * size, self._channels + (kind + 1) * size)

    def set_flux(self, p: np.ndarray) -> None:
        """Start from a given flux, without momentum."""
        self.warm = (p, p)

    @property
    def warm(self) -> Warm:
        """The flux and the extrapolated flux, (ndim, channels, \\*space) each."""
        return (self._gather(1), self._gather(0))

    @warm.setter
    def warm(self, arrays: Warm) -> None:
        for kind, flux in zip((1, 0), arrays, strict=True):
            rows = np.zeros((self._axes, self._channels, *self._rows()), self._dtype)
            rows[: flux.shape[0]] = _closed(flux)[::-1].reshape(-1, self._channels, *self._rows())
            rows = rows.reshape(-1, *self._rows())
            for strip in self._strips:
                stop = strip.start + strip.state.shape[1]
                strip.state[self._slots(kind)] = rows[:, strip.start : stop]

    def _rows(self) -> tuple[int, int]:
        return int(np.prod(self._shape[1:-1])), self._shape[-1]

    def shrink_flux(self, factor: float) -> None:
        """Multiply the flux by a number in [0, 1] and reset the momentum."""
        for strip in self._strips:
            strip.state[self._slots(1)] *= self._dtype(factor)
        self.restart()

    def restart(self) -> None:
        """Reset the momentum."""
        for strip in self._strips:
            strip.state[self._slots(0)] = strip.state[self._slots(1)]

    def iterate(self, betas: Sequence[float]) -> None:
        """Do one iteration for each momentum factor."""
        block = self._sweeps
        factors = np.asarray(betas, self._dtype)
        for begin in range(0, len(factors), block):
            part = factors[begin : begin + block]
            exchange_halos(self._strips)
            run_all(partial(self._sweep, betas=part), self._strips)

    def _sweep(self, strip: Strip, betas: np.ndarray) -> None:
        one, isotropic = self._dtype(1), self.energy.isotropic
        sweep(
            strip.state, strip.work, self._volume, self._several, self._tau, self._step,
            self._shrink, one, self._tiny, isotropic, strip.radius, betas,
        )  # fmt: skip

    def _gather(self, kind: int) -> np.ndarray:
        out = np.empty((self._axes * self._channels, *self._rows()), self._dtype)
        for strip in self._strips:
            out[:, strip.image_rows] = strip.state[self._slots(kind), strip.rows]
        ndim = len(self._shape) - 1
        return out.reshape(self._axes, *self._shape)[:ndim][::-1].copy()

    @property
    def flux(self) -> np.ndarray:
        """The current flux, (ndim, channels, \\*space)."""
        return self._gather(1)

    def _store_primal(self, strip: Strip) -> None:
        primal(strip.state, strip.stored[:, :, None], self._volume, self._tau)

    @property
    def image(self) -> np.ndarray:
        """``f + tau div p`` as of the last `measure`, (channels, \\*space)."""
        out = np.empty((self._channels, *self._rows()), self._dtype)
        for strip in self._strips:
            out[:, strip.image_rows] = strip.stored[:, strip.rows, :-1]
        return out.reshape(self._shape)

    def measure(self) -> StepTerms:
        """Gap, energies and certificate terms at the current flux."""
        exchange_halos(self._strips)
        if self._single_is_enough:
            terms = self._measured_in_single()
            if terms is not None:
                return terms
        feasible = (1 - 4 * _EPS) / max(1.0, self._largest)  # guess: the last norm still holds
        norm, total = self._sums(feasible)
        if norm * feasible > 1 - 2 * _EPS:
            feasible = (1 - 4 * _EPS) / norm
            _, total = self._sums(feasible)
        self._largest = norm
        # the next look will probably see a gap like this one
        self._single_is_enough = self._in_single and total[0] > 2.5e-4 * total[3]
        return assemble(
            self.energy,
            self._shape,
            self.tau,
            gap=self.tau * total[0],
            integral=2 * self.tau * total[1],
            values=(total[2], total[3]),
            squares=tuple(total[4:8]),
            dual=total[8],
        )

    def _measured_in_single(self) -> StepTerms | None:
        """The terms from sums in float32 with allowances, or None where that is too coarse."""
        exact_tau, gradient = self.tau * self._inverse_spacing, self._inverse_spacing
        single, zero = gradient.astype(self._dtype), self._dtype(0)

        def work(strip: Strip) -> tuple[float, np.ndarray]:
            return slack_sums(
                strip.state, strip.stored[:, :, None], self._volume, self._general, self._tau,
                exact_tau, single, self.energy.isotropic, zero, strip.first, strip.last,
            )  # fmt: skip

        results = run_all(work, self._strips)
        norm = math.sqrt(max(square for square, _ in results)) * (1 + 1.3e-7)
        total = np.sum([sums for _, sums in results], axis=0)
        feasible = (1 - 4 * _EPS) / max(1.0, norm)
        upper = upper_sums(
            norm, feasible, total, self._shape[-1], self._axes * self._channels,
            math.prod(self._shape),
        )  # fmt: skip
        if upper is None:
            return None
        self._largest = norm
        shrunk = (1 - feasible) * (math.sqrt(total[5]) + math.sqrt(total[8]))
        residual = (math.sqrt(total[8]) + shrunk) ** 2
        return assemble(
            self.energy,
            self._shape,
            self.tau,
            gap=self.tau * upper[0] + 0.5 * residual,
            integral=2 * self.tau * upper[1],
            values=(total[2], total[3]),
            squares=(total[5], total[6], total[7], residual),
            dual=0.0,
        )

    def _sums(self, feasible: float) -> tuple[float, np.ndarray]:
        """The largest norm of the flux, and the certificate's sums for ``feasible`` times it."""
        tau = self.tau * self._inverse_spacing
        kind = (self._axes, self._channels)

        def work(strip: Strip) -> tuple[float, np.ndarray]:
            self._store_primal(strip)
            exact_primal(strip.state, strip.exact, *kind, self._plane, tau, feasible)
            own = (strip.first, strip.last)
            isotropic, huber = self.energy.isotropic, self.energy.huber
            norm = largest_norm(strip.state, *kind, isotropic, strip.radius, *own)
            return norm, certificate_sums(
                strip.state, strip.exact, strip.stored, *kind, self._plane, self._inverse_spacing,
                isotropic, huber, strip.radius, feasible, *own,
            )  # fmt: skip

        results = run_all(work, self._strips)
        return max(norm for norm, _ in results), np.sum([sums for _, sums in results], axis=0)

    def advance(self) -> None:
        """Make the measured image the data of the next step; keep flux and momentum."""
        for strip in self._strips:
            strip.state[: self._channels, strip.rows] = strip.stored[:, strip.rows, :-1]

    def _coarser(self, f: np.ndarray, energy: TotalVariation) -> CompiledDual:
        return CompiledDual(f, energy, self._num_threads)

    def coarse_flux(self) -> np.ndarray | None:
        """A flux from coarser grids for the present step, or None for tiny images."""
        f = np.empty((self._channels, *self._rows()), self._dtype)
        for strip in self._strips:
            f[:, strip.image_rows] = strip.state[: self._channels, strip.rows]
        return coarse_flux(f.reshape(self._shape), self.energy, self.tau, self._coarser)

    def correct(self, energy: float) -> bool:
        """Correct the flux, just measured, on all coarser grids and reset the momentum.

        Returns False, and keeps the flux, if that does not lower its dual ``energy``, and where
        weights vanish: coarser grids do not see walls.
        """
        weights = self.energy.weights
        if weights is not None and not weights.all():
            return False
        flux, standing = self.warm
        change = correction(self.image, flux, self.energy, self.tau, self._coarser)
        if change is None:
            return False
        for share in (1.0, 0.5):
            self.set_flux(flux + self._dtype(share) * change)
            self.iterate(Momentum().factors(_SMOOTHING)[0])  # the first one projects to the ball
            if self.measure().dual_energy < energy:
                return True
        self.warm = (flux, standing)
        return False


def _closed(flux: np.ndarray) -> np.ndarray:
    """The flux with zeros at the last face of each axis, which the kernels require."""
    flux = flux.copy()
    for a in range(flux.shape[0]):
        np.moveaxis(flux[a], a + 1, 0)[-1] = 0
    return flux
