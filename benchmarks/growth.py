"""Cost per pixel and iteration by image size, large images, threads."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import reference
from benchmarks.contender import Array, Contender
from benchmarks.images import mirrored_camera
from benchmarks.settings import Settings
from benchmarks.timing import interleave

Row = dict[str, Any]

STRENGTH = 0.1
FEWEST, MOST = 8, 400  # iterations of the longer of the two timed solves
LARGE = 4096  # from this size on, getting memory takes longer than the iterations differ
ITERATIONS = 50  # then, of one solve, whose time counts as a whole
IN_GROWTH = ("CCPi", "scikit-image chambolle float32", "deepinv TVDenoiser float32")


def _fixed_iterations(contender: Contender, image: Array, count: int) -> int:
    """Run ``count`` iterations of one cold-started ROF solve; return the iterations done."""
    if contender.package != "steepest":
        solve = next(iter(contender.rof.values()))
        solve(image, STRENGTH, count)
        return count
    import steepest

    # One implicit Euler step from a zero dual field, as in the peers; an unreachable tolerance.
    result = steepest.tv_flow(
        image,
        [STRENGTH],
        steps=1,
        solver=steepest.Solver(tol=1e-14, max_num_iter=count, num_threads=contender.threads),
    )
    return int(result.iterations)


def scaling_rows(contenders: list[Contender], settings: Settings) -> list[Row]:
    """Time per pixel and iteration: of two solves of different length, the difference.

    From `LARGE` on, it is that of one solve, with everything else that it does.
    """
    rows: list[Row] = []
    chosen = [c for c in contenders if c.package == "steepest" or c.name.startswith(IN_GROWTH)]
    for size in settings.scaling_sizes:
        image = mirrored_camera(size)
        count = int(np.clip(settings.scaling_pixel_iterations / size**2, FEWEST, MOST))
        calls: dict[str, Callable[[], int]] = {}
        done: dict[str, tuple[int, int]] = {}
        fixed = size >= LARGE
        for contender in chosen:
            typed = image.astype(contender.dtype)
            # A fast solver gets more iterations, so that its long solve takes measurable time.
            factor = 4 if contender.package == "steepest" else 1
            short = partial(_fixed_iterations, contender, typed, max(2, factor * count // 4))
            long = partial(_fixed_iterations, contender, typed, factor * count)
            if fixed:  # everything counts
                long = partial(_fixed_iterations, contender, typed, ITERATIONS)
                done[contender.name] = (0, long())
            else:
                done[contender.name] = (short(), long())
                calls[f"{contender.name}|short"] = short
            calls[f"{contender.name}|long"] = long
        times = interleave(calls, repeats=settings.repeats, budget_s=settings.timing_budget / 4)
        for contender in chosen:
            long_time = times[f"{contender.name}|long"]
            few, many = done[contender.name]
            start = 0.0 if fixed else times[f"{contender.name}|short"].median
            per_iteration = (long_time.median - start) / max(many - few, 1)
            row = {
                "size": size,
                "contender": contender.name,
                "iterations": [few, many],
                "seconds_short": start,
                "seconds": long_time.as_dict(),
                "ns_per_pixel_iteration": 1e9 * per_iteration / size**2,
                "ns_per_pixel_iteration_with_overhead": 1e9 * long_time.median / many / size**2,
            }
            rows.append(row)
            print(
                f"  {size:5d}^2 {contender.name:42s} {row['ns_per_pixel_iteration']:8.3f} ns per "
                f"pixel and iteration ({row['ns_per_pixel_iteration_with_overhead']:.3f} with "
                "everything)",
                flush=True,
            )
    return rows


def large_rows(contenders: list[Contender], settings: Settings) -> list[Row]:
    """One ROF problem on a large image; the gap is recomputed in float64."""
    import steepest

    rows: list[Row] = []
    image = mirrored_camera(settings.large_size)
    for tol in settings.large_tols:
        calls: dict[str, Callable[[], Any]] = {}
        chosen = [c for c in contenders if c.package == "steepest" and c.dtype == np.float32]
        for contender in chosen:
            calls[contender.name] = partial(
                steepest.denoise_tv,
                image.astype(contender.dtype),
                STRENGTH,
                solver=steepest.Solver(tol=tol, num_threads=contender.threads),
            )
        times = interleave(calls, repeats=3, budget_s=settings.timing_budget, least=2)
        for contender in chosen:
            result = calls[contender.name]()
            seconds = times[contender.name]
            pixel_iterations = max(result.iterations, 1) * image.size
            row = {
                "size": settings.large_size,
                "contender": contender.name,
                "tol": tol,
                "seconds": seconds.as_dict(),
                "iterations": int(result.iterations),
                "ns_per_pixel_iteration_with_overhead": 1e9 * seconds.median / pixel_iterations,
                "gap_reported": float(result.gap),
                "gap_recomputed": reference.relative_gap(
                    image.astype(contender.dtype), result.image, result.flux, STRENGTH
                ),
            }
            rows.append(row)
            print(f"  {row}", flush=True)
    return rows


@functools.cache
def _pools() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def set_peer_threads(count: int) -> None:
    """Set the number of threads of the peers' OpenMP, BLAS and torch pools."""
    _pools().limit(limits=count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


def thread_rows(contenders: list[Contender], settings: Settings) -> list[Row]:
    """The same solve with each number of threads: steepest and the multithreaded peers."""
    rows: list[Row] = []
    own = [c for c in contenders if c.package == "steepest" and c.dtype == np.float32]
    peers = [c for c in contenders if c.name.startswith(("CCPi", "deepinv TVDenoiser float32"))]
    for size in settings.thread_sizes:
        image = mirrored_camera(size).astype(np.float32)
        count = int(np.clip(settings.scaling_pixel_iterations / size**2, FEWEST, MOST))
        calls: dict[str, Callable[[], Any]] = {}
        for contender in own:
            calls[contender.name] = partial(_fixed_iterations, contender, image, 4 * count)
        for contender in peers:
            for threads in settings.thread_counts:
                name = f"{contender.name}, {threads} thread{'s' if threads > 1 else ''}"
                calls[name] = partial(_with_threads, threads, contender, image, count)
        times = interleave(calls, repeats=settings.repeats, budget_s=settings.timing_budget / 2)
        set_peer_threads(1)
        for name, timing in times.items():
            done = 4 * count if name.startswith("steepest") else count
            row = {
                "size": size,
                "contender": name,
                "seconds": timing.as_dict(),
                "iterations": done,
                "microseconds_per_iteration": 1e6 * timing.median / done,
            }
            rows.append(row)
            print(f"  {size}^2 {name}: {row['microseconds_per_iteration']:.1f} us per iteration")
    return rows


def _with_threads(threads: int, contender: Contender, image: Array, count: int) -> None:
    set_peer_threads(threads)
    _fixed_iterations(contender, image, count)


def import_seconds() -> float:
    """Time of the first two solves in this process, including imports and loading of kernels."""
    began = time.perf_counter()
    import steepest

    image = np.zeros((16, 16), np.float32)
    steepest.denoise_tv(image, STRENGTH, solver=steepest.Solver(num_threads=1))
    steepest.tv_flow(image, [STRENGTH], steps=1, solver=steepest.Solver(num_threads=1))
    return time.perf_counter() - began
