"""File suffixes for each kind of data, so that files of another kind are not overwritten."""

from __future__ import annotations

import os
from pathlib import Path

from steepest.core.errors import InputError

from .paths import check_path

SUFFIXES = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".npy": "npy",
}
READ_ONLY = {".bmp": "bmp"}
"""Formats that can be read but not written."""
KINDS = {
    "image": tuple(SUFFIXES),
    "mask": (".png", ".tif", ".tiff", ".npy"),
    "figure": (".png",),
    "table": (".csv",),
    "compressed image": (".stp",),
    "orientation map": (".ctf", ".ang", ".npy"),
}
_OTHERS = (
    *(".gif", ".webp", ".jp2", ".heic", ".pdf", ".svg", ".eps", ".avi", ".mp4"),
    *(".nii", ".dcm", ".czi", ".lif", ".nd2", ".npz", ".mat", ".h5", ".hdf5"),
    *(".txt", ".json", ".xml", ".xls", ".xlsx", ".zip", ".gz", ".tar", ".py"),
    *(".pt", ".pth", ".onnx", ".safetensors"),
)
"""Suffixes that are never written, but that mark a path as a file rather than a folder."""


def check_kind(path: str | os.PathLike[str], kind: str) -> str:
    """Check that a file name has a suffix for this kind of data, and return it in lower case.

    ``kind`` is "image", "mask", "figure", "table", "compressed image" or
    "orientation map".

    Raises
    ------
    InputError
        If there is no suffix, or if it is not one for this kind of data.
    """
    name = check_path(path)
    suffix, allowed = Path(name).suffix.lower(), KINDS[kind]
    if suffix in allowed:
        return suffix
    article = "an" if kind[0] in "aeiou" else "a"
    if suffix in READ_ONLY:
        reason = f"{READ_ONLY[suffix].upper()} files are read, not written"
    elif suffix:
        reason = f"{article} {kind} cannot be written to a {suffix} file"
    else:
        reason = f"the name of {article} {kind} needs a suffix"
    raise InputError(f"{name}: {reason}; allowed are names ending in {', '.join(allowed)}")


def names_a_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path has a known file suffix and is not an existing folder."""
    known = {*READ_ONLY, *_OTHERS, *(suffix for each in KINDS.values() for suffix in each)}
    return Path(check_path(path)).suffix.lower() in known and not Path(path).is_dir()
