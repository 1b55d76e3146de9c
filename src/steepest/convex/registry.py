"""Choose the solver of a problem: a special one for the energy if there is one, else array code."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from ..core.errors import InputError
from ..core.namespace import Array, is_torch
from .crofton import CroftonTotalVariation
from .dual import Dual
from .energy import Energy, ProximalEnergy
from .reference import ReferenceDual
from .total_generalised_variation import TotalGeneralisedVariation
from .total_variation import TotalVariation

# Special solvers by the class of the energy: module, class, whether it accepts the problem. The
# modules are imported on first use, so that the array code needs no compiler.
_Takes = Callable[[Array, Any], bool]
_OWN: dict[type, tuple[str, str, _Takes]] = {
    TotalVariation: (
        ".compiled.dual",
        "CompiledDual",
        lambda f, energy: not is_torch(f) and energy.boundary == "neumann",
    ),
    CroftonTotalVariation: (
        ".compiled.crofton",
        "CroftonDual",
        lambda f, energy: not is_torch(f) and f.shape[0] == 1 and not energy.huber,
    ),
    TotalGeneralisedVariation: (".saddle", "SaddleDual", lambda f, energy: True),
}


def make_dual(f: Array, energy: Energy, num_threads: int | None = None) -> Dual:
    """The energy's special solver if it accepts this array, else `ReferenceDual`.

    Raises
    ------
    InputError
        If the energy has neither a special solver nor a ``prox``.
    """
    module, name, takes = _OWN.get(type(energy), ("", "", lambda f, energy: False))
    if not takes(f, energy):
        if not hasattr(energy, "prox"):
            raise InputError(f"energy={energy!r} has no method prox, which its solver needs")
        return ReferenceDual(f, cast(ProximalEnergy, energy), num_threads)
    dual: Dual = getattr(import_module(module, __package__), name)(f, energy, num_threads)
    return dual
