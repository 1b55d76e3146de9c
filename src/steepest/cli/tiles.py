"""Compute images larger than memory: Zarr stores, and TIFF files with --memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.core.views import Part
from steepest.io.stores import StoredImage, is_store, open_windows
from steepest.tiled.workspace import remove_work

from .certificates import Certificate, finite
from .choices import TilesChoice, Writing, keywords_of
from .extras import need
from .runner import Batch, Item, Outcome
from .sources import Source
from .tile_stores import Kind, new_stores, store_targets

SEVERAL = (
    "--edges: needed for several time points or separate channels, so that the bands mean the same "
    "in all of them"
)


@dataclass(frozen=True)
class Tiling:
    """How the stores of results are computed from images that are read by windows.

    ``solve(part, out, keywords)`` writes a result for each tag into ``out``, of shape (tags,
    \\*part.shape), and returns the object with the certificate. ``report(item, results)`` adds
    lines, and may return further attributes for the stores. ``kind`` says what the results are:
    images like the input, bands (floats, which can be the channels of one store), labels (uint8
    numbers that must not be averaged), or masks (labels that all channels share). ``choices`` are
    the options of energy, spacing and solver; each channel is computed on its own if they, or
    ``separate``, say so. ``places`` are other options than -o for the results of a tag.
    ``certify(results, seconds)`` is for results without ``psnr_bound``, and ``proves`` names what
    it returns.
    """

    tags: Sequence[str]
    solve: Callable[[Any, Any, dict[str, Any]], Any]
    report: Callable[[Item, list[Any]], dict[str, Any] | None]
    choices: Sequence[Any] = ()
    kind: Kind = "image"
    places: Mapping[str, str | None] = field(default_factory=dict)
    certify: Callable[[list[Any], float], Outcome] | None = None
    proves: str = "certificate"
    separate: bool = False

    def batch(
        self, images: Sequence[str], tiles: TilesChoice, writing: Writing, command: str
    ) -> Batch:
        """Compute all images tile by tile."""
        names = list(dict.fromkeys(images))
        flags = [getattr(each, "separate_channels", False) for each in self.choices]
        separate = self.separate or any(flags)
        sources = [Source(name, tuple(names), len(names) > 1) for name in names]
        targets = store_targets(sources, writing, self.tags, self.kind, self.places)

        def work(item: Item) -> None:
            item.written = targets[item.source]
            folders: list[Path] = []
            with ExitStack() as stack:
                image = stack.enter_context(open_windows(item.source.name))
                if tiles.scheduler is not None and not is_store(item.source.name):
                    raise InputError("--scheduler: only for Zarr stores, not for TIFF files")
                describe_store(item, image)
                keywords = keywords_of(image, *self.choices)
                sizes = dict(zip(image.axes, image.array.shape, strict=True))
                coupled = sizes.get("c", 1) > 1 and not separate
                if coupled:
                    keywords["channel_axis"] = 0
                how, threads = stack.enter_context(_workers(tiles))
                if threads is not None:
                    solver = keywords.get("solver", steepest.Solver())
                    keywords["solver"] = replace(solver, num_threads=solver.num_threads or threads)
                new = new_stores(
                    item.written, image, self.tags, self.kind, overwrite=writing.overwrite
                )
                stores = stack.enter_context(new)
                beside = item.written[0].absolute().parent
                folder = tiles.work or stack.enter_context(
                    TemporaryDirectory(prefix="steepest-work-", dir=beside)
                )
                results: list[Any] = []
                items = list(_items(image, separate))
                for number, fixed in enumerate(items):
                    folders.append(Path(folder) / f"{item.source.stem}-{number}")
                    keywords["tiles"] = replace(how, work=folders[-1], keep=True)
                    which = f" ({number + 1} of {len(items)})" if len(items) > 1 else ""
                    with item.progress(which) as keywords["on_step"]:
                        part, out = Part(image.array, fixed), stores.at(fixed)
                        results.append(self.solve(part, out, keywords))
                more = {"command": command, **(self.report(item, results) or {})}
                proof = (self.certify or Certificate)(results, item.seconds)
                item.certify(proof, self.proves)
                own = finite(proof.as_json())
                stores.note(lambda k: {**more, **(own if self.certify else _attribute(results, k))})
            for folder in folders:  # the stores are complete, and have their names
                remove_work(folder)

        return Batch(sources, work)


def describe_store(item: Item, image: StoredImage) -> None:
    """Add shape, dtype and axes of an image that is read by windows."""
    sizes = dict(zip(image.axes, image.array.shape, strict=True))
    words = [" x ".join(str(sizes[axis]) for axis in image.space), str(image.array.dtype)]
    words += [f"{sizes['c']} channels"] if sizes.get("c", 1) > 1 else []
    words += [f"{sizes['t']} time points"] if sizes.get("t", 1) > 1 else []
    words += [f"OME-Zarr {image.version}"] if image.version else []
    item.lines.append(("image", ", ".join(words)))
    item.values.update(shape=image.array.shape, dtype=str(image.array.dtype), axes=image.axes)


def _items(image: StoredImage, separate: bool) -> Iterator[tuple[int | None, ...]]:
    """The indices of the images that are computed one by one; None along the axes of an image."""
    ranges: list[Sequence[int | None]] = []
    for axis, n in zip(image.axes, image.array.shape, strict=True):
        whole = axis in image.space or (axis == "c" and n > 1 and not separate)
        ranges.append([None] if whole else range(n))
    return product(*ranges)


@contextmanager
def _workers(tiles: TilesChoice) -> Iterator[tuple[steepest.Tiles, int | None]]:
    """How to work on the tiles, and the threads of each worker, if they are not this process's."""
    how = steepest.Tiles(tiles.memory or "2GB", num_workers=tiles.workers)
    if tiles.scheduler is None:
        yield how, None
        return
    need("--scheduler", ("distributed",), "dask")
    from distributed import Client

    try:
        client = Client(tiles.scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise InputError(f"--scheduler {tiles.scheduler}: {error}") from None
    with client:
        present = len(client.scheduler_info(n_workers=-1)["workers"])
        if not present:
            raise InputError(f"--scheduler {tiles.scheduler}: has no workers")
        executor = client.get_executor()
        yield replace(how, executor=executor, num_workers=tiles.workers or present), 1


def at_the_end(flow: Any) -> Any:
    """A flow with its certificate at the last time only, which bounds all earlier errors."""
    last = {name: getattr(flow, name)[-1:] for name in ("times", "error_bound")}
    return replace(flow, gap=np.max(flow.gap, keepdims=True), **last)


def _attribute(results: Sequence[Any], k: int) -> dict[str, Any]:
    """The certificate of one store, for its attributes: one number for each image in it."""
    pairs = {}
    found = {
        "psnr_bound": [np.ravel(result.psnr_bound()) for result in results],
        "error_bound": [np.ravel(result.error_bound) for result in results],
        "gap": [np.ravel(result.gap) for result in results],
    }
    for name, every in found.items():
        pairs[name] = finite([each[min(k, len(each) - 1)] for each in every])
    return {
        **pairs,
        "data_range": [float(result.data_range) for result in results],
        "converged": [bool(result.converged) for result in results],
    }
