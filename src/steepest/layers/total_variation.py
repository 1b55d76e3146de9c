"""Total variation flow with Huber regularisation."""

from dataclasses import dataclass

from torch import Tensor

from ..grid.differences import divergence, gradient
from .base import space_axes
from .evolution import check_width


@dataclass(frozen=True)
class TotalVariationFlow:
    """``F(u) = div(grad u / max(eps, |grad u|))``, for each channel separately.

    The flow is ``u_t = -dJ(u)`` with this library's isotropic Huber-TV ``J``: the sum over pixels
    of ``|v|^2 / (2 eps)`` for ``|v| <= eps`` and ``|v| - eps/2`` otherwise, with ``v = grad u``. As
    ``J`` is convex, for any ``dt`` one step of `InverseEvolution` is the exact inverse of the
    proximal step ``steepest.denoise(u, dt, TotalVariation(huber=eps))``. It keeps the mean of each
    channel. Where slopes are at most ``eps`` it is inverse heat diffusion with step ``dt/eps``. The
    gain is at most ``(1 + 4 d dt / eps)^steps`` in ``d`` dimensions; ``dt`` is in values times
    pixels.

    Parameters
    ----------
    eps : float
        Half-width of the quadratic zone, between 1e-15 and 1e12, in values per pixel. Logits
        differ by several units across an edge, so with 1 edges are treated as by total variation
        and everything else as by heat diffusion.

    References
    ----------
    Rudin, Osher & Fatemi, Physica D 60 (1992) 259-268. See docs/conventions for the
    discretisation.
    """

    eps: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "eps", check_width(self.eps))

    def __call__(self, u: Tensor) -> Tensor:
        """``F(u)``, of the shape of ``u`` (N, C, *space)."""
        spacing = (1.0,) * len(space_axes(u))
        slopes = gradient(u, spacing)
        # max(eps, |grad u|), as the root of a clamped square so that derivatives at 0 are finite.
        size = (slopes * slopes).sum(0).clamp(min=self.eps**2).sqrt()
        return divergence(slopes / size, spacing)
