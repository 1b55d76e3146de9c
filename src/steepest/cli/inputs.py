"""Resolve the names on the command line to the files that are read and written."""

from __future__ import annotations

import argparse
import glob
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import numpy as np

from steepest.core.errors import InputError
from steepest.io import SUFFIXES, Image, base_name, from_float, image_files
from steepest.io.files import check_target, read_image, write_image
from steepest.io.kinds import check_kind, names_a_file
from steepest.io.outputs import refuse_existing
from steepest.io.stores import is_store

from .batch import Record, run_batch
from .options import stack_of
from .values import GreyRange, values_of

SAMPLE = "sample:"
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # we report errors ourselves


def given_images(arguments: argparse.Namespace) -> list[str]:
    """Return the images given on the command line.

    When subfolders are searched, the output folders are skipped, because they may hold results of
    an earlier run.

    Raises `InputError` if a file or folder does not exist, if a glob matches nothing, if a folder
    contains no image, or if all images are in the output folders.
    """
    options = [getattr(arguments, name, None) for name in ("output", "reconstruction")]
    results = {Path(each).resolve() for each in options if each}

    def is_result(name: str) -> bool:
        depth = len(subfolder(name, arguments.images).parts)
        return depth > 0 and not results.isdisjoint(Path(name).resolve().parents[:depth])

    found = expand(arguments.images, recursive=arguments.recursive)
    images = [name for name in found if not is_result(name)]
    if found and not images:
        raise InputError(f"{', '.join(arguments.images)}: no image besides those in the output")
    return images


def expand(names: Sequence[str], *, recursive: bool = False) -> list[str]:
    """Expand folders and globs to a list of files without duplicates.

    With ``recursive``, subfolders are searched as well.

    Raises `InputError` if a file or folder does not exist, if a glob matches nothing, or if a
    folder contains no image.
    """
    found: list[str] = []
    for name in names:
        path = Path(name)
        if name.startswith(SAMPLE) or path.is_file():
            found.append(name)
        elif is_store(path):
            raise InputError(
                f"{name}: is a Zarr store; those are taken by denoise, flow, decompose, filter, "
                "segment, mask, inpaint and info"
            )
        elif path.is_dir():
            found += map(str, image_files(path, recursive=recursive))
        elif glob.has_magic(name):
            matches = _matches(name)
            files = [str(match) for match in matches if match.is_file()]
            if recursive:
                folders = [match for match in matches if match.is_dir()]
                files += [str(file) for each in folders for file in _images_below(each)]
            if not files:
                raise InputError(f"{name}: no file matches")
            found += files
        else:
            raise InputError(f"{name}: no such file or folder")
    return list(dict.fromkeys(found))


def _matches(pattern: str) -> list[Path]:
    """Return the matching files and folders, each once even if several links lead to it."""
    found = sorted(map(Path, glob.glob(pattern, recursive=True)), key=lambda path: len(path.parts))
    if "**" not in pattern:
        return sorted(found)
    shortest = {path.resolve(): path for path in reversed(found)}
    return sorted(shortest.values())


def _images_below(folder: Path) -> list[Path]:
    with suppress(InputError):
        return image_files(folder, recursive=True)
    return []


def subfolder(name: str, given: Sequence[str]) -> Path:
    """Return the path from the given folder to the folder of a file.

    For a glob, the given folder is the part of the pattern before the first wildcard.
    """
    if name in given:
        return Path()
    for each in given:
        root = Path(each)
        if not root.is_dir():
            root = Path(*takewhile(lambda part: not glob.has_magic(part), root.parts))
        below = Path(name).parent
        if below.is_relative_to(root) and ".." not in below.relative_to(root).parts:
            return below.relative_to(root)
    return Path()


def stem(name: str) -> str:
    """Return the name of an image without folder and suffix; "camera" for sample:camera."""
    if name.startswith(SAMPLE):
        return name[len(SAMPLE) :]
    return base_name(name)


def suffix(name: str, arguments: argparse.Namespace) -> str:
    """Return the suffix of results: that of --format, or by default that of the image.

    With --float, results of PNG and JPEG images get the suffix .tif.
    """
    if arguments.format:
        return f".{arguments.format}"
    own = Path(name).suffix if Path(name).suffix.lower() in SUFFIXES else ""
    own = own or (".png" if name.startswith(SAMPLE) else ".tif")
    lossy = SUFFIXES[own.lower()] in ("png", "jpeg")
    return ".tif" if arguments.float and lossy else own


def read(name: str, arguments: argparse.Namespace) -> Image:
    """Read an image as specified by the options.

    With --float, the image is converted to floats, scaled so that 0 and 1 are the limits of --range
    or, by default, of the integer type. Photon counts are not scaled.
    """
    image = read_image(
        name,
        stack=stack_of(arguments),
        channel_axis=arguments.channel_axis,
        max_pixels=arguments.max_pixels,
    )
    if not getattr(arguments, "float", False):
        return image
    array, between = image.array, getattr(arguments, "range", None)
    if getattr(arguments, "noise", "gaussian") == "poisson":
        return replace(image, array=array.astype(np.float32) if array.dtype.kind == "u" else array)
    if between is None and array.dtype.kind != "u":
        return image
    if between is not None:
        array = GreyRange(*between).compute(array)
    else:
        array = array.astype(np.float32) / np.float32(np.iinfo(array.dtype).max)
    return replace(image, array=array, metadata=image.metadata.without_display())


def opened(name: str, arguments: argparse.Namespace, *targets: Path) -> tuple[Image, Record]:
    """Read an image, check that its results fit into the targets, and begin its report."""
    image = read(name, arguments)
    for target in targets:
        check_target(target, image)
    record = Record(name, outputs=list(targets))
    record.describe(image)
    values_of(arguments).report(record)
    return image, record


def run_single(
    arguments: argparse.Namespace, tag: str, compute: Callable[[Image, Record, str], Image]
) -> int:
    """Write one result for each image given, as `one_target`, and return the exit code.

    ``compute(image, record, label)`` returns the result, and adds to the report.
    """
    targets = targets_of(arguments, tag)

    def work(source: str, label: str) -> Record:
        image, record = opened(source, arguments, targets[source])
        result = compute(image, record, label)
        write_image(targets[source], result, overwrite=arguments.overwrite)
        return record

    return run_batch(arguments, list(targets), work)


def without_copies(image: Image) -> Image:
    """Return the image, or only one channel if all channels are equal (grey saved as colour)."""
    array = image.array
    if image.channel_axis is None or not bool((array == array[..., :1]).all()):
        return image
    stored = image.stored_axes.replace("C", "")
    one = np.ascontiguousarray(array[..., 0])
    return replace(image, array=one, axes=image.axes[:-1], stored_axes=stored)


def to_kind(image: Image, parts: Sequence[np.ndarray]) -> Image:
    """Return the image with new (float) pixels, converted to the dtype of the image."""
    dtype = image.array.dtype
    return image.with_parts([from_float(part, dtype) for part in parts])


def one_target(
    name: str, arguments: argparse.Namespace, tag: str, several: bool, ending: str = ""
) -> Path:
    """Return the file for a single result.

    This is ``-o`` (a file or a folder) or, by default, ``name_tag`` in the current folder, with
    the suffix ``ending`` (default: `suffix`).
    """
    ending = ending or suffix(name, arguments)
    if arguments.output is not None:
        return placed(name, arguments, arguments.output, ending, several)
    if several:
        raise InputError("a folder is needed for the results of several images: give -o FOLDER")
    return Path(f"{stem(name)}_{tag}{ending}")


def targets_of(
    arguments: argparse.Namespace, tag: str, ending: str = "", kind: str = "image"
) -> dict[str, Path]:
    """Return the file for the result of each image given, as `one_target`, after checking them."""
    sources = given_images(arguments)
    several = len(sources) > 1
    targets = {name: one_target(name, arguments, tag, several, ending) for name in sources}
    check_targets(targets.values(), arguments.overwrite, kind)
    return targets


def placed(
    name: str, arguments: argparse.Namespace, output: str, ending: str, several: bool
) -> Path:
    """Return ``output`` if it names a file, or else a file in it with the name of the image.

    Results of images in subfolders are placed in subfolders of the same name.

    Raises `InputError` if ``ending`` is that of --format, and the file is of another format.
    """
    path = Path(output)
    if names_a_file(path):
        own, chosen = path.suffix.lower(), getattr(arguments, "format", None)
        if ending == f".{chosen}" and SUFFIXES.get(own, own) != SUFFIXES.get(ending, ending):
            raise InputError(
                f"--format {chosen}: does not fit {path}; leave --format out, or give a name "
                f"ending in {ending}"
            )
        if several:
            raise InputError(f"{path}: a folder is needed for several images, not a file")
        return path
    return _folder(path) / subfolder(name, arguments.images) / f"{stem(name)}{ending}"


def _folder(path: Path) -> Path:
    """Return the path of a folder for images, after checking that it is not meant as a store."""
    if path.suffix.lower() == ".zarr":
        raise InputError(
            f"{path}: only Zarr stores, and TIFF files with --memory, are written as Zarr stores"
        )
    return path


def own_folder(name: str, arguments: argparse.Namespace, tag: str, several: bool) -> Path:
    """Return the folder for the results of one image.

    This is ``-o`` or, if there are several images, a folder in it with the name of the image.
    """
    if arguments.output is None:
        if several:
            raise InputError("a folder is needed for the results of several images: give -o FOLDER")
        return Path(f"{stem(name)}_{tag}")
    output = Path(arguments.output)
    if names_a_file(output):
        raise InputError(f"{output}: a folder is needed for several results, not a file")
    output = _folder(output) / subfolder(name, arguments.images)
    return output / stem(name) if several else output


def check_targets(targets: Iterable[Path], overwrite: bool, kind: str = "image") -> None:
    """Check the files to be written, before any computation.

    ``kind`` is the kind of data to be written, as in `steepest.io.check_kind`.

    Raises `InputError` if two results have the same target, if a target exists and --overwrite is
    not given, if the suffix of a target is not one for this kind of data, or if a parent is not a
    folder.
    """
    seen: set[Path] = set()
    for target in targets:
        check_kind(target, kind)
        if target in seen:
            raise InputError(
                f"{target}: two results would have this name; process them separately, or "
                "give their common folder with --recursive, which keeps subfolders"
            )
        seen.add(target)
        refuse_existing(target, overwrite)
        for folder in target.parents:
            if folder.exists() and not folder.is_dir():
                raise InputError(f"{folder}: is a file; a folder is needed")


def check_folder(folder: Path, overwrite: bool) -> None:
    """Check that an output folder is new or empty, unless --overwrite is given."""
    if folder.is_file():
        raise InputError(f"{folder}: is a file; a folder is needed")
    if not overwrite and folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder}: exists and is not empty (write into it with --overwrite)")
