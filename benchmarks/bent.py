"""Energies of second order beside other solvers of the same problems.

    python -m benchmarks.bent [--save]

A noisy crop of scikit-image's `camera`, float32, one thread: milliseconds of processor time, the
least of three runs, and iterations. "FISTA" is plain array code, the accelerated dual iteration of
`steepest.convex.reference`; it stops at a gap by the same certificate. deepinv's total generalised
variation, an over-relaxed primal-dual iteration by Condat, has another discretisation and no
certificate: it runs until the energy of its own functional is within the tolerance of the least
that it finds in 3000 iterations.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from skimage import data

import steepest
from benchmarks.tables import markdown, write
from steepest.convex.reference import ReferenceDual
from steepest.convex.solve import Goal, Momentum, solve

RESULTS = Path(__file__).parent / "results" / "bent.md"
STRENGTH, TOLERANCES, REPEATS = 0.1, (1e-3, 1e-4), 3
SIZES, ENERGIES = (128, 256, 512), ("tv2", "combined", "tgv")


def noisy(size: int) -> np.ndarray:
    """The centre of the camera man in [0, 1], with noise of standard deviation 0.1."""
    begin = (512 - size) // 2
    clean = data.camera()[begin : begin + size, begin : begin + size] / 255
    noise = np.random.default_rng(0).standard_normal(clean.shape)
    return (clean + 0.1 * noise).astype(np.float32)


def least(call: Callable[[], int], repeats: int = REPEATS) -> str:
    """Milliseconds and iterations."""
    times, count = [], 0
    for _ in range(repeats):
        begin = time.process_time()
        count = call()
        times.append(time.process_time() - begin)
    return f"{1e3 * min(times):.0f} / {count}"


def ours(f: np.ndarray, name: str, tol: float) -> int:
    solver = steepest.Solver(tol=tol, num_threads=1)
    result = steepest.denoise(f, STRENGTH, steepest.energy_named(name), solver=solver)
    return int(result.iterations)


def fista(f: np.ndarray, name: str, tol: float) -> int:
    energy: Any = steepest.energy_named(name).on(f[None], (1.0, 1.0))
    dual = ReferenceDual(f[None], energy)
    return solve(dual, STRENGTH, Goal(tol, 5000), Momentum()).iterations


@cache
def deepinv_tgv() -> Any:
    """deepinv's denoiser, without the rest of that package, which needs torchvision."""
    found = importlib.util.find_spec("deepinv")
    if found is None or found.submodule_search_locations is None:
        return None
    for name, part in (("deepinv", "."), ("deepinv.models", "models")):
        module = ModuleType(name)
        module.__path__ = [str(Path(p) / part) for p in found.submodule_search_locations]
        sys.modules[name] = module
    return importlib.import_module("deepinv.models.tgv").TGVDenoiser


def energy_of(model: Any, x: torch.Tensor, y: torch.Tensor, weight: float) -> float:
    """deepinv's functional at its iterate (x, r)."""
    r = model.r2
    bent = model.epsilon(model.nabla(x) - r)
    sizes = [(v.double() ** 2).sum(-1).sqrt().sum() for v in (r, bent)]
    return float(0.5 * ((x - y).double() ** 2).sum() + weight * (0.1 * sizes[0] + 0.15 * sizes[1]))


def deepinv(f: np.ndarray, most: int = 3000) -> list[str]:
    """Milliseconds and iterations of deepinv for each tolerance."""
    kind = deepinv_tgv()
    if kind is None:
        return ["not installed"] * len(TOLERANCES)
    y, weight = torch.from_numpy(f)[None, None], 10 * STRENGTH
    model, spent, path = kind(n_it_max=20, crit=0.0), 0.0, []
    for count in range(20, most + 1, 20):
        begin = time.process_time()
        x = model(y, weight)
        spent += time.process_time() - begin
        path.append((energy_of(model, x, y, weight), spent, count))
    best = min(energy for energy, _, _ in path)
    found = [next(p for p in path if p[0] <= (1 + tol) * best) for tol in TOLERANCES]
    return [f"{1e3 * taken:.0f} / {count}" for _, taken, count in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save", action="store_true")
    save = parser.parse_args().save
    torch.set_num_threads(1)
    rows = []
    for size in SIZES:
        f = noisy(size)
        for name in ENERGIES:
            ours(f, name, 1e-2)  # compiles
            times = [least(lambda f=f, n=name, t=t: ours(f, n, t)) for t in TOLERANCES]
            plain = ["", ""]
            if name != "tgv" and size < 512:
                plain = [least(lambda f=f, n=name, t=t: fista(f, n, t), 1) for t in TOLERANCES]
            other = deepinv(f) if name == "tgv" and size < 512 else ["", ""]
            rows.append([f"{name}, {size} x {size}", *times, *plain, *other])
            print(rows[-1], flush=True)
    head = ["ms / iterations, to a gap of"]
    for who in ("steepest", "FISTA", "deepinv"):
        head += [f"{who}, {tol:g}" for tol in TOLERANCES]
    note = "`python -m benchmarks.bent`"
    if save:
        write(RESULTS, head, rows, note)
    else:
        print(markdown(head, rows))


if __name__ == "__main__":
    main()
