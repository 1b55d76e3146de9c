"""Torch tensors in main memory are marched as NumPy arrays, which have compiled solvers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

from ..convex.energy import maps_of
from ..convex.registry import is_compiled, is_compiled_saddle
from ..core.namespace import detached, is_torch, namespace

March = TypeVar("March", bound=Callable[..., Any])


def tensors_as_arrays(march: March) -> March:
    """Make `march` run on the memory of a CPU tensor, if the energy has a compiled solver.

    Nothing is copied on the way in. The record and the images for the callbacks hold tensors again,
    and the dual for ``hooks.trace`` holds arrays.
    """

    @wraps(march)
    def marched(energy: Any, state: Any, *args: Any, **options: Any) -> Any:
        compiled = is_compiled(energy) or is_compiled_saddle(state.image, energy)
        if not in_main_memory(state.image) or not compiled:
            return march(energy, state, *args, **options)
        xp, dtype = namespace(state.image), options.get("dtype") or state.image.dtype
        options["dtype"] = np.dtype(str(dtype).removeprefix("torch."))
        if options.get("hooks") is not None:
            options["hooks"] = _hooks(options["hooks"], xp.from_numpy)
        if maps := maps_of(energy):
            energy = replace(energy, **{name: detached(each) for name, each in maps.items()})
        record = march(energy, state.mapped(detached), *args, **options)
        frames = xp.from_numpy(record.frames)
        return replace(record, frames=frames, state=record.state.mapped(xp.from_numpy))

    return cast(March, marched)


def in_main_memory(array: Any) -> bool:
    """Return True for a torch tensor on the CPU."""
    return is_torch(array) and array.device.type == "cpu"


def _hooks(hooks: Any, tensor: Callable[[Any], Any]) -> Any:
    """Convert guesses to arrays, and images for the user to tensors."""
    guess, after = hooks.guess, hooks.after_step

    def after_step(index: int, time: float, outcome: Any, bound: Any, image: Any) -> object:
        return after(index, time, outcome, bound, lambda: tensor(image()))

    return replace(
        hooks,
        guess=None if guess is None else lambda *step: detached(guess(*step)),
        after_step=None if after is None else after_step,
    )
