"""Files that appear only when they are complete, and end with a checksum; some are of NumPy.

Arrays are read without Python's parser, which `numpy.load` lets parse the header. Before CPython
3.11.8, two threads must not parse at a time: if the garbage collector lets the other thread go on
meanwhile, both may raise "SystemError: AST constructor recursion depth mismatch"
(github.com/python/cpython/issues/106905).
"""

import os
import re
import zlib
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..core.whole_files import whole_file

UNFINISHED = ".steepest-work-"  # how the names of files begin that are not complete
_CHECK = 4  # bytes of the checksum
_FIRST = 1  # not 0: or 4 zero bytes would be sound
_BLOCK = 1 << 20
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(rb"{'descr': '([^']+)', 'fortran_order': False, 'shape': \(([\d, ]*)\), } *\n")


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


def load(path: Path, *, mapped: bool = False) -> np.ndarray:
    """The array of a file of `Workspace.put`, or a memory map; `ValueError` for other files."""
    with path.open("rb") as file:
        magic, length = file.read(len(_MAGIC)), int.from_bytes(file.read(2), "little")
        header = _HEADER.fullmatch(file.read(length))
        if magic != _MAGIC or header is None:
            raise ValueError(f"{path} is not a file of this work")
        dtype = np.dtype(header[1].decode())
        shape = tuple(int(size) for size in header[2].split(b",") if size.strip())
        if mapped:
            return np.memmap(file, dtype, "r", file.tell(), shape)
        return np.fromfile(file, dtype, prod(shape)).reshape(shape)
