"""What a method of inpainting is: an equation for the unknown pixels, and its solver.

Methods on NumPy arrays with Boolean masks solve it on a common scale (`normalise`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..core.namespace import Array
from ..core.numbers import check_number
from ..core.progress import Reporter
from ..core.solver import Limits
from ..elliptic.solve import Solution
from .problem import Problem, grid_of
from .steady_state import fill

_FIRST_GUESS = 1e-3  # relative residual of homogeneous diffusion as a first guess


class Filled(NamedTuple):
    """The image (C, *space) that solves an equation, and how well: the worst of all channels."""

    image: Array
    residual: float
    iterations: int

    @classmethod
    def by(cls, solution: Solution, image: Array) -> Filled:
        """Return ``image``, with residual and iterations of a solution."""
        return cls(image, float(solution.residual.max()), int(solution.iterations.max()))


class Method(ABC):
    """An equation that says what unknown pixels are, for ``method=`` of `inpaint`.

    Subclasses are frozen dataclasses of the parameters of the equation. They raise `InputError` if
    a parameter is invalid.

    Attributes
    ----------
    tol, max_num_iter
        Defaults of the `Solver`; ``tol`` must be positive.
    dimensions
        Numbers of spatial axes that an image may have.
    takes
        Which of "spacing", "confidences" and "tensors" the method can use; others are refused.
    """

    tol: ClassVar[float]
    max_num_iter: ClassVar[int]
    dimensions: ClassVar[tuple[int, ...]] = (1, 2, 3)
    takes: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def fill(self, problem: Problem, limits: Limits, reporter: Reporter) -> Filled:
        """Solve the equation; the best image so far if ``reporter`` asks to stop, even before."""

    def _set(self, **parameters: Any) -> None:
        """Set checked parameters of a frozen dataclass."""
        for name, value in parameters.items():
            object.__setattr__(self, name, value)


def check_scale(value: Any, name: str) -> float:
    """Check a parameter for values of range 1, whose square and inverse float32 must hold."""
    return check_number(value, name, positive=True, least=1e-12, most=1e12)


@dataclass(frozen=True, eq=False)
class Normalised:
    """A problem whose known values span [-1/2, 1/2], on a grid of at least two axes.

    ``values`` (C, *grid) are float64 and zero at unknown pixels, ``known`` (*grid) is Boolean.
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

    def restore(self, u: np.ndarray, residual: float, iterations: int) -> Filled:
        """Convert (C, \\*grid) to the scale of the image, with known pixels exactly as given."""
        given = self.problem.values
        image = (self.middle + self.span * u).reshape(given.shape).astype(given.dtype)
        return Filled(np.where(self.problem.known, given, image), residual, iterations)


def normalise(problem: Problem) -> Normalised:
    """Scale the known values to [-1/2, 1/2], all channels alike.

    Inpainting therefore commutes with changes of brightness and contrast, and parameters are
    fractions of the range of the known values.
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
