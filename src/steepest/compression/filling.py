"""Masks, values and inpainting for compression, from `steepest.inpainting`."""

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from .. import inpainting
from ..core.numbers import check_choice, check_fraction
from ..core.progress import Reporter
from ..core.solver import Solver
from ..core.threads import default_num_threads
from ..inpainting import masks
from ..inpainting.echo_matrix import echo_matrix
from ..inpainting.masks.checks import count_of
from ..inpainting.tonal_levels import Levels, round_values

TOLERANCE = 1e-6
_ITERATIONS = 20  # limit; about 7 reach the tolerance, except on absurd masks, due to rounding
_TONAL = 0.01  # tolerance: within 1e-4 dB of the best values
_LOWEST = 0.01  # density down to which echoes are first ranked
_FURTHER = 4  # if a lower density is requested, rank down to this fraction of it


def mask_chooser(image: np.ndarray, method: str, **options: Any) -> Callable[[float], np.ndarray]:
    """A function from density to mask; "echo" ranks all pixels once for nested masks."""
    if _checked(method) != "echo":
        return lambda density: choose_mask(image, density, method, **options)
    ranking, lowest = np.zeros(image.shape[1:], np.int32), inf

    def choose(density: float) -> np.ndarray:
        nonlocal ranking, lowest
        density = check_fraction(density, "density")
        if density < lowest:
            lowest = min(density, _LOWEST) if lowest == inf else density / _FURTHER
            ranking = masks.echo_ranking(image, channel_axis=0, density=lowest, **options)
        return np.asarray(ranking < count_of(density, ranking.size))

    return choose


def choose_mask(image: np.ndarray, density: float, method: str, **options: Any) -> np.ndarray:
    """A mask for an image (channels, *space) by the named method, with its ``options``."""
    mask = getattr(masks, _checked(method))(image, density, channel_axis=0, **options)
    return np.asarray(mask, bool)


def _checked(method: str) -> str:
    return check_choice(method, "mask_method", masks.METHODS)


def choose_values(
    image: np.ndarray, mask: np.ndarray, tonal: bool, reporter: Reporter
) -> np.ndarray:
    """Values (channels, \\*space) in [0, 1] to store: the image's own or, if ``tonal``, those with
    the smallest mean squared error of the inpainting.
    """
    if not tonal or reporter.stopped:
        return image
    best = inpainting.tonal(
        image, mask, channel_axis=0, solver=Solver(_TONAL), on_step=reporter.stage
    )
    return np.clip(best, 0, 1)


def choose_levels(
    image: np.ndarray,
    mask: np.ndarray,
    values: np.ndarray,
    levels: int,
    tonal: bool,
    reporter: Reporter,
) -> np.ndarray:
    """The level of each known pixel (channels, known): the nearest, or if ``tonal``, the best."""
    if tonal and not reporter.stopped:
        matrix = echo_matrix(mask)
        f, start = (a.reshape(-1, *matrix.held.shape).astype(float) for a in (image, values))
        threads, grid = default_num_threads(), Levels(0.0, 1.0, levels)
        found = round_values(matrix, f, start, grid, threads, reporter)
        values = found.reshape(image.shape)
    return np.rint(values[:, mask] * (levels - 1)).astype(np.int64)


def fill(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Inpaint values (channels, \\*space) that are known at a mask, in float64."""
    if max(mask.shape) == mask.size:  # on a line, diffusion is linear interpolation
        lines, at = values.reshape(len(values), -1), np.flatnonzero(mask)
        filled = [np.interp(np.arange(mask.size), at, line[at]) for line in lines]
        return np.reshape(filled, values.shape)
    solver = Solver(TOLERANCE, _ITERATIONS)
    result = inpainting.inpaint(values.astype(np.float64), mask, channel_axis=0, solver=solver)
    return np.asarray(result.image)
