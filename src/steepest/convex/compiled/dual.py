"""The compiled solver of total variation, for NumPy arrays: `reference.ReferenceDual` on strips."""

import math
import operator
from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from ...core.vectors import LANES
from ...grid.coarsening import add_prolonged
from ..certificate import StepTerms, exact_terms, single_terms
from ..solve import Momentum
from ..total_variation import TotalVariation
from .kernels import NUM_ORDERS, work_on
from .kernels_measure import MOST_COMPONENTS, NUM_SUMS, WIDEST, measure
from .multilevel import coarse_flux, correction
from .strip_dual import StripDual, shares
from .team import run_together

_SWEEPS = 6  # iterations per wavefront: enough to amortise a load, few enough to stay in cache
_LARGE = 2**19  # values that no cache holds, so that more iterations should share a load
_VOLUME_SWEEPS = 2  # the same for volumes, whose planes are large
_MOST = 12  # iterations in one call, before halos are exchanged: two wavefronts, or one if large
_MANAGED = 12_000  # values at which managing a correction takes as long as its iterations
SMOOTHING = 8  # iterations after a correction, which mend what it broke locally
_KEYS = count(1)
_EPS = float(np.finfo(np.float64).eps)


class CompiledDual(StripDual):
    """The state and methods of `reference.ReferenceDual`, compiled, for NumPy arrays."""

    energy: TotalVariation

    def __init__(self, f: np.ndarray, energy: TotalVariation, num_threads: int | None = None):
        channels, space = f.shape[0], f.shape[1:]
        axes = max(len(space), 2)
        sweeps, most = _VOLUME_SWEEPS, _VOLUME_SWEEPS
        if axes == 2:
            sweeps, most = _SWEEPS if f.size <= _LARGE else _MOST, _MOST
        super().__init__(f, energy, axes, sweeps, num_threads, most)
        # None keeps what is not needed from being compiled, tuples of known length make loops fast
        self._kind = (
            True if self._axes == 3 else None,
            not energy.isotropic,
            (0,) * channels if channels in (1, 3) else (),
        )
        spacing = (*energy.steps[::-1], 1.0, 1.0)[:3]  # in the kernels' order x, y, z
        # with weights, no Huber is a Huber of 0: one kernel less to compile
        self._huber = None if energy.huber == 0 and energy.weights is None else energy.huber
        self._inverse_spacing = np.array([1 / h for h in spacing])
        self._norm = energy.norm_squared(space)
        self._largest = 1.0
        self._measured = self._images
        self.correction_cost = 80 * (1 + _MANAGED / f.size)
        plain = energy.huber == 0 and energy.weights is None
        few = space[-1] <= WIDEST and self._axes * channels <= MOST_COMPONENTS
        self._in_single = plain and few and self._dtype is np.float32
        # how the kernel that iterates measures; with weights not at all: corrections never measure
        self._usual = None if energy.weights is not None else not self._in_single
        self._single_is_enough = self._in_single
        self._tau, self._step = np.zeros(3, self._dtype), np.zeros(3, self._dtype)
        self._exact_tau = np.zeros(3)
        self._betas, self._order = np.zeros(self._most, self._dtype), np.zeros(NUM_ORDERS)
        # what to sum of each strip: all
        self._windows = [np.array([(0, max(self._rows))] * 3, np.int64) for _ in self._strips]
        # the frame that was measured into: workers know its address and must keep it alive
        self._written: list[np.ndarray | None] = [None]
        self._key, self._jobs = next(_KEYS), list[tuple[Any, ...]]()
        self._coarser = partial(CompiledDual, num_threads=num_threads)
        self.set_step(1.0)

    def set_step(self, tau: float, relaxation: float = 1.0) -> None:
        self._finish()
        self.tau = tau
        self.step_size = relaxation / (tau * self._norm)
        self._exact_tau[:] = self._tau[:] = tau * self._inverse_spacing
        self._step[:] = self.step_size * self._inverse_spacing
        self._order[4] = 1.0 / (1.0 + self.step_size * self.energy.huber)

    def _run(self, betas: np.ndarray, share: tuple[float, float], feasible: float) -> None:
        """Do iterations, and unless ``feasible`` is 0, measure (see `work_on`)."""
        self._betas[: betas.size] = betas
        order = self._order
        order[0], order[1], order[2], order[5] = betas.size, *share, feasible
        if not self._jobs:
            self._jobs = [
                (
                    self._written, strip.image, strip.stored, strip.state, strip.work,
                    self._rows_of(strip, self._usual), strip.edge, strip.radius, self._huber,
                    *self._kind, bool(self._usual), self._tau, self._step, self._betas,
                    self._exact_tau, self._inverse_spacing, strip.first, strip.last, window,
                    self._order, strip.sums, strip.place, self._key,
                )
                for strip, window in zip(self._strips, self._windows, strict=True)
            ]  # fmt: skip
        run_together(_work, self._jobs, self._key)

    def _rows_of(self, strip: Any, exact: bool | None) -> np.ndarray | None:
        """The rolling rows in which to measure."""
        if exact is None:
            return None
        return strip.exact if exact else strip.work[0]

    def _sweep(self, betas: np.ndarray, share: tuple[float, float]) -> None:
        self._run(betas, share, 0.0)

    def _measure_alone(self, exact: bool, feasible: float, share: tuple[float, float]) -> None:
        """Measure in a way in which the kernel that iterates does not."""
        items = []
        parts = zip(self._strips, self._images, self._stored, self._windows, strict=True)
        for strip, image, stored, window in parts:
            first, last = (strip.first + int(part * (strip.last - strip.first)) for part in share)
            items.append(
                (
                    image, strip.state, stored, self._rows_of(strip, exact), strip.edge,
                    strip.radius, self._huber, *self._kind, exact, self._exact_tau,
                    self._inverse_spacing, feasible, first, last,
                    window, strip.sums, 0, strip.place,
                )
            )  # fmt: skip
        run_together(_measure, items)

    def _close(self, component: np.ndarray, k: int) -> None:
        np.moveaxis(component, k + 1, 0)[-1] = 0  # the kernels require it

    @property
    def _places(self) -> Sequence[int]:
        return range(len(self._shape) - 2, -1, -1)

    @property
    def image(self) -> np.ndarray:
        out = np.empty(self._shape, self._dtype)
        self.write_image(out)
        return out

    def write_image(self, out: np.ndarray) -> None:
        """Write this image into a contiguous array of any dtype."""
        if out is not self._written[0]:
            self._collect(out, self._measured)

    def measure(self) -> StepTerms:
        if self._single_is_enough:
            terms = self._measured_in_single()
            if terms is not None:
                return terms
        feasible = (1 - 4 * _EPS) / max(1.0, self._largest)  # guess: the last norm still holds
        total = self._sums(feasible)
        self._largest = total[0]
        if self._largest * feasible > 1 - 2 * _EPS:
            feasible = (1 - 4 * _EPS) / self._largest
            total = self._sums(feasible)
        # the next look will probably see a gap like this one
        self._single_is_enough = self._in_single and total[1] > 2.5e-4 * total[4]
        return exact_terms(self.energy, self._shape, self.tau, total)

    def _measured_in_single(self) -> StepTerms | None:
        """The terms from sums in float32 with allowances, or None where that is too coarse."""
        total = self._sums(None)
        terms = single_terms(self.energy, self._shape, self.tau, total, self._shape[-1])
        if terms is not None:
            self._largest = total[0] * (1 + 1.3e-7)
        return terms

    def sums_within(self, window: Sequence[tuple[int, int]], feasible: float | None) -> list[float]:
        """The certificate's sums over a part of the image (see `_sums` and `terms`).

        ``window`` has the first pixel and the one after the last for each axis. Along the last
        axis, both must be multiples of `vectors.LANES`, or the end of the axis.
        """
        whole = np.array([(0, 1)] * 3, np.int64)
        whole[3 - len(window) :] = window
        whole[2, 1] = -(-whole[2, 1] // LANES) * LANES
        moved = 0 if self._axes == 3 else 1
        for strip, part in zip(self._strips, self._windows, strict=True):
            part[:] = whole
            part[moved] -= strip.start // self._unit
        try:
            return self._sums(feasible)
        finally:
            for part in self._windows:
                part[:] = (0, max(self._rows))

    def _sums(self, feasible: float | None) -> list[float]:
        """The largest norm of the flux, and the certificate's sums (see `kernels_measure`).

        They are those of ``feasible`` times the flux, in float64, or, for None, of the flux and the
        stored image, mostly in float32.
        """
        exact, share = feasible is not None, 1.0 if feasible is None else feasible
        self._measured = self._stored
        total, top = [0.0] * NUM_SUMS, 0.0
        units = self._rows[0] // self._unit // len(self._strips)
        # each stretch evaluates a row or plane more than it sums
        size, usual = self._strips[0].stored.size, exact is self._usual
        stretches = shares((4 + self._waiting.size) * size, max(units // 4, 1))
        if not usual or len(stretches) > 1:
            self._finish()
        self._exchange_fluxes()
        betas, self._waiting = self._waiting, self._waiting[:0]
        frame = self.target if usual and self._can_write(self.target) else None
        self._written[0], self._order[6] = frame, 0 if frame is None else frame.ctypes.data
        self._halos_are_old = self._halos_are_old or betas.size > 0
        for part in stretches:
            if usual:
                self._run(betas, part, share)
            else:
                self._measure_alone(exact, share, part)
            for strip in self._strips:
                sums = strip.sums.tolist()
                total, top = list(map(operator.add, total, sums)), max(top, sums[0])
        total[0] = math.sqrt(top) / share
        return total

    def _can_write(self, out: np.ndarray | None) -> bool:
        return out is not None and out.dtype == self._dtype and out.flags.c_contiguous

    def advance(self) -> None:
        self._images, self._stored = self._stored, self._images
        self._order[3] = 1 - self._order[3]
        self._exchange_images()

    @property
    def data(self) -> np.ndarray:
        """The image at the start of the step."""
        f = np.empty(self._shape, self._dtype)
        self._collect(f, self._images)
        return f

    def coarse_flux(self) -> np.ndarray | None:
        """A feasible flux from coarser grids for the present step, or None for tiny images."""
        flux = coarse_flux(self.data, self.energy, self.tau, self._coarser)
        if flux is None or self.energy.weights is None:
            return flux
        return self.energy.project(flux)  # weights averaged over blocks exceed those of some pixels

    def correct(self, energy: float) -> bool:
        """Correct the flux, just measured, on all coarser grids and reset the momentum.

        All or half of the correction is tried. False, with the flux as before, if that does not
        lower its dual ``energy``, and where weights vanish: coarser grids do not see walls.
        """
        weights = self.energy.weights
        if weights is not None and not weights.all():
            return False
        flux = self.flux
        change = correction(self.data, flux, self.energy, self.tau, self._coarser)
        if change is None:
            return False
        trial = flux.copy()
        for share in (1.0, -0.5):
            add_prolonged(trial, np.float32(share) * change)
            self.set_warm_parts(trial, kinds=(1,))
            self.restart()
            self.iterate(Momentum().factors(SMOOTHING)[0])  # the first one projects to the ball
            if self.measure().dual_energy < energy:
                return True
        self.set_flux(flux)
        return False


def _work(arguments: tuple[Any, ...], *team: Any) -> None:
    work_on(*arguments[1:], *team)


def _measure(arguments: tuple[Any, ...], *team: Any) -> None:
    measure(*arguments, *team)
