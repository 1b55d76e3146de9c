"""Phases: angles in radians, of which only the value up to multiples of 2 pi matters."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .geometry import Curvature, Manifold, check_points

_TURN = 2 * np.pi
_LARGEST = 1e9  # of larger numbers, the part beyond full turns is mostly rounding


def wrap(angles: np.ndarray) -> np.ndarray:
    """Return the angles minus their nearest multiples of 2 pi, from -pi to pi."""
    turns = angles / _TURN
    np.rint(turns, out=turns)
    turns *= -_TURN
    turns += angles
    return turns


@dataclass(frozen=True)
class Circle(Manifold):
    """Angles in radians. Points have no axes of their own: an image of phases is (H, W).

    The distance is that along the circle, at most pi. Embedded points are (cos, sin).
    """

    dimension: ClassVar[int] = 1
    point_shape: ClassVar[tuple[int, ...]] = ()
    embedding_shape: ClassVar[tuple[int, ...]] = (2,)
    curvature: ClassVar[Curvature] = "flat"

    def check(self, points: Any, name: str) -> np.ndarray:
        return wrap(check_points(points, name, (), "angles in radians", _LARGEST))

    def embed(self, points: np.ndarray) -> np.ndarray:
        return np.stack([np.cos(points), np.sin(points)], -1)

    def project(self, ambient: np.ndarray) -> np.ndarray:
        return np.arctan2(ambient[:, 1], ambient[:, 0])

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.abs(wrap(y - x))

    def log(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return wrap(y - x)[:, None]

    def exp(self, x: np.ndarray, xi: np.ndarray) -> np.ndarray:
        return wrap(x + xi[:, 0])
