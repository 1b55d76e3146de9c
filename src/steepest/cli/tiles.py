"""Images larger than memory: Zarr stores, and TIFF files with --memory."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import groupby, product
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np

from steepest.core.errors import InputError
from steepest.core.views import Part
from steepest.io.stores import (
    StoredImage,
    check_new_store,
    create_store,
    is_store,
    open_windows,
)

from .batch import Outcome, Record, run_batch
from .certificates import certificate, finite, together
from .extras import need
from .inputs import SAMPLE, own_folder, stem
from .options import count, spacing_of
from .progress import progress

EPILOG = """
Images larger than memory: a Zarr store, or a TIFF file together with --memory, is computed tile by
tile and written as OME-Zarr, with the same certificate. Options that need the whole image at once
are refused.
"""
SEVERAL = (
    "--edges: needed for several time points or separate channels, so that the bands mean the same "
    "in all of them"
)
_REFUSED = (
    *("format", "float", "volume", "pages", "range", "accuracy", "max_steps", "strip", "sigma"),
    *("noise", "gain", "read_noise", "offset", "method", "network", "channel_axis", "recursive"),
    *("objects", "overlay", "areas", "background", "pixel_size", "threshold"),
    *("cycles", "tonal", "reconstruction"),
)
_DEFAULTS = (None, False, "solve", "gaussian", "auto", "diffusion", "echo")
_OWN = ("memory", "work", "workers", "scheduler")


def add_tiles(parser: argparse.ArgumentParser) -> None:
    """Add the options for images larger than memory."""
    group = parser.add_argument_group("images larger than memory (.zarr, or TIFF with --memory)")
    group.add_argument(
        "--memory", metavar="SIZE", help="main memory to use, such as 500MB (default 2GB)"
    )
    group.add_argument(
        "--work",
        metavar="DIR",
        help="folder for intermediate results, about 40 bytes per pixel. If the command is "
        "interrupted, the same command continues there (default: a temporary folder beside the "
        "output)",
    )
    group.add_argument("--workers", type=count, metavar="N", help="tiles in work at the same time")
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="address of a Dask scheduler whose workers compute the tiles, such as "
        "tcp://host:8786; all of them need access to input and --work",
    )


def is_tiled(arguments: argparse.Namespace) -> bool:
    """Whether the command is about images larger than memory.

    Raises `InputError` if only some of the images are Zarr stores, or if an option is given that
    is only for Zarr stores, or not for them.
    """
    stores = [is_store(name) for name in arguments.images]
    if not any(stores) and arguments.memory is None:
        given = [f"--{name}" for name in _OWN if getattr(arguments, name)]
        if given:
            raise InputError(f"{given[0]}: only for Zarr stores, and for TIFF files with --memory")
        return False
    samples = [name for name in arguments.images if name.startswith(SAMPLE)]
    if samples:
        raise InputError(f"{samples[0]}: samples are not computed by tiles; leave out --memory")
    if any(stores) and not all(stores):
        raise InputError("give Zarr stores and other images in separate commands")
    given = [name for name in _REFUSED if getattr(arguments, name, None) not in _DEFAULTS]
    if given:
        option = f"--{given[0].replace('_', '-')}"
        raise InputError(f"{option}: not available for images that are computed tile by tile")
    return True


Solve = Callable[[Any, Any, dict[str, Any]], Any]
Report = Callable[[Record, list[Any]], dict[str, Any] | None]
Certify = Callable[[list[Any], float], Outcome]


def run_tiled(
    arguments: argparse.Namespace,
    tags: Sequence[str],
    solve: Solve,
    report: Report,
    *,
    kind: Literal["image", "bands", "labels", "mask"] = "image",
    certify: Certify | None = None,
    proves: str = "certificate",
) -> int:
    """Compute all images tile by tile.

    ``solve(part, out, keywords)`` writes a result for each tag into ``out``, of shape
    (tags, \\*part.shape), and returns the object with the certificate. ``report`` adds lines, and
    may return further attributes for the stores. ``kind`` says what the results are: images like
    the input, bands (floats, which can be the channels of one store), labels (uint8 numbers that
    must not be averaged), or masks (labels that all channels share).
    ``certify(results, seconds)`` is for results without ``psnr_bound``, and ``proves`` names what
    it returns.
    """
    sources, several = list(dict.fromkeys(arguments.images)), len(set(arguments.images)) > 1
    targets = {name: _targets(name, arguments, tags, several, kind) for name in sources}
    every = [target for group in targets.values() for target in group]
    if len(set(every)) < len(every):
        raise InputError("two results would have the same name; process them separately")
    for target in every:
        check_new_store(target, arguments.overwrite)

    def work(source: str, label: str) -> Record:
        record = Record(source, outputs=targets[source])
        with ExitStack() as stack:
            image = stack.enter_context(open_windows(source))
            if arguments.scheduler is not None and not is_store(source):
                raise InputError("--scheduler: only for Zarr stores, not for TIFF files")
            _describe(record, image)
            keywords = _keywords(arguments, image)
            keywords.update(stack.enter_context(_crew(arguments)))
            together_in = len(tags) if len(targets[source]) < len(tags) else 0
            like = _for_bands(image, tags, together_in) if kind == "bands" else image
            like = _without_channels(image) if kind == "mask" else like
            plain = kind in ("labels", "mask")
            outputs = [
                stack.enter_context(
                    create_store(path, like, overwrite=arguments.overwrite, labels=plain)
                )
                for path in targets[source]
            ]
            folder = arguments.work
            if folder is None:
                folder = stack.enter_context(
                    tempfile.TemporaryDirectory(
                        prefix="steepest-work-", dir=targets[source][0].absolute().parent
                    )
                )
            results, begin = [], perf_counter()
            for number, fixed in enumerate(_items(image, _separate(arguments))):
                name = f"{stem(source)}-{number}"
                frames = _Frames(
                    [
                        Part(outputs[0].array, _at_channel(k, fixed, image, like))
                        for k in range(together_in)
                    ]
                    or [Part(output.array, _within(fixed, image, like)) for output in outputs]
                )
                with progress(label, enabled=not arguments.quiet) as on_step:
                    keywords.update(on_step=on_step, work=Path(folder) / name)
                    results.append(solve(Part(image.array, fixed), frames, keywords))
            attributes = report(record, results) or {}
            proof = (certify or _bounds)(results, perf_counter() - begin)
            record.certify(proof, proves)
            for k, output in enumerate(outputs):
                output.extra["steepest"] = {
                    "command": arguments.command,
                    "result": "bands" if together_in else tags[k],
                    **(_attribute(results, k) if certify is None else finite(proof.as_json())),
                    **attributes,
                }
        return record

    return run_batch(arguments, sources, work)


def _targets(
    name: str, arguments: argparse.Namespace, tags: Sequence[str], several: bool, kind: str
) -> list[Path]:
    """One store for each tag: -o or the option of this name, or in such a folder, or in this one.

    Bands go into one store -o, or in stores of their own in a folder for each image.
    """
    if kind == "bands":
        output = _store_or_folder(arguments.output, several)
        if output.suffix == ".zarr":
            return [output]
        folder = own_folder(name, arguments, "bands", several)
        return [folder / f"{tag}.zarr" for tag in tags]
    targets = []
    for given, group in groupby(tags, lambda tag: getattr(arguments, tag, arguments.output)):
        same = list(group)
        output = _store_or_folder(given, several or len(same) > 1)
        for tag in same:
            own = output / f"{stem(str(Path(name)))}_{tag}.zarr"
            targets.append(output if output.suffix == ".zarr" else own)
    return targets


def _store_or_folder(given: str | None, several: bool) -> Path:
    output = Path(given or ".")
    if output.suffix == ".zarr" and several:
        raise InputError(f"{output}: a folder is needed for several results, not a store")
    if output.suffix.lower() in (".tif", ".tiff", ".png", ".npy", ".jpg"):
        raise InputError(f"{output}: results of tiles are Zarr stores; give a name in .zarr")
    return output


def _for_bands(image: StoredImage, tags: Sequence[str], channels: int) -> StoredImage:
    """What stores of bands are like: floats, with a channel for each band if ``channels``."""
    dtype, axes = image.array.dtype, image.axes
    like: dict[str, Any] = {"extra": {}}
    shape, chunks = list(image.array.shape), list(getattr(image.array, "chunks", ()))
    if channels:
        if dict(zip(axes, shape, strict=True)).get("c", 1) > 1:
            raise InputError(
                "-o: the bands of an image with several channels are several stores; give a folder"
            )
        at = axes.index("c") if "c" in axes else int(axes.startswith("t"))
        stop = at + ("c" in axes)

        def with_channel(values: Sequence[Any], value: Any) -> tuple[Any, ...]:
            return (*values[:at], value, *values[stop:])

        like["axes"] = "".join(with_channel(axes, "c"))
        for name, value in (("scale", 1.0), ("translation", 0.0), ("units", None)):
            like[name] = with_channel(getattr(image, name), value)
        shape, chunks = list(with_channel(shape, channels)), list(chunks)
        chunks = list(with_channel(chunks, 1)) if chunks else chunks
        window = {"min": -1.0, "max": 1.0, "start": -0.2, "end": 0.2}
        like["extra"] = {
            "omero": {
                "channels": [
                    {"label": tag, "color": "FFFFFF", "window": window, "active": True}
                    for tag in tags
                ]
            }
        }
    kind = np.dtype("float64" if dtype.name == "float64" else "float32")
    array = SimpleNamespace(shape=tuple(shape), dtype=kind, chunks=tuple(chunks) or None)
    return replace(image, array=array, **like)


def _at_channel(
    k: int, fixed: tuple[int | None, ...], image: StoredImage, like: StoredImage
) -> tuple[int | None, ...]:
    """Where channel k of an item is in the store of all bands."""
    places = {**dict(zip(image.axes, fixed, strict=True)), "c": k}
    return tuple(places[axis] for axis in like.axes)


def _within(
    fixed: tuple[int | None, ...], image: StoredImage, like: StoredImage
) -> tuple[int | None, ...]:
    """Where an item is in a store with some of the axes of the image."""
    places = dict(zip(image.axes, fixed, strict=True))
    return tuple(places.get(axis) for axis in like.axes)


def _without_channels(image: StoredImage) -> StoredImage:
    """What stores of masks are like: the image without its axis of channels."""
    kept = [k for k, axis in enumerate(image.axes) if axis != "c"]

    def of(values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(values[k] for k in kept)

    chunks = getattr(image.array, "chunks", None)
    array = SimpleNamespace(
        shape=of(image.array.shape), dtype=np.dtype(np.uint8), chunks=chunks and of(chunks)
    )
    return replace(
        image, array=array, axes="".join(of(image.axes)), scale=of(image.scale),
        translation=of(image.translation), units=of(image.units), extra={},
    )  # fmt: skip


def _describe(record: Record, image: StoredImage) -> None:
    sizes = dict(zip(image.axes, image.array.shape, strict=True))
    words = [" x ".join(str(sizes[axis]) for axis in image.space), str(image.array.dtype)]
    words += [f"{sizes['c']} channels"] if sizes.get("c", 1) > 1 else []
    words += [f"{sizes['t']} time points"] if sizes.get("t", 1) > 1 else []
    words += [f"OME-Zarr {image.version}"] if image.version else []
    record.lines.append(("image", ", ".join(words)))
    record.values.update(
        shape=list(image.array.shape), dtype=str(image.array.dtype), axes=image.axes
    )


def _items(image: StoredImage, separate: bool) -> Iterator[tuple[int | None, ...]]:
    """The indices of the images that are computed one by one; None along the axes of an image."""
    ranges: list[Sequence[int | None]] = []
    for axis, n in zip(image.axes, image.array.shape, strict=True):
        whole = axis in image.space or (axis == "c" and n > 1 and not separate)
        ranges.append([None] if whole else range(n))
    return product(*ranges)


def _keywords(arguments: argparse.Namespace, image: StoredImage) -> dict[str, Any]:
    sizes = dict(zip(image.axes, image.array.shape, strict=True))
    coupled = sizes.get("c", 1) > 1 and not _separate(arguments)
    isotropic = (
        None if getattr(arguments, "anisotropic", None) is None else not arguments.anisotropic
    )
    wanted = {
        "isotropic": isotropic,
        "channel_axis": 0 if coupled else None,
        "spacing": spacing_of(arguments.spacing, image),
        "huber": getattr(arguments, "huber", None),
        "tol": getattr(arguments, "tol", None),
        "memory": arguments.memory,
        "num_threads": arguments.threads,
    }
    return {key: value for key, value in wanted.items() if value is not None}


@contextmanager
def _crew(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The keywords that say who works on the tiles."""
    workers = {} if arguments.workers is None else {"num_workers": arguments.workers}
    if arguments.scheduler is None:
        yield workers
        return
    need("--scheduler", ("distributed",), "dask")
    from distributed import Client

    try:
        client = Client(arguments.scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise InputError(f"--scheduler {arguments.scheduler}: {error}") from None
    with client:
        present = len(client.scheduler_info(n_workers=-1)["workers"])
        if not present:
            raise InputError(f"--scheduler {arguments.scheduler}: has no workers")
        yield {
            "num_workers": present,
            "num_threads": 1,
            **workers,
            "executor": client.get_executor(),
        }


def at_the_end(flow: Any) -> Any:
    """A flow with its certificate at the last time only, which bounds all earlier errors."""
    last = {name: getattr(flow, name)[-1:] for name in ("times", "error_bound", "psnr_bound")}
    return replace(flow, gap=np.max(flow.gap, keepdims=True), **last)


def _bounds(results: Sequence[Any], seconds: float) -> Outcome:
    """The certificate of several images together."""
    return together([certificate(result, seconds / len(results)) for result in results])


@dataclass(frozen=True)
class _Frames:
    """Several arrays of the same shape as one."""

    parts: list[Part]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.parts), *self.parts[0].shape)

    @property
    def chunks(self) -> tuple[int, ...]:
        return (1, *self.parts[0].chunks)

    @property
    def dtype(self) -> np.dtype:
        return self.parts[0].dtype

    def __getitem__(self, index: Any) -> Any:
        return self.parts[index]

    def __setitem__(self, index: tuple[Any, ...], values: np.ndarray) -> None:
        self.parts[index[0]][index[1:]] = values


def _separate(arguments: argparse.Namespace) -> bool:
    """Whether each channel is computed on its own."""
    return bool(getattr(arguments, "separate_channels", True))


def _attribute(results: Sequence[Any], k: int) -> dict[str, Any]:
    """The certificate of one store, for its attributes: one number for each image in it."""
    pairs = {}
    for name in ("psnr_bound", "error_bound", "gap"):
        every = [np.ravel(getattr(result, name)) for result in results]
        pairs[name] = finite([each[min(k, len(each) - 1)] for each in every])
    return {
        **pairs,
        "data_range": [float(result.data_range) for result in results],
        "converged": [bool(result.converged) for result in results],
    }
