"""Over-relaxed steps: ``python -m benchmarks.over_relaxed FILE ...``.

A step of length h from u with the flux p of the step before has the data ``f = u + mu div p`` and
the strength ``h - mu``, where ``mu = (1 - 1/rho) h`` is at most the strength of the step before.
It is compared with implicit Euler with as many steps, and with twice as many. The certificate
follows the path through f, or the better of this path and the straight one.

``--check`` looks for violations of the maximum principle, of the mean and of the decrease of total
variation on small images instead.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from benchmarks import time_grids
from benchmarks.tables import line, write
from steepest.convex.certificate import Bound, step_terms
from steepest.convex.registry import make_dual
from steepest.convex.solve import Goal, Momentum, rounding_floor, solve_step, useful_share
from steepest.flows.march import NEGLIGIBLE, contrast_energy, limit_momentum
from steepest.flows.problem import make_problem

RHO = 4 / 3
CASES = ((1e-3, 0.02), (1e-3, 0.2), (1e-3, 1.0), (1e-4, 0.02), (1e-4, 0.2))  # tol and T
COUNTS = (10, 20, 40)


@dataclass
class Run:
    """The last image; bounds by both paths; J, least, largest and mean value of every image."""

    image: Any = None
    through: Bound = field(default_factory=Bound)
    better: Bound = field(default_factory=Bound)
    iterations: int = 0
    seconds: float = 0.0
    values: list[tuple[float, ...]] = field(default_factory=list)


def march(image: np.ndarray, nodes: Any, rho: float, tol: float, **options: Any) -> Run:
    """The flow of one image (channels, rows, columns) on the nodes."""
    problem = make_problem(image, steepest.TotalVariation(**options), channel_axis=0)
    energy, u = problem.energy, problem.parts[0]
    dual, run, momentum = make_dual(u, energy, 1), Run(), Momentum()
    goal = Goal(tol, 5000, reference=NEGLIGIBLE * contrast_energy(u))
    size = float(abs(u).max())
    before, outcome, now, old = 0.0, None, 0.0, None
    for node in nodes:
        begin = time.thread_time()
        h, mu, first = float(node) - now, 0.0, None
        if rho > 1 and outcome is not None:
            old = np.array(dual.flux)
            mu = min((1 - 1 / rho) * h, before)
            dual.set_step(mu)
            first = dual.measure()
            dual.advance()
        if outcome is not None:
            share = useful_share(outcome.terms, before, h)
            if share < 1:
                dual.shrink_flux(share)
                momentum = Momentum(1.0, momentum.expected, momentum.relaxation)
        floor = rounding_floor(u, energy, h - mu, size)
        step_goal = replace(goal, floor=floor)
        outcome = solve_step(dual, h - mu, step_goal, limit_momentum(momentum))
        momentum, now, before = outcome.momentum, float(node), h - mu
        run.iterations += outcome.iterations
        run.seconds += time.thread_time() - begin
        last, cost = outcome.terms, outcome.terms.integral
        stored = np.array(dual.image)
        by_both = [last]
        if first is not None:
            by_both, cost = [first, last], cost + first.integral
            mean = ((mu * old + (h - mu) * np.array(dual.flux)) / h).astype(np.float64)
            straight = step_terms(energy, u, stored, mean, h)
        for terms in by_both:
            run.through = run.through.after(terms)
        for terms in by_both if first is None or cost <= straight.integral else [straight]:
            run.better = run.better.after(terms)
        run.values.append((last.value, stored.min(), stored.max(), stored.mean()))
        u = stored
        run.image = u
        dual.advance()
    return run


def compare(chosen: list[np.ndarray], exact: list[Any], last: float, count: int, tol: float) -> Any:
    """One row of the table."""
    cells = [f"{tol:g}", f"{last:g}", str(count)]
    for rho, steps in ((1.0, count), (RHO, count), (1.0, 2 * count)):
        nodes, found = steepest.TimeGrid.graded(last, steps).nodes, []
        for image, truth in zip(chosen, exact, strict=True):
            run = march(image[None], nodes, rho, tol)
            error = np.linalg.norm(run.image[0] - truth[time_grids.TIMES.index(last)])
            psnrs = (
                psnr(e, image.size) for e in (run.through.distance, run.better.distance, error)
            )
            found.append((*psnrs, run.iterations, 1e3 * run.seconds))
        through, better, true, iterations, cost = np.mean(found, 0)
        certified = f"{better:.1f}" if rho == 1 else f"{through:.1f} ({better:.1f})"
        cells.append(f"{certified} / {true:.1f}, {iterations:.0f}, {cost:.0f} ms")
    return cells


def psnr(distance: float, size: int) -> float:
    """PSNR of an L2 distance, data range 1."""
    return -10 * math.log10(distance**2 / size)


def check() -> None:
    """Print the largest violation of each property, in shares of contrast and initial energy."""
    rng = np.random.default_rng(0)
    images = [
        rng.random((1, 16, 16)), (np.indices((1, 12, 12)).sum(0) % 2).astype(float),
        (rng.random((1, 20, 20)) < 0.05).astype(float), np.array([[[0.0, 1.0]]]),
        np.pad(np.ones((1, 6, 6)), ((0, 0), (5, 5), (5, 5))), 100 * rng.random((1, 4, 4)),
    ]  # fmt: skip
    grids: list[Callable[[], Any]] = [
        lambda: np.linspace(0.2, 2, 10), lambda: np.array([0.001, 0.5, 10, 50, 500]),
        lambda: np.cumsum(10 ** rng.uniform(-4, 1, 15)), lambda: 1 - 0.5 ** np.arange(1, 12),
        lambda: 0.1 * np.arange(1, 30) ** 0.5,
    ]  # fmt: skip
    worst = np.zeros(3)
    for image in images:
        contrast = np.ptp(image)
        start = march(image, [1e-9 * contrast], 1.0, 1e-9).values[0][0]
        for norm in ("isotropic", "anisotropic"):
            for grid in grids:
                run = march(image, contrast * grid(), RHO, 1e-9, norm=norm)
                energies, least, largest, means = np.transpose(run.values)
                outside = max(largest.max() - image.max(), image.min() - least.min())
                moved = abs(means - image.mean()).max()
                rise = np.diff(energies).max() / start
                worst = np.maximum(worst, [outside / contrast, moved / contrast, rise])
    print("outside the range {:.1e}, change of the mean {:.1e}, rise of J {:.1e}".format(*worst))


def main() -> None:
    """Measure and write the table, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.check:
        check()
        return
    chosen = time_grids.images(time_grids.GREY, options.files, colour=False)
    exact = time_grids.references(chosen)
    march(chosen[0][None], [0.01, 0.02], RHO, 1e-3)  # compiles
    rows = []
    for tol, last in CASES:
        for count in COUNTS:
            rows.append(compare(chosen, exact, last, count, tol))
            print(line(rows[-1]), flush=True)
    head = ("tol", "T", "N", "implicit", "over-relaxed", "implicit, 2N steps")
    note = (
        f"Means over {len(chosen)} images, graded steps, rho = 4/3: certified / true PSNR in dB, "
        "iterations, CPU time of the solver and its certificate on one thread. Over-relaxed steps: "
        "certified by the path through f (by the better of two paths, whose cost is left out)."
    )
    write(time_grids.RESULTS / "over_relaxed.md", head, rows, note)


if __name__ == "__main__":
    main()
