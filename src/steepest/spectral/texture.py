"""Separate structure and texture, and fuse the structure and texture of two images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..core.arrays import prepare_image
from ..core.errors import InputError
from ..core.numbers import check_number
from ..core.progress import Reporter
from ..flows.result import Step
from ..flows.time_grid import TimeGrid, grid_of
from .filters import low_pass
from .transform import decompose


def separate_texture(
    image: Any, time: float, *, steps: int | TimeGrid = 30, **options: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Split an image into structure and texture.

    The structure vanishes under the flow at or after ``time``; the texture vanishes before. The
    structure is ``u(t) - t u_t(t)``, the ideal low-pass filter of the spectral transform. It keeps
    the contrast that ``u(t)`` itself loses. Only the flow up to ``time`` is computed.

    Parameters
    ----------
    image : array
        As in `decompose`.
    time : float
        The time that separates structure from texture, in grey value x pixel.
    steps : int or TimeGrid
        As in `steepest.flow`; a number means equal steps.
    **options
        As in `decompose`. If ``on_step`` stops the flow, the image is split at the time reached.

    Returns
    -------
    structure, texture : floating-point arrays that add up to the image
    """
    time = check_number(time, "time", positive=True)
    try:
        decomposition = decompose(
            image,
            bands=[0.0, np.inf],
            t_max=time,
            steps=grid_of(steps, TimeGrid.uniform, 30),
            **options,
        )
    except InputError as error:
        raise InputError(str(error).replace("t_max", "time")) from None
    structure = low_pass(decomposition, time)
    return structure, decomposition.image - structure


def fuse(structure_of: Any, texture_of: Any, time: float, **options: Any) -> np.ndarray:
    """Combine the structure of one image with the texture of another.

    Parameters
    ----------
    structure_of, texture_of : arrays of the same shape
        The images that provide the structure and the texture.
    time : float
        Everything that vanishes before this time comes from ``texture_of``, the rest from
        ``structure_of``.
    **options
        As in `separate_texture`. If ``on_step`` stops the first flow, both images are split at the
        time reached.

    Returns
    -------
    array, floating point
    """
    channel_axis = options.get("channel_axis")
    first, _ = prepare_image(structure_of, channel_axis, "structure_of")
    second, _ = prepare_image(texture_of, channel_axis, "texture_of")
    if first.shape != second.shape:
        raise InputError(
            f"structure_of and texture_of must have the same shape; "
            f"given: {np.shape(structure_of)} and {np.shape(texture_of)}"
        )
    tell, reached = Reporter(options.pop("on_step", None)), time

    def first_flow(step: Step) -> bool:
        nonlocal reached
        reached = step.time if second_flow(step) else reached
        return tell.stopped

    def second_flow(step: Step) -> bool:
        return tell(replace(step, num_steps=2 * step.num_steps))

    structure, _ = separate_texture(structure_of, time, **options, on_step=first_flow)
    watch = None if tell.stopped else second_flow
    _, texture = separate_texture(texture_of, reached, **options, on_step=watch)
    return structure + texture
