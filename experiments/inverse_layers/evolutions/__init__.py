"""Further evolutions for `steepest.layers.InverseEvolution`.

>>> from experiments.inverse_layers.evolutions import AllenCahnFlow
>>> attach(network, InverseEvolution(AllenCahnFlow(), 2, 0.1))             # doctest: +SKIP
"""

from __future__ import annotations

from steepest.core.lazy import lazily

_WHERE = {
    "CurvatureFlow": "curvature",
    "AllenCahnFlow": "allen_cahn",
    "PorousMediumFlow": "porous_medium",
    "AdvectionDiffusionReactionFlow": "advection",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
