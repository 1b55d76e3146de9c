"""Files of NumPy, read without Python's parser.

`numpy.load` lets `ast.literal_eval` parse the header. Before CPython 3.11.8, two threads must not
parse at a time: if the garbage collector lets the other thread go on meanwhile, both may raise
"SystemError: AST constructor recursion depth mismatch" (github.com/python/cpython/issues/106905).
"""

from __future__ import annotations

import re
from math import prod
from pathlib import Path

import numpy as np

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(rb"{'descr': '([^']+)', 'fortran_order': False, 'shape': \(([\d, ]*)\), } *\n")


def load(path: Path, *, mapped: bool = False) -> np.ndarray:
    """The array of a file of `numpy.lib.format.write_array_header_1_0`, or a memory map of it.

    Raises `OSError` if the file cannot be read, and `ValueError` if it is another one or cut short.
    """
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
