"""List the image files in a folder."""

from __future__ import annotations

import os
from pathlib import Path

from ..core.errors import InputError
from ..core.numbers import check_flag
from .kinds import READ_ONLY, SUFFIXES
from .paths import check_path


def base_name(path: str | os.PathLike[str]) -> str:
    """Return the name of an image file without folder and suffix; ".ome.tif" is one suffix."""
    base = Path(check_path(path)).stem
    return base[:-4] if base.lower().endswith(".ome") else base


def image_files(folder: str | os.PathLike[str], *, recursive: bool = False) -> list[Path]:
    """List the PNG, JPEG, BMP, TIFF and NPY files in a folder, sorted by path.

    With ``recursive``, subfolders are searched as well. Hidden files and folders are skipped.

    Raises
    ------
    InputError
        If the folder does not exist or contains no such file.
    """
    place = Path(check_path(folder, "folder"))
    if not place.is_dir():
        raise InputError(f"{folder}: no such folder")
    known = {*SUFFIXES, *READ_ONLY}
    entries = place.rglob("*") if check_flag(recursive, "recursive") else place.iterdir()
    found = sorted(
        path
        for path in entries
        if path.suffix.lower() in known
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(place).parts)
    )
    if not found:
        below = not recursive and any(path.is_dir() for path in place.iterdir())
        hint = " (subfolders are searched with --recursive, recursive=True)" if below else ""
        raise InputError(f"{folder}: no PNG, JPEG, BMP, TIFF or NPY file in this folder{hint}")
    return found
