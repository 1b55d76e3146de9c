"""What the mean-flux network is trained on: the certificate's own integrand, without ground truth.

For two times ``s < t`` of one image the flow's chord has the constant flux
``p = (t Phi(t) - s Phi(s)) / (t - s)``. With ``a, b`` the gradients of ``u(s), u(t)`` and ``q`` the
projection of ``p`` to the unit ball, the terms of `convex.certificate` are
``gap = sum (|a| + 2 |(a+b)/2| + |b|)/4 - <q, a+b>/2 >= 0``. No derivative in time is needed.
If ``|p| <= 1`` everywhere, twice the sum of lengths times gaps over a partition of [0, T] bounds
the squared error at T. Where not, what exceeds 1 is penalised; it changes the rate by at most
``sum (|p| - 1)_+ (|grad u| + |grad u*|)``, so that only a weight of 2 sqrt 2 would make the loss a
bound for images in [0, 1]. (`certify` gives one whatever the network.)
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import relu

from .fields import divergence, gradient, norm, project

_ROUNDING = 1e-9  # keeps the root's derivative finite; about float32's rounding of the gap
_RATIOS = (0.4, 0.9)  # s / t; wide chords train better: 0.6 dB against (0.8, 0.95)


def chord_gap(
    u0: Tensor, early: Tensor, late: Tensor, s: Tensor, t: Tensor
) -> tuple[Tensor, Tensor]:
    """Gap density of the chord between times ``s < t``, and its excess of the unit ball.

    Parameters
    ----------
    u0 : Tensor (N, 1, H, W)
    early, late : Tensor (N, 2, H, W)
        Mean fluxes at ``s`` and ``t``.
    s, t : Tensor (N,)

    Returns
    -------
    gap, excess : Tensor (N,)
        Means over the pixels of the gap of the projected flux, and of ``(|p| - 1)_+``.
    """
    s, t = s.view(-1, 1, 1, 1), t.view(-1, 1, 1, 1)
    moved, before = t * late, s * early
    p = (moved - before) / (t - s)
    a, b = gradient(u0 + divergence(before)), gradient(u0 + divergence(moved))
    density = (norm(a) + norm(b) + 2 * norm((a + b) / 2)) / 4
    gap = (density - (project(p) * (a + b)).sum(1, keepdim=True) / 2).mean((1, 2, 3))
    return gap, relu(norm(p) - 1).mean((1, 2, 3))


def gap_loss(
    network: torch.nn.Module,
    u0: Tensor,
    t: Tensor,
    generator: torch.Generator | None = None,
    excess_weight: float = 0.5,
) -> dict[str, Tensor]:
    """Objective of the mean-flux network: mean of ``sqrt(t (gap + excess_weight * excess))``.

    The root makes it like a mean of errors, whose squares the gaps bound, so that easy images count
    as well as hard ones. The earlier end of each chord is drawn from ``generator``.

    Returns
    -------
    dict
        "total", and the means of ``t * gap`` and ``t * excess``.
    """
    low, high = _RATIOS
    draw = torch.rand(t.shape, generator=generator, dtype=t.dtype, device=t.device)
    s = t * (low + (high - low) * draw)
    flux = network.mean_flux(torch.cat([u0, u0]), torch.cat([s, t]))  # type: ignore[operator]
    flux = flux.to(u0.dtype)
    gap, excess = chord_gap(u0, flux[: len(t)], flux[len(t) :], s, t)
    gap, excess = t * gap, t * excess
    total = ((gap + excess_weight * excess) + _ROUNDING).sqrt().mean()
    return {"total": total, "gap": gap.mean().detach(), "excess": excess.mean().detach()}
