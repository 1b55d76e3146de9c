"""steepest as a contender: its effort is the tolerance, tol = 10^(-effort/20)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from benchmarks.contender import Array, Contender

PER_DECADE = 20
MAX_NUM_ITER = 1_000_000


def tolerance(effort: int) -> float:
    """The relative duality gap for an effort."""
    return float(10.0 ** (-effort / PER_DECADE))


def steepest(threads: int, dtype: DTypeLike = np.float32) -> Contender:
    """`steepest.denoise_tv` and `steepest.tv_flow`; every call computes the certificate."""
    import steepest as package

    def rof(image: Array, strength: float, effort: int) -> Array:
        result = package.denoise_tv(
            image.astype(dtype, copy=False),
            strength,
            solver=package.Solver(
                tol=tolerance(effort), max_num_iter=MAX_NUM_ITER, num_threads=threads
            ),
        )
        return np.asarray(result.image)

    def flow(image: Array, tau: float, num_steps: int, effort: int) -> Array:
        return np.asarray(flow_result(image, tau, num_steps, effort).images)

    def flow_result(image: Array, tau: float, num_steps: int, effort: int) -> Any:
        return package.tv_flow(
            image.astype(dtype, copy=False),
            tau * np.arange(1, num_steps + 1),
            steps=num_steps,
            solver=package.Solver(
                tol=tolerance(effort), max_num_iter=MAX_NUM_ITER, num_threads=threads
            ),
        )

    plural = "thread" if threads == 1 else "threads"
    return Contender(
        f"steepest {np.dtype(dtype).name}, {threads} {plural}",
        "steepest",
        {"": rof},
        {"": flow},
        "certificate included",
        describe=lambda effort: f"tol {tolerance(effort):.1e}",
        largest_effort=14 * PER_DECADE,
        dtype=dtype,
        threads=threads,
    )


def iterations(contender: Contender, task: str, arguments: tuple[Any, ...], effort: int) -> int:
    """The number of iterations that steepest reports for one solve (untimed)."""
    import steepest as package

    solver = package.Solver(
        tol=tolerance(effort), max_num_iter=MAX_NUM_ITER, num_threads=contender.threads
    )
    image = arguments[0].astype(contender.dtype, copy=False)
    if task == "rof":
        return int(package.denoise_tv(image, arguments[1], solver=solver).iterations)
    tau, num_steps = arguments[1:]
    times = tau * np.arange(1, num_steps + 1)
    return int(package.tv_flow(image, times, steps=num_steps, solver=solver).iterations)
