"""Total variation and its variants: Huber, weighted, vectorial, anisotropic, periodic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import check_spacing, prepare_image
from ..core.namespace import Array
from ..core.numbers import check_flag
from ..grid.differences import divergence, gradient, gradient_norm_squared
from .capabilities import register
from .pointwise import PointwiseEnergy


@register("tv", "total variation")
@dataclass(frozen=True, kw_only=True, eq=False)
class TotalVariation(PointwiseEnergy):
    """``J(u) = sum_i w_i |(grad u)_i|`` with forward differences.

    Parameters
    ----------
    norm, huber, weights, coupled, boundary, spacing
        See `PointwiseEnergy`. "isotropic" is the usual total variation; coupled channels give
        vectorial total variation.

    References
    ----------
    Rudin, Osher & Fatemi, Physica D 60 (1992) 259-268.
    """

    def num_components(self, ndim: int) -> int:
        """One component per spatial axis."""
        return ndim

    def operator(self, u: Array) -> Array:
        """The gradient, (\\*batch, \\*space) to (ndim, \\*batch, \\*space)."""
        return gradient(u, self.steps, self.boundary)

    def adjoint(self, p: Array) -> Array:
        """Minus the divergence."""
        return -divergence(p, self.steps, self.boundary)

    def faces(self, ndim: int) -> tuple[np.ndarray, np.ndarray]:
        """Offsets (A, 3) along z, y, x and shares (A,) of an anisotropic norm.

        ``J(u) = sum_a share_a sum_i w_i |u(i + offset_a) - u(i)|``, which has a coarea formula.
        """
        return np.eye(3, dtype=np.int64)[3 - ndim :], 1 / np.array(self.steps)

    def norm_squared(self, space: tuple[int, ...]) -> float:
        """The sum of ``4 / h_a^2``; 1 for an image of one pixel."""
        return gradient_norm_squared(self.steps, space) or 1.0

    @property
    def reach(self) -> float:
        """The sum of ``1 / h_a``."""
        return sum(1 / h for h in self.steps)


def norm_of(isotropic: Any) -> str:
    """The name of the norm for the argument ``isotropic``."""
    return "isotropic" if check_flag(isotropic, "isotropic") else "anisotropic"


def total_variation(
    image: Any,
    *,
    isotropic: bool = True,
    huber: float = 0.0,
    weights: Any = None,
    spacing: float | Sequence[float] | None = None,
    channel_axis: int | None = None,
    coupled: bool = True,
) -> float:
    """Total variation ``sum_i w_i |(D u)_i|`` of an image, with forward differences D.

    Parameters
    ----------
    image : array, 1-D to 3-D plus an optional channel axis
        float32 and float64 images are used as they are; uint8 and uint16 images are first scaled to
        [0, 1].
    isotropic : bool
        True (default): the Euclidean norm over the axes at each pixel. False: the sum of absolute
        values.
    huber : float
        Half-width of the quadratic zone (Huber-TV); 0 for total variation.
    weights : array of the spatial shape, optional
        ``w_i``, finite and not negative; default 1.
    spacing : float or sequence of floats, optional
        Pixel spacing, one number for all or per spatial axis; default 1. Differences are divided by
        it.
    channel_axis : int, optional
        Axis of the channels; None if there are none.
    coupled : bool
        True (default): channels share one norm per pixel (vectorial TV). False: their total
        variations are added.

    Returns
    -------
    float
        The total variation, evaluated in float64.
    """
    array, _ = prepare_image(image, channel_axis)
    steps = check_spacing(spacing, array.ndim - 1)
    energy = TotalVariation(
        norm=norm_of(isotropic), huber=huber, weights=weights, coupled=coupled
    ).on(array, steps)
    parts = [array] if coupled else [array[c : c + 1] for c in range(array.shape[0])]
    return sum(energy.value(part) for part in parts)
