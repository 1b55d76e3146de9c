"""Inpainting problems on a common scale, for operators on NumPy arrays with Boolean masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.namespace import is_torch
from ..core.status import Status, finished
from .checks import Run
from .problem import Problem, grid_of, prepare
from .result import InpaintResult
from .steady_state import fill

_FIRST_GUESS = 1e-3  # relative residual of homogeneous diffusion as a first guess


@dataclass(frozen=True, eq=False)
class Masked:
    """An inpainting problem whose known values span [-1/2, 1/2].

    ``values`` (C, \\*grid) are float64 and zero at unknown pixels, ``known`` (\\*grid) is Boolean,
    and ``spacing`` has one number per axis of the grid. 1-D images have a grid (1, n).
    ``run`` holds the checked options of the iteration.
    """

    problem: Problem
    values: np.ndarray
    known: np.ndarray
    spacing: tuple[float, ...]
    middle: float
    span: float
    run: Run

    def first_guess(self) -> np.ndarray:
        """Return the inpainting by homogeneous diffusion, (C, \\*grid)."""
        spacing = (1.0,) * self.known.ndim
        threads = self.run.num_threads
        return fill(self.values, self.known, spacing, _FIRST_GUESS, num_threads=threads).image

    def result(
        self, u: np.ndarray, residual: float, iterations: int, status: Status | None = None
    ) -> InpaintResult:
        """Convert (C, \\*grid) to the user's image, with known pixels exactly as given.

        By default, the status follows from the residual.
        """
        status = status or (Status.CONVERGED if residual <= self.run.tol else Status.MAX_ITERATIONS)
        status = Status.STOPPED if self.run.tell.stopped else status
        problem = self.problem
        given = problem.values
        image = (self.middle + self.span * u).reshape(given.shape).astype(given.dtype)
        image = np.where(problem.known, given, image)
        result = InpaintResult(problem.layout.restore(image), residual, iterations, status)
        return finished(result, self.run.raise_on_failure)


def masked(
    image: Any,
    known: Any,
    unknown: Any,
    channel_axis: int | None,
    run: Run,
    *,
    dimensions: tuple[int, ...] = (1, 2, 3),
    spacing: float | Sequence[float] | None = None,
) -> Masked:
    """Check an image and its mask, and scale the known values to [-1/2, 1/2].

    All channels share one scale. Inpainting therefore commutes with changes of brightness and
    contrast, and parameters are fractions of the range of the known values.

    Raises `InputError` if an argument is a torch tensor, if confidences other than 0 and 1 are
    given, if the number of spatial axes is not in ``dimensions``, or if `inpaint` would reject the
    input.
    """
    if is_torch(image) or is_torch(known) or is_torch(unknown):
        raise InputError(
            "image, known and unknown must be NumPy arrays here: only inpaint takes torch tensors "
            "(convert with .detach().cpu().numpy())"
        )
    problem = prepare(image, known, unknown, channel_axis, spacing)
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
    values, on_grid = scaled.reshape(-1, *grid), problem.known.reshape(grid)
    steps = (1.0,) * (len(grid) - ndim) + problem.spacing
    return Masked(problem, values, on_grid, steps, middle, span, run)
