"""Energies at equal processor time, one thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from steepest import CombinedTotalVariation, Solver, manifold

from .cases import Case
from .cyclic import cyclic_points
from .douglas_rachford import douglas_rachford
from .half_quadratic import half_quadratic
from .model import energy, groups
from .peers import embedded

MARKS = (0.05, 0.2, 1.0, 4.0)  # seconds
_FOREVER = 10**9


class Clock:
    """Called with the points after every sweep; notes the energy at the marks, and stops."""

    def __init__(
        self, case: Case, first: float, second: float, marks: tuple[float, ...] = MARKS
    ) -> None:
        self._marks = marks
        self._case, self._terms = case, groups(case.space, first, second)
        self._data, self._next = case.flat(case.noisy), 0
        self.seen: list[tuple[float, float]] = []
        self.points = self._data
        self._lost, self._begin = 0.0, time.process_time()

    def __call__(self, x: np.ndarray) -> bool:
        """Take a measurement if it is time; this costs no time on this clock."""
        entered = time.process_time()
        now = entered - self._begin - self._lost
        if now >= self._marks[self._next]:
            self.note(x, now)
            while self._next < len(self._marks) and now >= self._marks[self._next]:
                self._next += 1
        self._lost += time.process_time() - entered
        return self._next == len(self._marks)

    def note(self, x: np.ndarray, now: float | None = None) -> None:
        """Take a measurement."""
        if now is None:
            now = time.process_time() - self._begin - self._lost
        self.points = x
        self.seen.append((now, energy(self._case.manifold, x, self._data, self._terms)))


def solvers(case: Case, second: float) -> dict[str, Callable[[Clock, float, float], Any]]:
    """Every solver that can take the energy, with its best settings of a few tried."""
    data, kind, space = case.flat(case.noisy), case.manifold, case.space

    def engine(clock: Clock, first: float, second: float, tol: float = 1e-4) -> Any:
        both = CombinedTotalVariation(alpha=first, beta=second, norm="anisotropic")
        result = manifold.denoise(
            case.noisy, 1.0, kind, both, solver=Solver(tol, _FOREVER, num_threads=1),
            on_step=lambda step: clock(case.flat(step.image)),
        )  # fmt: skip
        clock.note(case.flat(result.image))

    def cyclic(clock: Clock, first: float, second: float) -> Any:
        cyclic_points(kind, data, space, first, second, sweeps=_FOREVER, watch=clock)

    def parallel(clock: Clock, first: float, second: float) -> Any:
        step = 2.0 if kind.curvature == "nonpositive" else 0.1
        douglas_rachford(kind, data, space, first, sweeps=_FOREVER, step=step, watch=clock)

    def reweighted(clock: Clock, first: float, second: float) -> Any:
        half_quadratic(kind, data, space, first, eps=1e-3, sweeps=_FOREVER, watch=clock)

    both: dict[str, Callable[..., Any]] = {"`manifold.denoise`": engine}
    both["`manifold.denoise`, `tol=1e-9`"] = partial(engine, tol=1e-9)
    both["cyclic proximal points"] = cyclic
    if second:
        return both
    return {**both, "Douglas-Rachford": parallel, "half-quadratic": reweighted}


def race(case: Case) -> list[str]:
    """A Markdown table: excess over the least energy found, relative to it."""
    head = " | ".join(f"{mark:g} s" for mark in MARKS)
    lines = [f"| {case.title} | {head} | ends at | error |", "|---" * (len(MARKS) + 3) + "|"]
    for first, second in ((case.race[0], 0.0), case.race):
        ran = {}
        for name, solve in solvers(case, second).items():
            _compile(case, solve, first, second)
            clock = Clock(case, first, second)
            solve(clock, first, second)
            ran[name] = clock
        best = min(value for clock in ran.values() for _, value in clock.seen)
        lines.append(
            f"| **strength {first:.3g}, second order {second:g}**: F = {best:.6g} |"
            + " |" * (len(MARKS) + 2)
        )
        for name, clock in ran.items():
            cells = [_cell(clock, mark, best) for mark in MARKS]
            end = clock.seen[-1][0]
            lines.append(
                f"| {name} | {' | '.join(cells)} | {end:.2f} s | {case.error(clock.points):.4g} |"
            )
        lines.append(_embedded(case, first, second, best))
    return lines


def _compile(case: Case, solve: Any, first: float, second: float) -> None:
    """Run once without a measurement, to compile."""
    calls = 0

    def once(x: np.ndarray) -> bool:
        nonlocal calls
        calls += 1
        return calls == 2

    once.note = lambda x, now=None: None  # type: ignore[attr-defined]
    solve(once, first, second)


def _cell(clock: Clock, mark: float, best: float) -> str:
    """The last measurement that is not much later than the mark."""
    values = [value for now, value in clock.seen if now <= 1.5 * mark]
    return f"{values[-1] / best - 1:.1e}" if values else ""


def _embedded(case: Case, first: float, second: float, best: float) -> str:
    """The embedded problem has another energy; its result is measured with this one."""
    solver = Solver(tol=1e-3, num_threads=1)
    embedded(case, first, second, "anisotropic", solver)
    begin = time.process_time()
    image = embedded(case, first, second, "anisotropic", solver)
    taken = time.process_time() - begin
    value = energy(
        case.manifold, case.flat(image), case.flat(case.noisy), groups(case.space, first, second)
    )
    cells = [f"({value / best - 1:.1e})" if taken <= mark else "" for mark in MARKS]
    return f"| embedded | {' | '.join(cells)} | {taken:.2f} s | {case.error(image):.4g} |"
