"""Images larger than memory: Zarr stores, and TIFF files with --memory."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.core.views import Part
from steepest.io.stores import StoredImage, is_store, open_windows

from .batch import Outcome, Record, run_batch
from .certificates import certificate, finite, together
from .extras import need
from .inputs import SAMPLE, stem
from .options import count, spacing_of
from .progress import progress
from .tile_stores import Kind, new_stores, store_targets

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
_DEFAULTS: dict[str, tuple[Any, ...]] = {
    "method": ("solve", "diffusion", "echo"), "noise": ("gaussian",), "channel_axis": ("auto",),
    "background": (0,), "cycles": (0,),
}  # fmt: skip
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
    given = [name for name in _REFUSED if _is_given(arguments, name)]
    if given:
        option = f"--{given[0].replace('_', '-')}"
        raise InputError(f"{option}: not available for images that are computed tile by tile")
    return True


def _is_given(arguments: argparse.Namespace, name: str) -> bool:
    """Whether an option of the command has another value than its default."""
    value, defaults = getattr(arguments, name, None), _DEFAULTS.get(name, (None, False))
    # by type, too: 0 == False
    return name in arguments and (type(value), value) not in [(type(d), d) for d in defaults]


Solve = Callable[[Any, Any, dict[str, Any]], Any]
Report = Callable[[Record, list[Any]], dict[str, Any] | None]
Certify = Callable[[list[Any], float], Outcome]


def run_tiled(
    arguments: argparse.Namespace,
    tags: Sequence[str],
    solve: Solve,
    report: Report,
    *,
    kind: Kind = "image",
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
    targets = store_targets(arguments, tags, kind)

    def work(source: str, label: str) -> Record:
        record = Record(source, outputs=targets[source])
        with ExitStack() as stack:
            image = stack.enter_context(open_windows(source))
            if arguments.scheduler is not None and not is_store(source):
                raise InputError("--scheduler: only for Zarr stores, not for TIFF files")
            describe_store(record, image)
            keywords = _keywords(arguments, image)
            keywords.update(stack.enter_context(_crew(arguments)))
            new = new_stores(record.outputs, image, tags, kind, overwrite=arguments.overwrite)
            stores = stack.enter_context(new)
            folder = arguments.work or stack.enter_context(
                TemporaryDirectory(prefix="steepest-work-", dir=record.outputs[0].absolute().parent)
            )
            results, begin = [], perf_counter()
            items = list(_items(image, _separate(arguments)))
            for number, fixed in enumerate(items):
                keywords["work"] = Path(folder) / f"{stem(source)}-{number}"
                which = f" ({number + 1} of {len(items)})" if len(items) > 1 else ""
                show = progress(label + which, enabled=not arguments.quiet)
                with show as keywords["on_step"]:
                    results.append(solve(Part(image.array, fixed), stores.at(fixed), keywords))
            more = {"command": arguments.command, **(report(record, results) or {})}
            proof = (certify or _bounds)(results, perf_counter() - begin)
            record.certify(proof, proves)
            own = finite(proof.as_json())
            stores.note(lambda k: {**more, **(own if certify else _attribute(results, k))})
        return record

    return run_batch(arguments, list(targets), work)


def describe_store(record: Record, image: StoredImage) -> None:
    """Add shape, dtype and axes of an image that is read by windows."""
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
