"""The dual solver's interface, and which implementation an image and an energy get."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol

from ..core.errors import InputError
from ..core.namespace import Array, is_torch
from .certificate import StepTerms
from .energy import Energy
from .total_generalised_variation import TotalGeneralisedVariation
from .total_variation import TotalVariation

Warm = tuple[Array, ...]  # everything a dual solver needs to go on where another stood


class Dual(Protocol):
    """The dual of one implicit Euler step, and an iteration that solves it.

    ``iterate`` lowers the dual energy; ``measure`` evaluates gap and certificate and sets
    ``image``; ``advance`` makes that image the data of the next step. ``warm`` is the state that
    can be given to another solver for the same image and energy.
    """

    tau: float
    warm: Warm

    def set_step(self, tau: float, relaxation: float = 1.0) -> None: ...
    def set_flux(self, p: Array) -> None: ...
    def shrink_flux(self, factor: float) -> None: ...
    def restart(self) -> None: ...
    def iterate(self, betas: Sequence[float]) -> None: ...
    def measure(self) -> StepTerms: ...
    def advance(self) -> None: ...
    def coarse_flux(self) -> Array | None: ...
    def correct(self) -> bool: ...
    @property
    def flux(self) -> Array: ...
    @property
    def image(self) -> Array: ...


# Solvers of their own, by the class of the energy: module, class, and whether it takes this problem.
# The modules are imported on first use, so that the array code needs no compiler.
_Takes = Callable[[Array, Any], bool]
_OWN: dict[type, tuple[str, str, _Takes]] = {
    TotalVariation: (
        ".compiled.dual",
        "CompiledDual",
        lambda f, energy: not is_torch(f) and energy.boundary == "neumann",
    ),
    TotalGeneralisedVariation: (".saddle", "SaddleDual", lambda f, energy: True),
}


def make_dual(f: Array, energy: Energy, num_threads: int | None = None) -> Dual:
    """The energy's own solver for this kind of array if it has one, else the reference."""
    from .reference import ReferenceDual

    module, name, takes = _OWN.get(type(energy), ("", "", lambda f, energy: False))
    if not takes(f, energy):
        if not hasattr(energy, "prox"):
            raise InputError(f"energy={energy!r} has no prox, which the solver of its steps needs")
        return ReferenceDual(f, energy, num_threads)
    dual: Dual = getattr(import_module(module, __package__), name)(f, energy, num_threads)
    return dual
