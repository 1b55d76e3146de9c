"""Second-order total variation: the norm of the Hessian."""

from dataclasses import dataclass
from typing import Any

from ..core.namespace import Array
from ..grid.second_order import hessian, hessian_adjoint, hessian_norm_squared
from .capabilities import LATE, register
from .pointwise import PointwiseEnergy


class OfHessian:
    """What energies have in common whose operator is the Hessian."""

    steps: Any
    boundary: str

    def num_components(self, ndim: int) -> int:
        """The number of entries of a symmetric tensor, ``d (d + 1) / 2``."""
        return ndim * (ndim + 1) // 2

    def operator(self, u: Array) -> Array:
        """The Hessian, (\\*batch, \\*space) to (d (d + 1) / 2, \\*batch, \\*space)."""
        return hessian(u, self.steps, self.boundary)

    def adjoint(self, p: Array) -> Array:
        """The exact adjoint of the Hessian."""
        return hessian_adjoint(p, self.steps, self.boundary)

    def norm_squared(self, space: tuple[int, ...]) -> float:
        """The square of the sum of ``4 / h_a^2``."""
        return hessian_norm_squared(self.steps, space) or 1.0


@register("tv2", "total variation of second order", {"extinction": LATE})
@dataclass(frozen=True, kw_only=True, eq=False)
class SecondOrderTotalVariation(OfHessian, PointwiseEnergy):
    """``J(u) = sum_i w_i |(H u)_i|``, H the Hessian: backward differences of forward differences.

    Affine images have J = 0 and do not change. This energy keeps slopes, which total variation
    turns into staircases, but rounds off edges. The isotropic norm is the Frobenius norm of the
    Hessian. The flux has the ``d (d + 1) / 2`` different entries of a symmetric tensor, those off
    the diagonal multiplied by the root of 2 (see `steepest.grid.second_order`). Times are in grey
    value x pixel^2.

    Parameters
    ----------
    norm, huber, weights, coupled, boundary, spacing
        See `PointwiseEnergy`.

    References
    ----------
    Lysaker, Lundervold & Tai, IEEE Trans. Image Processing 12 (2003) 1579-1590; Hinterberger &
    Scherzer, Computing 76 (2006) 109-133.
    """

    @property
    def reach(self) -> float:
        """Half the sum of ``4 / h_a^2`` for each pure and ``sqrt(2) 4 / (h_a h_b)`` for each mixed
        difference.
        """
        inverse = [1 / h for h in self.steps]
        pure = sum(x * x for x in inverse)
        mixed = (sum(inverse) ** 2 - pure) / 2
        return 2 * pure + 2 * 2**0.5 * mixed
