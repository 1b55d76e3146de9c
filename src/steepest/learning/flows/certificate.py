"""Guaranteed error bounds for learned flows, from the solver's certificate along a feasible curve.

On nodes ``0 = t_0 < .. < t_K = t`` each segment gets the chord of the mean flux, projected to the
unit ball (a network without a mean flux contributes its instantaneous flux at the middle of the
segment). The curve v of these constant fluxes is feasible, so `convex.certificate` bounds its
distance from the exact flow u*, and ``||u - u*|| <= bound of v + ||u - v||``, where the last norm
is computed (docs/learning_methods).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...convex.certificate import Bound, psnr_bound, step_terms
from ...convex.total_variation import TotalVariation
from ...core.numbers import check_count
from .fields import check_inputs, divergence, project

DEFAULT_NUM_NODES = 8  # three times as many improve the bound by only 0.2 dB
_GRADING = 2.0  # nodes t (k/K)^2: half the error comes from early times, when all edges move
_CHUNK = 1 << 18  # values of network input at a time; more take more memory and no less time


@dataclass(frozen=True)
class Certificate:
    """A prediction with a bound on its distance from the exact flow.

    Attributes
    ----------
    image : Tensor (N, 1, H, W)
        The network's prediction.
    error_bound : Tensor (N,), float64
        Guaranteed bound on the L2 distance (root of the sum of squares over the pixels) to the
        exact flow.
    psnr_bound : Tensor (N,), float64
        The same bound as a guaranteed PSNR in dB for data range 1.
    distance : Tensor (N,), float64
        ``||u - v||`` between the prediction and the certified curve.
    """

    image: Tensor
    error_bound: Tensor
    psnr_bound: Tensor
    distance: Tensor


@torch.no_grad()
def certify(
    module: nn.Module, u0: Tensor, t: Tensor, *, num_nodes: int = DEFAULT_NUM_NODES
) -> Certificate:
    """Predict with a network, and bound the L2 error of the prediction, for each image.

    ``||certificate.image - u*(t)|| <= certificate.error_bound`` where ``u*`` is the exact total
    variation flow on the pixel grid. The bound refers to ``u0`` as given, although the network
    sees it in the network's own dtype. Do not use it under autocast, where `forward` may differ
    from the certified prediction.

    Parameters
    ----------
    module : nn.Module
        A network with ``solve(u0, t) -> u`` and either ``mean_flux(u0, t)``, as the networks that
        `steepest.learning.load` returns, or ``module(u0, t) -> (u, flux)`` with the instantaneous
        flux.
    u0 : Tensor (N, 1, H, W)
        Images in [0, 1].
    t : Tensor (N,)
        One time per image, zero or positive.
    num_nodes : int
        Number of segments of the certified curve, each of which costs one evaluation of the
        network per image. More segments give a smaller bound.

    Returns
    -------
    Certificate
        Bounds are infinite where the prediction is not finite.
    """
    check_inputs(u0, t)
    num_nodes = check_count(num_nodes, "num_nodes")
    own, own_t = for_network(module, u0), for_network(module, t)
    predicted = module.solve(own, own_t)  # type: ignore[operator]
    rows = [
        _certify_one(module, u0[i : i + 1], float(t[i]), predicted[i], num_nodes)
        for i in range(len(u0))
    ]
    distances = [bound.distance for bound, _ in rows]
    size = u0[0].numel() if len(u0) else 1

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64)

    return Certificate(
        image=predicted,
        error_bound=column(distances),
        psnr_bound=column([psnr_bound(d, size, 1.0) for d in distances]),
        distance=column([away for _, away in rows]),
    )


def _certify_one(
    module: nn.Module, u0: Tensor, t: float, predicted: Tensor, num_nodes: int
) -> tuple[Bound, float]:
    """The bound of one image's prediction, and its distance from the certified curve."""
    bound, curve = Bound(), u0[0].double()
    if t > 0:
        nodes = graded_nodes(t, num_nodes)
        *_, (bound, curve, _) = walk(u0, nodes, segment_fluxes(module, u0, nodes))
    away = distance(predicted, curve)
    return bound.moved(away), away


def graded_nodes(t: float, num_nodes: int) -> list[float]:
    """``t (k / K)^2`` for k = 0 .. K: short segments at early times, when every edge moves."""
    return [t * (k / num_nodes) ** _GRADING for k in range(num_nodes + 1)]


def walk(
    u0: Tensor, nodes: Sequence[float], fluxes: Iterable[Tensor]
) -> Iterator[tuple[Bound, Tensor, Tensor]]:
    """Follow the certified curve of one image ``(1, 1, H, W)`` through the nodes.

    The first node is 0. ``fluxes`` has one feasible flux per segment. At every later node, yields
    the bound, the curve's image ``(1, H, W)`` and the flux of the segment before it, in float64.
    """
    curve, bound = u0[0].double(), Bound()
    functional = TotalVariation(spacing=(1.0, 1.0))
    for flux, begin, end in zip(fluxes, nodes, nodes[1:], strict=False):
        stop = curve + (end - begin) * divergence(flux[None])[0]
        terms = step_terms(functional, curve, stop, flux[:, None], end - begin)
        bound, curve = bound.after(terms), stop
        yield bound, curve, flux


def segment_fluxes(module: nn.Module, u0: Tensor, nodes: Sequence[float]) -> Iterator[Tensor]:
    """A feasible flux ``(2, H, W)`` in float64 of one image for every segment between ``nodes``.

    The network sees the image in its own dtype. NaN and infinity in its output are replaced by
    zero, which is also feasible.
    """
    if not hasattr(module, "mean_flux"):
        middle = [(a + b) / 2 for a, b in zip(nodes, nodes[1:], strict=False)]
        own = for_network(module, u0)
        for flux in _evaluate(lambda u, t: module(u, t)[1], own, middle):
            yield _feasible(flux.to(u0.device).double())
        return
    means = mean_fluxes(module, for_network(module, u0), nodes[1:])
    yield from (flux.to(u0.device) for flux in chords(means, nodes))


def mean_fluxes(module: nn.Module, u0: Tensor, times: Sequence[float]) -> Iterator[Tensor]:
    """``Phi(t)``, ``(2, H, W)``, of one image in the network's dtype, for every time."""
    return _evaluate(module.mean_flux, u0, times)  # type: ignore[arg-type]


def chords(means: Iterable[Tensor], nodes: Sequence[float]) -> Iterator[Tensor]:
    """The feasible flux of every segment, float64, from the mean fluxes at ``nodes[1:]``."""
    before = torch.zeros((), dtype=torch.float64)
    for mean, begin, end in zip(means, nodes, nodes[1:], strict=False):
        moved = end * mean.double()
        yield _feasible((moved - before) / (end - begin))
        before = moved


def _evaluate(
    function: Callable[[Tensor, Tensor], Tensor], u0: Tensor, times: Sequence[float]
) -> Iterator[Tensor]:
    """``function`` of one image at many times, in chunks of a few times."""
    few = max(1, _CHUNK // max(u0.numel(), 1))
    for part in torch.tensor(times, dtype=u0.dtype, device=u0.device).split(few):
        yield from function(u0.expand(len(part), -1, -1, -1), part)


def _feasible(flux: Tensor) -> Tensor:
    return project(torch.nan_to_num(flux, nan=0.0, posinf=0.0, neginf=0.0)[None])[0]


def for_network(module: nn.Module, tensor: Tensor) -> Tensor:
    """``tensor`` in the dtype and on the device of the network's first weights, if it has any."""
    weight = next(module.parameters(), tensor)
    return tensor.to(weight.device, weight.dtype)


def distance(a: Tensor, b: Tensor) -> float:
    """``||a - b||`` in float64, rounded up; infinite if it is NaN."""
    norm = float(torch.linalg.vector_norm(a.to(b.device).double() - b)) * (1 + 1e-9)
    return norm if math.isfinite(norm) else math.inf
