"""Large slices and volumes: computed tile by tile, from the layer's array to an OME-Zarr store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from steepest import InputError
from steepest.core.progress import Progress
from steepest.core.views import Part
from steepest.io.stores import StoredImage, create_store

from ._source import Source


def by_tiles(
    source: Source, target: Path, solve: Callable[..., Any], on_step: Callable[[Any], object]
) -> tuple[list[Any], list[Any]]:
    """Call ``solve``, a function of `steepest.tiled`, for all frames.

    Returns the results, and the levels of the new store ``target`` as Dask arrays. The store gets
    its name when it is complete; intermediate results are kept beside it until then.
    """
    from dask import array as lazy  # napari depends on it

    channel = -1 - source.num_space  # where OME-Zarr has the axis
    image = lazy.asarray(source.array)
    if source.rgb:
        image = lazy.moveaxis(image[..., :3], -1, channel)
    results = []
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix="steepest-work-", dir=target.parent) as folder,
        create_store(target, _like(source, image)) as store,
    ):
        for number, index in enumerate(np.ndindex(source.lead)):
            free = (None,) * (image.ndim - len(index))
            frame = image[index if source.index is None else source.index]
            results.append(
                solve(
                    frame, out=Part(store.array, index + free), work=Path(folder) / str(number),
                    channel_axis=0 if source.rgb else None, spacing=source.spacing, on_step=on_step,
                )
            )  # fmt: skip
        on_step(Progress(0, stage="writing smaller copies"))  # the last chance to cancel
    count = sum(each.name.isdigit() for each in target.iterdir())
    levels = [lazy.from_zarr(str(target), str(k)) for k in range(count)]
    if source.rgb:
        levels = [lazy.moveaxis(level, channel, -1) for level in levels]
    return results, levels


def _like(source: Source, image: Any) -> StoredImage:
    """Shape, type and place of the result."""
    space = "zyx"[-source.num_space :]
    used = space + "c" * source.rgb
    free = [axis for axis in "tzc" if axis not in used]
    if len(source.lead) > len(free):
        raise InputError(f"{source.name} has {source.array.ndim} axes, too many for OME-Zarr.")
    lead = sorted(free[: len(source.lead)], key="tcz".index)
    shape = source.lead + image.shape[len(source.lead) :]
    units = [None if str(unit) == "pixel" else str(unit) for unit in source.place["units"]]
    scale, shift = list(source.place["scale"]), list(source.place["translate"])
    if source.rgb:
        units.insert(len(lead), None)
        scale.insert(len(lead), 1.0)
        shift.insert(len(lead), 0.0)
    array = np.broadcast_to(np.zeros((), image.dtype), shape)
    return StoredImage(
        array, "".join(lead) + "c" * source.rgb + space, tuple(map(float, scale)),
        tuple(map(float, shift)), tuple(units), source.name,
    )  # fmt: skip
