"""Total variation and its relatives, and all that duality needs to know of them.

Every functional here has the form ``J(u) = max_{phi in ball} <gradient u, phi> - (eps/2)|phi|^2``
with a pointwise ball: ``|phi| <= w`` (isotropic: one Euclidean ball a pixel over all axes and
channels; anisotropic: one a pixel and axis, over all channels). Fields have shape
``(ndim, channels, *space)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..core.arrays import check_spacing, check_weights, prepare_image
from ..core.namespace import Array, namespace, sum64, to_float64
from ..core.numbers import check_number
from ..grid.differences import gradient


@dataclass(frozen=True)
class TotalVariation:
    """A (Huber-, weighted, vectorial, an-)isotropic total variation on a grid.

    ``spacing`` has one entry for each spatial axis; ``weights`` (or None for 1) has the spatial
    shape; ``huber`` is the half-width ``eps`` of the quadratic zone of the gradient magnitude
    (0: total variation).
    """

    spacing: tuple[float, ...]
    isotropic: bool = True
    huber: float = 0.0
    weights: Array | None = field(default=None, compare=False)

    @property
    def one_homogeneous(self) -> bool:
        """``J(c u) = c J(u)``: false for Huber-TV, which never goes extinct."""
        return self.huber == 0.0

    def scaled(self, factor: float) -> TotalVariation:
        """The functional ``J_c`` with ``J_c(c u) = c J(u)``: only Huber's ``eps`` scales."""
        return replace(self, huber=self.huber * factor)

    def gradient(self, u: Array) -> Array:
        """Gradient of ``u`` (channels, \\*space)."""
        return gradient(u, self.spacing)

    def magnitude(self, v: Array) -> Array:
        """Pointwise norm of a field: (\\*space) if isotropic, (ndim, \\*space) if not."""
        squares = v * v
        squares = squares.sum((0, 1)) if self.isotropic else squares.sum(1)
        return namespace(v).sqrt(squares)

    def project(self, v: Array) -> Array:
        """Nearest field in the dual ball: ``v * w / max(|v|, w)`` pointwise."""
        xp = namespace(v)
        size = self.magnitude(v)
        if self.weights is None:
            scale = 1.0 / xp.clip(size, 1.0, None)
        else:
            w = self.weights.astype(v.dtype) if xp.__name__ == "numpy" else self.weights.to(v.dtype)
            scale = xp.where(
                size > w, w / xp.where(size > w, size, xp.ones_like(size)), xp.ones_like(size)
            )
        return v * (scale if self.isotropic else scale[:, None])

    def density(self, v: Array) -> Array:
        """Pointwise ``J`` of a gradient field: ``w|v|``, or Huber's ``|v|^2/(2 eps)`` near zero."""
        xp = namespace(v)
        size = self.magnitude(v)
        w = 1.0 if self.weights is None else self.weights
        if self.huber == 0.0:
            return w * size
        eps = self.huber
        return xp.where(size <= w * eps, size * size / (2 * eps), w * size - 0.5 * eps * w * w)

    def value(self, u: Array) -> float:
        """``J(u)``, in float64."""
        return sum64(self.density(self.gradient(to_float64(u))))

    def slack(self, v: Array, p: Array) -> float:
        """``J + J* - <v, p>``: the sum of ``density(v) - <v, p> + (eps/2)|p|^2``, all terms >= 0.

        For ``v`` the gradient of ``u`` and feasible ``p`` this is ``J(u) + <u, div p> + J*``,
        which is zero exactly if ``-div p`` is a subgradient of ``J`` at ``u``.
        """
        inner = sum64(self.density(v)) - sum64(v * p)
        return inner + 0.5 * self.huber * sum64(p * p) if self.huber else inner


def make_functional(
    image: Array,
    *,
    isotropic: bool = True,
    huber: float = 0.0,
    weights: Any = None,
    spacing: float | Sequence[float] | None = None,
) -> TotalVariation:
    """The functional for a prepared image ``(channels, *space)``, its arguments checked."""
    space = tuple(image.shape[1:])
    return TotalVariation(
        spacing=check_spacing(spacing, len(space)),
        isotropic=bool(isotropic),
        huber=check_number(huber, "huber"),
        weights=check_weights(weights, space, image),
    )


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
    """Total variation ``sum_i w_i |(D u)_i|`` of an image, D the forward differences.

    Parameters
    ----------
    image : array, 1-D to 3-D plus an optional channel axis
        float32/float64 as they are; uint8/uint16 scaled to [0, 1] first.
    isotropic : bool
        Euclidean norm over the axes in each pixel (default), or the sum of absolute values.
    huber : float
        Half-width of the quadratic zone (Huber-TV); 0 for total variation.
    weights : array of the spatial shape, optional
    spacing : float or one a spatial axis, optional
        Pixel spacing, inside the difference operator.
    channel_axis : int, optional
        Axis of the channels.
    coupled : bool
        Channels share one norm a pixel (vectorial TV), or are summed separately.

    Returns
    -------
    float, evaluated in float64

    Raises
    ------
    InputError
        Bad image, weights or spacing.
    """
    array, _ = prepare_image(image, channel_axis)
    kwargs = dict(isotropic=isotropic, huber=huber, weights=weights, spacing=spacing)
    parts = [array] if coupled else [array[c : c + 1] for c in range(array.shape[0])]
    return sum(make_functional(part, **kwargs).value(part) for part in parts)  # type: ignore[arg-type]
