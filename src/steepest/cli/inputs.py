"""From what stands on the command line to the files that are read and written."""

from __future__ import annotations

import argparse
import glob
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from steepest.core.errors import InputError
from steepest.io import SUFFIXES, Image, base_name, from_float, image_files, read_image
from steepest.io.outputs import refuse_existing

from .options import known_suffix, stack_of
from .values import GreyRange

SAMPLE = "sample:"
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what is wrong, we say ourselves


def expand(names: Sequence[str]) -> list[str]:
    """Files of all folders and globs, each once, in order.

    Raises
    ------
    InputError
        A file, a match, or an image in a folder is missing.
    """
    found: list[str] = []
    for name in names:
        path = Path(name)
        if name.startswith(SAMPLE) or path.is_file():
            found.append(name)
        elif path.is_dir():
            found += map(str, image_files(path))
        elif glob.has_magic(name):
            matches = sorted(match for match in glob.glob(name) if Path(match).is_file())
            if not matches:
                raise InputError(f"{name}: no file matches")
            found += matches
        else:
            raise InputError(f"{name}: no such file or folder")
    return list(dict.fromkeys(found))


def stem(name: str) -> str:
    """The name of an image without folder and suffix: "camera" for sample:camera."""
    if name.startswith(SAMPLE):
        return name[len(SAMPLE) :]
    return base_name(name)


def suffix(name: str, arguments: argparse.Namespace) -> str:
    """The suffix of results: --format, else the image's own (floats never as PNG or JPEG)."""
    if arguments.format:
        return f".{arguments.format}"
    own = Path(name).suffix if Path(name).suffix.lower() in SUFFIXES else ""
    own = own or (".png" if name.startswith(SAMPLE) else ".tif")
    lossy = SUFFIXES[own.lower()] in ("png", "jpeg")
    return ".tif" if arguments.float and lossy else own


def read(name: str, arguments: argparse.Namespace) -> Image:
    """Read an image as the options say.

    With --float it is in floats, on a scale where 0 and 1 are the ends of --range, or of what
    integers can hold. Photon counts stay counts.
    """
    image = read_image(
        name,
        stack=stack_of(arguments),
        channel_axis=arguments.channel_axis,
        max_pixels=arguments.max_pixels,
    )
    if not getattr(arguments, "float", False):
        return image
    array = image.array
    if getattr(arguments, "noise", "gaussian") == "poisson":
        return replace(image, array=array.astype(np.float32) if array.dtype.kind == "u" else array)
    between = getattr(arguments, "range", None)
    if between is not None:
        return replace(image, array=GreyRange(*between).compute(array))
    if array.dtype.kind == "u":
        array = array.astype(np.float32) / np.float32(np.iinfo(array.dtype).max)
    return replace(image, array=array)


def without_copies(image: Image) -> Image:
    """The image, or one of its channels where all are alike: grey that was saved as colour."""
    array = image.array
    if image.channel_axis is None or not bool((array == array[..., :1]).all()):
        return image
    stored = image.stored_axes.replace("C", "")
    one = np.ascontiguousarray(array[..., 0])
    return replace(image, array=one, axes=image.axes[:-1], stored_axes=stored)


def to_kind(image: Image, parts: Sequence[np.ndarray]) -> Image:
    """The image with other (float) pixels, written back in its own kind."""
    dtype = image.array.dtype
    return image.with_parts([from_float(part, dtype) for part in parts])


def one_target(name: str, arguments: argparse.Namespace, tag: str, several: bool) -> Path:
    """The file for one result: ``-o`` as file or folder, else ``name_tag.suffix`` right here."""
    ending = suffix(name, arguments)
    if arguments.output is not None:
        return placed(name, arguments.output, ending, several)
    if several:
        raise InputError("several images need a folder for the results: give -o FOLDER")
    return Path(f"{stem(name)}_{tag}{ending}")


def placed(name: str, output: str, ending: str, several: bool) -> Path:
    """``output`` if it is a file, else the file in this folder with the name of the image."""
    path = Path(output)
    if known_suffix(path.name) and not path.is_dir():
        if several:
            raise InputError(f"{path}: several images need a folder, not a file")
        return path
    return path / f"{stem(name)}{ending}"


def file_in(name: str, output: str | None, tag: str, several: bool) -> Path:
    """``output`` where it ends like ``tag``, else ``name_tag`` in this folder (default: here).

    Raises
    ------
    InputError
        ``output`` ends like another kind of file, or is one file for several images.
    """
    path = Path(output or ".")
    if path.is_dir() or not path.suffix:
        return path / f"{stem(name)}_{tag}"
    ending = Path(tag).suffix
    if path.suffix.lower() == ending:
        if several:
            raise InputError(f"{path}: several images need a folder, not a file")
        return path
    if known_suffix(path.name) or path.suffix.lower() in (".csv", ".png"):
        raise InputError(f"{path}: a {ending} file or a folder is needed")
    return path / f"{stem(name)}_{tag}"


def own_folder(name: str, arguments: argparse.Namespace, tag: str, several: bool) -> Path:
    """The folder for several results of one image: ``-o`` (with many images one in it for each)."""
    if arguments.output is None:
        if several:
            raise InputError("several images need a folder for the results: give -o FOLDER")
        return Path(f"{stem(name)}_{tag}")
    output = Path(arguments.output)
    if known_suffix(output.name) and not output.is_dir():
        raise InputError(f"{output}: a folder is needed, there are several results")
    return output / stem(name) if several else output


def check_targets(targets: Iterable[Path], overwrite: bool) -> None:
    """Nothing exists already and nothing would be written twice: asked before computing.

    Raises
    ------
    InputError
        Two images have the same target, or a target exists and --overwrite is not given.
    """
    seen: set[Path] = set()
    for target in targets:
        if target in seen:
            raise InputError(f"{target}: two results would have this name; write them separately")
        seen.add(target)
        refuse_existing(target, overwrite)
        for folder in target.parents:
            if folder.exists() and not folder.is_dir():
                raise InputError(f"{folder}: is a file, a folder is needed")


def check_folder(folder: Path, overwrite: bool) -> None:
    """A folder for results is new or empty, unless --overwrite is given."""
    if folder.is_file():
        raise InputError(f"{folder}: is a file, a folder is needed")
    if not overwrite and folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder}: exists and is not empty (write into it with --overwrite)")
