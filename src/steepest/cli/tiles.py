"""Compute images larger than memory: Zarr stores, and TIFF files with --memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.core.views import Part
from steepest.io.store_sets import Kind, Results, new_stores
from steepest.io.store_writing import write_tiles
from steepest.io.stores import StoredImage, is_store
from steepest.tiled.workspace import remove_work

from .certificates import finite
from .choices import TilesChoice, keywords_of
from .extras import need
from .report import Report

_NOTED = ("strength", "energy", "edges", "filter", "method")  # what stores say of themselves


def solve_large(
    item: Report,
    image: StoredImage,
    compute: Callable[[Any, dict[str, Any]], Any],
    choices: Sequence[Any],
    *,
    tiles: TilesChoice,
    names: Sequence[str] = (),
    kind: Kind = "image",
    stacked: bool = False,
    separate: bool = False,
) -> list[Any]:
    """Return ``compute(page, keywords)`` of all time points (and of all channels, if separate).

    ``keywords`` are those for the options in ``choices``, with ``tiles``, and with ``out``: the new
    store of ``item.files``, or a tuple of them, or if ``stacked``, a single array with an axis for
    the ``names`` of the results. ``kind`` says what these are: images like the input, bands
    (floats), labels (uint8 numbers that must not be averaged), or masks (labels of all channels).
    """
    separate = separate or any(getattr(each, "separate_channels", False) for each in choices)
    if tiles.scheduler is not None and not is_store(item.source.name):
        raise InputError("--scheduler: only for Zarr stores, not for TIFF files")
    keywords, places = keywords_of(image, *choices), list(_places(image, separate))
    if len(places) > 1 and isinstance(keywords.get("bands"), int):
        raise InputError(
            "--edges: needed for several time points or separate channels, so that the bands mean "
            "the same in all of them"
        )
    if None in (place[image.axes.find("c")] for place in places) and "c" in image.axes:
        keywords["channel_axis"] = 0
    enter, targets = item.resources.enter_context, list(item.files.values())
    plan, threads = enter(_workers(tiles))
    if threads is not None:
        solver = keywords.get("solver", steepest.Solver())
        keywords["solver"] = replace(solver, num_threads=solver.num_threads or threads)
    folders: list[Path] = []
    item.resources.push(partial(_remove, folders))
    near = next(folder for folder in targets[0].absolute().parents if folder.is_dir())
    scratch = enter(TemporaryDirectory(prefix="steepest-work-", dir=near))
    work = tiles.work or scratch
    temporary = Path(scratch)  # stores of results that are going to be TIFF files
    paths = [p if p.suffix == ".zarr" else temporary / f"{p.stem}.zarr" for p in targets]
    tags, overwrite = names or list(item.files), item.outputs.overwrite
    stores = enter(new_stores(paths, image, tags, kind, overwrite=overwrite))
    item.written, item.stores = targets, stores
    results = []
    for number, place in enumerate(places):
        out: Any = stores.at(place)
        if not stacked:
            out = out.parts[0] if len(out.parts) == 1 else tuple(out.parts)
        folders.append(Path(work) / f"{item.source.stem}-{number}")
        keywords.update(out=out, tiles=replace(plan, work=folders[-1], keep=True))
        which = f" ({number + 1} of {len(places)})" if len(places) > 1 else ""
        with item.progress(which) as keywords["on_step"]:
            results.append(compute(Part(image.array, place), keywords))
    for target, store in zip(targets, stores.stores, strict=True):
        if target.suffix != ".zarr":
            with item.outputs.open(target) as file:
                write_tiles(file, store)
    return results


def _remove(folders: Sequence[Path], kind: Any, *rest: Any) -> None:
    """Remove the folders of work once the stores are complete and have their names."""
    for folder in folders:
        if kind is None:
            remove_work(folder)


def _places(image: StoredImage, separate: bool) -> Iterator[tuple[int | None, ...]]:
    """The indices of the images that are computed one by one; None along the axes of an image."""
    ranges: list[Sequence[int | None]] = []
    for axis, n in zip(image.axes, image.array.shape, strict=True):
        whole = axis in image.space or (axis == "c" and n > 1 and not separate)
        ranges.append([None] if whole else range(n))
    return product(*ranges)


@contextmanager
def _workers(tiles: TilesChoice) -> Iterator[tuple[steepest.Tiles, int | None]]:
    """How to work on the tiles, and the threads of each worker that is not of this process."""
    plan = steepest.Tiles(tiles.memory or steepest.Tiles.memory, num_workers=tiles.workers)
    if tiles.scheduler is None:
        yield plan, None
        return
    need("--scheduler", "dask")
    from distributed import Client

    try:
        client = Client(tiles.scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise InputError(f"--scheduler {tiles.scheduler}: {error}") from None
    with client:
        present = len(client.scheduler_info(n_workers=-1)["workers"])
        if not present:
            raise InputError(f"--scheduler {tiles.scheduler}: has no workers")
        workers = tiles.workers or present
        yield replace(plan, executor=client.get_executor(), num_workers=workers), 1


def note(item: Report, stores: Results, results: Sequence[Any], name: str) -> None:
    """Note in the new stores how they were made, with the certificate of that name."""
    noted = {key: item.values[key] for key in _NOTED if key in item.values}
    own, common = hasattr(results[0], "psnr_bound"), finite(item.values[name])
    stores.note(
        lambda k: {
            "command": item.command, **noted, **(_certificate(results, k) if own else common)
        }
    )  # fmt: skip


def _certificate(results: Sequence[Any], k: int) -> dict[str, Any]:
    """The certificate of one store: one number for each image in it."""
    every = {
        "psnr_bound": [np.ravel(result.psnr_bound()) for result in results],
        "error_bound": [np.ravel(result.error_bound) for result in results],
        "gap": [np.ravel(result.gap) for result in results],
    }
    own = {name: [each[min(k, len(each) - 1)] for each in rows] for name, rows in every.items()}
    return finite(own) | {
        "data_range": [float(result.data_range) for result in results],
        "converged": [bool(result.status.converged) for result in results],
    }


def describe_store(item: Report, image: StoredImage) -> None:
    """Add shape, dtype and axes of an image that is read by windows."""
    sizes = dict(zip(image.axes, image.array.shape, strict=True))
    words = [" x ".join(str(sizes[axis]) for axis in image.space), str(image.array.dtype)]
    words += [f"{sizes['c']} channels"] if sizes.get("c", 1) > 1 else []
    words += [f"{sizes['t']} time points"] if sizes.get("t", 1) > 1 else []
    words += [f"OME-Zarr {image.version}"] if image.version else []
    item.lines.append(("image", ", ".join(words)))
    item.values.update(shape=image.array.shape, dtype=str(image.array.dtype), axes=image.axes)


def at_the_end(flow: Any) -> Any:
    """A flow with its certificate at the last time only, which bounds all earlier errors."""
    last = {name: getattr(flow, name)[-1:] for name in ("times", "error_bound")}
    return replace(flow, gap=np.max(flow.gap, keepdims=True), **last)
