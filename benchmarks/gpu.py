"""Times on a CUDA device: ``python -m benchmarks.gpu``. Writes benchmarks/results/gpu.md.

The flow of 256 x 256 pixels in 50 steps of 0.004, alone and in a batch of 64: by the solvers for
accelerators, by array code without compilation, and by the learned networks.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import steepest
from benchmarks.images import mirrored_camera
from steepest import learning
from steepest.convex import registry
from steepest.flows import together

_SIZE, _STEPS, _LAST, _BATCH, _RUNS = 256, 50, 0.2, 64, 10
_TIMES = np.linspace(0, _LAST, _STEPS + 1)[1:]
_OUT = Path(__file__).parent / "results" / "gpu.md"


def images(count: int) -> torch.Tensor:
    """Crops of a large photograph, (count, 256, 256)."""
    large = mirrored_camera(4 * _SIZE)
    corners = np.random.default_rng(0).integers(0, 3 * _SIZE, (count, 2))
    crops = [large[i : i + _SIZE, j : j + _SIZE] for i, j in corners]
    return torch.tensor(np.stack(crops), dtype=torch.float32, device="cuda")


@contextmanager
def array_code() -> Iterator[None]:
    """Without the solvers for accelerators: the reference, and one image after another."""
    usual = registry.on_accelerator
    registry.on_accelerator = together.on_accelerator = lambda f, energy: False
    try:
        yield
    finally:
        registry.on_accelerator = together.on_accelerator = usual


def seconds(work: Callable[[], Any], runs: int = _RUNS) -> list[float]:
    """Wall times, after two runs that compile and warm up."""
    found = []
    for run in range(runs + 2):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        if run >= 2:
            found.append(time.perf_counter() - start)
    return found


def worst_psnr(frames: torch.Tensor, exact: np.ndarray) -> float:
    """PSNR of the worst frame, for values in [0, 1]."""
    error = ((frames.double().cpu().numpy() - exact) ** 2).mean((-2, -1))
    return float(-10 * np.log10(error.max()))


def rows() -> Iterator[tuple[str, list[float], str]]:
    """Name, times and accuracy of every way."""
    one, many = images(1)[0], images(_BATCH)
    exact = steepest.tv_flow(
        one.double().cpu().numpy(), _TIMES, steps=_STEPS, solver=steepest.Solver(tol=1e-8)
    ).images
    options: dict[str, Any] = {"steps": _STEPS}
    batch = {**options, "batch_axis": 0}
    result = steepest.tv_flow(one, _TIMES, **options)
    accuracy = f"{worst_psnr(result.images, exact):.1f}"
    yield "flow", seconds(lambda: steepest.tv_flow(one, _TIMES, **options)), accuracy
    yield f"{_BATCH} flows", seconds(lambda: steepest.tv_flow(many, _TIMES, **batch)), ""
    with array_code():
        eager = steepest.tv_flow(one, _TIMES, **options)
        accuracy = f"{worst_psnr(eager.images, exact):.1f}"
        yield (
            "flow, array code",
            seconds(lambda: steepest.tv_flow(one, _TIMES, **options)),
            accuracy,
        )
        times = seconds(lambda: steepest.tv_flow(many, _TIMES, **batch), 2)
        yield f"{_BATCH} flows, array code", times, ""
    network = learning.load("mean-flux").cuda()
    accuracy = f"{worst_psnr(predicted(network, one), exact):.1f}"
    yield "network", seconds(partial(predicted, network, one)), accuracy


def predicted(network: Any, image: torch.Tensor) -> torch.Tensor:
    """All frames, one prediction each."""
    with torch.inference_mode():
        return torch.cat([network.solve(image[None, None], float(t))[0] for t in _TIMES])


def main() -> None:
    """Measure, print and write the table."""
    if not torch.cuda.is_available():
        sys.exit("no CUDA device: nothing measured")
    lines = [
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {time.strftime('%Y-%m-%d')}. "
        f"{_SIZE} x {_SIZE} pixels, {_STEPS} steps to {_LAST}, float32, `tol` 1e-3; "
        f"median (fastest, slowest) of {_RUNS} runs. PSNR of the worst frame, of the flow alone, "
        "against the same steps solved to 1e-8.",
        "",
        "| | ms | PSNR (dB) |",
        "|---|---|---|",
    ]
    print(*lines, sep="\n")
    for name, found, accuracy in rows():
        low, middle, high = (1e3 * f(found) for f in (min, statistics.median, max))
        lines.append(f"| {name} | {middle:.2f} ({low:.2f}, {high:.2f}) | {accuracy} |")
        print(lines[-1], flush=True)
    _OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
