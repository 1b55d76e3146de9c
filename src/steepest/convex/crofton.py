"""Total variation along eight directions: contours cost nearly their Euclidean length."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..core.errors import InputError
from ..core.namespace import Array, namespace
from .capabilities import ARRAY_CODE, register
from .pointwise import PointwiseEnergy

_PLANAR = "its eight neighbours are those of 2-D images"
_DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))  # of half a turn, for square pixels


@register(
    "crofton",
    "total variation along eight directions",
    {
        "1-D": _PLANAR,
        "3-D": _PLANAR,
        "periodic": "lengths of contours by Crofton's formula end at the border",
        "accelerator": ARRAY_CODE,
    },
)
@dataclass(frozen=True, kw_only=True, eq=False)
class CroftonTotalVariation(PointwiseEnergy):
    """``J(u) = sum_a s_a sum_i w_i |u(i + o_a) - u(i)|`` over the eight neighbours, for 2-D images.

    By Crofton's formula, the length of a contour is an integral over the number of its crossings
    with straight lines. Here the lines run along rows, columns and diagonals. A direction has the
    share ``s_a = angle_a / (2 |o_a|)``, where ``angle_a`` is its part of half a turn: pi/8 along
    the axes and pi/(8 sqrt 2) along diagonals, for square pixels. A contour of any direction then
    costs 0.948 to 1.026 of its length. The energy has a coarea formula, as anisotropic total
    variation has.

    Parameters
    ----------
    norm : "anisotropic"
    huber, weights, coupled, spacing
        See `PointwiseEnergy`.
    boundary : "neumann"

    References
    ----------
    Boykov & Kolmogorov, ICCV 2003, 26-33.
    """

    norm: str = "anisotropic"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.norm != "anisotropic" or self.boundary != "neumann":
            raise InputError(
                f"norm={self.norm!r}, boundary={self.boundary!r}; CroftonTotalVariation allows "
                "'anisotropic' and 'neumann'"
            )

    def faces(self, ndim: int) -> tuple[np.ndarray, np.ndarray]:
        """Offsets (4, 3) along z, y, x and shares (4,), as `TotalVariation.faces`."""
        if ndim != 2:
            raise InputError(f"the image has {ndim} spatial axes; 8 neighbours are those of 2-D")
        height, width = self.steps
        steps = [(dy * height, dx * width) for dy, dx in _DIRECTIONS]
        angles = [math.atan2(*step) for step in steps]
        middles = [(a + b) / 2 for a, b in pairwise([*angles, math.pi])]
        parts = np.diff([middles[-1] - math.pi, *middles])
        offsets = np.array([(0, dy, dx) for dy, dx in _DIRECTIONS])
        return offsets, parts / (2 * np.array([math.hypot(*step) for step in steps]))

    def num_components(self, ndim: int) -> int:
        """One component per direction."""
        return len(_DIRECTIONS)

    def _pairs(self) -> Iterator[tuple[int, float, tuple[slice, slice], tuple[slice, slice]]]:
        """Each component with its share, and the pixels at both ends of its differences."""
        shares = self.faces(len(self.steps))[1]
        for a, (dy, dx) in enumerate(_DIRECTIONS):
            rows, ahead = slice(None, -dy or None), slice(dy, None)
            first = (rows, slice(max(0, -dx), -max(0, dx) or None))
            second = (ahead, slice(max(0, dx), -max(0, -dx) or None))
            yield a, float(shares[a]), first, second

    def operator(self, u: Array) -> Array:
        """The weighted differences, (\\*batch, H, W) to (4, \\*batch, H, W)."""
        xp = namespace(u)
        out = xp.stack([xp.zeros_like(u)] * len(_DIRECTIONS))
        for a, share, first, second in self._pairs():
            out[(a, ..., *first)] = share * (u[(..., *second)] - u[(..., *first)])
        return out

    def adjoint(self, p: Array) -> Array:
        """The exact adjoint of the differences."""
        out = namespace(p).zeros_like(p[0])
        for a, share, first, second in self._pairs():
            moved = share * p[(a, ..., *first)]
            out[(..., *second)] += moved
            out[(..., *first)] -= moved
        return out

    def norm_squared(self, space: tuple[int, ...]) -> float:
        """Four times the sum of the squared shares."""
        return 4 * float((self.faces(len(space))[1] ** 2).sum())

    @property
    def reach(self) -> float:
        """The sum of the shares."""
        return float(self.faces(len(self.steps))[1].sum())
