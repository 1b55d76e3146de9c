"""Total variation of first and second order in one energy."""

from collections.abc import Callable
from dataclasses import dataclass

from ..core.errors import InputError
from ..core.namespace import Array, namespace
from ..core.numbers import check_number
from .capabilities import ARRAY_CODE, LATE, register
from .pointwise import PointwiseEnergy
from .second_order import SecondOrderTotalVariation
from .total_variation import TotalVariation


@register(
    "combined",
    "total variation of first and second order",
    {"extinction": LATE, "accelerator": ARRAY_CODE},
)
@dataclass(frozen=True, kw_only=True, eq=False)
class CombinedTotalVariation(PointwiseEnergy):
    """``J(u) = sum_i w_i (alpha |(grad u)_i| + beta |(H u)_i|)``, H the Hessian.

    The sum of ``alpha`` times `TotalVariation` and ``beta`` times `SecondOrderTotalVariation`.
    Compared with total variation, slopes have fewer stairs; compared with the second order alone,
    edges are sharper. Unlike `TotalGeneralisedVariation`, slopes are not free: they lose contrast
    as in total variation.

    With images of one channel in d dimensions, the flux has the d components of total variation's
    flux followed by the ``d (d + 1) / 2`` of the second order's, both at most ``w_i`` in length
    (``A u`` includes ``alpha`` and ``beta``).

    Parameters
    ----------
    alpha, beta : float
        Weights of the first and the second order, between 0 and 1e6, not both 0. ``beta / alpha``
        is a length in pixels (at spacing 1).
    norm, weights, coupled, boundary, spacing
        See `PointwiseEnergy`; the norm is applied to each order by itself.
    huber : float
        Half-width of the quadratic zone of ``alpha |grad u|`` and of ``beta |H u|``.

    References
    ----------
    Papafitsoros & Schoenlieb, A combined first and second order variational approach for image
    reconstruction, J. Math. Imaging Vis. 48 (2014) 308-338.
    """

    alpha: float = 1.0
    beta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "beta"):
            object.__setattr__(self, name, check_number(getattr(self, name), name, most=1e6))
        if self.alpha == self.beta == 0:
            raise InputError("alpha=0 and beta=0: at least one of them must be positive")

    @property
    def parts(self) -> tuple[tuple[float, PointwiseEnergy], ...]:
        """Both energies with their weights."""
        options = {name: getattr(self, name) for name in PointwiseEnergy.__dataclass_fields__}
        return (
            (self.alpha, TotalVariation(**options)),
            (self.beta, SecondOrderTotalVariation(**options)),
        )

    def num_components(self, ndim: int) -> int:
        """``d + d (d + 1) / 2``."""
        return sum(part.num_components(ndim) for _, part in self.parts)

    def operator(self, u: Array) -> Array:
        """``alpha`` times the gradient, followed by ``beta`` times the Hessian."""
        fields = [weight * part.operator(u) for weight, part in self.parts]
        return namespace(u).concatenate(fields)

    def adjoint(self, p: Array) -> Array:
        """The exact adjoint."""
        first, second = self._split(p)
        (alpha, tv), (beta, bend) = self.parts
        return alpha * tv.adjoint(first) + beta * bend.adjoint(second)

    def norm_squared(self, space: tuple[int, ...]) -> float:
        """The bounds of both orders, times the squares of their weights, added."""
        return sum(weight**2 * part.norm_squared(space) for weight, part in self.parts)

    @property
    def reach(self) -> float:
        """The weighted sum of both."""
        return sum(weight * part.reach for weight, part in self.parts)

    def groups(self, components: int) -> list[slice]:
        """Those of the first order, then those of the second."""
        if not self.isotropic:
            return super().groups(components)
        first = {2: 1, 5: 2, 9: 3}[components]
        return [slice(0, first), slice(first, None)]

    def project(self, v: Array) -> Array:
        """The nearest field in both dual balls."""
        return self._each(v, lambda part, w: part.project(w))

    def density(self, v: Array) -> Array:
        """The densities of both orders, one after the other: (groups, \\*space)."""
        space = v.shape[2:]
        return self._each(v, lambda part, w: part.density(w).reshape(-1, *space))

    def magnitude(self, v: Array) -> Array:
        """The pointwise norms of both orders, one after the other: (groups, \\*space)."""
        space = v.shape[2:]
        return self._each(v, lambda part, w: part.magnitude(w).reshape(-1, *space))

    def _split(self, v: Array) -> tuple[Array, Array]:
        """The components of the first and of the second order."""
        ndim = {2: 1, 5: 2, 9: 3}[v.shape[0]]
        return v[:ndim], v[ndim:]

    def _each(self, v: Array, apply: Callable[[PointwiseEnergy, Array], Array]) -> Array:
        """Apply a function of both energies to their components, and join the results."""
        pairs = zip(self.parts, self._split(v), strict=True)
        return namespace(v).concatenate([apply(part, w) for (_, part), w in pairs])
