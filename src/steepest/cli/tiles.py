"""Compute images larger than memory: Zarr stores, and TIFF files with --memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.core.views import Part
from steepest.io.store_sets import Kind, new_stores
from steepest.io.stores import StoredImage, check_new_store, is_store, open_windows

from .certificates import Accuracy, bounds, finite
from .choices import TilesChoice, Writing, keywords_of
from .extras import need
from .runner import Batch, Item
from .sources import Source

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
    ``accuracy(results)`` is what the report says of them under the name ``proves``, and ``step`` is
    one of their iterations.
    """

    tags: Sequence[str]
    solve: Callable[[Any, Any, dict[str, Any]], Any]
    report: Callable[[Item, list[Any]], dict[str, Any] | None]
    choices: Sequence[Any] = ()
    kind: Kind = "image"
    places: Mapping[str, str | None] = field(default_factory=dict)
    accuracy: Callable[[Sequence[Any]], Accuracy] = bounds
    proves: str = "certificate"
    step: str = "iteration"
    separate: bool = False

    def batch(
        self, images: Sequence[str], tiles: TilesChoice, writing: Writing, command: str
    ) -> Batch:
        """Compute all images tile by tile."""
        names = list(dict.fromkeys(images))
        flags = [getattr(each, "separate_channels", False) for each in self.choices]
        separate = self.separate or any(flags)
        sources = [Source(name, several=len(names) > 1) for name in names]
        targets = _targets(sources, writing, self.tags, self.kind, self.places)

        def work(item: Item) -> None:
            item.written = targets[item.source]
            with ExitStack() as stack:
                image = stack.enter_context(open_windows(item.source.name))
                if tiles.scheduler is not None and not is_store(item.source.name):
                    raise InputError("--scheduler: only for Zarr stores, not for TIFF files")
                describe_store(item, image)
                keywords = keywords_of(image, *self.choices, tiles)
                sizes = dict(zip(image.axes, image.array.shape, strict=True))
                coupled = sizes.get("c", 1) > 1 and not separate
                if coupled:
                    keywords["channel_axis"] = 0
                keywords.update(stack.enter_context(_workers(tiles)))
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
                    keywords["work"] = Path(folder) / f"{item.source.stem}-{number}"
                    which = f" ({number + 1} of {len(items)})" if len(items) > 1 else ""
                    with item.progress(which) as keywords["on_step"]:
                        part, out = Part(image.array, fixed), stores.at(fixed)
                        results.append(self.solve(part, out, flat(keywords)))
                more = {"command": command, **(self.report(item, results) or {})}
                item.certify(results, self.accuracy(results), self.proves, self.step)
                own = None if self.accuracy is bounds else finite(item.values[self.proves])
                stores.note(lambda k: {**more, **(own or _attribute(results, k))})

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


def flat(keywords: dict[str, Any]) -> dict[str, Any]:
    """The keywords of the functions by tiles, which name the options of energy and solver."""
    keywords = dict(keywords)
    energy, solver = keywords.pop("energy", None), keywords.pop("solver", None)
    if energy is not None:
        keywords["isotropic"] = energy.isotropic
        if energy.huber:
            keywords["huber"] = energy.huber
    for name in ("tol", "num_threads"):
        if solver is not None and getattr(solver, name) is not None:
            keywords.setdefault(name, getattr(solver, name))
    return keywords


@contextmanager
def _workers(tiles: TilesChoice) -> Iterator[dict[str, Any]]:
    """The keywords that say who works on the tiles."""
    workers = {} if tiles.workers is None else {"num_workers": tiles.workers}
    if tiles.scheduler is None:
        yield workers
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
        yield {"num_workers": present, "num_threads": 1, **workers, "executor": executor}


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


def _targets(
    sources: Sequence[Source],
    writing: Writing,
    tags: Sequence[str],
    kind: Kind,
    places: Mapping[str, str | None],
) -> dict[Source, list[Path]]:
    """The new stores of the results of each image, after checking them.

    There is one for each tag, or a single one for all bands. ``places`` are the options that say
    where the results of a tag go, in place of -o.
    """

    def named(source: Source) -> list[Path]:
        targets: list[Path] = []
        for given, group in groupby(tags, lambda tag: places.get(tag, writing.output)):
            files = [tag if kind == "bands" else f"{source.stem}_{tag}" for tag in group]
            several = source.several or (len(files) > 1 and kind != "bands")
            folder = _store_or_folder(given, several)
            if folder.suffix == ".zarr":
                targets.append(folder)
                continue
            if kind == "bands":  # a folder of their own for each image
                folder = source.folder(writing.output, "bands", own=True)
            targets += [folder / f"{file}.zarr" for file in files]
        return targets

    found = {source: named(source) for source in sources}
    every = [target for group in found.values() for target in group]
    if len(set(every)) < len(every):
        raise InputError("two results would have the same name; process them separately")
    for target in every:
        check_new_store(target, writing.overwrite)
    return found


def _store_or_folder(given: str | None, several: bool) -> Path:
    output = Path(given or ".")
    if output.suffix == ".zarr" and several:
        raise InputError(f"{output}: a folder is needed for several results, not a store")
    if output.suffix.lower() in (".tif", ".tiff", ".png", ".npy", ".jpg"):
        raise InputError(f"{output}: results of tiles are Zarr stores; give a name in .zarr")
    return output
