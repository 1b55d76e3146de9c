"""The accelerated dual iteration compiled with numba: same interface as `reference`, faster."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ...core.threads import resolve_num_threads, run_all
from ...grid.differences import gradient_norm_squared
from ..certificate import StepTerms, assemble
from ..total_variation import TotalVariation
from .kernels_measure import certificate_sums, exact_primal, largest_norm
from .kernels_planar import primal, sweep
from .kernels_volume import volume_primal, volume_sweep
from .strips import Band, exchange_halos, make_bands

_SWEEPS = 8  # iterations of one wavefront: enough to amortise a load, few enough to stay in cache
_EPS = float(np.finfo(np.float64).eps)


class CompiledDual:
    """See `reference.ReferenceDual`: the same state and methods on NumPy arrays."""

    def __init__(self, f: np.ndarray, functional: TotalVariation, num_threads: int | None = None):
        self.functional = functional
        self._shape = f.shape
        channels, space = f.shape[0], f.shape[1:]
        self._axes = max(len(space), 2)
        self._channels = channels
        self._plane = space[1] if len(space) == 3 else 1
        self._planar = channels == 1 and self._axes == 2
        rows = (channels, int(np.prod(space[:-1])), space[-1])
        weights = functional.weights
        self._bands = make_bands(
            f.reshape(rows),
            self._axes,
            unit=self._plane,
            halo=_SWEEPS if self._planar else self._plane,
            sweeps=_SWEEPS if self._planar else 1,
            weights=None if weights is None else weights.reshape(rows[1:]),
            num_threads=resolve_num_threads(num_threads),
        )
        spacing = (*functional.spacing[::-1], 1.0, 1.0)[:3]  # x, y, z as the kernels count
        self._inverse_spacing = np.array([1 / h for h in spacing])
        self._norm = gradient_norm_squared(functional.spacing, space) or 1.0
        self._dtype = f.dtype.type
        self._tiny = self._dtype(1e-30)
        self._largest = 1.0
        self.set_step(1.0)

    def set_step(self, tau: float, relaxation: float = 1.0) -> None:
        """Length ``tau`` of the step; ``relaxation / (tau ||grad||^2)`` is the dual step size."""
        self.tau = tau
        self.step_size = relaxation / (tau * self._norm)
        self._tau = (tau * self._inverse_spacing).astype(self._dtype)
        self._step = (self.step_size * self._inverse_spacing).astype(self._dtype)
        self._shrink = self._dtype(1.0 / (1.0 + self.step_size * self.functional.huber))

    def _slots(self, kind: int) -> slice:
        """Slots of y (kind 0) or p (kind 1)."""
        size = self._axes * self._channels
        return slice(self._channels + kind * size, self._channels + (kind + 1) * size)

    def set_flux(self, p: np.ndarray, extrapolated: np.ndarray | None = None) -> None:
        """Start from a given flux; without momentum unless the extrapolated flux is given too."""
        for kind, flux in ((1, p), (0, p if extrapolated is None else extrapolated)):
            rows = np.zeros((self._axes, self._channels, *self._rows()), self._dtype)
            rows[: flux.shape[0]] = _closed(flux)[::-1].reshape(-1, self._channels, *self._rows())
            rows = rows.reshape(-1, *self._rows())
            for band in self._bands:
                stop = band.start + band.state.shape[1]
                band.state[self._slots(kind)] = rows[:, band.start : stop]

    def _rows(self) -> tuple[int, int]:
        return int(np.prod(self._shape[1:-1])), self._shape[-1]

    def shrink_flux(self, factor: float) -> None:
        """Multiply the flux by a number in [0, 1] and forget the momentum."""
        for band in self._bands:
            band.state[self._slots(1)] *= self._dtype(factor)
        self.restart()

    def restart(self) -> None:
        """Forget the momentum."""
        for band in self._bands:
            band.state[self._slots(0)] = band.state[self._slots(1)]

    def iterate(self, betas: Sequence[float]) -> None:
        """One iteration for each momentum factor."""
        block = _SWEEPS if self._planar else 1
        factors = np.asarray(betas, self._dtype)
        for begin in range(0, len(factors), block):
            part = factors[begin : begin + block]
            exchange_halos(self._bands)
            run_all(partial(self._sweep, betas=part), self._bands)

    def _sweep(self, band: Band, betas: np.ndarray) -> None:
        one, isotropic = self._dtype(1), self.functional.isotropic
        if self._planar:
            sweep(
                band.state, band.work, self._tau, self._step, self._shrink, one, self._tiny,
                isotropic, band.radius, betas,
            )  # fmt: skip
        else:
            volume_sweep(
                band.state, band.stored, self._axes, self._channels, self._plane, self._tau,
                self._step, self._shrink, one, self._tiny, isotropic, band.radius, betas[0],
            )  # fmt: skip

    def _gather(self, kind: int) -> np.ndarray:
        out = np.empty((self._axes * self._channels, *self._rows()), self._dtype)
        for band in self._bands:
            out[:, band.image_rows] = band.state[self._slots(kind), band.rows]
        ndim = len(self._shape) - 1
        return out.reshape(self._axes, *self._shape)[:ndim][::-1].copy()

    @property
    def flux(self) -> np.ndarray:
        """The current flux, (ndim, channels, \\*space)."""
        return self._gather(1)

    @property
    def extrapolated(self) -> np.ndarray:
        """The extrapolated flux, the same shape."""
        return self._gather(0)

    def _store_primal(self, band: Band) -> None:
        if self._planar:
            primal(band.state, band.stored[0], self._tau)
        else:
            volume_primal(
                band.state, band.stored, self._slots(1).start, self._axes, self._channels,
                self._plane, self._tau,
            )  # fmt: skip

    @property
    def image(self) -> np.ndarray:
        """``f + tau div p`` as of the last `measure`, (channels, \\*space)."""
        out = np.empty((self._channels, *self._rows()), self._dtype)
        for band in self._bands:
            out[:, band.image_rows] = band.stored[:, band.rows, :-1]
        return out.reshape(self._shape)

    def measure(self) -> StepTerms:
        """Gap, energies and certificate terms of the step as it stands."""
        exchange_halos(self._bands)
        feasible = (1 - 4 * _EPS) / max(1.0, self._largest)  # guess: as after the last projection
        norm, total = self._sums(feasible)
        if norm * feasible > 1 - 2 * _EPS:
            feasible = (1 - 4 * _EPS) / norm
            _, total = self._sums(feasible)
        self._largest = norm
        return assemble(
            self.functional,
            self._shape,
            self.tau,
            gap=self.tau * total[0],
            integral=2 * self.tau * total[1],
            values=(total[2], total[3]),
            squares=tuple(total[4:8]),
            dual=total[8],
        )

    def _sums(self, feasible: float) -> tuple[float, np.ndarray]:
        """The largest norm of the flux, and the certificate's sums for ``feasible`` times it."""
        tau = self.tau * self._inverse_spacing
        kind = (self._axes, self._channels)

        def work(band: Band) -> tuple[float, np.ndarray]:
            self._store_primal(band)
            exact_primal(band.state, band.exact, *kind, self._plane, tau, feasible)
            own = (band.first, band.last)
            isotropic, huber = self.functional.isotropic, self.functional.huber
            norm = largest_norm(band.state, *kind, isotropic, band.radius, *own)
            return norm, certificate_sums(
                band.state, band.exact, band.stored, *kind, self._plane, self._inverse_spacing,
                isotropic, huber, band.radius, feasible, *own,
            )  # fmt: skip

        results = run_all(work, self._bands)
        return max(norm for norm, _ in results), np.sum([sums for _, sums in results], axis=0)

    def advance(self) -> None:
        """Make the measured image the data of the next step; flux and momentum stay."""
        for band in self._bands:
            band.state[: self._channels, band.rows] = band.stored[:, band.rows, :-1]


def _closed(flux: np.ndarray) -> np.ndarray:
    """The flux with nothing through the last face of each axis, as the kernels rely on."""
    flux = flux.copy()
    for a in range(flux.shape[0]):
        np.moveaxis(flux[a], a + 1, 0)[-1] = 0
    return flux
