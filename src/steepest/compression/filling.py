"""What compression takes from `steepest.inpainting`: masks, values, and the filling between."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from .. import inpainting
from ..core.errors import InputError
from ..core.threads import default_num_threads
from ..inpainting import masks
from ..inpainting.echo_matrix import echo_matrix
from ..inpainting.masks.checks import count_of, fraction
from ..inpainting.tonal_levels import Levels, round_values

TOLERANCE = 1e-6
_ITERATIONS = 20  # at most; about 7 reach the tolerance, rounding hinders it on absurd masks
_TONAL = 0.01  # tolerance: 1e-4 dB from the best values
_LOWEST = 0.01  # density down to which echoes are ranked at first
_FURTHER = 4  # times below what is asked for, when that was not enough


def mask_chooser(image: np.ndarray, method: str, **options: Any) -> Callable[[float], np.ndarray]:
    """Masks of an image (channels, \\*space) for many densities; arguments as `choose_mask`.

    Echoes are ranked once (again only for densities below any before), so that the masks are nested
    and all but the first cost nothing.

    Raises
    ------
    InputError
        No such method.
    """
    if _checked(method) != "echo":
        return lambda density: choose_mask(image, density, method, **options)
    ranking, lowest = np.zeros(image.shape[1:], np.int32), inf

    def choose(density: float) -> np.ndarray:
        nonlocal ranking, lowest
        density = fraction(density, "density")
        if density < lowest:
            lowest = min(density, _LOWEST) if lowest == inf else density / _FURTHER
            ranking = masks.echo_ranking(image, channel_axis=0, density=lowest, **options)
        return np.asarray(ranking < count_of(density, ranking.size))

    return choose


def choose_mask(image: np.ndarray, density: float, method: str, **options: Any) -> np.ndarray:
    """A mask for an image (channels, \\*space) by the name of its method.

    ``options`` are its ``rng`` and ``on_step``.

    Raises
    ------
    InputError
        No such method; bad density or options.
    """
    mask = getattr(masks, _checked(method))(image, density, channel_axis=0, **options)
    return np.asarray(mask, bool)


def _checked(method: str) -> str:
    if not isinstance(method, str) or method not in masks.METHODS:
        raise InputError(f"mask_method={method!r}; allowed are {', '.join(masks.METHODS)}")
    return method


def choose_values(image: np.ndarray, mask: np.ndarray, tonal: bool) -> np.ndarray:
    """Values (channels, \\*space) in [0, 1] to keep: the best in the mean square, or its own."""
    if not tonal:
        return image
    return np.clip(inpainting.tonal(image, mask, channel_axis=0, tol=_TONAL), 0, 1)


def choose_levels(
    image: np.ndarray, mask: np.ndarray, values: np.ndarray, levels: int, tonal: bool
) -> np.ndarray:
    """The number of its level, 0 ... levels - 1, for each known pixel: (channels, known pixels).

    The level nearest to its value; with ``tonal``, what it errs the others make up for.
    """
    if tonal:
        matrix = echo_matrix(mask)
        f, start = (a.reshape(-1, *matrix.held.shape).astype(float) for a in (image, values))
        found = round_values(matrix, f, start, Levels(0.0, 1.0, levels), default_num_threads())
        values = found.reshape(image.shape)
    return np.rint(values[:, mask] * (levels - 1)).astype(np.int64)


def fill(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The inpainting (channels, \\*space) of values known at a mask, in float64."""
    if max(mask.shape) == mask.size:  # a line, on which diffusion interpolates linearly
        lines, at = values.reshape(len(values), -1), np.flatnonzero(mask)
        filled = [np.interp(np.arange(mask.size), at, line[at]) for line in lines]
        return np.reshape(filled, values.shape)
    result = inpainting.inpaint(
        values.astype(np.float64), mask, channel_axis=0, tol=TOLERANCE, max_num_iter=_ITERATIONS
    )
    return np.asarray(result.image)
