"""Several manifolds in every pixel, for example phase and magnitude."""

from collections.abc import Iterator
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
        return (sum(map(prod, self._shapes)),)

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
        return _flat([factor.check(part, name) for factor, part in self._parts(array)])

    def embed(self, points: np.ndarray) -> np.ndarray:
        return _flat([factor.embed(part) for factor, part in self._parts(points)])

    def project(self, ambient: np.ndarray) -> np.ndarray:
        parts = _split(ambient, [factor.embedding_shape for factor in self.factors])
        return _flat([factor.project(part) for factor, part in self._with(parts)])

    def log(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return _flat([factor.log(a, b) for factor, a, b in self._parts(x, y)])

    def exp(self, x: np.ndarray, xi: np.ndarray) -> np.ndarray:
        parts = self._with(_split(x, self._shapes), self._tangents(xi))
        return _flat([factor.exp(a, tangent) for factor, a, tangent in parts])

    def transport(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._diagonal([factor.transport(a, b) for factor, a, b in self._parts(x, y)])

    def halving(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        return self._diagonal([factor.halving(a, b) for factor, a, b in self._parts(x, z)])

    def curvature_operator(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        parts = self._with(self._tangents(u), self._tangents(v))
        return self._diagonal([factor.curvature_operator(a, b) for factor, a, b in parts])

    @property
    def _shapes(self) -> list[tuple[int, ...]]:
        return [factor.point_shape for factor in self.factors]

    def _tangents(self, xi: np.ndarray) -> list[np.ndarray]:
        """The parts of tangent vectors."""
        return _split(xi, [(factor.dimension,) for factor in self.factors])

    def _with(self, *parts: list[np.ndarray]) -> Iterator[Any]:
        """Each factor with its parts."""
        return zip(self.factors, *parts, strict=True)

    def _parts(self, *points: np.ndarray) -> Iterator[Any]:
        """Each factor with its parts of the points."""
        return self._with(*(_split(each, self._shapes) for each in points))

    def _diagonal(self, blocks: list[np.ndarray]) -> np.ndarray:
        """The block-diagonal matrices of the matrices of the factors."""
        out, start = np.zeros((len(blocks[0]), self.dimension, self.dimension)), 0
        for block in blocks:
            own = slice(start, start + block.shape[1])
            out[:, own, own], start = block, own.stop
        return out


def _split(points: np.ndarray, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    ends = list(accumulate(prod(shape) for shape in shapes))[:-1]
    parts = zip(np.split(points, ends, axis=-1), shapes, strict=True)
    return [np.ascontiguousarray(part.reshape(len(points), *shape)) for part, shape in parts]


def _flat(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([p.reshape(len(p), prod(p.shape[1:])) for p in parts], axis=-1)
