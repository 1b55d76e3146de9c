"""Training objective of the mean-flux network: the certificate's integrand, no ground truth.

For two times ``s < t`` of one image the chord of the flow has the constant flux
``p = (t Phi(t) - s Phi(s)) / (t - s)``. Let ``a, b`` be the gradients of ``u(s), u(t)`` and ``q``
the projection of ``p`` to the unit ball. Then the terms of `convex.certificate` are
``gap = sum (|a| + 2 |(a+b)/2| + |b|)/4 - <q, a+b>/2 >= 0``. No derivative in time is needed.

If ``|p| <= 1`` everywhere, twice the sum of lengths times gaps over a partition of [0, T] bounds
the squared error at T. Otherwise the excess over 1 is penalised. The excess changes the rate by at
most ``sum (|p| - 1)_+ (|grad u| + |grad u*|)``, so only a weight of 2 sqrt 2 would make the loss a
bound for images in [0, 1]. (`certify` gives a bound for any network.)
"""

import torch
from torch import Tensor
from torch.nn.functional import relu

from .fields import divergence, gradient, norm, project

_ROUNDING = 1e-9  # keeps the derivative of the root finite; about float32's rounding of the gap
_EXCESS_WEIGHT = 0.5
_RATIOS = (0.4, 0.9)  # s / t; wide chords train better: 0.6 dB over (0.8, 0.95)


def chord_gap(
    u0: Tensor, early: Tensor, late: Tensor, s: Tensor, t: Tensor
) -> tuple[Tensor, Tensor]:
    """The gap of the chord between times ``s < t`` (N,), and the excess of its flux over 1.

    Both (N,) are means over the pixels: of the gap of the projected flux, and of ``(|p| - 1)_+``.
    ``early`` and ``late`` (N, 2, H, W) are the mean fluxes of the images (N, 1, H, W) at s and t.
    """
    s, t = s.view(-1, 1, 1, 1), t.view(-1, 1, 1, 1)
    moved, before = t * late, s * early
    p = (moved - before) / (t - s)
    a, b = gradient(u0 + divergence(before)), gradient(u0 + divergence(moved))
    density = (norm(a) + norm(b) + 2 * norm((a + b) / 2)) / 4
    gap = (density - (project(p) * (a + b)).sum(1, keepdim=True) / 2).mean((1, 2, 3))
    return gap, relu(norm(p) - 1).mean((1, 2, 3))


def gap_loss(
    network: torch.nn.Module, u0: Tensor, t: Tensor, generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Objective of the mean-flux network: mean of ``sqrt(t (gap + excess / 2))``.

    The gaps bound squared errors, so their roots are comparable to errors, and easy images count
    as much as hard ones. ``generator`` draws the earlier end of each chord. Returns "total", and
    "gap" and "excess": the means of ``t * gap`` and ``t * excess`` (detached).
    """
    low, high = _RATIOS
    draw = torch.rand(t.shape, generator=generator, dtype=t.dtype, device=t.device)
    s = t * (low + (high - low) * draw)
    flux = network.mean_flux(torch.cat([u0, u0]), torch.cat([s, t]))  # type: ignore[operator]
    flux = flux.to(u0.dtype)
    gap, excess = chord_gap(u0, flux[: len(t)], flux[len(t) :], s, t)
    gap, excess = t * gap, t * excess
    total = ((gap + _EXCESS_WEIGHT * excess) + _ROUNDING).sqrt().mean()
    return {"total": total, "gap": gap.mean().detach(), "excess": excess.mean().detach()}
