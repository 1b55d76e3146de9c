"""Energies of second order, compiled, beside total variation, array code and deepinv.

    python -m benchmarks.tgv [--save]

Crops of scikit-image's `camera` with noise of standard deviation 0.1, float32, strength 0.1: the
least of several runs. Array code takes the same steps, and stops by the same certificate. deepinv's
total generalised variation, an over-relaxed primal-dual iteration by Condat, has another
discretisation and no certificate: it runs until the energy of its own functional is within the
tolerance of the least that it finds in 1500 iterations, which flatters it a little.
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
from benchmarks.startup import describe
from benchmarks.tables import markdown
from steepest.convex.primal_dual import PrimalDual
from steepest.convex.saddle import SaddleDual
from steepest.convex.solve import Goal, Momentum, solve

RESULTS = Path(__file__).parent / "results" / "tgv.md"
STRENGTH, TOLERANCES, REPEATS = 0.1, (1e-3, 1e-4), 5
SIZES, ENERGIES = (128, 256, 512, 1024), ("tv", "tv2", "combined", "tgv")
LARGEST_PEER, LEAST_THREADED = 256, 512


def noisy(size: int) -> np.ndarray:
    """The centre of the camera man in [0, 1], or four of him, with noise."""
    camera = data.camera() / 255
    begin = max((512 - size) // 2, 0)
    clean = np.tile(camera, (2, 2)) if size > 512 else camera[begin : begin + size, begin:]
    clean = clean[:size, :size]
    noise = np.random.default_rng(0).standard_normal(clean.shape)
    return (clean + 0.1 * noise).astype(np.float32)


def least(call: Callable[[], Any], clock: Callable[[], float], repeats: int = REPEATS) -> float:
    """Milliseconds."""
    times = []
    for _ in range(repeats):
        begin = clock()
        call()
        times.append(clock() - begin)
    return 1e3 * min(times)


def ours(f: np.ndarray, name: str, tol: float, threads: int = 1) -> steepest.DenoiseResult:
    solver = steepest.Solver(tol=tol, num_threads=threads)
    return steepest.denoise(f, STRENGTH, steepest.energy_named(name), solver=solver)


def array_code(f: np.ndarray, name: str, tol: float) -> int:
    energy: Any = steepest.energy_named(name).on(f[None], (1.0, 1.0))
    dual = (SaddleDual if name == "tgv" else PrimalDual)(f[None], energy)
    dual.alone = True
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


def deepinv(f: np.ndarray, most: int = 1500) -> list[tuple[float, int]]:
    """Milliseconds and iterations of deepinv for each tolerance."""
    kind = deepinv_tgv()
    if kind is None:
        return []
    y, weight = torch.from_numpy(f)[None, None], 10 * STRENGTH
    model, spent, path = kind(n_it_max=20, crit=0.0), 0.0, []
    for count in range(20, most + 1, 20):
        begin = time.process_time()
        x = model(y, weight)
        spent += time.process_time() - begin
        path.append((energy_of(model, x, y, weight), 1e3 * spent, count))
    best = min(energy for energy, _, _ in path)
    found = [next(p for p in path if p[0] <= (1 + tol) * best) for tol in TOLERANCES]
    return [(taken, count) for _, taken, count in found]


def denoising() -> str:
    """Sizes and energies."""
    rows = []
    for size in SIZES:
        f = noisy(size)
        for name in ENERGIES:
            peer = deepinv(f) if name == "tgv" and size <= LARGEST_PEER else []
            for k, tol in enumerate(TOLERANCES):
                one = ours(f, name, tol)
                cpu = least(lambda f=f, n=name, t=tol: ours(f, n, t), time.process_time)
                threads = same = ""
                if size >= LEAST_THREADED:
                    two = ours(f, name, tol, 2)
                    same = "yes" if np.array_equal(one.image, two.image) else "no"
                    walls = [
                        least(lambda f=f, n=name, t=tol, m=m: ours(f, n, t, m), time.perf_counter)
                        for m in (1, 2)
                    ]
                    threads = f"{walls[0] / walls[1]:.2f}"
                plain = other = ""
                if size <= LARGEST_PEER and name != "tv":
                    slow = least(
                        lambda f=f, n=name, t=tol: array_code(f, n, t), time.process_time, 1
                    )
                    plain = f"{slow / cpu:.0f} times"
                if peer:
                    other = f"{peer[k][0] / cpu:.0f} times ({peer[k][1]})"
                rows.append([
                    f"{name}, {size}²", f"{tol:g}", f"{cpu:.0f} / {one.iterations}",
                    threads, same, plain, other,
                ])  # fmt: skip
                print(rows[-1], flush=True)
    head = [
        "", "gap", "CPU ms / iterations", "speed of two threads", "same result", "array code",
        "deepinv (iterations)",
    ]  # fmt: skip
    return markdown(head, rows)


def hard_cases() -> str:
    """Strengths and images that take many iterations, and flows."""
    f, small = noisy(256), noisy(128)
    spike = np.zeros((256, 256), np.float32)
    spike[128, 128] = 1
    stiff = steepest.TotalGeneralisedVariation(alpha0=20)
    tgv = steepest.TotalGeneralisedVariation()
    cases: dict[str, Callable[[float], Any]] = {}
    for name, image, strength, energy in (
        ("strength 0.01", f, 0.01, tgv),
        ("strength 1", f, 1.0, tgv),
        ("strength 10", f, 10.0, tgv),
        ("alpha0 / alpha1 = 20", f, 0.1, stiff),
        ("a single spike", spike, 0.1, tgv),
        ("a single spike, float64", spike.astype(float), 0.1, tgv),
    ):
        cases[f"tgv 256², {name}"] = lambda tol, i=image, s=strength, e=energy: steepest.denoise(
            i, s, e, solver=steepest.Solver(tol=tol, max_num_iter=5000, num_threads=1)
        )
    times = np.linspace(0.01, 0.2, 20)
    for name in ENERGIES[1:]:
        cases[f"{name}, flow of 128² to 0.2 in 20 equal steps"] = (
            lambda tol, n=name: steepest.flow(
                small, times, steepest.energy_named(n), steps=20,
                solver=steepest.Solver(tol=tol, num_threads=1),
            )
        )  # fmt: skip
    rows = []
    for name, call in cases.items():
        cells = [name]
        for tol in TOLERANCES if "flow" not in name else (1e-2, 1e-3):
            result = call(tol)
            spent = least(lambda c=call, t=tol: c(t), time.process_time, 3)
            state = "" if result.converged else f", {result.status.name.lower()}"
            cells.append(f"{tol:g}: {spent:.0f} / {result.iterations}{state}")
        rows.append(cells)
        print(cells, flush=True)
    return markdown(["", "CPU ms / iterations", ""], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save", action="store_true")
    save = parser.parse_args().save
    torch.set_num_threads(1)
    for name in ENERGIES:
        ours(noisy(128), name, 1e-2)  # compiles
    parts = [denoising(), hard_cases(), f"`python -m benchmarks.tgv`\n\n{describe()}\n"]
    if save:
        RESULTS.write_text("\n\n".join(parts))
    else:
        print("\n\n".join(parts))


if __name__ == "__main__":
    main()
