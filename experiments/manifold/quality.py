"""Errors to the truth, each method with its best strengths of a few."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from steepest import CombinedTotalVariation, Solver, TotalGeneralisedVariation, manifold
from steepest.manifold import Euclidean

from .cases import Case
from .infimal import infimal_convolution
from .peers import Method, chosen, embedded, peers
from .race import Clock, solvers

_TOL, _MOST = 1e-3, 1000


Row = tuple[float, str, float]  # error, strengths, processor time


def measure(case: Case) -> dict[str, Row]:
    """The best error of every method."""
    tries: list[tuple[str, list[tuple[str, Method]]]] = []
    for order, pairs in (("TV", tuple((s, 0.0) for s in case.first)), ("second order", case.both)):
        for norm in ("isotropic", "anisotropic"):
            for name, solve, limit in (
                ("intrinsic", _intrinsic, _MOST),
                ("embedded", embedded, None),
            ):
                solver = Solver(_TOL, limit, num_threads=1)
                calls = [partial(solve, case, a, b, norm, solver) for a, b in pairs]
                labels = [f"{a:g}, {b:g}" for a, b in pairs]
                tries.append((f"{name} {order}, {norm}", list(zip(labels, calls, strict=True))))
    slopes = [(s, ratio) for s in case.first for ratio in (1.0, 2.0, 4.0)]
    tries.append(
        ("intrinsic TGV", [(f"{s:g}, {r:g}", partial(_generalised, case, s, r)) for s, r in slopes])
    )
    for name in ("intrinsic", "embedded"):
        both = [
            (f"{s:g}, {s * r:g}", partial(_infimal, case, s, s * r, name == "embedded"))
            for s in case.first
            for r in (0.5, 1.0, 2.0)
        ]
        tries.append((f"{name} infimal convolution", list(both)))
    for name in solvers(case, 0.0):
        if "manifold.denoise" not in name:
            runs = [(f"{a:g}, 0", partial(_for_a_second, case, name, a)) for a in case.first]
            tries.append((f"{name}, TV, anisotropic", list(runs)))
    tries += [(name, [("", method) for method in methods]) for name, methods in peers(case)]
    found = {"noisy": (case.error(case.noisy), "", 0.0)}
    for name, methods in tries:
        rows = []
        for strengths, method in methods:
            begin = time.process_time()
            image = method()
            rows.append((case.error(image), strengths, time.process_time() - begin))
        found[name] = min(rows)
    return found


def quality(case: Case, found: dict[str, Row]) -> list[str]:
    """A Markdown table."""
    lines = [f"| {case.title} | error | strengths | CPU time |", "|---|---|---|---|"]
    for name, (error, strengths, taken) in found.items():
        spent = f"{taken:.2f} s" if taken else ""
        lines.append(f"| {name} | {error:.4g} | {strengths} | {spent} |")
    return lines


def summary(found: dict[str, dict[str, Row]]) -> list[str]:
    """A Markdown table of the best errors of all cases, over both norms."""
    columns = {
        "noisy": "noisy", "intrinsic TV": "intrinsic TV,", "embedded TV": "embedded TV,",
        "intrinsic second order": "intrinsic second", "embedded second order": "embedded second",
        "TGV": "intrinsic TGV", "cyclic proximal points": "cyclic",
        "half-quadratic": "half-quadratic", "Douglas-Rachford": "Douglas-Rachford",
    }  # fmt: skip
    lines = [f"| mean error | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for title, rows in found.items():
        best = [
            min(row[0] for name, row in rows.items() if name.startswith(start))
            for start in columns.values()
        ]
        lines.append(f"| {title} | {' | '.join(f'{error:.4g}' for error in best)} |")
    return lines


def _for_a_second(case: Case, name: str, first: float) -> np.ndarray:
    """Run one of `solvers` for one second."""
    clock = Clock(case, first, 0.0, marks=(1.0,))
    solvers(case, 0.0)[name](clock, first, 0.0)
    return clock.points


def _intrinsic(case: Case, first: float, second: float, norm: str, solver: Solver) -> np.ndarray:
    energy = CombinedTotalVariation(alpha=first, beta=second, norm=norm)
    return manifold.denoise(case.noisy, 1.0, case.manifold, energy, solver=solver).image


def _generalised(case: Case, strength: float, alpha0: float) -> np.ndarray:
    energy = TotalGeneralisedVariation(alpha0=alpha0)
    solver = Solver(_TOL, 3 * _MOST, num_threads=1)
    return manifold.denoise(case.noisy, strength, case.manifold, energy, solver=solver).image


def _infimal(case: Case, first: float, second: float, embedded: bool) -> np.ndarray:
    image, space = chosen(case) if embedded else (case.noisy, case.manifold)
    to: Any = space
    if embedded:
        image = space.embed(case.flat(image)).reshape(*case.space, -1)
        to = Euclidean(image.shape[-1])
    x, _, _ = infimal_convolution(image, first, second, to, tol=_TOL, max_num_iter=3 * _MOST)
    return space.project(x.reshape(-1, *space.embedding_shape)) if embedded else x
