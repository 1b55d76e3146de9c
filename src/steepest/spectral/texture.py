"""Separate structure and texture."""

from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_number
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
        The structure of one image and the texture of another add up to an image that has both.
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
