"""Errors to the truth, each method with its best strengths of a few."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from steepest import manifold

from .cases import Case
from .cyclic import cyclic_points
from .peers import Method, embedded, peers

_TOL, _MOST = 1e-3, 1000


def quality(case: Case) -> list[str]:
    """A Markdown table."""
    lines = [f"| {case.title} | error | strengths | CPU time |", "|---|---|---|---|"]
    lines.append(f"| noisy | {case.error(case.noisy):.4g} | | |")
    tries: list[tuple[str, list[tuple[str, Method]]]] = []
    for order, pairs in (("TV", tuple((s, 0.0) for s in case.first)), ("second order", case.both)):
        for isotropic in (True, False):
            options: dict[str, Any] = {"isotropic": isotropic, "tol": _TOL, "num_threads": 1}
            how = f"{order}, {'isotropic' if isotropic else 'anisotropic'}"
            for name, solve in (("intrinsic", _intrinsic), ("embedded", embedded)):
                calls = [partial(solve, case, a, b, **options) for a, b in pairs]
                labels = [f"{a:g}, {b:g}" for a, b in pairs]
                tries.append((f"{name} {how}", list(zip(labels, calls, strict=True))))
    cyclic = [(f"{a:g}, 0", partial(_cyclic, case, a)) for a in case.first]
    tries.append(("cyclic proximal points, TV, anisotropic", list(cyclic)))
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


def _intrinsic(case: Case, first: float, second: float, **options: Any) -> np.ndarray:
    return manifold.denoise_tv(
        case.noisy,
        first,
        manifold=case.manifold,
        second_order=second,
        max_num_iter=_MOST,
        **options,
    ).image


def _cyclic(case: Case, first: float) -> np.ndarray:
    data = case.flat(case.noisy)
    return cyclic_points(case.manifold, data, case.space, first, sweeps=200)
