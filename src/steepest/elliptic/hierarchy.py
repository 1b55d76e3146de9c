"""The coarse grids of an operator in flat buffers, built once for all right-hand sides."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .cycle import coarsen, set_finest
from .operator import Operator, neighbours

_SMALLEST = 4  # pixels along the longest axis of the coarsest level
_STRONG = 0.3  # axes with less than this share of the strongest coupling are not yet coarsened


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """An operator with its coarse grids.

    ``along`` are the mean couplings along x, y and z (0 for an axis that does not exist).
    ``levels`` has one row per level: rows and width of its padded array, offset of its pixels, rows
    of a padded plane, pixels per coarse pixel along z, y, x, offset of its couplings.
    """

    operator: Operator
    levels: np.ndarray
    diagonal: np.ndarray
    along: tuple[float, float, float]
    weights: np.ndarray | None
    coefficients: np.ndarray
    couplings: np.ndarray

    @property
    def volume(self) -> bool | None:
        """True for three axes, else None (numba compiles the kernels separately for the two)."""
        return True if self.operator.excess.ndim == 3 else None

    def unpad(self, rows: np.ndarray) -> np.ndarray:
        """The image inside an array with the finest level's layout; the inverse of `pad`."""
        shape = tuple(n + 2 for n in self.operator.excess.shape)
        return rows.reshape(shape)[(slice(1, -1),) * len(shape)]


def build(operator: Operator) -> Hierarchy:
    """Build the coarse grids by aggregating two pixels along every strongly coupled axis."""
    x, y, z = [*(float(np.mean(w)) for w in operator.weights[::-1]), 0.0][:3]
    along = x, y, z
    levels, size, num_couplings = plan(operator.excess.shape, along, operator.uniform)
    coefficients = np.zeros((3, size), np.float32)
    couplings = np.zeros(max(num_couplings, 3), np.float32)
    excess, volume = pad(operator.excess, -1.0), True if operator.excess.ndim == 3 else None
    diagonal = np.zeros_like(excess)
    weights = None if operator.uniform else _edges(operator)
    set_finest(excess, diagonal, coefficients, levels, along, weights, volume)
    if weights is not None:
        couplings[: weights.size] = weights.ravel()
    coarsen(coefficients, couplings, levels, single(along), operator.uniform, volume)
    return Hierarchy(operator, levels, diagonal, along, weights, coefficients, couplings)


def pad(image: np.ndarray, border: float = 0.0) -> np.ndarray:
    """A float64 array with the finest level's layout: the image with a border of one pixel."""
    out = np.full(tuple(n + 2 for n in image.shape), border)
    out[(slice(1, -1),) * out.ndim] = image
    return out.reshape(-1, out.shape[-1])


def single(numbers: tuple[float, ...]) -> tuple[Any, ...]:
    """The same numbers in float32."""
    return tuple(np.float32(number) for number in numbers)


def plan(
    space: tuple[int, ...], along: tuple[float, float, float], uniform: bool
) -> tuple[np.ndarray, int, int]:
    """The table of levels, and the lengths of the buffers for pixels and for couplings."""
    strength = list(along[: len(space)])  # x, y, z
    size = list(space[::-1])
    rows, offset, couplings = [], 0, 0
    while True:
        last = max(size) <= _SMALLEST
        strongest = max((s for s, n in zip(strength, size, strict=True) if n > 1), default=1.0)
        factors = [
            2 if not last and n > 1 and s >= _STRONG * strongest else 1
            for s, n in zip(strength, size, strict=True)
        ] + [1] * (3 - len(size))
        plane = size[1] + 2
        height = plane * (size[2] + 2) if len(size) == 3 else plane
        rows.append((height, size[0] + 2, offset, plane, *factors[::-1], couplings))
        offset += height * (size[0] + 2)
        if not (uniform and len(rows) == 1):
            couplings += 3 * height * (size[0] + 2)
        if last:
            return np.array(rows, np.int64), offset, couplings
        number = np.prod(factors)
        for a in range(len(size)):
            strength[a] *= number / factors[a] ** 2
            size[a] = -(-size[a] // factors[a])


def _edges(operator: Operator) -> np.ndarray:
    """Couplings as (3, rows, width) along x, y, z; zero across the boundary."""
    ndim = operator.excess.ndim
    out = []
    for axis in reversed(range(ndim)):
        w = np.zeros(operator.excess.shape)
        w[neighbours(axis, ndim)[0]] = operator.weight(axis)
        out.append(pad(w))
    return np.stack(out if ndim == 3 else [*out, np.zeros_like(out[0])])
