"""The paper's unsupervised loss, Eq. (12), term by term, and the preliminary report's Eq. (9).

Everything here is in the paper's units: ``v = 5 u`` and ``tau = 5 t``, so ``v_tau = u_t``; ``phi``
is the same in both. All terms are means over pixels and images, except the total variation term,
which squares *sums* over pixels. Unlike the others it therefore grows with the fourth power of the
image's side length; ``tv_term="mean"`` squares means instead.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from steepest.core.errors import InputError
from steepest.core.numbers import check_choice, check_number
from steepest.flows.options import takes_options_of
from steepest.layers.forward_mode import jvp
from steepest.learning.flows.fields import divergence, gradient, norm, squared_norm, total_variation

from ..units import CONTRAST

TV_EPS = 1e-4
"""The paper's smoothing of the total variation, added under the root unsquared (section 3.1)."""


def residual_term(velocity: Tensor, phi: Tensor) -> Tensor:
    """Mean of ``(v_tau - div phi)^2``, the residual of the flow equation.

    (N, 1, H, W), (N, 2, H, W) -> ().
    """
    return (velocity - divergence(phi)).square().mean()


def subgradient_gap(v: Tensor, phi: Tensor, eps: float = 0.0) -> Tensor:
    """``<v, div phi> + TV_eps(v)`` of every image, (N,), summed over pixels.

    For ``|phi| <= 1`` and ``eps = 0`` this is zero if and only if ``-div phi`` is a subgradient of
    TV at ``v``. The sum is computed as ``-<grad v, phi>``, which equals ``<v, div phi>`` up to
    rounding: the rounding errors then scale with the gradients, not with the grey values.
    """
    g = gradient(v)
    variation = total_variation(v) if eps == 0 else (squared_norm(g) + eps).sqrt().sum((1, 2, 3))
    return variation - (g * phi).sum((1, 2, 3))


def variation_term(v: Tensor, phi: Tensor, eps: float = TV_EPS, form: str = "sum") -> Tensor:
    """Mean over images of ``(<v, div phi> + TV_eps(v))^2``.

    ``form="sum"`` squares the sum over pixels, as the paper's code does. ``"mean"`` squares the
    mean over pixels, which divides the term by the squared number of pixels: at 32x32,
    ``alpha1 = 1e-4`` with sums corresponds to ``alpha1 = 105`` with means.
    """
    check_choice(form, "tv_term", ("sum", "mean"))
    gap = subgradient_gap(v, phi, eps)
    if form == "mean":
        gap = gap / v[0].numel()
    return gap.square().mean()


def penalty_term(phi: Tensor, form: str = "squared") -> Tensor:
    """Mean over pixels of ``(|phi|^2 - 1)_+`` ("squared") or ``(|phi| - 1)_+`` ("norm").

    "squared" is the paper's code, "norm" is Eq. (12) as printed. Pass ``phi`` before projection:
    after it the term is always zero.
    """
    check_choice(form, "penalty", ("squared", "norm"))
    magnitude = squared_norm(phi) if form == "squared" else norm(phi)
    return (magnitude - 1).clamp(min=0).mean()


def initial_term(v0: Tensor, v: Tensor, tau: Tensor) -> Tensor:
    """Mean of ``(v0 - v)^2`` over the pixels of the images with ``tau == 0`` (0 without any).

    (N, 1, H, W), (N, 1, H, W), (N,) -> ().
    """
    errors = (v0 - v).square().mean((1, 2, 3))
    return torch.where(tau == 0, errors, 0.0).sum() / (tau == 0).sum().clamp(min=1)


def minimal_norm_term(phi: Tensor) -> Tensor:
    """Mean of ``(div phi)^2``: the flow follows the subgradient of smallest norm."""
    return divergence(phi).square().mean()


def weighted_sum(
    v: Tensor,
    velocity: Tensor,
    velocity_phi: Tensor,
    phi: Tensor,
    initial: Tensor,
    *,
    alpha1: float = 1e-4,
    alpha2: float = 1e-4,
    eps: float = TV_EPS,
    tv_term: str = "sum",
    penalty: str = "squared",
) -> dict[str, Tensor]:
    """All terms of the loss and their weighted sum, from fields in the paper's units.

    ``v`` (N, 1, H, W) are the images and ``phi`` (N, 2, H, W) the flux before projection.
    ``velocity`` (M, 1, H, W) is ``v_tau`` at the times where it is known, ``velocity_phi`` the flux
    at the same times, and ``initial`` the initial-condition term. The other arguments and the
    errors are those of `paper_loss`.

    Returns "total", differentiable, and the unweighted terms, detached: "residual", "variation",
    "penalty", "initial", "minimal_norm".
    """
    check_number(alpha1, "alpha1")
    check_number(alpha2, "alpha2")
    check_number(eps, "eps")
    terms = {
        "residual": residual_term(velocity, velocity_phi),
        "variation": variation_term(v, phi, eps, tv_term),
        "penalty": penalty_term(phi, penalty),
        "initial": initial,
        "minimal_norm": minimal_norm_term(phi),
    }
    weights = {"variation": alpha1, "minimal_norm": alpha2}
    total = sum((weights.get(name, 1.0) * term for name, term in terms.items()), v.new_zeros(()))
    return {"total": total, **{name: term.detach() for name, term in terms.items()}}


@takes_options_of(weighted_sum)
def paper_loss(network: Any, u0: Tensor, t: Tensor, **options: Any) -> dict[str, Tensor]:
    """The paper's loss, Eq. (12), of a network on a batch.

    With ``alpha1=1, alpha2=0, eps=0`` it is the preliminary report's, Eq. (9).

    ``mean (u_t - div phi)^2 + alpha1 mean_N (<v, div phi> + TV_eps(v))^2 + mean (|phi|^2 - 1)_+
    + mean (v0 - v(0))^2 + alpha2 mean (div phi)^2`` with ``v = 5 u``.

    One forward-mode derivative of ``network.propose`` in ``t`` gives ``u``, ``phi`` and ``u_t``;
    the gradient in the parameters is then computed by reverse over forward mode.

    Parameters
    ----------
    network : nn.Module
        A network with ``propose(u0, t) -> (u, phi)``, where ``phi`` is the flux before projection.
    u0 : tensor (N, 1, H, W) or (1, 1, H, W)
        Images in [0, 1]; a single image is used at all times.
    t : tensor (N,)
        Times in the solver's units. They must include 0, where the initial condition is tested.
    alpha1, alpha2 : float
        Weights, default 1e-4.
    eps : float
        Smoothing of the total variation in the paper's units, default 1e-4; 0: none.
    tv_term : "sum" or "mean"
        Default "sum"; see `variation_term`.
    penalty : "squared" or "norm"
        Default "squared"; see `penalty_term`.

    Returns
    -------
    dict of scalar tensors
        See `weighted_sum`.

    Raises
    ------
    InputError
        If no time is 0, a weight is negative or not finite, or the form of a term is unknown.

    Notes
    -----
    Source: Grossmann et al., Eq. (12), and the code published with it. Eq. (12) has ``|phi| - 1``;
    the code penalises the square, and squares sums in the total variation term.
    """
    if not torch.compiler.is_compiling() and not bool((t == 0).any()):
        raise InputError("t must contain 0, where the loss tests the initial condition")
    if len(u0) == 1:
        u0 = u0.expand(len(t), -1, -1, -1)
    both: Any = jvp(lambda times: network.propose(u0, times), (t,), (torch.ones_like(t),))
    (u, phi), (u_t, _) = both
    v = CONTRAST * u
    return weighted_sum(v, u_t, phi, phi, initial_term(CONTRAST * u0, v, t), **options)
