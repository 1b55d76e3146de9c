"""Directions: unit vectors."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..core.numbers import check_count
from .compiled import sphere as compiled
from .geometry import Curvature, Manifold, check_unit, constant_curvature, evaluate


@dataclass(frozen=True)
class Sphere(Manifold):
    """Unit vectors of ``dimension + 1`` numbers; by default directions in three dimensions.

    The distance is the angle. The midpoint of opposite points is not unique, and its derivative
    grows without bound near them: `halving` limits its eigenvalues to 10, which is exact up to
    angles of 174 degrees.
    """

    dimension: int = 2
    curvature: ClassVar[Curvature] = "positive"

    def __post_init__(self) -> None:
        check_count(self.dimension, "dimension", least=2)

    @property
    def point_shape(self) -> tuple[int, ...]:
        return (self.dimension + 1,)

    embedding_shape = point_shape

    def check(self, points: Any, name: str) -> np.ndarray:
        return check_unit(points, name, self.dimension + 1, "directions")

    def embed(self, points: np.ndarray) -> np.ndarray:
        return points

    def project(self, ambient: np.ndarray) -> np.ndarray:
        """Divide by the length; zero becomes the last axis, since all points are as near."""
        norm = np.linalg.norm(ambient, axis=-1, keepdims=True)
        axis = np.eye(self.dimension + 1)[-1]
        return np.where(norm > 0, ambient / np.where(norm > 0, norm, 1), axis)

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return evaluate(compiled.distance, len(x), x, y)

    def log(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return evaluate(compiled.log, (len(x), self.dimension), x, y, np.empty(self.dimension + 1))

    def exp(self, x: np.ndarray, xi: np.ndarray) -> np.ndarray:
        return evaluate(compiled.exp, x.shape, x, xi)

    def transport(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        scratch = np.empty((3, self.dimension + 1))
        return evaluate(compiled.transport, (len(x), self.dimension, self.dimension), x, y, scratch)

    def halving(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        scratch = np.empty(self.dimension + 1)
        return evaluate(compiled.halving, (len(x), self.dimension, self.dimension), x, z, scratch)

    def curvature_operator(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return constant_curvature(u, v, 1.0)
