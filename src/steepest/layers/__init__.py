"""Inverse evolution layers for PyTorch: PDEs run backwards.

They need the ``torch`` extra.

>>> from steepest.layers import InverseHeat, attach
>>> attach(network, InverseHeat(20, 0.025))                                # doctest: +SKIP
>>> loss = cross_entropy(network(images), labels)                          # doctest: +SKIP

Everything is imported on first use.
"""

from ..core.lazy import lazily

_WHERE = {
    "InverseEvolution": "evolution",
    "InverseHeat": "heat",
    "TotalVariationFlow": "total_variation",
    "InverseLayer": "base",
    "attach": "hooks",
    "inverse_layers": "hooks",
    "linear_ramp": "schedule",
    "set_scale": "schedule",
    "estimate_gain": "stability",
    "StabilityWarning": "stability",
    "check_gain": "gain",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
