"""Errors to the truth, each method with its best strengths of a few."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from steepest import manifold

from .cases import Case
from .cyclic import cyclic_points
from .peers import embedded, peers

_TOL = 1e-3


def quality(case: Case) -> list[str]:
    """A Markdown table."""
    lines = [f"| {case.title} | error | strengths | CPU time |", "|---|---|---|---|"]
    lines.append(f"| noisy | {case.error(case.noisy):.4g} | | |")
    tries: list[tuple[str, list[tuple[str, Callable[[], np.ndarray]]]]] = []
    for order, pairs in (("TV", [(s, 0.0) for s in case.first]), ("second order", case.both)):
        for isotropic in (True, False):
            how = f"{order}, {'isotropic' if isotropic else 'anisotropic'}"
            for name, method in (("intrinsic", _intrinsic), ("embedded", embedded)):
                options = {"isotropic": isotropic, "tol": _TOL, "num_threads": 1}
                tries.append(
                    (
                        f"{name} {how}",
                        [
                            (
                                f"{a:g}, {b:g}",
                                lambda m=method, a=a, b=b, o=options: m(case, a, b, **o),
                            )
                            for a, b in pairs
                        ],
                    )
                )
    tries.append(
        (
            "cyclic proximal points, TV, anisotropic",
            [(f"{a:g}, 0", lambda a=a: _cyclic(case, a)) for a in case.first],
        )
    )
    tries += [(name, [("", method) for method in methods]) for name, methods in peers(case)]
    for name, methods in tries:
        best = (np.inf, "", 0.0)
        for strengths, method in methods:
            begin = time.process_time()
            image = method()
            taken = time.process_time() - begin
            best = min(best, (case.error(image), strengths, taken))
        lines.append(f"| {name} | {best[0]:.4g} | {best[1]} | {best[2]:.2f} s |")
    return lines


def _intrinsic(case: Case, first: float, second: float, **options: object) -> np.ndarray:
    return manifold.denoise_tv(
        case.noisy, first, manifold=case.manifold, second_order=second, **options
    ).image


def _cyclic(case: Case, first: float) -> np.ndarray:
    data = case.flat(case.noisy)
    return cyclic_points(case.manifold, data, case.space, first, sweeps=200)
