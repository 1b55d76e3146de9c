"""Inpainting problems on a common scale, for methods on NumPy arrays with Boolean masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..method import Filled
from ..problem import Problem, grid_of
from ..steady_state import fill

_FIRST_GUESS = 1e-3  # relative residual of homogeneous diffusion as a first guess


@dataclass(frozen=True, eq=False)
class Normalised:
    """An inpainting problem whose known values span [-1/2, 1/2].

    ``values`` (C, \\*grid) are float64 and zero at unknown pixels, ``known`` (\\*grid) is Boolean,
    and ``spacing`` has one number per axis of the grid. 1-D images have a grid (1, n).
    """

    problem: Problem
    values: np.ndarray
    known: np.ndarray
    spacing: tuple[float, ...]
    middle: float
    span: float

    def first_guess(self, num_threads: int) -> np.ndarray:
        """Return the inpainting by homogeneous diffusion with spacing 1, (C, \\*grid)."""
        spacing = (1.0,) * self.known.ndim
        return fill(self.values, self.known, spacing, _FIRST_GUESS, num_threads=num_threads).image

    def filled(self, u: np.ndarray, residual: float, iterations: int) -> Filled:
        """Convert (C, \\*grid) to the scale of the image, with known pixels exactly as given."""
        given = self.problem.values
        image = (self.middle + self.span * u).reshape(given.shape).astype(given.dtype)
        return Filled(np.where(self.problem.known, given, image), residual, iterations)


def normalise(problem: Problem) -> Normalised:
    """Scale the known values to [-1/2, 1/2].

    All channels share one scale. Inpainting therefore commutes with changes of brightness and
    contrast, and parameters are fractions of the range of the known values.
    """
    values, known = np.asarray(problem.values, np.float64), problem.known
    low, high = float(values[:, known].min()), float(values[:, known].max())
    middle, span = (low + high) / 2, high - low
    span = span if span > 0 else 1.0
    grid = grid_of(known.shape)
    scaled = np.where(known, (values - middle) / span, 0)
    spacing = (1.0,) * (len(grid) - known.ndim) + problem.spacing
    return Normalised(
        problem, scaled.reshape(-1, *grid), known.reshape(grid), spacing, middle, span
    )
