"""What a method of inpainting is: an equation for the unknown pixels, and its solver."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

from ..core.namespace import Array
from ..core.numbers import check_number
from ..core.progress import Reporter
from ..core.solver import Limits
from ..elliptic.solve import Solution
from .problem import Problem


class Filled(NamedTuple):
    """The image (C, \\*space) that solves an equation, and how well.

    The image has the dtype of the values of the problem, and its known pixels. ``residual`` and
    ``iterations`` are the largest over all channels.
    """

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
        """Solve the equation.

        If ``reporter`` asks to stop, return the best image so far. It may have stopped before the
        start; then take as few steps as possible.
        """

    def _set(self, **parameters: Any) -> None:
        """Set checked parameters of a frozen dataclass."""
        for name, value in parameters.items():
            object.__setattr__(self, name, value)


def check_scale(value: Any, name: str) -> float:
    """Check a parameter of an equation for values of range 1.

    float32 can represent the square and the inverse of the parameter.

    Raises `InputError` if ``value`` is not a number from 1e-12 to 1e12.
    """
    return check_number(value, name, positive=True, least=1e-12, most=1e12)
