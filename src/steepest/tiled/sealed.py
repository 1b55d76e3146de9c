"""Files that appear only when they are complete, and end with a checksum."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..core.whole_files import whole_file

UNFINISHED = ".steepest-work-"  # how the names of files begin that are not complete
_CHECK = 4  # bytes of the checksum
_FIRST = 1  # not 0: or 4 zero bytes would be sound
_BLOCK = 1 << 20


def write_file(path: Path, parts: Iterable[Any]) -> None:
    """Write buffers and their checksum into a new file, then give it its name."""
    check = _FIRST
    with whole_file(path, UNFINISHED) as file:
        for part in parts:
            file.write(part)
            check = zlib.crc32(part, check)
        file.write(check.to_bytes(_CHECK, "little"))


def is_sound(path: Path) -> bool:
    """Whether a file ends with the checksum of what comes before."""
    check = _FIRST
    with path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size - _CHECK
        while left > 0 and (block := file.read(min(left, _BLOCK))):
            check = zlib.crc32(block, check)
            left -= len(block)
        return file.read() == check.to_bytes(_CHECK, "little")


def content(path: Path) -> bytes | None:
    """What was written into a file; None if it is damaged."""
    return path.read_bytes()[:-_CHECK] if is_sound(path) else None
