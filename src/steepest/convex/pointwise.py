"""The common part of energies that sum a norm of ``A u`` over the pixels."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from ..core.arrays import check_weights
from ..core.namespace import Array, cast, namespace, sum64, to_float64
from ..core.numbers import check_choice, check_flag, check_number
from ..grid.differences import FLUX_BOUNDARIES
from .energy import ProximalEnergy, own_spacing, steps_of

NORMS = ("isotropic", "anisotropic")
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, kw_only=True, eq=False)
class PointwiseEnergy(ProximalEnergy):
    """``J(u) = sum_i w_i |(A u)_i|`` (or its Huber smoothing), with a linear operator A.

    The dual set is a ball at every pixel. Subclasses define `operator`, `adjoint`, `norm_squared`,
    `num_components` and `reach` (see `Energy`).

    Parameters
    ----------
    norm : "isotropic" or "anisotropic"
        The norm of ``(A u)_i``. "isotropic": the Euclidean norm over all components and channels of
        a pixel. "anisotropic": the sum over components of the Euclidean norm over channels.
    huber : float
        Half-width eps of the quadratic zone of the norm: ``|v|^2 / (2 eps)`` up to eps, and
        ``|v| - eps/2`` beyond (times w). 0: the norm itself.
    weights : array of the spatial shape, optional
        ``w_i``, finite and not negative; default 1.
    coupled : bool
        True (default): channels share one norm per pixel. False: each channel has its own energy.
    boundary : "neumann" or "periodic"
        The boundary condition of ``A``.
    spacing : tuple of floats, optional
        Pixel spacing, one number per spatial axis. Functions that take an image set it.
    """

    norm: str = "isotropic"
    huber: float = 0.0
    weights: Any = field(default=None, repr=False)
    coupled: bool = True
    boundary: str = "neumann"
    spacing: tuple[float, ...] | None = None
    steps = property(steps_of)

    def __post_init__(self) -> None:
        check_choice(self.norm, "norm", NORMS)
        check_choice(self.boundary, "boundary", FLUX_BOUNDARIES)
        object.__setattr__(self, "huber", check_number(self.huber, "huber"))  # a Python float
        check_flag(self.coupled, "coupled")

    def on(self, image: Array, spacing: tuple[float, ...]) -> Self:
        """This energy for images like ``image`` (channels, \\*space)."""
        space = tuple(image.shape[1:])
        weights = check_weights(self.weights, space, image)
        return replace(self, spacing=own_spacing(self, spacing, len(space)), weights=weights)

    def scaled(self, factor: float) -> Self:
        """The energy ``J_c`` with ``J_c(c u) = c J(u)``: only Huber's eps scales."""
        return replace(self, huber=self.huber * factor) if self.huber else self

    @property
    def isotropic(self) -> bool:
        """Whether the norm is one Euclidean norm per pixel."""
        return self.norm == "isotropic"

    @property
    def one_homogeneous(self) -> bool:
        """Whether ``J(c u) = c J(u)``: false with Huber smoothing, whose flow has no extinction."""
        return self.huber == 0.0

    @property
    def smoothing(self) -> float:
        """Huber's eps."""
        return self.huber

    @property
    def radius(self) -> float:
        """The largest weight."""
        return 1.0 if self.weights is None else float(self.weights.max())

    def groups(self, components: int) -> list[slice]:
        """The components that share a Euclidean norm: all if isotropic, else each by itself."""
        if self.isotropic:
            return [slice(None)]
        return [slice(k, k + 1) for k in range(components)]

    def magnitude(self, v: Array) -> Array:
        """The pointwise norm of a field: (\\*space) if isotropic, else (components, \\*space)."""
        squares = v * v
        squares = squares.sum((0, 1)) if self.isotropic else squares.sum(1)
        return namespace(v).sqrt(squares)

    def project(self, v: Array) -> Array:
        """The nearest field in the dual ball: ``v * w / max(|v|, w)`` at each pixel."""
        xp = namespace(v)
        size = self.magnitude(v)
        if self.weights is None:
            scale = 1.0 / xp.clip(size, 1.0, None)
        else:
            w, one = cast(self.weights, v.dtype), xp.ones_like(size)
            scale = xp.where(size > w, w / xp.where(size > w, size, one), one)
        return v * (scale if self.isotropic else scale[:, None])

    def prox(self, p: Array, step: float) -> Array:
        """``project(p / (1 + step eps))``."""
        return self.project((1.0 / (1.0 + step * self.huber)) * p)

    def feasible(self, p: Array) -> Array:
        """``p`` in float64, projected and shortened by four rounding errors."""
        return self.project(to_float64(p)) * (1 - 4 * _EPS)

    def conjugate(self, p: Array) -> float:
        """``(eps/2) ||p||^2``."""
        return 0.5 * self.huber * sum64(p * p) if self.huber else 0.0

    def density(self, v: Array) -> Array:
        """The density of J at each pixel: ``w|v|``, with Huber's ``|v|^2/(2 eps)`` near zero."""
        xp = namespace(v)
        size = self.magnitude(v)
        w = 1.0 if self.weights is None else cast(self.weights, v.dtype)
        if self.huber == 0.0:
            return w * size
        eps = self.huber
        return xp.where(size <= w * eps, size * size / (2 * eps), w * size - 0.5 * eps * w * w)

    def value(self, u: Array) -> float:
        """``J(u)``, evaluated in float64."""
        return sum64(self.density(self.operator(to_float64(u))))

    def slack(self, u: Array, p: Array, witness: Any = None) -> tuple[float, float]:
        """``J(u)``, and the sum of ``density(A u) - <A u, p> + (eps/2)|p|^2``, all terms >= 0."""
        v = self.operator(to_float64(u))
        value = sum64(self.density(v))
        return value, value - sum64(v * p) + self.conjugate(p)
