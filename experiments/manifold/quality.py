"""Errors to the truth, each method with its best strengths of a few."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from steepest import manifold
from steepest.manifold import Euclidean

from .cases import Case
from .cyclic import cyclic_points
from .infimal import infimal_convolution
from .peers import Method, chosen, embedded, peers

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


def _generalised(case: Case, strength: float, alpha0: float) -> np.ndarray:
    return manifold.denoise_tgv(
        case.noisy, strength, alpha0=alpha0, manifold=case.manifold, tol=_TOL,
        max_num_iter=3 * _MOST, num_threads=1,
    ).image  # fmt: skip


def _infimal(case: Case, first: float, second: float, embedded: bool) -> np.ndarray:
    image, space = chosen(case) if embedded else (case.noisy, case.manifold)
    to: Any = space
    if embedded:
        image = space.embed(case.flat(image)).reshape(*case.space, -1)
        to = Euclidean(image.shape[-1])
    x, _, _ = infimal_convolution(image, first, second, to, tol=_TOL, max_num_iter=3 * _MOST)
    return space.project(x.reshape(-1, *space.embedding_shape)) if embedded else x


def _cyclic(case: Case, first: float) -> np.ndarray:
    data = case.flat(case.noisy)
    return cyclic_points(case.manifold, data, case.space, first, sweeps=200)
