"""The flow of a NumPy image by a network, with the solver as fallback."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from typing import Any

import numpy as np
import torch
from torch import nn

from ...convex.certificate import Bound
from ...convex.total_variation import TotalVariation
from ...core.arrays import Layout, check_data_range, prepare_image
from ...core.errors import InputError
from ...core.namespace import is_torch
from ...core.numbers import check_count
from ...core.progress import Callback, Reporter
from ...core.status import Status
from ...flows.flow import flow
from ...flows.result import FlowResult, Step
from ...flows.time_grid import Accuracy, check_times
from .certificate import DEFAULT_NUM_NODES, Node, distance, follow, graded_nodes, segment_fluxes
from .fields import total_variation
from .weights import load

_CACHED_BYTES = 1 << 28
_FLUX_SPAN = 0.01  # the returned flux is the mean over the last hundredth of the time


def learned_flow(
    image: Any,
    times: float | Sequence[float] | np.ndarray,
    *,
    network: str | PathLike[str] | nn.Module = "mean-flux",
    steps: int | Accuracy = DEFAULT_NUM_NODES,
    channel_axis: int | None = None,
    device: str | None = None,
    on_step: Callback | None = None,
) -> FlowResult:
    """Total variation flow predicted by a network, certified, and corrected on request.

    Each requested time takes one evaluation of the network (two if it has no mean flux), and the
    certificate (see `steepest.learning.certify`) takes as many more as it has segments. If you ask
    for an `Accuracy` and the certificate misses it at any time, `steepest.flow` solves for the flow
    instead, starting every step from the network's flux.

    Parameters
    ----------
    image : array (H, W), or with a channel axis
        An image of a dtype that `steepest.tv_flow` accepts. Channels are treated as independent
        images (``coupled=False``).
    times : float or increasing positive floats
        Times in grey value times pixel. The shipped network is trained up to 0.25 for values in
        [0, 1].
    network : str, path or nn.Module
        A name or path for `steepest.learning.load`, or any network that
        `steepest.learning.certify` takes.
    steps : int or Accuracy
        Number of segments of the certified curve (default 8): more segments give a smaller bound
        and take longer. Or the certified accuracy to reach at every time.
    channel_axis : int, optional
        Axis of the channels; None for a greyscale image.
    device : str, optional
        Device to run the network on; a module is moved there. Default: the module's own device.
    on_step : callable, optional
        Called with a `Step` after each segment, and after each step of the solver if it runs. The
        step's image is that of the certified curve. If it returns True, the flow ends at that
        time.

    Returns
    -------
    FlowResult
        ``flux`` is feasible: the mean flux over the last hundredth of the time. ``gap`` is the
        certified gap of the curve divided by its duration and the image's total variation.
        ``status`` is LEARNED without an `Accuracy`.
        ``iterations`` is 0 and ``state`` is None unless
        the solver ran.
    """
    if is_torch(image):
        raise InputError("image is a torch tensor: call the network itself, or pass image.numpy()")
    channels, layout = prepare_image(image, channel_axis)
    if channels.ndim != 3:
        raise InputError(f"image has {channels.ndim - 1} spatial axes; networks need 2")
    wanted = check_times(times)
    accuracy = steps if isinstance(steps, Accuracy) else None
    num_nodes = DEFAULT_NUM_NODES if isinstance(steps, Accuracy) else check_count(steps, "steps")
    module = network if isinstance(network, nn.Module) else load(network)
    module = module if device is None else module.to(device)
    given = None if accuracy is None else accuracy.data_range
    data_range = check_data_range(given, [channels], layout)
    reporter = Reporter(on_step)
    found, flux = _predict(module, channels, layout, wanted, num_nodes, reporter)
    shares = np.array([[(b.solver_share, b.time_share) for b in at.bounds] for at in found])
    shares = shares.sum(1)
    error = np.array([_distance_of_all(at.bounds) for at in found])
    missed = accuracy and not error.max() <= accuracy.distance(channels.size, data_range)
    if missed and not reporter.stopped:
        return flow(
            image, wanted, TotalVariation(coupled=False), steps=accuracy, channel_axis=channel_axis,
            start=_guess(module, channels, layout), on_step=reporter.stage,
        )  # fmt: skip
    status = Status.LEARNED if accuracy is None else Status.ACCURACY_MET
    return FlowResult(
        images=layout.restore(np.stack([at.images for at in found]), 1),
        times=np.array([at.time for at in found]),
        flux=layout.restore_axes(flux, 1),
        gap=np.array([at.gap for at in found]),
        error_bound=error,
        solver_error=shares[:, 0],
        time_error=shares[:, 1],
        iterations=0,
        num_steps=num_nodes,
        status=Status.STOPPED if reporter.stopped else status,
        data_range=data_range,
        state=None,
    )


@dataclass(frozen=True)
class _Frame:
    """All channels at one time: images (C, H, W), the largest gap, one bound per channel."""

    time: float
    images: np.ndarray
    gap: float
    bounds: list[Bound]


def _distance_of_all(bounds: list[Bound]) -> float:
    """The certified distance of all channels together."""
    return math.sqrt(sum(bound.distance**2 for bound in bounds))


def _predict(
    module: nn.Module,
    channels: np.ndarray,
    layout: Layout,
    wanted: np.ndarray,
    num_nodes: int,
    reporter: Reporter,
) -> tuple[list[_Frame], np.ndarray]:
    """The network's images at the wanted times, and the last flux (2, C, H, W).

    The network runs in its own dtype, the certificate refers to ``channels`` as given. A stop makes
    the last time the one reached.
    """
    last = float(wanted[-1])
    nodes = [*graded_nodes(last, num_nodes), (1 - _FLUX_SPAN) * last]
    nodes = np.union1d(nodes, wanted).tolist()
    kept, needed = [], set(wanted.tolist())
    exact = [torch.from_numpy(channel)[None, None] for channel in channels]
    initial = [float(total_variation(image.double())[0]) or 1.0 for image in exact]
    walks = [follow(module, image, nodes) for image in exact]
    for time, *seen in zip(nodes[1:], *walks, strict=True):
        bounds = [each.bound for each in seen]
        shares = zip(bounds, initial, strict=True)
        gap = max(bound.solver_share / (2 * time * size) for bound, size in shares)

        def gather(seen: list[Node] = seen) -> np.ndarray:
            images = torch.stack([each.curve[0] for each in seen]).numpy()
            return np.asarray(layout.restore_axes(images.astype(channels.dtype)))

        reporter(Step(0, len(nodes) - 1, time, gap, 0, _distance_of_all(bounds), gather))
        if time in needed or reporter.stopped:
            with torch.no_grad():
                images = [each.predict() for each in seen]
            bounds = [
                each.bound.moved(distance(image, each.curve))
                for each, image in zip(seen, images, strict=True)
            ]
            frame = torch.stack([image[0].cpu() for image in images]).numpy()
            kept.append(_Frame(time, frame.astype(channels.dtype), gap, bounds))
        if reporter.stopped:
            break
    flux = torch.stack([each.flux for each in seen], 1).numpy()
    return kept, flux.astype(channels.dtype)


def _guess(
    module: nn.Module, channels: np.ndarray, layout: Layout
) -> Callable[[float, float], np.ndarray]:
    """A ``start`` for `flow`: the chord of the mean flux over a step ``(start, stop)``.

    `flow` solves one channel after the other but asks for all, so up to 256 MiB are cached.
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
