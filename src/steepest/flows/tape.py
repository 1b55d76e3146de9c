"""Detect whether autograd tracks a call. Torch is imported only if it does."""

from __future__ import annotations

from typing import Any

from ..core.errors import InputError
from ..core.namespace import follows


def gradient_tape(image: Any, parameter: Any, name: str) -> Any:
    """Return an `implicit.Tape` if autograd tracks the image, the strength or the times.

    Otherwise, return None.
    """
    if isinstance(parameter, (list, tuple)) and any(follows(value) for value in parameter):
        raise InputError(f"{name} is a list of tensors that require grad; stack them to one tensor")
    if not (follows(image) or follows(parameter)):
        return None
    from .implicit import Tape

    return Tape(image, parameter, name)
