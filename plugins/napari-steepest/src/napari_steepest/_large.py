"""Large slices and volumes: computed tile by tile, from the layer's array to an OME-Zarr store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from steepest import InputError, Tiles
from steepest.core.progress import Progress
from steepest.core.views import Part
from steepest.io import StoredImage, create_store

from ._source import Source, grey

_MEMORY = "1GB"  # small tiles, because cancelling waits for one


def by_tiles(
    source: Source, target: Path, solve: Callable[..., Any], on_step: Callable[[Any], object], *,
    times: int = 0, parts: int = 0, labels: bool = False, dtype: Any = None,
) -> tuple[list[Any], Any]:  # fmt: skip
    """Call ``solve(frame, index, out=..., ...)``, for all frames.

    With ``times`` or ``parts``, results have a leading axis of this length. ``labels`` are of
    uint8, and those of colours are of their luminance. The dtype of others is that of the image by
    default. Returns the results, and the levels of the new store ``target`` as Dask arrays. The
    store gets its name when it is complete; intermediate results are kept beside it until then.
    """
    from dask import array as lazy  # napari depends on it

    channel = -1 - source.num_space  # where OME-Zarr has the axis
    image, rgb = lazy.asarray(source.array), source.rgb and not labels
    if rgb:
        image = lazy.moveaxis(image[..., :3], -1, channel)
    elif source.rgb:
        image = image[..., :3].map_blocks(grey, dtype=np.float32, drop_axis=image.ndim - 1)
    like = _like(
        source, image.shape, dtype or image.dtype, times or parts, "ctz" if parts else "tcz", rgb
    )
    results, own, at = [], (None,) * bool(times or parts), _place_of_first(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix="steepest-work-", dir=target.parent) as folder,
        create_store(target, like, labels=labels) as store,
    ):
        for number, index in enumerate(np.ndindex(source.lead)):
            fixed = (*index[:at], *own, *index[at:], *(None for _ in image.shape[len(index) :]))
            place = index if source.index is None else source.index
            more = {"channel_axis": 0} if rgb else {}
            results.append(
                solve(
                    image[place], place, out=Part(store.array, fixed),
                    tiles=Tiles(_MEMORY, Path(folder) / str(number)), spacing=source.spacing,
                    on_step=on_step, **more,
                )
            )  # fmt: skip
        on_step(Progress(0, stage="writing smaller copies"))  # the last chance to cancel
    count = sum(each.name.isdigit() for each in target.iterdir())
    levels = [lazy.from_zarr(str(target), str(k)) for k in range(count)]
    if own:
        levels = [lazy.moveaxis(level, at, 0) for level in levels]
    if rgb:
        levels = [lazy.moveaxis(level, channel, -1) for level in levels]
    return results, levels


def _place_of_first(source: Source) -> int:
    """Where the store has the axis of times or parts: after time, as OME-Zarr has channels."""
    return min(1, len(source.lead))


def _like(
    source: Source, shape: tuple[int, ...], dtype: Any, first: int, preferred: str, rgb: bool
) -> StoredImage:
    """Shape, type and place of the result; ``first`` is the length of a leading axis, or 0."""
    space = "zyx"[-source.num_space :]
    used = space + "c" * rgb
    lead, at = list(source.lead), _place_of_first(source)
    if first:
        lead.insert(at, first)
    free = [axis for axis in preferred if axis not in used][: len(lead)]
    if len(lead) > len(free):
        raise InputError(f"{source.name} has {source.array.ndim} axes, too many for OME-Zarr.")
    units = [None if str(unit) == "pixel" else str(unit) for unit in source.place["units"]]
    scale, shift = list(source.place["scale"]), list(source.place["translate"])
    if first:
        units.insert(at, None)
        scale.insert(at, 1.0)
        shift.insert(at, 0.0)
    if rgb:
        units.insert(len(lead), None)
        scale.insert(len(lead), 1.0)
        shift.insert(len(lead), 0.0)
    array = np.broadcast_to(np.zeros((), dtype), (*lead, *shape[len(source.lead) :]))
    axes = "".join(sorted(free, key="tcz".index)) + "c" * rgb + space
    return StoredImage(
        array, axes, tuple(map(float, scale)), tuple(map(float, shift)), tuple(units), source.name
    )
