"""The images given on the command line, and the names of the files with their results."""

from __future__ import annotations

import glob
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from steepest.core.errors import InputError
from steepest.io import SUFFIXES, base_name, check_kind, image_files
from steepest.io.outputs import refuse_existing
from steepest.io.paths import names_a_file
from steepest.io.stores import is_store

SAMPLE = "sample:"
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # we report errors ourselves
_MANY = "a folder is needed for the results of several images: give -o FOLDER"


@dataclass(frozen=True)
class Source:
    """An image file or store; ``given`` are the words that it was found by.

    ``several`` says whether it is one of several, whose results need a folder.
    """

    name: str
    given: tuple[str, ...] = ()
    several: bool = False

    @property
    def stem(self) -> str:
        """The name without folder and suffix; "camera" for sample:camera."""
        return self.name[len(SAMPLE) :] if self.name.startswith(SAMPLE) else base_name(self.name)

    def file(self, output: str | None, tag: str, ending: str, kind: str = "image") -> Path:
        """Return the file for a single result.

        This is ``output`` (a file or a folder) or, by default, ``stem_tag`` with this ``ending`` in
        the current folder.
        """
        if output is not None:
            return self.placed(output, ending, kind)
        if self.several:
            raise InputError(_MANY)
        return _checked(Path(f"{self.stem}_{tag}{ending}"), kind)

    def placed(self, output: str, ending: str, kind: str = "image") -> Path:
        """Return ``output`` if it names a file, or else a file in it with the name of the image.

        Results of images in subfolders are placed in subfolders of the same name.
        """
        path = Path(output)
        if names_a_file(path):
            if self.several:
                raise InputError(f"{path}: a folder is needed for several images, not a file")
            return _checked(path, kind)
        return _checked(_folder(path) / self._below / f"{self.stem}{ending}", kind)

    def folder(self, output: str | None, tag: str, *, own: bool) -> Path:
        """Return the folder for several results.

        This is ``output`` or, if there are several images and each has its ``own``, a folder in it
        with the name of the image.
        """
        if output is None:
            if self.several:
                raise InputError(_MANY)
            return Path(f"{self.stem}_{tag}")
        if names_a_file(output):
            raise InputError(f"{output}: a folder is needed for several results, not a file")
        folder = _folder(Path(output)) / self._below
        return folder / self.stem if own and self.several else folder

    @property
    def _below(self) -> Path:
        """The path from the given folder to that of the file."""
        return _subfolder(self.name, self.given)


def _checked(path: Path, kind: str) -> Path:
    check_kind(path, kind)
    return path


def _folder(path: Path) -> Path:
    """Return the path of a folder for images, after checking that it is not meant as a store."""
    if path.suffix.lower() == ".zarr":
        raise InputError(
            f"{path}: only Zarr stores, and TIFF files with --memory, are written as Zarr stores"
        )
    return path


def find_sources(
    given: Sequence[str], outputs: Iterable[str | None] = (), *, recursive: bool = False
) -> list[Source]:
    """The files that words name, without those in subfolders that are folders of results.

    Raises `InputError` if a file or folder does not exist, if a glob matches nothing, if a folder
    contains no image, or if all images are in the output folders.
    """
    found = expand(given, recursive=recursive)
    results = {Path(each).resolve() for each in outputs if each}

    def is_result(name: str) -> bool:
        depth = len(_subfolder(name, given).parts)
        return depth > 0 and not results.isdisjoint(Path(name).resolve().parents[:depth])

    names = [name for name in found if not is_result(name)]
    if found and not names:
        raise InputError(f"{', '.join(given)}: no image besides those in the output")
    return [Source(name, tuple(given), len(names) > 1) for name in names]


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


def _subfolder(name: str, given: Sequence[str]) -> Path:
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


def check_targets(targets: Iterable[Path], overwrite: bool) -> None:
    """Check the files to be written, before any computation.

    Raises `InputError` if two results have the same target, if a target exists and --overwrite is
    not given, or if a parent is not a folder.
    """
    seen: set[Path] = set()
    for target in targets:
        if target in seen:
            raise InputError(
                f"{target}: two results would have the same name; give different paths, process "
                "the images separately, or give their folder with --recursive, which keeps "
                "subfolders"
            )
        seen.add(target)
        refuse_existing(target, overwrite)
        for folder in target.parents:
            if folder.exists() and not folder.is_dir():
                raise InputError(f"{folder}: is a file; a folder is needed")


def check_format(output: str | None, chosen: str | None) -> None:
    """Raise `InputError` if a file of another format than ``chosen`` is to be written."""
    if output is None or chosen is None or not names_a_file(path := Path(output)):
        return
    own, ending = path.suffix.lower(), f".{chosen}"
    if SUFFIXES.get(own, own) != SUFFIXES.get(ending, ending):
        raise InputError(
            f"--format {chosen}: does not fit {path}; leave --format out, or give a name ending in "
            f"{ending}"
        )
