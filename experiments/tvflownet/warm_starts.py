"""Gradients and warm starts: ``python -m experiments.tvflownet.warm_starts``.

Measures the accuracy of gradients through a denoised photograph for several tolerances, and the
iterations saved by a suggested flux: the converged flux, with and without noise, and the network's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import steepest
from benchmarks.images import camera_crop
from benchmarks.startup import describe

END, STEPS = 0.2, 50
NOISES = (0.0, 0.001, 0.01, 0.05)


def table(title: str, head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table with a title."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join([f"## {title}", "", *lines, ""])


def best_of(function: Callable[[], Any], repeats: int = 3) -> tuple[Any, float]:
    """The result and the milliseconds of the fastest of several calls."""
    best = float("inf")
    for _ in range(repeats):
        start = perf_counter()
        result = function()
        best = min(best, 1000 * (perf_counter() - start))
    return result, best


def gradients() -> str:
    """Errors of d/df ||v - f0||^2 and of d/dstrength, relative to a tolerance of 1e-8."""
    import torch

    clean = torch.from_numpy(camera_crop(256).astype(np.float64))
    noise = torch.randn(256, 256, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def derivatives(strength: float, tol: float) -> tuple[torch.Tensor, float]:
        f = (clean + 0.05 * noise).requires_grad_()
        s = torch.tensor(strength, dtype=torch.float64, requires_grad=True)
        v = steepest.denoise_tv(f, s, solver=steepest.Solver(tol=tol, max_num_iter=30000)).image
        by_f, by_s = torch.autograd.grad(((v - clean) ** 2).sum(), (f, s))
        return by_f, float(by_s)

    rows = {tol: [f"{tol:g}"] for tol in (1e-3, 1e-4, 1e-5, 1e-6)}
    for strength in (0.02, 0.1):
        exact, exact_s = derivatives(strength, 1e-8)
        for tol, row in rows.items():
            found, found_s = derivatives(strength, tol)
            row.append(f"{float((found - exact).norm() / exact.norm()):.1%}")
            row.append(f"{abs(found_s / exact_s - 1):.1%}")
    head = ["tol", "image, 0.02", "strength, 0.02", "image, 0.1", "strength, 0.1"]
    return table("Relative error of gradients of a denoised photograph", head, list(rows.values()))


def converged_fluxes(image: np.ndarray) -> np.ndarray:
    """The flux of each step, solved to 1e-7."""
    fluxes, state = [], None
    for t in np.linspace(0, END, STEPS + 1)[1:]:
        result = steepest.tv_flow(
            image, t, steps=1, solver=steepest.Solver(tol=1e-7, max_num_iter=20000), start=state
        )
        fluxes.append(np.asarray(result.flux))
        state = result.state
    return np.stack(fluxes)


def warm_flow() -> str:
    """Iterations and milliseconds of the 50-step flow with suggested fluxes."""
    image, rng = camera_crop(256), np.random.default_rng(0)
    exact, steps = converged_fluxes(image), steepest.TimeGrid.uniform(STEPS)
    flow = partial(steepest.tv_flow, image, END, steps=steps)
    rows = []
    for tol in (1e-3, 1e-5):
        cold, ms = best_of(partial(flow, solver=steepest.Solver(tol=tol)))
        row = [f"{tol:g}", f"{cold.iterations} ({ms:.0f} ms)"]
        for noise in NOISES:
            guess = exact + noise * rng.standard_normal(exact.shape).astype(np.float32)
            warm, ms = best_of(partial(flow, solver=steepest.Solver(tol=tol), start=guess))
            row.append(f"{warm.iterations} ({ms:.0f} ms)")
        rows.append(row)
    head = ["tol", "no guess", "exact", *(f"noise {noise:g}" for noise in NOISES[1:])]
    return table("50 steps to 0.2: iterations (and time) from a suggested flux", head, rows)


def warm_denoising() -> str:
    """Iterations of a single solve with suggested fluxes."""
    image, rng = camera_crop(256).astype(np.float64), np.random.default_rng(0)
    rows = []
    for strength in (0.1, 0.5):
        exact = steepest.denoise_tv(
            image, strength, solver=steepest.Solver(tol=1e-8, max_num_iter=100000)
        ).flux
        for tol in (1e-4, 1e-6):
            row = [f"{strength:g}", f"{tol:g}"]
            row.append(
                str(
                    steepest.denoise_tv(image, strength, solver=steepest.Solver(tol=tol)).iterations
                )
            )
            for noise in (0.0, 0.01, 0.05):
                guess = exact + noise * rng.standard_normal(exact.shape)
                found = steepest.denoise_tv(
                    image, strength, solver=steepest.Solver(tol=tol), start=guess
                )
                row.append(str(found.iterations))
            rows.append(row)
    head = ["strength", "tol", "no flux", "exact", "noise 0.01", "noise 0.05"]
    return table("One ROF problem: iterations from a suggested flux", head, rows)


def learned() -> str:
    """Predicting, certifying, and solving with and without the network's flux."""
    import torch

    from steepest import learning
    from steepest.learning.flows.certificate import segment_fluxes

    network = learning.load("mean-flux")
    image = camera_crop(256).astype(np.float32)
    u0, t = torch.from_numpy(image)[None, None], torch.tensor([END])
    truth = steepest.tv_flow(image, END, steps=steepest.Accuracy(db=60, data_range=1.0)).images[0]

    def psnr(found: np.ndarray) -> str:
        return f"{-10 * np.log10(np.mean((found.astype(np.float64) - truth) ** 2)):.1f}"

    @cache
    def guess(start: float, stop: float) -> np.ndarray:
        nodes = [0.0, start, stop] if start > 0 else [0.0, stop]
        *_, flux = segment_fluxes(network, u0, nodes)
        return flux.numpy()

    rows = []
    with torch.no_grad():
        found, ms = best_of(lambda: network.solve(u0, t))
        rows.append(["network, one time", "0", psnr(found[0, 0].numpy()), "none", f"{ms:.0f}"])
        sure, ms = best_of(lambda: learning.certify(network, u0, t))
        bound = f"{float(sure.psnr_bound[0]):.1f}"
        rows.append(["network, certified", "0", psnr(sure.image[0, 0].numpy()), bound, f"{ms:.0f}"])
        for accuracy in (30, 35, 40, 45):
            for name, extra in (("", {}), (", network's flux", {"start": guess})):
                steps = steepest.Accuracy(db=accuracy, data_range=1.0)
                flow, ms = best_of(partial(steepest.tv_flow, image, END, steps=steps, **extra))
                label = f"solver to {accuracy} dB{name}"
                bound = f"{float(flow.psnr_bound(1.0)[0]):.1f}"
                values = [str(flow.iterations), psnr(flow.images[0]), bound, f"{ms:.0f}"]
                rows.append([label, *values])
    head = ["256 x 256 camera at 0.2", "iterations", "true dB", "certified dB", "ms"]
    note = "The network's fluxes are computed before the clock starts.\n"
    return table("Learned and certified, against the solver", head, rows) + "\n" + note


def main() -> None:
    """Measure, print and store as Markdown."""
    head = "# Gradients, warm starts and networks"
    command = "`python -m experiments.tvflownet.warm_starts`"
    parts = [gradients(), warm_flow(), warm_denoising(), learned()]
    text = "\n".join([head, "", command, "", *parts, describe(), ""])
    print(text)
    (Path(__file__).with_name("results") / "warm_starts.md").write_text(text)


if __name__ == "__main__":
    main()
