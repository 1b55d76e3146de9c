"""Compare two versions of the library: ``python -m benchmarks.paired OTHER_CHECKOUT``.

Each version runs in its own process. They take turns (A B, B A, A B, ...), so that both see the
same load of the machine. The table has the median CPU times of each task, and the median of the
ratios of the pairs. The tasks are those that most users wait for.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tables import line

HEAD = ("task", "other [ms]", "this [ms]", "this / other", "iterations: other", "this")


def tasks() -> dict[str, Callable[[], Any]]:
    """Named calls of the public API, on one thread."""
    import steepest
    from steepest import io
    from steepest.inpainting import masks

    camera = io.sample("camera")
    crop = np.ascontiguousarray(camera[128:384, 128:384] / np.float32(255), np.float32)
    colour = io.sample("coffee")[:256, :256]
    volume = np.stack([crop[k : k + 64, k : k + 64] for k in range(64)])
    known = np.random.default_rng(0).random(camera.shape) < 0.05
    times = 0.004 * np.arange(1, 51)
    one, threads = {"solver": steepest.Solver(num_threads=1)}, {"num_threads": 1}
    noisy = crop + 0.05 * np.random.default_rng(1).standard_normal(crop.shape).astype(crop.dtype)
    exact = steepest.Solver(tol=1e-6, num_threads=1)
    return {
        "ROF, 256 x 256, strength 0.1": lambda: steepest.denoise_tv(crop, 0.1, **one),
        "ROF, 256 x 256, tol 1e-6": lambda: steepest.denoise_tv(crop, 0.1, solver=exact),
        "ROF, 256 x 256 colour": lambda: steepest.denoise_tv(colour, 0.1, channel_axis=-1, **one),
        "flow, 256 x 256, 50 steps to 0.2": lambda: steepest.tv_flow(crop, times, **one),
        "flow, 512 x 512, to 0.1": lambda: steepest.tv_flow(camera, 0.1, **one),
        "flow, 64 x 64, 50 steps": lambda: steepest.tv_flow(crop[:64, :64], times, **one),
        "flow, 256 x 256 colour, to 0.1": lambda: steepest.tv_flow(
            colour, 0.1, channel_axis=-1, **one
        ),
        "flow, 64 x 64 x 64, to 0.1": lambda: steepest.tv_flow(volume, 0.1, **one),
        "flow certified to 50 dB": lambda: steepest.tv_flow(
            crop, 0.2, steps=steepest.Accuracy(db=50), **one
        ),
        "decompose, 128 x 128": lambda: steepest.spectral.decompose(crop[:128, :128], **one),
        "decompose, 256 x 256": lambda: steepest.spectral.decompose(crop, **one),
        "discrepancy, 256 x 256": lambda: steepest.denoise_discrepancy(noisy, 0.05, **one),
        "echo mask, 128 x 128, 5 %": lambda: masks.echo(
            camera[:128, :128], 0.05, rng=0, **threads
        ),
        "inpaint, 512 x 512, 5 %": lambda: steepest.inpaint(camera, known, **one),
    }  # fmt: skip


def worker() -> None:
    """Run the tasks named on standard input; print CPU seconds and iterations."""
    calls = tasks()
    for text in sys.stdin:
        name = text.rstrip("\n")
        begin = time.process_time()
        result = calls[name]()
        seconds = time.process_time() - begin
        result = getattr(result, "flow", result)
        print(json.dumps([seconds, getattr(result, "iterations", None)]), flush=True)


def start(checkout: Path) -> subprocess.Popen[str]:
    """Start a worker that imports the library of a checkout, and these tasks."""
    here = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "PYTHONPATH": f"{checkout / 'src'}:{here}"}
    environment["STEEPEST_NUM_THREADS"] = "1"
    command = [sys.executable, "-m", "benchmarks.paired", "--worker"]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )


def ask(process: subprocess.Popen[str], name: str) -> tuple[float, int | None]:
    """Run one task once; return CPU seconds and iterations."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(name + "\n")
    process.stdin.flush()
    seconds, iterations = json.loads(process.stdout.readline())
    return seconds, iterations


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, nargs="?", help="a checkout to compare with")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker()
        return
    here = Path(__file__).resolve().parent.parent
    other, this = start(options.other.resolve()), start(here)
    print(line(HEAD))
    print(line(["---"] * len(HEAD)))
    for name in tasks():
        first, second = ask(other, name), ask(this, name)  # compiles
        pairs = []
        for k in range(options.rounds):
            order = [(0, other), (1, this)] if k % 2 else [(1, this), (0, other)]
            found = {index: ask(process, name)[0] for index, process in order}
            pairs.append((found[0], found[1]))
        ratio = statistics.median(b / a for a, b in pairs)
        medians = [f"{1e3 * statistics.median(column):.1f}" for column in zip(*pairs, strict=True)]
        print(line([name, *medians, f"{ratio:.2f}", str(first[1]), str(second[1])]), flush=True)


if __name__ == "__main__":
    main()
