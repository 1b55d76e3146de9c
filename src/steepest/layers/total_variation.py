"""Inverse total variation flow, regularised as by Huber."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..grid.differences import divergence, gradient
from .base import space_axes
from .evolution import InverseEvolution, check_width
from .stability import DEFAULT_LIMIT


@dataclass(frozen=True)
class TotalVariationFlow:
    """``F(u) = div(grad u / max(eps, |grad u|))``, each channel for itself."""

    eps: float

    def __call__(self, u: Tensor) -> Tensor:
        """``F(u)``, of the shape of ``u`` (N, C, *space)."""
        spacing = (1.0,) * len(space_axes(u))
        slopes = gradient(u, spacing)
        # The root of a clamped square: max(eps, |grad u|) with finite derivatives at 0.
        size = (slopes * slopes).sum(0).clamp(min=self.eps**2).sqrt()
        return divergence(slopes / size, spacing)


class InverseTotalVariation(InverseEvolution):
    """``steps`` times ``L(u) = u - dt div(grad u / max(eps, |grad u|))``: TV flow run backwards.

    The flow is ``u_t = -dJ(u)`` with the isotropic Huber-TV of this library, for each channel:
    ``|v|^2 / (2 eps)`` for ``|v| <= eps``, else ``|v| - eps/2``, summed over pixels, forward
    differences, Neumann boundary. ``J`` is convex, so for any ``dt`` one step is the exact inverse
    of the proximal step ``steepest.denoise_tv(u, strength=dt, huber=eps)`` of that channel. The
    mean of each channel is kept. Slopes up to ``eps`` see inverse heat diffusion with step
    ``dt/eps``; the gain is at most ``(1 + 4 d dt / eps)^steps`` in ``d`` dimensions.

    Parameters
    ----------
    steps, dt, max_gain, spatial_ndim
        As in `InverseEvolution`: ``max_gain`` is the gain above which the layer warns, no cap.
        Unit of ``dt``: value times pixel.
    eps : float
        Half-width of the quadratic zone, at least 1e-15; unit: value a pixel. Logits differ by
        several units across an edge, so 1 leaves edges and treats the rest as heat does.

    Raises
    ------
    InputError
        An argument out of range.

    References
    ----------
    Rudin, Osher & Fatemi, Physica D 60 (1992) 259-268; docs/conventions for the discretisation.
    """

    def __init__(
        self,
        steps: int,
        dt: float,
        eps: float = 1.0,
        max_gain: float | None = DEFAULT_LIMIT,
        spatial_ndim: int | None = None,
    ) -> None:
        operator = TotalVariationFlow(check_width(eps))
        super().__init__(operator, steps, dt, max_gain, spatial_ndim)
