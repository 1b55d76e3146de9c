"""Which mask belongs to which image: by the names of the files."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from steepest.core.errors import InputError
from steepest.io import base_name, image_files

PHOTOGRAPHS = (".jpg", ".jpeg", ".bmp")
"""What, beside a PNG, TIFF or NPY file of the same name, is the image and not the mask."""

_SHOWN = 5

Folder = str | os.PathLike[str]


def name_of(path: Path) -> str:
    """The name of a file without suffix, in Unicode's composed form (NFC) whatever the disk has."""
    return unicodedata.normalize("NFC", base_name(path))


def match(images: Folder, masks: Folder | None = None, ending: str = "") -> list[tuple[Path, Path]]:
    """Image and mask files that belong together, in the order of their names.

    A mask is called as its image, with ``ending`` behind: "a.png" and "a_mask.png" for
    ``ending="_mask"``. Suffixes (".ome.tif" is one) and how accents are encoded do not matter
    (`name_of`). In one folder without ``ending``, the image is the
    file of each name that ends in .jpg, .jpeg or .bmp.

    Parameters
    ----------
    images : path
        Folder of the images.
    masks : path, optional
        Folder of the masks; default: the same.
    ending : str

    Raises
    ------
    InputError
        No such folder; an image without a mask or the reverse, or two of one name; one folder in
        which images and masks cannot be told apart.
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
            words.append(f"the mask of NAME is sought as NAME{ending}")
        raise InputError(f"{_place(images, masks)}: {'; '.join(words)}")
    return [(path, mask_names[name + ending]) for name, path in image_names.items()]


def shortened(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _in_order(folder: Folder) -> list[Path]:
    """The image files of a folder; the order does not depend on how a disk encodes names."""
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
                f"({names[name].name}, {path.name}); one a name is allowed"
            )
        names[name] = path
    return names


def _one_folder(files: list[Path], folder: Folder, ending: str) -> tuple[list[Path], list[Path]]:
    """Images and masks of one folder."""
    if ending:
        masks = [path for path in files if name_of(path).endswith(ending)]
    else:
        masks = [path for path in files if path.suffix.lower() not in PHOTOGRAPHS]
    images = [path for path in files if path not in set(masks)]
    if not images or not masks:
        raise InputError(
            f"{folder}: images and masks cannot be told apart; allowed are masks in a folder of "
            "their own, masks with an ending of their own (NAME_mask.png), and images as JPEG or "
            "BMP beside masks of the same name as PNG or TIFF"
        )
    return images, masks
