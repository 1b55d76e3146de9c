"""Names of files: which suffixes each kind of data has, and which files of a folder are images.

A kind is "image", "series of images", "mask", "figure", "table", "compressed image", "patch model",
"orientation map" or "dots".
Names are checked, so that a file of another kind is not overwritten.
"""

import os
from pathlib import Path
from typing import Any

from steepest.core.errors import InputError
from steepest.core.numbers import check_flag, nearest

SUFFIXES = {
    **{".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"},
    **{".tif": "tiff", ".tiff": "tiff", ".npy": "npy"},
}
"""Formats that can be written, by suffix."""
STACKS = (".gif", ".dcm", ".nii", ".nii.gz", ".czi", ".lif", ".nd2")
"""Suffixes of files that can be read but not written, and often hold several planes."""
READ_ONLY = (
    *(".bmp", ".avif", ".jp2", ".j2k", ".pgm", ".ppm", ".pnm", ".heic", ".heif"),
    *STACKS,
)
"""Suffixes of files that can be read but not written."""
_KINDS = {
    "image": tuple(SUFFIXES),
    "series of images": (*SUFFIXES, ".mp4"),
    "mask": (".png", ".tif", ".tiff", ".npy"),
    "figure": (".png",),
    "table": (".csv",),
    "compressed image": (".stp",),
    "patch model": (".stpm",),
    "orientation map": (".ctf", ".ang", ".npy"),
    "dots": (".svg", ".pdf", ".png", ".csv", ".npy"),
}
_OTHERS = (
    *(".eps", ".avi", ".mp4", ".npz", ".mat", ".h5", ".hdf5"),
    *(".txt", ".json", ".xml", ".xls", ".xlsx", ".zip", ".gz", ".tar", ".py"),
    *(".pt", ".pth", ".onnx", ".safetensors"),
)  # never written, but they mark a path as a file rather than a folder


def check_path(value: Any, name: str = "path") -> str:
    """Return a path as a string; raise `InputError` if it cannot be the path of a file."""
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str):
        raise InputError(f"{name}={value!r}; allowed are strings and path objects")
    try:
        raw = os.fsencode(path)
    except UnicodeEncodeError:
        raw = b""
    longest = max(map(len, raw.split(os.sep.encode())))
    if not raw or b"\0" in raw or longest > 255 or len(raw) > 4095:
        raise InputError(f"{name}={path[:99]!r} cannot be the path of a file")
    return path


def check_kind(path: str | os.PathLike[str], kind: str) -> str:
    """Check that a file name has a suffix for this kind of data, and return it in lower case.

    Raises
    ------
    InputError
        If there is no suffix, or if it is not one for this kind of data.
    """
    name = check_path(path)
    suffix, allowed = Path(name).suffix.lower(), _KINDS[kind]
    if suffix in allowed:
        return suffix
    article = "" if kind == "dots" else "an " if kind[0] in "aeiou" else "a "
    if suffix in READ_ONLY:
        reason = f"{suffix} files are read, not written"
    elif suffix:
        reason = f"{article}{kind} cannot be written to a {suffix} file"
    else:
        reason = f"the name of {article}{kind} needs a suffix"
    raise InputError(f"{name}: {reason}; allowed are names ending in {', '.join(allowed)}")


def near_file(path: str | os.PathLike[str]) -> str:
    """What is added to the error about a file that does not exist: a name like it, if any."""
    folder = Path(path).parent
    try:
        names = [each.name for each in folder.iterdir()]
    except OSError:
        return "" if folder == folder.parent else near_file(folder)
    return nearest(Path(path).name, names)


def names_a_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path has a known file suffix and is not an existing folder."""
    known = {*READ_ONLY, *_OTHERS, *(suffix for each in _KINDS.values() for suffix in each)}
    return Path(check_path(path)).suffix.lower() in known and not Path(path).is_dir()


def base_name(path: str | os.PathLike[str]) -> str:
    """The name of an image file without folder and suffix; ".ome.tif" and ".nii.gz" are one."""
    base = Path(check_path(path)).stem
    return base[:-4] if base.lower().endswith((".ome", ".nii")) else base


def image_files(folder: str | os.PathLike[str], *, recursive: bool = False) -> list[Path]:
    """List the image files in a folder, sorted by path.

    With ``recursive``, subfolders are searched as well. Hidden files and folders are skipped.

    Raises
    ------
    InputError
        If the folder does not exist or contains no such file.
    """
    place = Path(check_path(folder, "folder"))
    if not place.is_dir():
        raise InputError(f"{folder}: no such folder")
    known = (*SUFFIXES, *READ_ONLY)
    entries = place.rglob("*") if check_flag(recursive, "recursive") else place.iterdir()
    found = sorted(
        path
        for path in entries
        if path.name.lower().endswith(known)
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(place).parts)
    )
    if not found:
        below = not recursive and any(path.is_dir() for path in place.iterdir())
        hint = " (subfolders are searched with --recursive, recursive=True)" if below else ""
        raise InputError(f"{folder}: no image file in this folder{hint}")
    return found
