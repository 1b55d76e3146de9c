"""Inverse evolution layers: PDEs run backwards behind a network (needs the ``torch`` extra).

>>> from steepest.layers import InverseHeat, with_inverse_evolution
>>> network = with_inverse_evolution(network, InverseHeat(20, 0.025))      # doctest: +SKIP
>>> loss = cross_entropy(network(images), labels)                          # doctest: +SKIP

Everything is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_WHERE = {
    "InverseEvolution": "evolution",
    "InverseHeat": "heat",
    "InverseTotalVariation": "total_variation",
    "InverseCurvature": "curvature",
    "InverseAllenCahn": "allen_cahn",
    "InversePorousMedium": "porous_medium",
    "InverseAdvectionDiffusionReaction": "advection",
    "InverseLayer": "base",
    "HEAT_PRESETS": "presets",
    "heat_preset": "presets",
    "TrainingOnly": "training_only",
    "with_inverse_evolution": "network",
    "InverseEvolutionNetwork": "network",
    "attach": "hooks",
    "inverse_layers": "hooks",
    "linear_ramp": "schedule",
    "set_scale": "schedule",
    "estimate_gain": "stability",
    "StabilityWarning": "stability",
    "check_gain": "gain",
}

__all__ = [*_WHERE]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'steepest.layers' has no attribute {name!r}")
    try:
        module = import_module(f".{_WHERE[name]}", __name__)
    except ModuleNotFoundError as error:
        if error.name == "torch":
            message = f"steepest.layers.{name} needs torch: pip install 'steepest[torch]'"
            raise ModuleNotFoundError(message, name="torch") from None
        raise
    globals()[name] = value = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
