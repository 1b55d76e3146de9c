"""Detect whether autograd tracks a call. Torch is imported only if it does."""

from dataclasses import replace
from typing import Any

from ..convex.energy import maps_of
from ..core.errors import InputError
from ..core.namespace import detached, follows


def gradient_tape(image: Any, parameter: Any, name: str, energy: Any) -> tuple[Any, Any]:
    """Return an `implicit.Tape` and the energy, whose weights lose their gradient history.

    The tape is None if autograd tracks none of image, strength or times, and weights.
    """
    if isinstance(parameter, (list, tuple)) and any(follows(value) for value in parameter):
        raise InputError(f"{name} is a list of tensors that require grad; stack them to one tensor")
    weights = {name: each for name, each in maps_of(energy).items() if follows(each)}
    if not (follows(image) or follows(parameter) or weights):
        return None, energy
    from .implicit import Tape

    tape = Tape(image, parameter, name, weights)
    plain = {name: detached(each) for name, each in weights.items()}
    return tape, replace(energy, **plain) if plain else energy
