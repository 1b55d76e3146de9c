"""The settings of the full and the quick benchmark."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FlowCase:
    """``num_steps`` implicit Euler steps of ``tau`` on a ``size`` crop, to ``decibels``."""

    size: int
    tau: float
    num_steps: int
    decibels: tuple[float, ...]


@dataclass(frozen=True)
class Settings:
    """Sizes, accuracies and budgets; times in seconds."""

    rof_cases: tuple[tuple[int, tuple[float, ...]], ...] = (
        (256, (1e-3, 1e-4, 1e-6)),
        (512, (1e-4,)),
    )
    rof_strength: float = 0.1
    flow_cases: tuple[FlowCase, ...] = (
        FlowCase(256, 0.004, 50, (60.0, 65.0)),
        FlowCase(256, 0.02, 50, (60.0,)),
    )
    scaling_sizes: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048, 4096)
    scaling_pixel_iterations: float = 1.0e8
    large_size: int = 4096
    large_tols: tuple[float, ...] = (1e-2, 1e-3)
    thread_sizes: tuple[int, ...] = (256, 512, 2048)
    accuracy_size: int = 256
    accuracy_time: float = 0.2
    accuracy_decibels: tuple[float, ...] = (40.0, 45.0, 50.0, 55.0)
    accuracy_reference_steps: int = 400
    thread_counts: tuple[int, ...] = (1, 2)
    search_budget: float = 8.0
    repeats: int = 9
    timing_budget: float = 6.0


FULL = Settings()
QUICK = Settings(
    rof_cases=((64, (1e-3, 1e-4)),),
    flow_cases=(FlowCase(64, 0.004, 10, (50.0, 60.0)),),
    scaling_sizes=(64, 256, 512),
    scaling_pixel_iterations=1.0e7,
    large_size=1024,
    large_tols=(1e-2,),
    thread_sizes=(256,),
    accuracy_size=64,
    accuracy_decibels=(35.0, 45.0),
    accuracy_reference_steps=200,
    search_budget=1.0,
    repeats=3,
    timing_budget=1.0,
)
