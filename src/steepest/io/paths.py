"""Check the paths passed by callers."""

from __future__ import annotations

import os
from typing import Any

from steepest.core.errors import InputError


def check_path(value: Any, name: str = "path") -> str:
    """Check a path and return it as a string.

    Raises `InputError` if the value is neither a string nor a path object, or if the path is empty,
    contains a null character, cannot be encoded or is too long.
    """
    path = value if isinstance(value, str) else None
    if isinstance(value, os.PathLike):
        path = os.fspath(value)
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
