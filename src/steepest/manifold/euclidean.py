"""Vectors: the flat case, for comparison and as a part of products."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..core.numbers import check_count
from .geometry import Curvature, Manifold, check_points

_LARGEST = 1e12  # its square in single precision leaves room


@dataclass(frozen=True)
class Euclidean(Manifold):
    """Vectors of ``dimension`` real numbers. An image of them is (H, W, dimension)."""

    dimension: int = 1
    curvature: ClassVar[Curvature] = "flat"

    def __post_init__(self) -> None:
        check_count(self.dimension, "dimension")

    @property
    def point_shape(self) -> tuple[int, ...]:
        return (self.dimension,)

    embedding_shape = point_shape

    def check(self, points: Any, name: str) -> np.ndarray:
        return check_points(points, name, self.point_shape, "vectors with numbers", _LARGEST)

    def embed(self, points: np.ndarray) -> np.ndarray:
        return points

    def project(self, ambient: np.ndarray) -> np.ndarray:
        return ambient

    def log(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return y - x

    def exp(self, x: np.ndarray, xi: np.ndarray) -> np.ndarray:
        return x + xi
