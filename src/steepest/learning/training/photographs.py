"""Photographs for training: those of scikit-image, folders, data sets of torchvision."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.pixels import to_planes
from ...io import image_files, read_image
from .sources import Collection, reduce

PHOTOGRAPHS = {
    "astronaut.png": "public domain (NASA)",
    "brick.png": "CC0 (CC0Textures)",
    "camera.png": "CC0 (Lav Varshney)",
    "cell.png": "CC0 (Paul Müller et al.)",
    "chelsea.png": "CC0 (Stefan van der Walt)",
    "clock_motion.png": "public domain (Stefan van der Walt)",
    "coffee.png": "CC0 (Rachel Michetti)",
    "grass.png": "CC0 (linolafett)",
    "gravel.png": "CC0 (CC0Textures)",
    "hubble_deep_field.jpg": "public domain (NASA)",
    "microaneurysms.png": "CC0 (Andreas Maier)",
    "retina.jpg": "CC0 (Mikael Häggström)",
    "text.png": "public domain (Wikipedia, Corner.png)",
}
"""The photographs in scikit-image's wheel that its documentation calls CC0 or public domain.

Omitted because they lack such a statement: coins, ihc ("no known copyright restrictions"), moon,
page, phantom, motorcycle, lfw. Also omitted: rocket, whose statement is disputed (scikit-image
issue 5095), and the silhouette horse (CC0), because most of its crops are constant.
"""

_HELD_OUT = ("chelsea.png",)
_HALVED = ("retina.jpg",)  # 1411 x 1411 and out of focus
_LARGEST_WEIGHT = 300_000  # pixels


def open_photographs(
    name: str, *, held_out: bool, channels: int = 1, others: tuple[str, ...] = ()
) -> Collection:
    """Open the images called ``name``, either for training or those held out for validation.

    ``name`` is a folder of PNG, JPEG, TIFF and NPY images, including its subfolders; "skimage", the
    freely licensed :data:`PHOTOGRAPHS` of scikit-image; or "food101:FOLDER" or "stl10:FOLDER", a
    data set that torchvision has downloaded to that folder. ``others`` are further names that the
    caller accepts, for the error message.

    Held out are the photograph of Chelsea, every tenth image of a folder, or the test images of a
    data set. The only image of a folder is also used for training. With 1 of ``channels``, images
    are (H, W), and colour is converted to luma; with 3, they are (H, W, 3), and greyscale is
    repeated.

    Raises `InputError` if there is no such folder or data set, or it contains no readable image.
    """
    if name == "skimage":
        return _skimage(held_out, channels)
    kind, separator, root = name.partition(":")
    if separator and kind in ("food101", "stl10"):
        return _torchvision(kind, root, held_out, channels)
    return _folder(name, held_out, channels, others)


def _skimage(held_out: bool, channels: int) -> Collection:
    try:
        folder = Path(str(import_module("skimage").__file__)).parent / "data"
    except ImportError:
        raise InputError(
            "data='skimage' needs scikit-image: pip install scikit-image, or give a folder"
        ) from None
    names = [name for name in PHOTOGRAPHS if (name in _HELD_OUT) == held_out]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"data='skimage': the installed scikit-image lacks {', '.join(missing)}; update it"
        )
    images = [_read(folder / name, channels) for name in names]
    images = [
        reduce(a, 0.5 if name in _HALVED else 1) for a, name in zip(images, names, strict=True)
    ]
    weights = [min(image.shape[0] * image.shape[1], _LARGEST_WEIGHT) for image in images]
    licences = {f"skimage/{name}": PHOTOGRAPHS[name] for name in names}
    return Collection("skimage", len(names), images.__getitem__, weights=weights, licences=licences)


def _folder(name: str, held_out: bool, channels: int, others: tuple[str, ...]) -> Collection:
    folder = Path(name)
    if not folder.is_dir():
        allowed = ", ".join(("skimage", *others, "food101:FOLDER", "stl10:FOLDER"))
        raise InputError(
            f"data={name!r}: no such folder; allowed are a folder of images, {allowed}"
        )
    files = image_files(folder, recursive=True)
    chosen = files[::10] if held_out else [file for i, file in enumerate(files) if i % 10]
    chosen = chosen or files

    def read(index: int) -> np.ndarray:
        return _read(chosen[index], channels)

    return Collection(name, len(chosen), read, licences={name: "not known: a folder of the user"})


def _read(path: Path, channels: int) -> np.ndarray:
    image = read_image(path)
    if image.axes not in ("YX", "YXC"):
        raise InputError(f"{path}: axes {image.axes}; allowed are greyscale or RGB images")
    return _pixels(image.array, channels, str(path))


def _pixels(array: np.ndarray, channels: int, name: str) -> np.ndarray:
    """The image as (H, W) for one channel, (H, W, 3) for three."""
    planes = to_planes(array, channels, name)
    return planes[0] if channels == 1 else np.ascontiguousarray(np.moveaxis(planes, 0, -1))


def _torchvision(kind: str, root: str, held_out: bool, channels: int) -> Collection:
    name = {"food101": "Food101", "stl10": "STL10"}[kind]
    try:
        datasets: Any = import_module("torchvision.datasets")
    except ImportError:
        raise InputError(f"data={kind} needs torchvision: pip install torchvision") from None
    maker: Callable[..., Any] = partial(getattr(datasets, name), root, download=False)
    try:
        images = maker(split="test" if held_out else "train")
    except RuntimeError:
        raise InputError(
            f"data={kind}: not found in {root or '.'}; download it there with "
            f"torchvision.datasets.{name}({root!r}, download=True)"
        ) from None

    def read(index: int) -> np.ndarray:
        pixels = np.asarray(images[index][0].convert("RGB"))
        return _pixels(pixels, channels, f"{name} {index}")

    licence = {name: "see the data set's own terms"}
    return Collection(name, len(images), read, licences=licence)
