"""The flow of a NumPy image: by a network where that is certified to do, else by the solver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import tee
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...convex.certificate import Bound, psnr_bound
from ...core.arrays import Layout, check_data_range, prepare_image
from ...core.errors import InputError
from ...core.namespace import is_torch
from ...core.numbers import check_count, check_number
from ...core.status import Status
from ...flows.flow import tv_flow
from ...flows.result import FlowResult
from ...flows.time_grid import check_times
from .certificate import (
    DEFAULT_NUM_NODES,
    chords,
    distance,
    for_network,
    graded_nodes,
    mean_fluxes,
    segment_fluxes,
    walk,
)
from .fields import divergence, total_variation
from .weights import load

_CACHED_BYTES = 1 << 28
_FLUX_SPAN = 0.01  # the flux at the end is that of the last hundredth


def learned_flow(
    image: Any,
    times: float | Sequence[float] | np.ndarray,
    *,
    network: str | nn.Module = "mean-flux",
    accuracy: float | None = None,
    num_nodes: int = DEFAULT_NUM_NODES,
    data_range: float | None = None,
    channel_axis: int | None = None,
    device: str | None = None,
) -> FlowResult:
    """Total variation flow predicted by a network, certified, and corrected where asked for.

    Every requested time is one evaluation of the network (of the paper's networks: two). The
    certificate (see `steepest.learning.certify`) takes ``num_nodes`` more. If ``accuracy`` is given
    and the certificate misses it at any time, the flow is solved by `steepest.tv_flow` with the
    network's flux as the start of every step.

    Parameters
    ----------
    image : array (H, W), or with a channel axis
        Types as in `steepest.tv_flow`. Channels are independent images (``coupled=False``).
    times : float or increasing positive floats
        In grey value x pixel. The shipped networks are trained up to 0.25 for values in [0, 1].
    network : name, path or module
        As `steepest.learning.load` takes it, or a network already loaded.
    accuracy : float, optional
        Certified PSNR in dB wanted at every time.
    num_nodes : int
        Segments of the certified curve; more of them: a smaller bound, at more cost.
    data_range : float, optional
        For PSNR; default 1 for integers, else the image's maximum minus minimum.
    channel_axis : int, optional
    device : str, optional
        Where the network runs (a module is moved there); default: where it is.

    Returns
    -------
    FlowResult
        ``flux`` is feasible and is the mean of the last hundredth of the time. ``gap`` is the
        certified gap of the curve relative to its length of time and total variation;
        ``iterations`` is 0 unless the solver was called. ``state`` is None.

    Raises
    ------
    InputError
        Bad image, times or network.
    """
    if is_torch(image):
        raise InputError("image is a torch tensor: call the network itself, or pass image.numpy()")
    channels, layout = prepare_image(image, channel_axis)
    if channels.ndim != 3:
        raise InputError(f"image has {channels.ndim - 1} spatial axes; networks take images of 2")
    wanted = check_times(times)
    num_nodes = check_count(num_nodes, "num_nodes")
    module = load(network) if isinstance(network, str) else network
    module = module if device is None else module.to(device)
    data_range = check_data_range(data_range, [channels], layout)
    parts = [_predict(module, channel, wanted, num_nodes) for channel in channels]
    shares = np.array([[(b.solver_share, b.time_share) for b in part.bounds] for part in parts])
    shares = shares.sum(0)
    error = np.sqrt(
        [sum(part.bounds[i].distance ** 2 for part in parts) for i in range(len(wanted))]
    )
    psnr = np.array([psnr_bound(float(e), channels.size, data_range) for e in error])
    if accuracy is not None and not psnr.min() >= check_number(accuracy, "accuracy"):
        return tv_flow(
            image, wanted, accuracy=accuracy, data_range=data_range, channel_axis=channel_axis,
            coupled=False, flux_guess=_guess(module, channels, layout),
        )  # fmt: skip
    frames = np.stack([part.frames for part in parts], 1).astype(channels.dtype)
    flux = np.stack([part.flux for part in parts], 1).astype(channels.dtype)
    return FlowResult(
        images=layout.restore(frames, 1),
        times=wanted,
        flux=layout.restore_axes(flux, 1),
        gap=np.max([part.gaps for part in parts], 0),
        error_bound=error,
        psnr_bound=psnr,
        solver_error=shares[:, 0],
        time_error=shares[:, 1],
        iterations=0,
        num_steps=num_nodes,
        status=Status.LEARNED if accuracy is None else Status.CONVERGED,
        data_range=data_range,
        state=None,
    )


@dataclass(frozen=True)
class _Part:
    """One channel: frames (T, H, W), flux (2, H, W) at the end; gap and bound at every time."""

    frames: np.ndarray
    flux: np.ndarray
    gaps: list[float]
    bounds: list[Bound]


@torch.no_grad()
def _predict(module: nn.Module, channel: np.ndarray, wanted: np.ndarray, num_nodes: int) -> _Part:
    """Frames by the network in its own dtype; the certificate refers to the channel as it is."""
    exact = torch.from_numpy(channel)[None, None]
    u0 = for_network(module, exact)
    last = float(wanted[-1])
    nodes = [*graded_nodes(last, num_nodes), (1 - _FLUX_SPAN) * last]
    nodes = np.union1d(nodes, wanted).tolist()
    predicted, fluxes = _evaluate(module, u0, nodes, set(wanted.tolist()))
    initial = float(total_variation(exact.double())[0]) or 1.0
    frames, bounds, gaps = [], [], []
    steps = walk(exact, nodes, (flux.to(exact.device) for flux in fluxes))
    for node, frame, step in zip(nodes[1:], predicted, steps, strict=True):
        bound, curve, flux = step
        if frame is not None:
            frames.append(frame.cpu())
            bounds.append(bound.moved(distance(frame, curve)))
            gaps.append(bound.solver_share / (2 * node * initial))
    return _Part(torch.cat(frames).numpy(), flux.numpy(), gaps, bounds)


def _evaluate(
    module: nn.Module, u0: Tensor, nodes: list[float], wanted: set[float]
) -> tuple[Iterator[Tensor | None], Iterator[Tensor]]:
    """The image at every node that is wanted, else None, and the flux of every segment.

    Both come from the same mean flux, if the network has one.
    """
    if hasattr(module, "mean_flux"):
        means, again = tee(mean_fluxes(module, u0, nodes[1:]))
        moves = (t * divergence(mean[None])[0] for t, mean in zip(nodes[1:], again, strict=True))
        frames = (u0[0] + move for move in moves)
        chosen = (f if t in wanted else None for t, f in zip(nodes[1:], frames, strict=True))
        return chosen, chords(means, nodes)
    solved = (module.solve(u0, u0.new_tensor([t]))[0] if t in wanted else None for t in nodes[1:])  # type: ignore[operator]
    return solved, segment_fluxes(module, u0, nodes)


def _guess(
    module: nn.Module, channels: np.ndarray, layout: Layout
) -> Callable[[float, float], np.ndarray]:
    """Flux of a step ``(start, stop)`` as `tv_flow` wants it: the chord of the mean flux.

    `tv_flow` solves one channel after the other and asks for all of them each time: what was
    computed is kept, up to 256 MiB.
    """
    images = torch.from_numpy(channels)[:, None, None]
    few = max(2, _CACHED_BYTES // (2 * channels.nbytes))

    @lru_cache(maxsize=few)
    @torch.no_grad()
    def guess(start: float, stop: float) -> np.ndarray:
        nodes = [0.0, start, stop] if start > 0 else [0.0, stop]
        last = [list(segment_fluxes(module, u0, nodes))[-1] for u0 in images]
        flux = torch.stack(last, 1).numpy().astype(channels.dtype)
        return np.asarray(layout.restore_axes(flux, 1))

    return guess
