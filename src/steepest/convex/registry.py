"""Choose the solver of a problem: a special one for the energy if there is one, else array code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, cast

from ..core.errors import InputError
from ..core.namespace import Array, is_torch
from .crofton import CroftonTotalVariation
from .dual import Dual
from .energy import Energy, ProximalEnergy
from .reference import ReferenceDual
from .second_order import SecondOrderTotalVariation
from .total_generalised_variation import TotalGeneralisedVariation
from .total_variation import TotalVariation

# Special solvers by the class of the energy: module, class, whether it accepts the problem. The
# modules are imported on first use, so that the array code needs no compiler.
_Takes = Callable[[Array, Any], bool]
_OWN: dict[type, tuple[str, str, _Takes]] = {
    TotalVariation: (
        ".compiled.dual",
        "CompiledDual",
        lambda f, energy: not is_torch(f) and is_compiled(energy),
    ),
    CroftonTotalVariation: (
        ".compiled.crofton",
        "CroftonDual",
        lambda f, energy: not is_torch(f) and f.shape[0] == 1 and not energy.huber,
    ),
    TotalGeneralisedVariation: (".saddle", "SaddleDual", lambda f, energy: True),
}


def is_compiled(energy: Energy) -> bool:
    """Whether the energy has a compiled solver for arrays in main memory."""
    return type(energy) is TotalVariation and energy.boundary == "neumann"


def on_accelerator(f: Array, energy: Energy) -> bool:
    """Whether the solvers for tensors on an accelerator take this array and energy."""
    pointwise = type(energy) in (TotalVariation, SecondOrderTotalVariation)
    return pointwise and is_torch(f) and f.device.type != "cpu"


def together(energy: Energy, references: Sequence[float]) -> Any:
    """The energy of several images on an accelerator (see `tensors.together`)."""
    return import_module(".tensors.together", __package__).Together(energy, tuple(references))


def make_dual(f: Array, energy: Energy, num_threads: int | None = None) -> Dual:
    """The energy's special solver if it accepts this array, else `ReferenceDual`.

    Raises
    ------
    InputError
        If the energy has neither a special solver nor a ``prox``.
    """
    if on_accelerator(f, getattr(energy, "each", energy)):
        chosen: Dual = import_module(".tensors.choice", __package__).tensor_dual(f, energy)
        return chosen
    module, name, takes = _OWN.get(type(energy), ("", "", lambda f, energy: False))
    if not takes(f, energy):
        if not hasattr(energy, "prox"):
            raise InputError(f"energy={energy!r} has no method prox, which its solver needs")
        return ReferenceDual(f, cast(ProximalEnergy, energy), num_threads)
    dual: Dual = getattr(import_module(module, __package__), name)(f, energy, num_threads)
    return dual
