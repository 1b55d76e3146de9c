"""Numbers that hold for all channels of an image, or for one each."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_number, check_numbers
from .problem import Problem


def each_channel(value: Any, name: str, problem: Problem) -> float | np.ndarray:
    """A number that is not negative, or (where channels are separate) an array (channels,) of them.

    Raises
    ------
    InputError
        Bad numbers; several for coupled channels, or not as many as there are channels.
    """
    if not isinstance(value, (list, tuple)) and not getattr(value, "ndim", 0):
        return check_number(value, name)
    values, count = check_numbers(value, name), problem.parts_per_item
    if problem.energy.coupled:
        raise InputError(
            f"{name}={value!r}; one number is allowed (one per channel only with coupled=False)"
        )
    if values.shape != (count,):
        raise InputError(f"{name} of shape {values.shape}; allowed are one number and {count}")
    for each in values:
        check_number(float(each), name)
    return values


def of_parts(value: float | np.ndarray, problem: Problem) -> list[float]:
    """The number for every part of the problem."""
    one_item = np.broadcast_to(value, (problem.parts_per_item,))
    return [float(each) for each in np.tile(one_item, problem.num_items)]
