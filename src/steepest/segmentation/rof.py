"""Solve the ROF problem of one image, and hand the fluxes on the way to a certificate."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.fft import dctn, idctn

from ..convex.certificate import StepTerms
from ..convex.energy import Energy
from ..convex.registry import make_dual
from ..convex.solve import Goal, Momentum, Outcome, needs_double, rounding_floor, solve_step
from ..core.errors import InputError
from ..core.solver import Limits
from ..core.status import Status
from .proof import THOROUGH, Faces, State, volume

_FIRST_LOOK = 40  # iterations before the first look
_SPARSE = 1.2  # ratio of the iterations at two looks, at least
_EFFORT = 1 / 125  # visits of a pixel for each iteration before; about a quarter of their time
FINEST = 1e-13  # relative gap at which even float64 has nothing left to solve
_BELOW = 1 - 1e-12  # share of the capacity that a flow to the mean uses, for rounding
_LEAST, _MOST = 1e-30, 1e30  # strength relative to half of the range of the image


class Attempts:
    """Solve again and again, with one limit for all iterations; in float64 once float32 rounds."""

    def __init__(self, max_num_iter: int) -> None:
        self.iterations, self._left, self._double = 0, max_num_iter, False

    def _attempt(self, *problem: Any) -> tuple[Status, int]:
        """Solve once, in float32 or float64; status and iterations."""
        raise NotImplementedError

    def _solve(self, *problem: Any) -> Status:
        status, iterations = self._attempt(*problem)
        self.iterations += iterations
        self._left = max(self._left - iterations, 1)
        if status is Status.ROUNDING and not self._double:
            self._double = True
            return self._solve(*problem)
        return status


class Rof(Attempts):
    """The problem ``argmin 1/2||u - f||^2 + strength J(u)`` for one f and any number of strengths.

    The iteration runs on an image shifted and scaled to magnitude one, in float32 as long as that
    helps; the proof takes any feasible flux, and evaluates ``u`` from ``f`` in float64.
    """

    def __init__(self, f: np.ndarray, energy: Energy, limits: Limits) -> None:
        super().__init__(limits.max_num_iter)
        self._energy, self._num_threads = energy, limits.threads
        self._flux: np.ndarray | None = None
        self.error = 0.0
        self.data = f

    @property
    def data(self) -> np.ndarray:
        """The image f, known up to ``error``; a new one is solved from the flux of the last one."""
        return self._data

    @data.setter
    def data(self, f: np.ndarray) -> None:
        self._data, self._f = f, volume(f)
        middle, self._scale = centre_and_scale(float(f.min()), float(f.max()))
        self._centred = ((f - middle) * self._scale)[None]

    def solve(self, strength: float, look: Callable[[State, float], bool]) -> Status:
        """Solve from the last flux until ``look(state, relative gap)`` returns True.

        Nothing is solved if a flow to the mean proves that the solution is constant.
        """
        faces = Faces.of(self._energy, self._data.shape, strength)
        tau = scaled_strength(strength, self._scale)
        if tau == 0:
            nothing = np.zeros((len(faces.offsets), *self._f.shape))
            look(State.of(self._f, faces, nothing, error=self.error), 0.0)
            return Status.CONVERGED
        constant = flow_to_mean(self._f, faces)
        if constant is not None:
            look(State.of(self._f, faces, constant, error=self.error), 0.0)
            return Status.CONVERGED
        return self._solve(tau, faces, look)

    def _attempt(
        self, tau: float, faces: Faces, look: Callable[[State, float], bool]
    ) -> tuple[Status, int]:
        single = self._centred.astype(np.float32)
        self._double |= needs_double(single, self._energy, tau, 1.0)
        f = self._centred if self._double else single
        energy = self._energy.on(f, self._energy.spacing)  # type: ignore[attr-defined]
        dual = make_dual(f, energy, self._num_threads)
        cold = self._flux is None
        if self._flux is not None:
            dual.set_flux(self._flux.astype(f.dtype))
        goal = Goal(FINEST, self._left, floor=rounding_floor(f, energy, tau, 1.0))

        def look_at(gap: float, effort: float) -> bool:
            return look(State.of(self._f, faces, faces.flow(dual.flux), effort, self.error), gap)

        def run(watch: Callable[[StepTerms, int], bool]) -> Outcome:
            momentum = Momentum(expected=_FIRST_LOOK)
            return solve_step(dual, tau, goal, momentum, cold=cold, watch=watch)

        found = solve_and_look(run, goal, look_at)
        self._flux = dual.flux
        return found


def centre_and_scale(low: float, high: float) -> tuple[float, float]:
    """The middle of a range, and the power of two that brings half of its length near one."""
    return low / 2 + high / 2, 2.0 ** -math.frexp((high - low) / 2)[1] if high > low else 0.0


def scaled_strength(strength: float, scale: float) -> float:
    """The strength for the scaled image; `InputError` if it is too small or large for that."""
    tau = strength * scale
    if tau != 0 and not _LEAST <= tau <= _MOST:
        raise InputError(
            f"strength={strength:g}; with the values of this image, allowed are 0 and numbers "
            f"from {_LEAST / scale:.2g} to {_MOST / scale:.2g}"
        )
    return tau


def solve_and_look(
    run: Callable[[Callable[[StepTerms, int], bool]], Outcome],
    goal: Goal,
    look_at: Callable[[float, float], bool],
) -> tuple[Status, int]:
    """Run a solver until ``look_at(gap, effort)``, called less and less often, returns True."""
    looked, proven = 0, False

    def watch(terms: StepTerms, iterations: int) -> bool:
        nonlocal looked, proven
        last = goal.reached(terms, iterations) is not None
        if iterations < _SPARSE * looked and not last:
            return False
        looked = iterations
        proven = look_at(goal.relative_gap(terms), THOROUGH if last else _EFFORT * iterations)
        return proven

    outcome = run(watch)
    if not proven and looked != outcome.iterations:
        proven = look_at(outcome.relative_gap, THOROUGH)
    return Status.CONVERGED if proven else outcome.status, outcome.iterations


def flow_to_mean(f: np.ndarray, faces: Faces) -> np.ndarray | None:
    """A feasible flow (A, z, y, x) with ``f + div q`` constant, or None if this one is too large.

    It is that of a resistor network, ``q = c (phi(next) - phi)`` with the capacities c (a Poisson
    problem). It fits if the strength is well beyond the extinction time (for "camera", 1.7 times).
    """
    level = f - f.mean()
    weights = faces.weights if faces.weights.size else np.ones((1, 1, 1))
    along: dict[int, tuple[int, float]] = {}  # place and capacity of the faces across each axis
    for place, (offset, capacity) in enumerate(zip(faces.offsets, faces.capacity, strict=True)):
        axis, *others = np.flatnonzero(offset).tolist()
        if not others and f.shape[axis] > 1:
            if capacity == 0:
                return None
            along[axis] = place, float(capacity)
    total, largest = np.zeros((1, 1, 1)), float(weights.max())
    for axis, (_, capacity) in along.items():
        n = f.shape[axis]
        plane = tuple(other for other in range(3) if other != axis)
        through = np.abs(level.sum(plane).cumsum()).max()  # all that must cross each plane
        if through > capacity * largest * (f.size // n) + 1e-9 * np.abs(level).sum():
            return None
        waves = 2 * capacity * (1 - np.cos(np.pi * np.arange(n) / n))
        total = total + waves.reshape([-1 if other == axis else 1 for other in range(3)])
    total[0, 0, 0] = np.inf
    potential = idctn(dctn(level) / total)
    q = np.zeros((len(faces.offsets), *f.shape))
    for axis, (place, capacity) in along.items():
        inside = tuple(slice(None, -1 if other == axis else None) for other in range(3))
        q[(place, *inside)] = capacity * np.diff(potential, axis=axis)
        if not (np.abs(q[place]) <= _BELOW * capacity * weights).all():
            return None
    return q
