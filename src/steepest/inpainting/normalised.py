"""Masked problems on a common scale, for the operators that take NumPy arrays and Boolean masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.namespace import is_torch
from ..core.status import Status
from .problem import Problem, grid_of, prepare
from .result import InpaintResult, finished
from .steady_state import fill

_FIRST_GUESS = 1e-3  # relative residual of homogeneous diffusion where it is only a start


@dataclass(frozen=True, eq=False)
class Masked:
    """A problem of which the known values span [-1/2, 1/2].

    Attributes
    ----------
    values
        (C, \\*grid) float64; zero at unknown pixels. One-dimensional images have a grid (1, n).
    known
        (\\*grid) Boolean.
    """

    problem: Problem
    values: np.ndarray
    known: np.ndarray
    middle: float
    span: float

    def first_guess(self, num_threads: int) -> np.ndarray:
        """The inpainting by homogeneous diffusion, (C, \\*grid)."""
        spacing = (1.0,) * self.known.ndim
        filled = fill(self.values, self.known, spacing, _FIRST_GUESS, num_threads=num_threads)
        return filled.image

    def result(
        self, u: np.ndarray, residual: float, iterations: int, status: Status, raising: bool
    ) -> InpaintResult:
        """The user's image from (C, \\*grid), known pixels as they were given."""
        problem = self.problem
        given = problem.values
        image = (self.middle + self.span * u).reshape(given.shape).astype(given.dtype)
        image = np.where(problem.known, given, image)
        result = InpaintResult(problem.layout.restore(image), residual, iterations, status)
        return finished(result, raising)


def masked(
    image: Any,
    known: Any,
    unknown: Any,
    channel_axis: int | None,
    dimensions: tuple[int, ...] = (1, 2, 3),
) -> Masked:
    """Check an image and its mask, and put the known values on [-1/2, 1/2].

    One scale for all channels, so that what is filled in commutes with changes of brightness and
    contrast, and parameters are fractions of the range of the known values.

    Raises
    ------
    InputError
        A torch tensor; confidences other than 0 and 1; a number of spatial axes that is not in
        ``dimensions``; everything that `inpaint` refuses.
    """
    if is_torch(image) or is_torch(known) or is_torch(unknown):
        raise InputError(
            "image, known and unknown must be NumPy arrays here: only inpaint takes torch tensors "
            "(convert with .detach().cpu().numpy())"
        )
    problem = prepare(image, known, unknown, channel_axis)
    if not problem.is_mask:
        raise InputError(
            "known holds confidences; allowed is a Boolean mask (only inpaint takes confidences)"
        )
    values = np.asarray(problem.values, np.float64)
    ndim = values.ndim - 1
    if ndim not in dimensions:
        allowed = " or ".join(map(str, dimensions))
        raise InputError(f"image has {ndim} spatial axes; allowed are {allowed}")
    low = float(values[:, problem.known].min())
    high = float(values[:, problem.known].max())
    middle, span = (low + high) / 2, high - low
    span = span if span > 0 else 1.0
    grid = grid_of(problem.known.shape)
    scaled = np.where(problem.known, (values - middle) / span, 0)
    return Masked(problem, scaled.reshape(-1, *grid), problem.known.reshape(grid), middle, span)
