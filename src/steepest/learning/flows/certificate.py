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
from functools import partial
from itertools import pairwise, tee

import torch
from torch import Tensor, nn

from ...convex.certificate import Bound, psnr_bound, step_terms
from ...convex.total_variation import TotalVariation
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
def certify(module: nn.Module, u0: Tensor, t: Tensor) -> Certificate:
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

    Returns
    -------
    Certificate
        Bounds are infinite where the prediction is not finite.
    """
    check_inputs(u0, t)
    own, own_t = for_network(module, u0), for_network(module, t)
    predicted = module.solve(own, own_t)  # type: ignore[operator]
    rows = [_certify_one(module, u0[i : i + 1], float(t[i]), predicted[i]) for i in range(len(u0))]
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


def _certify_one(module: nn.Module, u0: Tensor, t: float, predicted: Tensor) -> tuple[Bound, float]:
    """The bound of one image's prediction, and its distance from the certified curve."""
    bound, curve = Bound(), u0[0].double()
    if t > 0:
        *_, last = follow(module, u0, graded_nodes(t, DEFAULT_NUM_NODES))
        bound, curve = last.bound, last.curve
    away = distance(predicted, curve)
    return bound.moved(away), away


def graded_nodes(t: float, num_nodes: int) -> list[float]:
    """``t (k / K)^2`` for k = 0 .. K: short segments at early times, when every edge moves."""
    return [t * (k / num_nodes) ** _GRADING for k in range(num_nodes + 1)]


@dataclass(frozen=True, eq=False)
class Node:
    """The certified curve of one image at a time: image (1, H, W) and bound, in float64.

    ``flux`` (2, H, W) is that of the segment before; ``predict`` returns the network's own image.
    """

    curve: Tensor
    flux: Tensor
    bound: Bound
    predict: Callable[[], Tensor]


@torch.no_grad()
def follow(module: nn.Module, u0: Tensor, nodes: Sequence[float]) -> Iterator[Node]:
    """Follow the certified curve of one image ``(1, 1, H, W)`` through nodes that begin at 0."""
    curve, bound = u0[0].double(), Bound()
    functional = TotalVariation(spacing=(1.0, 1.0))
    predicted, fluxes = _segments(module, u0, nodes)
    for predict, flux, begin, end in zip(predicted, fluxes, nodes, nodes[1:], strict=False):
        stop = curve + (end - begin) * divergence(flux[None])[0]
        terms = step_terms(functional, curve, stop, flux[:, None], end - begin)
        bound, curve = bound.after(terms), stop
        yield Node(curve, flux, bound, predict)


def segment_fluxes(module: nn.Module, u0: Tensor, nodes: Sequence[float]) -> Iterator[Tensor]:
    """A feasible flux ``(2, H, W)`` in float64 of one image for every segment between ``nodes``."""
    return _segments(module, u0, nodes)[1]


def _segments(
    module: nn.Module, u0: Tensor, nodes: Sequence[float]
) -> tuple[Iterator[Callable[[], Tensor]], Iterator[Tensor]]:
    """Functions that return the network's image at each later node, and the fluxes between nodes.

    Both come from the same mean fluxes, if the network has them.
    """
    own = for_network(module, u0)
    if hasattr(module, "mean_flux"):
        means, again = tee(_evaluate(module.mean_flux, own, nodes[1:]))  # type: ignore[arg-type]
        moves = (partial(_move, own[0], t, mean) for t, mean in zip(nodes[1:], again, strict=True))
        return moves, (flux.to(u0.device) for flux in _chords(means, nodes))

    def solve(time: float) -> Tensor:
        image: Tensor = module.solve(own, own.new_tensor([time]))[0]  # type: ignore[operator]
        return image

    middle = [(a + b) / 2 for a, b in pairwise(nodes)]
    fluxes = _evaluate(lambda u, t: module(u, t)[1], own, middle)
    solves = (partial(solve, t) for t in nodes[1:])
    return solves, (_feasible(flux.to(u0.device).double()) for flux in fluxes)


def _move(image: Tensor, time: float, mean: Tensor) -> Tensor:
    return image + time * divergence(mean[None])[0]


def _chords(means: Iterable[Tensor], nodes: Sequence[float]) -> Iterator[Tensor]:
    """The feasible flux of every segment, float64, from the mean fluxes at ``nodes[1:]``."""
    before = torch.zeros((), dtype=torch.float64)
    for mean, (begin, end) in zip(means, pairwise(nodes), strict=True):
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
    """The projection to the unit ball; NaN and infinity become zero, which is feasible, too."""
    return project(torch.nan_to_num(flux, nan=0.0, posinf=0.0, neginf=0.0)[None])[0]


def for_network(module: nn.Module, tensor: Tensor) -> Tensor:
    """``tensor`` in the dtype and on the device of the network's first weights, if it has any."""
    weight = next(module.parameters(), tensor)
    return tensor.to(weight.device, weight.dtype)


def distance(a: Tensor, b: Tensor) -> float:
    """``||a - b||`` in float64, rounded up; infinite if it is NaN."""
    norm = float(torch.linalg.vector_norm(a.to(b.device).double() - b)) * (1 + 1e-9)
    return norm if math.isfinite(norm) else math.inf
