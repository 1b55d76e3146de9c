"""Time series, stacks and separate channels: images that are computed one by one."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import normalize_axis
from ..core.errors import InputError
from ..core.status import Status
from ..core.tiles import Tiles
from ..core.views import Part
from .jobs import Stopped
from .picture import check_picture
from .request import TileRequest
from .workspace import open_workspace


def one_by_one(
    compute: Callable[[TileRequest], Any],
    request: TileRequest,
    lead: tuple[int, ...],
    *,
    coupled: bool,
    batch_axis: int | None,
    floats: bool = False,
) -> Any:
    """The results of ``compute`` for each image and separate channel, as one result."""
    image, out, channel_axis = request.image, request.out, request.channel_axis
    shape = tuple(getattr(image, "shape", ()))
    batch = normalize_axis(batch_axis, len(shape), "batch_axis")
    channel = normalize_axis(channel_axis, len(shape), "channel_axis")
    if batch is None and (coupled or channel is None):
        return compute(request)
    if batch is not None and batch == channel:
        raise InputError(f"channel_axis={channel_axis} and batch_axis={batch_axis} are the same")
    counts = item_counts(shape, batch, channel, coupled=coupled)
    if 0 in counts:
        raise InputError(f"image of shape {shape} has no items along batch_axis or channel_axis")
    own_axis = None
    if coupled and channel is not None:
        own_axis = channel - (batch is not None and channel > batch)
    results: list[Any] = []
    with _folders(request.tiles, f"items {shape} {batch} {channel} {coupled}") as folder_of:
        for item, k in product(*map(range, counts)):
            fixed: list[int | None] = [None] * len(shape)
            if batch is not None:
                fixed[batch] = item
            if not coupled and channel is not None:
                fixed[channel] = k
            part = view(image, tuple(fixed))
            if out is None:
                picture = replace(check_picture(part, own_axis), floats=floats)
                out = np.zeros((*lead, *shape), picture.result_dtype)
            if tuple(getattr(out, "shape", ())) != (*lead, *shape):
                raise InputError(f"out must have the shape {(*lead, *shape)}")
            target = view(out, (*(None for _ in lead), *fixed))
            folder = folder_of(f"item-{item}-{k}")
            results.append(compute(request.at(part, target, folder, channel_axis=own_axis)))
            if results[-1].status is Status.STOPPED:
                raise Stopped
    left = math.prod(counts) - len(results)
    every = results + results[-1:] * left  # after a stop, those that are left are not bounded
    return _merge(every, counts[0], batch is not None, out)


def item_counts(
    shape: tuple[int, ...], batch_axis: int | None, channel_axis: int | None, *, coupled: bool
) -> tuple[int, int]:
    """The numbers of images and of separate channels that are computed one by one."""
    images = 1 if batch_axis is None else shape[batch_axis]
    return images, 1 if coupled or channel_axis is None else shape[channel_axis]


@contextmanager
def _folders(how: Tiles, signature: str) -> Iterator[Callable[[str], Path | None]]:
    """The folder of each item in the folder of work, which is kept if `Stopped` is raised."""
    with suppress(Stopped), ExitStack() as stack:
        parent = None
        if how.work is not None:
            opened = open_workspace(how.work, None, signature, how.keep)
            parent = stack.enter_context(opened).folder
        yield lambda name: None if parent is None else parent / name


def view(array: Any, fixed: Sequence[int | None]) -> Any:
    """An array at fixed indices along some of its axes."""
    if isinstance(array, np.ndarray):
        return array[tuple(slice(None) if k is None else k for k in fixed)]
    return Part(array, tuple(fixed))


def _merge(results: list[Any], num_items: int, batched: bool, out: Any) -> Any:
    """One result for all, with one certificate for each of ``num_items`` images."""

    def merged(name: str, how: Callable[..., np.ndarray]) -> Any:
        each = np.array([getattr(result, name) for result in results])
        found = how(each.reshape(num_items, -1, *each.shape[1:]), axis=1)
        return found.T if batched else found[0]

    def norm(each: np.ndarray, axis: int) -> np.ndarray:
        return np.sqrt((each * each).sum(axis))

    span = max(result.data_range for result in results)
    error = merged("error_bound", norm)
    more = {
        name: merged(name, np.sum)
        for name in ("solver_error", "time_error")
        if hasattr(results[0], name)
    }
    return replace(
        results[0],
        **{"images" if more else "image": out},
        error_bound=error,
        gap=merged("gap", np.max),
        iterations=sum(result.iterations for result in results),
        status=Status.worst([result.status for result in results]),
        data_range=span,
        **more,
    )
