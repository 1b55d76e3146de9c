"""The compiled kernels by themselves, and what a second thread brings.

Nanoseconds of CPU time per value of the image and iteration on one thread, and per value and
certificate (of float32 images, mostly in float32); then the time of whole calls with one thread and
with two, beside that of a loop of arithmetic without memory or waiting, which no solver can beat.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np

import steepest
from benchmarks.tables import write
from steepest import io
from steepest.convex.compiled.dual import CompiledDual

RESULTS = Path(__file__).parent / "results"
ITERATIONS = 48
KINDS: dict[str, tuple[int, tuple[int, ...], type, dict[str, Any]]] = {
    "grey, 64 x 64": (1, (64, 64), np.float32, {}),
    "grey, 256 x 256": (1, (256, 256), np.float32, {}),
    "grey, 512 x 512": (1, (512, 512), np.float32, {}),
    "grey, 2048 x 2048": (1, (2048, 2048), np.float32, {}),
    "grey, 512 x 512, float64": (1, (512, 512), np.float64, {}),
    "grey, 512 x 512, anisotropic": (1, (512, 512), np.float32, {"norm": "anisotropic"}),
    "RGB, 512 x 512": (3, (512, 512), np.float32, {}),
    "8 channels, 128 x 128": (8, (128, 128), np.float32, {}),
    "volume, 64 x 64 x 64": (1, (64, 64, 64), np.float32, {}),
    "volume, 128 x 128 x 128": (1, (128, 128, 128), np.float32, {}),
}


def least(call: Callable[[], Any], clock: Callable[[], float], rounds: int = 12) -> float:
    """The shortest of several calls, after an untimed one."""
    call()
    taken = []
    for _ in range(rounds):
        began = clock()
        call()
        taken.append(clock() - began)
    return min(taken)


def of_kind(
    channels: int, shape: tuple[int, ...], dtype: type, options: dict[str, Any]
) -> list[str]:
    """Nanoseconds per value: of an iteration, and of a certificate."""
    f = np.random.default_rng(0).random((channels, *shape)).astype(dtype)
    energy = steepest.TotalVariation(**options).on(f, (1.0,) * len(shape))
    dual = CompiledDual(f, energy, 1)
    dual.set_step(0.02, 4 / 3)
    betas = [0.9] * ITERATIONS
    sweep = least(lambda: dual.iterate(betas), time.thread_time) / ITERATIONS
    dual.restart()
    dual.set_flux(dual.flux * 0)
    dual.iterate([0.0])
    measure = least(dual.measure, time.thread_time)
    return [f"{1e9 * sweep / f.size:.2f}", f"{1e9 * measure / f.size:.1f}"]


@nb.njit(nogil=True)
def arithmetic(count: int) -> float:
    """A chain of multiplications."""
    x = 1.0
    for i in range(count):
        x = x * 1.0000001 + i * 1e-9
    return x


def whole_calls() -> dict[str, Callable[[int], Any]]:
    """Calls of the public API, by number of threads; the first is the loop of arithmetic."""
    camera = io.sample("camera").astype(np.float32) / np.float32(255)
    crop = np.ascontiguousarray(camera[128:384, 128:384])
    colour = io.sample("coffee")[:256, :256]
    volume = np.stack([crop[k : k + 64, k : k + 64] for k in range(64)])
    times = 0.004 * np.arange(1, 51)
    half = 10_000_000

    def plain(threads: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(arithmetic, [2 * half // threads] * threads))

    return {
        "arithmetic": plain,
        "flow, 256 x 256, 50 steps": lambda n: steepest.tv_flow(
            crop, times, solver=steepest.Solver(num_threads=n)
        ),
        "flow, 512 x 512, 50 steps": lambda n: steepest.tv_flow(
            camera, times, solver=steepest.Solver(num_threads=n)
        ),
        "flow, 2048 x 2048, to 0.02 in 5 steps": lambda n: steepest.tv_flow(
            np.tile(camera, (4, 4)), 0.02, steps=5, solver=steepest.Solver(num_threads=n)
        ),
        "ROF, 512 x 512": lambda n: steepest.denoise_tv(
            camera, 0.1, solver=steepest.Solver(num_threads=n)
        ),
        "flow, 256 x 256 RGB, to 0.1": lambda n: steepest.tv_flow(
            colour, 0.1, channel_axis=-1, solver=steepest.Solver(num_threads=n)
        ),
        "flow, 64 x 64 x 64, to 0.1": lambda n: steepest.tv_flow(
            volume, 0.1, solver=steepest.Solver(num_threads=n)
        ),
    }


def main() -> None:
    """Write both tables."""
    command = "`python -m benchmarks.kernels`"
    rows = [[name, *of_kind(*kind)] for name, kind in KINDS.items()]
    head = ("image", "iteration [ns / value]", "certificate [ns / value]")
    write(RESULTS / "kernels.md", head, rows, command)
    rows = []
    for name, call in whole_calls().items():
        one, two = (least(partial(call, n), time.perf_counter, 9) for n in (1, 2))
        rows.append([name, f"{1e3 * one:.1f}", f"{1e3 * two:.1f}", f"{one / two:.2f}"])
    head = ("call", "one thread [ms]", "two [ms]", "ratio")
    write(RESULTS / "two_threads.md", head, rows, command)


if __name__ == "__main__":
    main()
