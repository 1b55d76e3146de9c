"""The phantoms that the solvers are compared on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.manifold import SPD, Circle, Rotations, Sphere

from . import phantoms


@dataclass(frozen=True, eq=False)
class Case:
    """A noisy image, its truth, and the strengths of both orders to try or to race with.

    The error is the mean square distance on the circle, as in the papers, else the mean distance;
    in degrees for orientations.
    """

    title: str
    manifold: Any
    truth: np.ndarray
    noisy: np.ndarray
    race: tuple[float, float]
    first: tuple[float, ...]
    both: tuple[tuple[float, float], ...] = ()

    @property
    def space(self) -> tuple[int, ...]:
        """The shape without the axes of a point."""
        own = len(self.manifold.point_shape)
        return self.truth.shape[: self.truth.ndim - own]

    def flat(self, image: np.ndarray) -> np.ndarray:
        """The points in a row."""
        return np.ascontiguousarray(image).reshape(-1, *self.manifold.point_shape)

    def error(self, image: np.ndarray) -> float:
        """The error of an image or of points in a row."""
        apart = self.manifold.distance(self.flat(image), self.flat(self.truth))
        if self.manifold.point_shape == ():
            return float((apart**2).mean())
        return float(apart.mean() * (180 / np.pi if self.manifold.point_shape == (4,) else 1))


def make(name: str) -> Case:
    """One of `NAMES`."""
    return _MAKE[name]()


def _case(title: str, manifold: Any, truth: np.ndarray, sigma: float, *rest: Any) -> Case:
    return Case(title, manifold, truth, phantoms.noisy(manifold, truth, sigma), *rest)


_MAKE = {
    "phase": lambda: _case(
        "S¹, SAR 256²", Circle(), phantoms.sar_phase(256), 0.3,
        (0.3, 0.1), (0.2, 0.3, 0.4, 0.5), ((0.1, 0.1), (0.2, 0.1), (0.3, 0.1), (0.1, 0.2)),
    ),
    "directions": lambda: _case(
        "S², whirls 64²", Sphere(2), phantoms.whirls(64), 4 * np.pi / 45,
        (1 / 3, 0.1), (0.2, 0.25, 0.3, 0.35, 0.4),
        ((0.1, 0.1), (0.2, 0.05), (0.2, 0.1), (0.3, 0.05)),
    ),
    "curve": lambda: _case(
        "S², lemniscate 512", Sphere(2), phantoms.lemniscate(512), np.pi / 30,
        (0.25, 1.0), (0.05, 0.1, 0.2, 0.25), ((0.0, 1.0), (0.0, 3.0), (0.0, 10.0), (0.02, 3.0)),
    ),
    "tensors": lambda: _case(
        "SPD(3), 25²", SPD(), phantoms.tensors(25), 0.26,
        (0.1, 0.05), (0.1, 0.2, 0.3, 0.4), ((0.05, 0.1), (0.1, 0.05), (0.1, 0.1), (0.2, 0.05)),
    ),
    "tensors-large": lambda: _case(
        "SPD(3), 112²", SPD(), phantoms.tensors(112), 0.26,
        (0.2, 0.1), (0.2, 0.3, 0.4), ((0.1, 0.1), (0.2, 0.1), (0.1, 0.2)),
    ),
    "orientations": lambda: _case(
        "SO(3)/m-3m, grains 128²", Rotations(symmetry="m-3m"), phantoms.grains(128), np.pi / 180,
        (0.02, 0.005), (0.015, 0.02, 0.03, 0.05),
        ((0.005, 0.005), (0.01, 0.0025), (0.01, 0.005), (0.02, 0.0025)),
    ),
}  # fmt: skip
NAMES = tuple(_MAKE)
