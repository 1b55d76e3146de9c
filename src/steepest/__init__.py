"""Certified gradient flows of images.

>>> import steepest
>>> result = steepest.tv_flow(image, times=[0.05, 0.1, 0.2])       # doctest: +SKIP
>>> decomposition = steepest.spectral.decompose(image)             # doctest: +SKIP

Everything is imported on first use: ``import steepest`` loads neither numba nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "tv_flow": "flows.tv_flow",
    "FlowResult": "flows.result",
    "FlowState": "flows.result",
    "Step": "flows.result",
    "TimeGrid": "flows.time_grid",
    "denoise_tv": "flows.denoise",
    "DenoiseResult": "flows.denoise",
    "discrepancy_strength": "flows.denoise",
    "estimate_noise": "flows.noise",
    "extinction_time": "flows.extinction",
    "total_variation": "functionals.total_variation",
    "gradient": "operators.differences",
    "divergence": "operators.differences",
    "Status": "core.status",
    "InputError": "core.errors",
    "NotConverged": "core.errors",
}
_MODULES = ("spectral", "learning", "evaluation", "io", "plot")

__all__ = [*_WHERE, *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(import_module(f".{_WHERE[name]}", __name__), name)
    elif name in _MODULES:
        value = import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module 'steepest' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
