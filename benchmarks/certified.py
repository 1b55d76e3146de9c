"""The cost of a certified accuracy: ``accuracy=`` compared with a fixed number of steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import reference
from benchmarks.contender import Contender
from benchmarks.images import camera_crop
from benchmarks.settings import Settings
from benchmarks.timing import interleave

Row = dict[str, Any]


def accuracy_rows(contenders: list[Contender], settings: Settings) -> list[Row]:
    """Time, iterations, steps, certified and true PSNR at one time of the flow.

    The true error is measured against many small implicit Euler steps, which approximate the flow
    that is exact in time.
    """
    import steepest

    image = camera_crop(settings.accuracy_size)
    time = settings.accuracy_time
    exact = reference.final_frame_reference(image, time, settings.accuracy_reference_steps)
    options: dict[str, dict[str, Any]] = {
        "50 steps, tol 1e-3": {"steps": 50, "tol": 1e-3},
        "50 steps, tol 1e-2": {"steps": 50, "tol": 1e-2},
    }
    for decibels in settings.accuracy_decibels:
        options[f"accuracy={decibels:g}"] = {
            "steps": steepest.Accuracy(db=decibels, data_range=1.0),
            "tol": None,
        }
    own = [c for c in contenders if c.package == "steepest" and c.dtype == np.float32]
    calls: dict[tuple[str, str], Callable[..., Any]] = {}
    for contender in own:
        typed = image.astype(contender.dtype)
        for label, chosen in options.items():
            solver = steepest.Solver(tol=chosen["tol"], num_threads=contender.threads)
            calls[contender.name, label] = partial(
                steepest.tv_flow, typed, [time], steps=chosen["steps"], solver=solver
            )
    keyed = {"|".join(key): call for key, call in calls.items()}
    times = interleave(keyed, repeats=settings.repeats, budget_s=settings.timing_budget)
    rows: list[Row] = []
    for (name, label), call in calls.items():
        steps: list[int] = []
        result = call(on_step=lambda step, steps=steps: steps.append(1))
        error = float(np.mean((np.asarray(result.images[-1], np.float64) - exact) ** 2))
        row: Row = {
            "size": settings.accuracy_size,
            "T": time,
            "contender": name,
            "setting": label,
            "seconds": times[f"{name}|{label}"].as_dict(),
            "iterations": int(result.iterations),
            "steps": len(steps),
            "certified_db": float(result.psnr_bound(1.0)[-1]),
            "true_db": float(-10 * np.log10(error)),
            "status": str(result.status.value),
        }
        rows.append(row)
        print(
            f"  {name}, {label}: {1e3 * row['seconds']['median']:.1f} ms, {row['iterations']} its, "
            f"{row['steps']} steps, certified {row['certified_db']:.1f} dB, "
            f"true {row['true_db']:.1f} dB",
            flush=True,
        )
    return rows
