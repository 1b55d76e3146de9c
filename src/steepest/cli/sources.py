"""The images given on the command line, and the names of the files with their results."""

import glob
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from steepest.core.errors import InputError
from steepest.core.numbers import nearest
from steepest.io import SUFFIXES, base_name, check_kind, image_files
from steepest.io.outputs import refuse_existing
from steepest.io.paths import STACKS, names_a_file, near_file
from steepest.io.store_writing import check_new_store
from steepest.io.stores import is_store

from .extras import need_figures

SAMPLE = "sample:"
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # we report errors ourselves
_MANY = "a folder is needed for the results of several images: give -o FOLDER"


@dataclass(frozen=True)
class Source:
    """An image file or store; ``below`` is the path to its folder from the one that was searched.

    The results of ``several`` need a folder; those of a ``large`` one are Zarr stores.
    """

    name: str
    below: Path = Path()
    several: bool = False
    large: bool = False

    @property
    def stem(self) -> str:
        """The name without folder and suffix; "camera" for sample:camera."""
        return self.name[len(SAMPLE) :] if self.name.startswith(SAMPLE) else base_name(self.name)

    @property
    def suffix(self) -> str:
        """The suffix of the name."""
        return Path(self.name).suffix

    @property
    def ending_of_numbers(self) -> str:
        """The suffix of the name if such files hold numbers as they are, else that of TIFF."""
        return self.suffix if self.suffix.lower() in (".png", ".tif", ".tiff", ".npy") else ".tif"

    @property
    def ending_of_labels(self) -> str:
        """The suffix of labels and masks: PNG, or that of a kind of file which holds stacks."""
        if self.suffix.lower() in (".tif", ".tiff", ".npy"):
            return self.suffix
        return ".tif" if self.name.lower().endswith(STACKS) else ".png"

    def file(self, output: str | None, tag: str, ending: str, kind: str = "image") -> Path:
        """Return the file for one result: ``output``, a file in it, or ``stem_tag`` here."""
        if output is not None:
            return self.file_at(output, ending, kind)
        if self.several:
            raise InputError(_MANY)
        return self._check(Path(f"{self.stem}_{tag}{self._ending(ending)}"), kind)

    def file_at(self, output: str, ending: str, kind: str = "image") -> Path:
        """Return ``output`` if it names a file, or else a file in it with the name of the image."""
        path = Path(output)
        if self.names_a_result(output):
            if self.several:
                raise InputError(f"{path}: a folder is needed for several images, not a file")
            return self._check(path, kind)
        if not path.is_dir() and (near := nearest(path.suffix.lower(), SUFFIXES)):
            raise InputError(f"{output}: {path.suffix} files are not written{near}")
        return self._check(self._in_folder(path) / f"{self.stem}{self._ending(ending)}", kind)

    def more_files(self, **wanted: tuple[str | None, str, str]) -> dict[str, Path]:
        """The files of further results, of (output, ending, kind); without an output, no file."""
        given = {name: each for name, each in wanted.items() if each[0] is not None}
        if any(kind == "figure" for _, _, kind in given.values()):
            need_figures()
        return {name: self.file_at(str(output), *rest) for name, (output, *rest) in given.items()}

    def folder(self, output: str | None, tag: str, *, own: bool) -> Path:
        """Return the folder for several results: ``output``, or its ``own`` for each image."""
        if output is None:
            if self.several:
                raise InputError(_MANY)
            return Path(f"{self.stem}_{tag}")
        if self.names_a_result(output):
            self._check(Path(output), "")
            raise InputError(f"{output}: a folder is needed for several results, not a file")
        folder = self._in_folder(Path(output))
        return folder / self.stem if own and self.several else folder

    def names_a_result(self, output: str) -> bool:
        """Whether ``output`` is the name of a file or store, and not of a folder for images."""
        return names_a_file(output) or (self.large and Path(output).suffix == ".zarr")

    def _ending(self, ending: str) -> str:
        return f"{ending.rpartition('.')[0]}.zarr" if self.large else ending

    def _in_folder(self, path: Path) -> Path:
        if path.suffix.lower() == ".zarr":
            raise InputError(
                f"{path}: only Zarr stores, and TIFF files with --memory, are written as stores"
            )
        return path / self.below

    def _check(self, path: Path, kind: str) -> Path:
        if self.large and names_a_file(path) and path.suffix.lower() not in (".tif", ".tiff"):
            raise InputError(
                f"{path}: results of tiles are Zarr stores or TIFF files; give a name in .zarr or "
                ".tif"
            )
        if kind and not self.large:
            check_kind(path, kind)
        return path


def find_sources(
    given: Sequence[str], outputs: Iterable[str | None] = (), *, recursive: bool = False
) -> list[Source]:
    """The files that words name, without those in subfolders that are folders of results."""
    found: dict[str, Path] = {}
    for name in given:
        try:
            root, files = _expand(name, recursive)
        except FileNotFoundError as error:
            last = name == given[-1] != given[0] and names_a_file(name)
            hint = f" (to write there: -o {name})" if last else ""
            raise InputError(f"{error}{hint}") from None
        for file in files:
            found.setdefault(file, _below(file, root))
    results = {Path(each).resolve() for each in outputs if each}

    def is_result(name: str, below: Path) -> bool:
        return not results.isdisjoint(Path(name).resolve().parents[: len(below.parts)])

    images = {name: below for name, below in found.items() if not is_result(name, below)}
    if found and not images:
        raise InputError(f"{', '.join(given)}: no image besides those in the output")
    return [Source(name, below, len(images) > 1) for name, below in images.items()]


def _expand(name: str, recursive: bool) -> tuple[Path | None, list[str]]:
    """The files that a word names, and the folder that is searched for them."""
    path = Path(name)
    if name.startswith(SAMPLE) or path.is_file():
        return None, [name]
    if is_store(path):
        raise InputError(
            f"{name}: is a Zarr store; those are taken by denoise, flow, decompose, filter, "
            "segment, mask, inpaint, restore, strain (two of them) and info"
        )
    if path.is_dir():
        return path, [str(file) for file in image_files(path, recursive=recursive)]
    if not glob.has_magic(name):
        raise FileNotFoundError(f"{name}: no such file or folder{_meant(path)}")
    matches = _matches(name)
    files = [str(match) for match in matches if match.is_file()]
    for folder in matches:
        if recursive and folder.is_dir():
            with suppress(InputError):  # a folder without images
                files += map(str, image_files(folder, recursive=True))
    if not files:
        raise InputError(f"{name}: no file matches")
    return Path(*takewhile(lambda part: not glob.has_magic(part), path.parts)), files


def _meant(path: Path) -> str:
    """What is added to the error about an image that does not exist: a file or option like it."""
    with suppress(ValueError):
        return f" (numbers of an option such as --times: with commas, 0.1,{float(path.name):g})"
    return near_file(path)


def _matches(pattern: str) -> list[Path]:
    """Return the matching files and folders, each once even if several links lead to it."""
    found = sorted(map(Path, glob.glob(pattern, recursive=True)), key=lambda path: len(path.parts))
    if "**" not in pattern:
        return sorted(found)
    shortest = {path.resolve(): path for path in reversed(found)}
    return sorted(shortest.values())


def _below(file: str, root: Path | None) -> Path:
    """The path from the folder that was searched to the folder of a file."""
    if root is None or ".." in (below := Path(file).parent.relative_to(root)).parts:
        return Path()
    return below


def check_targets(targets: Iterable[Path], overwrite: bool) -> None:
    """Check, before any computation, that these files and stores may be written."""
    seen: set[Path] = set()
    for target in targets:
        if target in seen:
            raise InputError(
                f"{target}: two results would have the same name; give different paths, process "
                "the images separately, or give their folder with --recursive, which keeps "
                "subfolders"
            )
        seen.add(target)
        if target.suffix == ".zarr":
            check_new_store(target, overwrite)
        else:
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
