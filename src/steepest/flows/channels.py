"""Parameters that are given as one number for all channels of an image, or one per channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_number, check_numbers
from .problem import Problem


def each_channel(value: Any, name: str, problem: Problem) -> float | np.ndarray:
    """Check a non-negative number, or an array (channels,) of them for separate channels.

    Raises `InputError` for other numbers, several for coupled channels, or another number of them.
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
    """Repeat the numbers, so that there is one for every part of the problem."""
    one_item = np.broadcast_to(value, (problem.parts_per_item,))
    return [float(each) for each in np.tile(one_item, problem.num_items)]


def by_channel(values: Sequence[float], problem: Problem) -> float | np.ndarray:
    """The numbers of all parts: one, or an array (images,), (channels,) or (images, channels).

    There is an axis of images for a batch, and one of channels if these are separate.
    """
    separate = problem.layout.channel_axis is not None and not problem.energy.coupled
    batched = problem.batch_axis is not None
    if not (separate or batched):
        return values[0]
    table = np.array(values).reshape(problem.num_items, problem.parts_per_item)
    return table if separate and batched else table.ravel()
