"""``python -m experiments.inverse_layers predict``: write label images and overlays."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from steepest.cli.batch import Record, run_batch
from steepest.cli.certificates import duration
from steepest.cli.extras import need
from steepest.cli.inputs import check_targets, expand, read, stem
from steepest.cli.options import add_reading, add_reporting, count
from steepest.core.errors import InputError
from steepest.io import Image, OutputSet, check_writable, write_image

HELP = "segment images with a trained network"
USAGE = "WEIGHTS IMAGE [IMAGE ...] -o FOLDER [options]"
DESCRIPTION = """\
Segment images with a network from "train". For each image this writes a label image NAME.png with
one number per pixel: the number that the pixel's class has in the training masks. With --overlay it
also writes overlays/NAME.png: the image with its classes filled and outlined in colour. Images are
processed at their own size; after a training with --fit resize, at the size of the training.
"""
_PREDICT = "python -m experiments.inverse_layers predict"
EPILOG = f"""\
examples:
  {_PREDICT} runs/cells/weights.safetensors photos/ -o results
  {_PREDICT} runs/cells/weights.safetensors 'photos/*.tif' -o results --overlay
  {_PREDICT} runs/cells/weights.safetensors a.png -o results --values classes
"""
_OVERLAYS = "overlays"
_LARGEST = 2**16 - 1  # largest number in a PNG


@dataclass(frozen=True)
class _Targets:
    """The output files of one image."""

    labels: Path
    overlay: Path | None

    @property
    def paths(self) -> list[Path]:
        return [self.labels] if self.overlay is None else [self.labels, self.overlay]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``predict``."""
    add = parser.add_argument
    add("weights", metavar="WEIGHTS", help="weights.safetensors of a training")
    add("images", nargs="+", metavar="IMAGE", help="file, folder, quoted glob, or sample:camera")
    add("-o", "--output", required=True, metavar="FOLDER", help="folder for the results")
    add("--overwrite", action="store_true", help="replace existing files")
    add("--overlay", action="store_true", help="also write pictures with the classes drawn in")
    add("--scale", type=count, metavar="N", help="enlarge these pictures N times (default 1)")
    add(
        "--values",
        choices=("original", "classes"),
        help="numbers in label images: those of the training masks (default), or 0, 1, ..",
    )
    add_reading(parser)
    add("--device", default="auto", metavar="NAME", help="cpu, cuda, cuda:1, or auto (default)")
    add("--threads", type=count, metavar="N", help="processors to use (default all)")
    add_reporting(parser.add_argument_group("reporting"))
    parser.set_defaults(volume=False, pages=False)


def run(arguments: argparse.Namespace) -> int:
    """Segment all images."""
    need("prediction", ("torch", "safetensors"), "experiments")
    import torch

    from experiments.inverse_layers.trained import open_trained

    if arguments.scale is not None and not arguments.overlay:
        raise InputError("--scale enlarges overlays: also give --overlay")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    sources = expand(arguments.images)
    targets = {name: _targets(name, arguments) for name in sources}
    _check(targets, arguments.overwrite)
    check_writable(arguments.output)
    trained = open_trained(arguments.weights, arguments.device)
    numbers = _numbers(trained, arguments)

    def work(source: str, label: str) -> Record:
        image = read(source, arguments)
        if image.axes not in ("YX", "YXC"):
            raise InputError(f"{source}: axes {image.axes}; allowed are greyscale or RGB images")
        record = Record(source)
        record.describe(image)
        start = perf_counter()
        labels = trained.labels(image.array)
        seconds = perf_counter() - start
        with OutputSet(overwrite=arguments.overwrite) as outputs:
            _write(targets[source], image, labels, numbers, arguments.scale or 1, outputs)
            record.outputs = list(outputs.paths)
        _report(record, labels, numbers, seconds)
        return record

    return run_batch(arguments, sources, work)


def _targets(name: str, arguments: argparse.Namespace) -> _Targets:
    folder, file = Path(arguments.output), f"{stem(name)}.png"
    return _Targets(folder / file, folder / _OVERLAYS / file if arguments.overlay else None)


def _check(targets: dict[str, _Targets], overwrite: bool) -> None:
    """Refuse to write a file twice, or over an input image."""
    check_targets([path for each in targets.values() for path in each.paths], overwrite)
    sources = {Path(name).resolve() for name in targets}
    for each in targets.values():
        for path in each.paths:
            if path.resolve() in sources:
                raise InputError(f"{path} is an input image; choose another folder for the results")


def _numbers(trained: Any, arguments: argparse.Namespace) -> np.ndarray:
    """The number of each class in label images, uint8 or, if necessary, uint16.

    Raises
    ------
    InputError
        If the original numbers are not known, or not in 0 to 65535.
    """
    classes = np.arange(trained.network.num_classes, dtype=np.uint8)
    values: Sequence[int] = trained.values
    if arguments.values == "classes" or (arguments.values is None and not values):
        return classes
    if len(values) != len(classes):
        raise InputError(
            f"{arguments.weights}: does not contain the numbers of its {len(classes)} classes in "
            "masks; allowed is --values classes"
        )
    if min(values) < 0 or max(values) > _LARGEST:
        raise InputError(
            f"{arguments.weights}: the classes have the numbers {', '.join(map(str, values))}, but "
            f"PNG files can store 0 to {_LARGEST}; allowed is --values classes"
        )
    return np.asarray(values, np.uint8 if max(values) < 256 else np.uint16)


def _write(
    targets: _Targets,
    image: Image,
    labels: np.ndarray,
    numbers: np.ndarray,
    scale: int,
    outputs: OutputSet,
) -> None:
    write_image(targets.labels, numbers[labels], outputs=outputs)
    if targets.overlay is not None:
        from experiments.inverse_layers import overlay

        picture = overlay(image.array, labels, len(numbers), scale=scale)
        write_image(targets.overlay, picture, outputs=outputs)


def _report(record: Record, labels: np.ndarray, numbers: np.ndarray, seconds: float) -> None:
    """Report the share of the image that each class covers."""
    pixels = np.bincount(labels.reshape(-1), minlength=len(numbers))
    named = zip(numbers, pixels / labels.size, strict=True)
    shares = {str(number): float(share) for number, share in named}
    words = ", ".join(f"{number}: {100 * share:.1f} %" for number, share in shares.items())
    record.lines.append(("classes", words))
    record.lines.append(("effort", duration(seconds)))
    record.values.update(classes=shares, seconds=seconds)
