"""Files of patch models: ``NAME.stpm``, in the format of safetensors.

    bytes    content
    8        length of the header, little-endian
    ...      header: JSON with type, shape and place of each array, and all else as metadata
    ...      the arrays, float32 or float64, little-endian

The format has no compression and no code, so every size is known before anything is allocated.
The packages for it can read these files; to read and write them takes none of them.
"""

from __future__ import annotations

import json
import math
import os
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_flag
from ..core.whole_files import whole_file
from .model import MOST_COMPONENTS, MOST_PIXELS, PatchModel

SUFFIX = ".stpm"
FORMAT = "steepest patch model 1"
_ARRAYS = ("weights", "means", "bases", "variances", "residuals")
_TYPES = {"F32": "<f4", "F64": "<f8"}
_LONGEST_HEADER = 1 << 20
_MOST_BYTES = 1 << 31
_MOST_HISTORY = 10_000


def save(model: PatchModel, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a model to a file: all of it, or nothing.

    Raises `InputError` if the path does not end in ".stpm", or exists and ``overwrite`` is False.
    """
    target = _checked(path)
    if target.exists() and not check_flag(overwrite, "overwrite"):
        raise InputError(f"{target}: exists already (replace it with overwrite=True)")
    with whole_file(target, ".steepest-model-") as file:
        file.write(encode(model))


def encode(model: PatchModel) -> bytes:
    """The content of the file of a model."""
    header: dict[str, Any] = {
        "__metadata__": {
            "format": FORMAT,
            "model": json.dumps(
                {
                    "patch_shape": list(model.patch_shape),
                    "channels": model.channels,
                    "remove_mean": model.remove_mean,
                    "history": list(model.history[-_MOST_HISTORY:]),
                }
            ),
        }
    }
    parts, end = [], 0
    for name in _ARRAYS:
        data = getattr(model, name).astype("<f8").tobytes()
        header[name] = {
            "dtype": "F64",
            "shape": list(getattr(model, name).shape),
            "data_offsets": [end, end + len(data)],
        }
        parts.append(data)
        end += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"".join((len(text).to_bytes(8, "little"), text, *parts))


def load(path: str | os.PathLike[str]) -> PatchModel:
    """Read a model that `PatchModel.save` has written. Files never execute code.

    Raises
    ------
    InputError
        If the file cannot be read, is not a complete file of a patch model, is larger than 2 GiB
        or holds values that are not allowed.
    """
    target = _checked(path)
    try:
        with target.open("rb") as file:
            return _read(file, os.fstat(file.fileno()).st_size, str(target))
    except OSError as error:
        raise InputError(f"{target}: cannot be read ({error.strerror})") from None


def decode(data: bytes, name: str) -> PatchModel:
    """The model of the content of a file; errors name it. Raises `InputError` as `load`."""
    return _read(BytesIO(data), len(data), name)


def _read(file: BinaryIO, size: int, name: str) -> PatchModel:
    if size > _MOST_BYTES:
        raise InputError(f"{name}: {size} bytes; allowed are {_MOST_BYTES}")
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(_LONGEST_HEADER, size - 8):
        raise InputError(f"{name}: not a complete file of a patch model")
    header = _parsed(file.read(length), name)
    try:
        return _model(header, file.read(size - 8 - length))
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _checked(path: Any) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"path={path!r}; allowed are strings and path objects")
    name = os.fspath(path)
    if not isinstance(name, str) or "\0" in name or not name.lower().endswith(SUFFIX):
        raise InputError(f"{name!r}: allowed are names of patch models, ending in {SUFFIX}")
    return Path(name)


def _parsed(text: bytes, name: str) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise InputError(f"{name}: not a file of a patch model")
    return header


def _model(header: dict[str, Any], content: bytes) -> PatchModel:
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise InputError("not a file of a patch model")
    if set(header) != {"__metadata__", *_ARRAYS}:
        raise InputError(f"a patch model has the arrays {', '.join(_ARRAYS)}")
    try:
        own = json.loads(metadata.get("model", ""))
        shape, channels = tuple(own["patch_shape"]), own["channels"]
        remove_mean, history = own["remove_mean"], own["history"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InputError("the description of the model is damaged") from None
    whole = all(type(n) is int and 1 <= n <= MOST_PIXELS for n in (*shape, channels))
    if not (1 <= len(shape) <= 3 and whole and math.prod(shape) * channels <= MOST_PIXELS):
        raise InputError(
            f"patches of {shape} pixels with {channels} channels; allowed are up to {MOST_PIXELS} "
            "values"
        )
    if type(remove_mean) is not bool or not _is_history(history):
        raise InputError("the description of the model is damaged")
    arrays = {name: _array(header[name], content, name) for name in _ARRAYS}
    if sum(array.nbytes for array in arrays.values()) != len(content):
        raise InputError("the arrays do not fill the file")
    if len(arrays["weights"]) > MOST_COMPONENTS:
        raise InputError(f"more than {MOST_COMPONENTS} components")
    return PatchModel(
        **arrays, patch_shape=shape, channels=channels, remove_mean=remove_mean,
        history=tuple(map(float, history)),
    )  # fmt: skip


def _is_history(values: Any) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= _MOST_HISTORY
        and all(type(value) is float and math.isfinite(value) for value in values)
    )


def _array(entry: Any, content: bytes, name: str) -> np.ndarray:
    """A view of the content; nothing is allocated."""
    try:
        kind, shape, (begin, end) = _TYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
        sizes = [*shape, begin, end]
    except (TypeError, KeyError, ValueError):
        raise InputError(f"the entry of {name} is damaged") from None
    if not all(type(n) is int and 0 <= n <= _MOST_BYTES for n in sizes) or len(shape) > 3:
        raise InputError(f"the entry of {name} is damaged")
    wanted = math.prod(shape) * np.dtype(kind).itemsize
    if end - begin != wanted or end > len(content):
        raise InputError(f"{name}: the file is cut short or its sizes are wrong")
    return np.frombuffer(content[begin:end], kind).reshape(shape)
