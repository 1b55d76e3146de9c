"""Match images and masks by the names of their files."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from steepest.core.errors import InputError
from steepest.io import base_name, image_files

PHOTOGRAPHS = (".jpg", ".jpeg", ".bmp")
"""Suffixes of images in a folder that also has masks of the same names (PNG, TIFF, NPY)."""

_SHOWN = 5

Folder = str | os.PathLike[str]


def name_of(path: Path) -> str:
    """The name of a file without its suffix, converted to Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", base_name(path))


def match(images: Folder, masks: Folder | None = None, ending: str = "") -> list[tuple[Path, Path]]:
    """Pairs of image and mask files, in the order of their names.

    A mask has the name of its image plus ``ending``: "a.png" and "a_mask.png" for
    ``ending="_mask"``. Suffixes (".ome.tif" counts as one) and the encoding of accents do not
    matter (`name_of`). In a single folder without ``ending``, the image of each name is the file
    that ends in .jpg, .jpeg or .bmp.

    Parameters
    ----------
    images : path
        Folder of the images.
    masks : path, optional
        Folder of the masks; default: the same.
    ending : str
        The ending that masks add to the name of their image.

    Raises
    ------
    InputError
        If a folder does not exist, an image has no mask or the reverse, two files have the same
        name, or images and masks in a single folder cannot be told apart.
    """
    ending = unicodedata.normalize("NFC", ending)
    files = _in_order(images)
    if masks is not None and Path(masks).resolve() != Path(images).resolve():
        image_names = _by_name(files, "images")
        mask_names = _by_name(_in_order(masks), "masks")
    else:
        first, second = _one_folder(files, images, ending)
        image_names, mask_names = _by_name(first, "images"), _by_name(second, "masks")
    without = [name for name in image_names if name + ending not in mask_names]
    wanted = {name + ending for name in image_names}
    left = [name for name in mask_names if name not in wanted]
    if without or left:
        words = [f"images without a mask: {shortened(without)}"] if without else []
        words += [f"masks without an image: {shortened(left)}"] if left else []
        if ending:
            words.append(f"the mask of NAME must be called NAME{ending}")
        raise InputError(f"{_place(images, masks)}: {'; '.join(words)}")
    return [(path, mask_names[name + ending]) for name, path in image_names.items()]


def shortened(names: Sequence[str]) -> str:
    """The first names, and the number of the others."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _in_order(folder: Folder) -> list[Path]:
    """The image files of a folder, in an order independent of how the disk encodes names."""
    return sorted(image_files(folder), key=lambda path: unicodedata.normalize("NFC", path.name))


def _place(images: Folder, masks: Folder | None) -> str:
    return str(images) if masks is None else f"{images}, {masks}"


def _by_name(files: Iterable[Path], what: str) -> dict[str, Path]:
    names: dict[str, Path] = {}
    for path in files:
        name = name_of(path)
        if name in names:
            raise InputError(
                f"{path.parent}: two {what} are called {name} "
                f"({names[name].name}, {path.name}); allowed is one per name"
            )
        names[name] = path
    return names


def _one_folder(files: list[Path], folder: Folder, ending: str) -> tuple[list[Path], list[Path]]:
    """The images and the masks in a single folder."""
    if ending:
        masks = [path for path in files if name_of(path).endswith(ending)]
    else:
        masks = [path for path in files if path.suffix.lower() not in PHOTOGRAPHS]
    images = [path for path in files if path not in set(masks)]
    if not images or not masks:
        raise InputError(
            f"{folder}: images and masks cannot be told apart; put the masks into their own "
            "folder, give them an ending of their own (NAME_mask.png), or use JPEG or BMP for "
            "images and PNG or TIFF for masks of the same name"
        )
    return images, masks
