"""Several manifolds in every pixel, for example phase and magnitude."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from ..core.errors import InputError
from .geometry import Curvature, Manifold, check_points


@dataclass(frozen=True)
class Product(Manifold):
    """Points with a part on each of several manifolds.

    A point is the concatenation of its parts, each flattened: for ``Product((Circle(),
    Euclidean(1)))``, phase and magnitude, an image is (H, W, 2). Squared distances add up, so the
    units of Euclidean parts decide how much they count.
    """

    factors: tuple[Manifold, ...]

    def __post_init__(self) -> None:
        factors = self.factors
        if not isinstance(factors, (tuple, list)) or not all(
            isinstance(factor, Manifold) for factor in factors
        ):
            raise InputError(f"factors={factors!r}; allowed is a tuple of manifolds")
        if not factors:
            raise InputError("factors is empty; allowed is a tuple of at least one manifold")
        object.__setattr__(self, "factors", tuple(factors))

    @property
    def dimension(self) -> int:
        return sum(factor.dimension for factor in self.factors)

    @property
    def point_shape(self) -> tuple[int, ...]:
        return (sum(prod(factor.point_shape) for factor in self.factors),)

    @property
    def embedding_shape(self) -> tuple[int, ...]:
        return (sum(prod(factor.embedding_shape) for factor in self.factors),)

    @property
    def curvature(self) -> Curvature:
        kinds = {factor.curvature for factor in self.factors}
        if "positive" in kinds:
            return "positive"
        return "nonpositive" if "nonpositive" in kinds else "flat"

    def check(self, points: Any, name: str) -> np.ndarray:
        array = check_points(points, name, self.point_shape, "points of a product of manifolds")
        return self._join(lambda factor, part: factor.check(part, name), array)

    def embed(self, points: np.ndarray) -> np.ndarray:
        return self._join(lambda factor, part: factor.embed(part), points)

    def project(self, ambient: np.ndarray) -> np.ndarray:
        shapes = [factor.embedding_shape for factor in self.factors]
        pairs = zip(self.factors, _split(ambient, shapes), strict=True)
        return _flat([factor.project(part) for factor, part in pairs])

    def log(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._join(lambda factor, a, b: factor.log(a, b), x, y)

    def exp(self, x: np.ndarray, xi: np.ndarray) -> np.ndarray:
        tangents = _split(xi, [(factor.dimension,) for factor in self.factors])
        pairs = zip(self._parts(x), tangents, strict=True)
        return _flat([factor.exp(part, tangent) for (factor, part), tangent in pairs])

    def transport(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._blocks(lambda factor, a, b: factor.transport(a, b), x, y)

    def halving(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        return self._blocks(lambda factor, a, b: factor.halving(a, b), x, z)

    def curvature_operator(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        out = np.zeros((*u.shape, self.dimension))
        start = 0
        for factor in self.factors:
            own = slice(start, start + factor.dimension)
            out[:, own, own] = factor.curvature_operator(u[:, own], v[:, own])
            start = own.stop
        return out

    def representative(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._join(lambda factor, a, b: factor.representative(a, b), x, y)

    def _parts(self, *points: np.ndarray) -> Iterator[Any]:
        """Return each factor with its parts of the points."""
        shapes = [factor.point_shape for factor in self.factors]
        return zip(self.factors, *(_split(each, shapes) for each in points), strict=True)

    def _join(self, method: Callable[..., np.ndarray], *points: np.ndarray) -> np.ndarray:
        return _flat([method(*parts) for parts in self._parts(*points)])

    def _blocks(self, method: Callable[..., np.ndarray], *points: np.ndarray) -> np.ndarray:
        out = np.zeros((len(points[0]), self.dimension, self.dimension))
        start = 0
        for parts in self._parts(*points):
            end = start + parts[0].dimension
            out[:, start:end, start:end] = method(*parts)
            start = end
        return out


def _split(points: np.ndarray, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    ends = list(accumulate(prod(shape) for shape in shapes))[:-1]
    parts = zip(np.split(points, ends, axis=-1), shapes, strict=True)
    return [np.ascontiguousarray(part.reshape(len(points), *shape)) for part, shape in parts]


def _flat(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([p.reshape(len(p), prod(p.shape[1:])) for p in parts], axis=-1)
