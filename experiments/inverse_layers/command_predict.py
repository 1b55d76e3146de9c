"""``python -m experiments.inverse_layers predict``: write label images and overlays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Parameter

from steepest.cli.choices import FileReading, Reporting, Threads
from steepest.cli.extras import need
from steepest.cli.runner import Batch, Item
from steepest.cli.sources import Source, find_sources
from steepest.cli.training import FOLDER
from steepest.cli.types import Count, Images
from steepest.core.errors import InputError
from steepest.io import Image, check_writable

_OVERLAYS = "overlays"
_LARGEST = 2**16 - 1  # largest number in a PNG


def predict(
    weights: Annotated[str, Parameter(name="WEIGHTS")],
    /,
    *images: Images,
    output: Annotated[str, FOLDER],
    overwrite: bool = False,
    overlay: bool = False,
    scale: Count | None = None,
    values: Literal["original", "classes"] | None = None,
    device: str = "auto",
    reading: FileReading = FileReading(),
    threads: Threads = Threads(),
    reporting: Reporting = Reporting(),
) -> Batch:
    """Segment images with a trained network.

    For each image this writes a label image NAME.png with one number per pixel: the number that the
    pixel's class has in the training masks. With --overlay it also writes overlays/NAME.png: the
    image with its classes filled and outlined in colour. Images are processed at their own size;
    after a training with --fit resize, at the size of the training.

    Parameters
    ----------
    weights
        weights.safetensors of a training
    output
        folder for the results
    overwrite
        replace existing files
    overlay
        also write pictures with the classes drawn in
    scale
        enlarge these pictures N times (default 1)
    values
        numbers in label images: those of the training masks (default), or 0, 1, ..
    device
        cpu, cuda, cuda:1, or auto

    Examples
    --------
    python -m experiments.inverse_layers predict runs/cells/weights.safetensors photos/ -o results
    python -m experiments.inverse_layers predict w.safetensors 'photos/*.tif' -o results --overlay
    python -m experiments.inverse_layers predict w.safetensors a.png -o results --values classes
    """
    need("prediction", "experiments", ("torch", "safetensors"))
    import torch

    from experiments.inverse_layers import overlay as drawn
    from experiments.inverse_layers.trained import open_trained

    if scale is not None and not overlay:
        raise InputError("--scale enlarges overlays: also give --overlay")
    if threads.threads:
        torch.set_num_threads(threads.threads)
    sources = find_sources(images)

    def files(source: Source) -> dict[str, Path]:
        file = f"{source.stem}.png"
        found = {"labels": Path(output) / file}
        return found | ({"overlay": Path(output) / _OVERLAYS / file} if overlay else {})

    inputs = {Path(source.name).resolve() for source in sources}
    for path in (path for source in sources for path in files(source).values()):
        if path.resolve() in inputs:
            raise InputError(f"{path} is an input image; choose another folder for the results")
    check_writable(output)
    trained = open_trained(weights, device)
    numbers = _numbers(trained, weights, values)

    def work(item: Item) -> None:
        image = item.read(reading)
        if image.axes not in ("YX", "YXC"):
            name = item.source.name
            raise InputError(f"{name}: axes {image.axes}; allowed are greyscale or RGB images")
        with item.progress():
            labels = trained.labels(image.array)
        item.write(item.files["labels"], Image(numbers[labels], "YX"))
        if overlay:
            picture = drawn(image.array, labels, len(numbers), scale=scale or 1)
            item.write(item.files["overlay"], Image(picture, "YXC"))
        _report(item, labels, numbers)

    return Batch(sources, work, files, overwrite)


def _numbers(trained: Any, weights: str, kind: str | None) -> np.ndarray:
    """The number of each class in label images, uint8 or, if necessary, uint16.

    Raises
    ------
    InputError
        If the original numbers are not known, or not in 0 to 65535.
    """
    classes = np.arange(trained.network.num_classes, dtype=np.uint8)
    values: Sequence[int] = trained.values
    if kind == "classes" or (kind is None and not values):
        return classes
    if len(values) != len(classes):
        raise InputError(
            f"{weights}: does not contain the numbers of its {len(classes)} classes in "
            "masks; allowed is --values classes"
        )
    if min(values) < 0 or max(values) > _LARGEST:
        raise InputError(
            f"{weights}: the classes have the numbers {', '.join(map(str, values))}, but "
            f"PNG files can store 0 to {_LARGEST}; allowed is --values classes"
        )
    return np.asarray(values, np.uint8 if max(values) < 256 else np.uint16)


def _report(item: Item, labels: np.ndarray, numbers: np.ndarray) -> None:
    """Report the share of the image that each class covers."""
    pixels = np.bincount(labels.reshape(-1), minlength=len(numbers))
    named = zip(numbers, pixels / labels.size, strict=True)
    shares = {str(number): float(share) for number, share in named}
    words = ", ".join(f"{number}: {100 * share:.1f} %" for number, share in shares.items())
    item.report("classes", words, classes=shares)
