"""Compiled solvers of total generalised variation, of the second order and of the combined energy,
for images of two axes in main memory.

The iteration, the repair and the certificate are those of `steepest.convex.saddle` and of
`steepest.convex.primal_dual`, with the same steps; only rounding differs. The certificate is
evaluated on one thread.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...core.vectors import LANES
from ...grid.coarsening import average, interpolate
from ..certificate import StepTerms, assemble_between, assemble_near
from ..combined import CombinedTotalVariation
from ..dual import Warm
from ..primal_dual import PrimalDual
from ..saddle import SaddleDual
from ..second_order import SecondOrderTotalVariation
from ..solve import Momentum
from ..total_generalised_variation import REPAIRS, TotalGeneralisedVariation
from .kernels_rows import P, Q, W
from .kernels_saddle import repair
from .planes import Planes
from .strips import aligned_zeros

_SMALLEST = 16  # pixels along the shortest axis of the coarsest grid
_COARSE = 50  # iterations on each coarser grid


class CompiledSaddle(Planes, SaddleDual):
    """The state and methods of `SaddleDual` for a NumPy array (channels, height, width)."""

    lifted = True

    def __init__(
        self, f: np.ndarray, energy: TotalGeneralisedVariation, num_threads: int | None = None
    ) -> None:
        self._num_threads = num_threads
        super().__init__(f, energy)

    def _begin(self, f: np.ndarray) -> None:
        energy = self.energy
        self._allocate(f, energy.steps, (energy.alpha1, energy.alpha0), self._num_threads)
        _, channels, _, stride = self._state.shape
        self._q, self._y = (aligned_zeros(self._state[Q:].shape, f.dtype) for _ in range(2))
        self._repair_rows = aligned_zeros((REPAIRS, 2, 2, channels, stride + 2 * LANES), f.dtype)
        self._w_before: np.ndarray | None = None
        self._betas = np.array(Momentum().factors(REPAIRS)[0])
        self._slack(self._between(0.0), self._state[W:P], self._r, self._q, 0.0)  # of f

    @property
    def warm(self) -> Warm:
        """q, p, w and u."""
        return (self._slot(Q, 3), self._slot(P, 2), self._slot(W, 2), self._image_now())

    @warm.setter
    def warm(self, arrays: Warm) -> None:
        for begin, array in zip((Q, P, W), arrays, strict=False):
            self._set_slots(begin, array)
        self._set_image(arrays[3])
        self._close()
        self._w_before = self._state[W:P].copy()

    def set_flux(self, p: np.ndarray) -> None:
        """Start from a given q and its p = E* q."""
        energy, before = self.energy, self._w_before
        u = self._inside(self._f) - self.tau * energy.adjoint(p)
        self.warm = (p, energy.unbend(p), self._slot(W, 2), u)
        self._w_before = before

    def iterate(self, betas: Sequence[float]) -> None:
        """Do one iteration for each entry; its value is ignored."""
        a, b, c, d = self.step_sizes
        self._iterate((a / (1 + a), b * self.tau, c, d), self.tau, len(betas))

    @property
    def flux(self) -> np.ndarray:
        """A feasible q, (components, channels, \\*space)."""
        theta = self._repair()
        return self._inside(self._q) * self._dtype.type(theta)

    def _repair(self) -> float:
        """Set the repaired q, and r = E* q; the factor for which they are in K."""
        energy = self.energy
        self._q[:] = self._y[:] = self._state[Q:]
        repair(
            self._y, self._q, self._repair_rows, self._masks, self._inverse,
            energy.alpha1 * (1 - self._margin), energy.alpha0, 1 / self._norm, self._betas,
            self._coupled,
        )  # fmt: skip
        return self._within(self._q, None)

    def _measure(self) -> StepTerms:
        energy, tau, theta = self.energy, self.tau, self._repair()
        change, stop, start, apart, residual = self._settle(tau * theta, self.alone)
        squares, w = (change, stop, start, residual), self._state[W:P]

        def slack(share: float, witness: np.ndarray) -> tuple[float, float]:
            return self._slack(self._between(share), witness, self._r, self._q, theta)

        if self.alone:
            value, after = slack(1.0, w)
            return assemble_near(energy, self._shape, tau, value, after, squares, apart, 0.0)
        # all witnesses hold: that of the step before is often the better one
        witness, at_start = w, slack(0.0, w)
        if self._w_before is not None:
            older = slack(0.0, self._w_before)
            if older[1] < at_start[1]:
                witness, at_start = self._w_before, older
        middle = (witness + w) * self._dtype.type(0.5) if witness is not w else w
        halfway, (value, after) = slack(0.5, middle), slack(1.0, w)
        return assemble_between(
            energy, self._shape, tau, (at_start[1], halfway[1], after),
            values=(at_start[0], value), squares=squares, dual=0.0,
        )  # fmt: skip

    def advance(self) -> None:
        self._replace_f()
        self._w_before = self._state[W:P].copy()
        self._begin_step()


class CompiledPrimalDual(Planes, PrimalDual):
    """`PrimalDual` for an array (channels, height, width): isotropic, no weights, no Huber."""

    energy: SecondOrderTotalVariation | CombinedTotalVariation

    def __init__(
        self,
        f: np.ndarray,
        energy: SecondOrderTotalVariation | CombinedTotalVariation,
        num_threads: int | None = None,
    ) -> None:
        self._num_threads = num_threads
        super().__init__(f, energy)

    def _begin(self, f: np.ndarray) -> None:
        energy, radii = self.energy, (0.0, 1.0)
        if isinstance(energy, CombinedTotalVariation):
            radii = (energy.alpha, energy.beta)
        self.first = True if radii[0] > 0 else None
        self._allocate(f, energy.steps, radii, self._num_threads)
        p, q = self._state[P:Q], self._state[Q:]
        self._slack(self._between(0.0), self._r, p, q, 0.0)  # of f

    @property
    def warm(self) -> Warm:
        """p and v."""
        return (self._fields(1.0), self._image_now())

    @warm.setter
    def warm(self, arrays: Warm) -> None:
        flux, v = arrays
        parts, alpha = flux[:-3], self._dtype.type(self._radii[0])
        self._set_slots(P, alpha * parts)
        self._set_slots(Q, self._dtype.type(self._radii[1]) * flux[-3:])
        self._set_image(v)
        self._close()

    def _fields(self, theta: float) -> np.ndarray:
        """theta times the fields, without the weights of both orders."""
        first, second = (1 / radius if radius > 0 else 0.0 for radius in self._radii.tolist())
        q = self._slot(Q, 3) * self._dtype.type(theta * second)
        if self.energy.num_components(2) == 3:
            return q
        return np.concatenate([self._slot(P, 2) * self._dtype.type(theta * first), q])

    def set_flux(self, p: np.ndarray) -> None:
        self.warm = (p, self._inside(self._f) - self.tau * self.energy.adjoint(p))

    @property
    def flux(self) -> np.ndarray:
        return self._fields(1.0)

    def coarse_flux(self) -> None:
        """Start from coarser grids, where p and v both are found; so there is no other flux."""
        space = self._shape[1:]
        if min(space) < 2 * _SMALLEST:
            return
        energy = replace(self.energy, spacing=tuple(2 * h for h in self.energy.steps))
        dual = CompiledPrimalDual(average(self.f), energy, self._num_threads)
        dual.set_step(self.tau)
        dual.coarse_flux()
        dual.iterate([0.0] * _COARSE)
        self.warm = tuple(interpolate(array, space) for array in dual.warm)

    def iterate(self, betas: Sequence[float]) -> None:
        """Do one iteration for each entry; its value is ignored."""
        (a, c), (first, second) = self.step_sizes, self._radii.tolist()
        steps = (a / (1 + a), 0.0, c * first**2, c * second**2)
        self._iterate(steps, self.tau, len(betas))
        self._done += len(betas)

    def _measure(self) -> StepTerms:
        energy, tau = self.energy, self.tau
        p, q = self._state[P:Q], self._state[Q:]
        theta = self._within(q, None if self.first is None else p)
        change, stop, start, apart, residual = self._settle(tau * theta, self.alone)
        squares, slopes = (change, stop, start, residual), self._r

        def slack(share: float) -> tuple[float, float]:
            return self._slack(self._between(share), slopes, p, q, theta)

        if self.alone:
            value, after = slack(1.0)
            return assemble_near(energy, self._shape, tau, value, after, squares, apart, 0.0)
        at_start, halfway, (value, after) = slack(0.0), slack(0.5), slack(1.0)
        return assemble_between(
            energy, self._shape, tau, (at_start[1], halfway[1], after),
            values=(at_start[0], value), squares=squares, dual=0.0,
        )  # fmt: skip

    def advance(self) -> None:
        self._replace_f()
        self._begin_step()

    @property
    def f(self) -> np.ndarray:
        """The data of the step."""
        return self._inside(self._f)
