"""Files of patch models: ``NAME.stpm``, in the format of safetensors.

    bytes    content
    8        length of the header, little-endian
    ...      header: JSON with type, shape and place of each array, and all else as metadata
    ...      the arrays, float64, little-endian

The format has no compression and no code, so every size is known before anything is allocated.
The packages for it can read these files; to read and write them takes none of them.
"""

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
from .model import MOST_PIXELS, PatchModel

SUFFIX = ".stpm"
FORMAT = "steepest patch model 1"
_LONGEST_HEADER = 1 << 20
_MOST_BYTES = 1 << 31
_MOST_HISTORY = MOST_PIXELS


def save(model: PatchModel, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a model to a file: all of it, or nothing.

    Parameters
    ----------
    model : PatchModel
    path : str or path
        A name that ends in ".stpm".
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    InputError
        If the path does not end in ".stpm", or exists and ``overwrite`` is False.
    """
    target = _checked(path)
    if target.exists() and not check_flag(overwrite, "overwrite"):
        raise InputError(f"{target}: exists already (replace it with overwrite=True)")
    with whole_file(target, ".steepest-model-") as file:
        file.write(encode(model))


def encode(model: PatchModel) -> bytes:
    """The content of the file of a model."""
    own = {
        "patch_shape": list(model.patch_shape),
        "channels": model.channels,
        "remove_mean": model.remove_mean,
        "history": list(model.history[-_MOST_HISTORY:]),
    }
    metadata = {"format": FORMAT, "model": json.dumps(own)}
    entries = _entries(model.num_components, model.num_values, model.rank)
    text = json.dumps({"__metadata__": metadata, **entries}).encode()
    text += b" " * (-len(text) % 8)
    arrays = [getattr(model, name).astype("<f8").tobytes() for name in entries]
    return b"".join((len(text).to_bytes(8, "little"), text, *arrays))


def _entries(count: int, d: int, rank: int) -> dict[str, Any]:
    """Type, shape and place of each array."""
    shapes = {
        "weights": [count],
        "means": [count, d],
        "bases": [count, rank, d],
        "variances": [count, rank],
        "residuals": [count],
    }
    entries, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 8 * math.prod(shape)
        entries[name] = {"dtype": "F64", "shape": shape, "data_offsets": [begin, end]}
    return entries


def load(path: str | os.PathLike[str]) -> PatchModel:
    """Read a model that `save` has written. Files never execute code.

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
    try:
        return _model(json.loads(file.read(length)), file.read(size - 8 - length))
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InputError(f"{name}: not a file of a patch model, or a damaged one") from None


def _checked(path: Any) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"path={path!r}; allowed are strings and path objects")
    name = os.fspath(path)
    if not isinstance(name, str) or "\0" in name or not name.lower().endswith(SUFFIX):
        raise InputError(f"{name!r}: allowed are names of patch models, ending in {SUFFIX}")
    return Path(name)


def _model(header: Any, content: bytes) -> PatchModel:
    """The model of a file; nothing is allocated before all sizes are known to be right."""
    metadata = header.pop("__metadata__")
    own, (count, rank) = json.loads(metadata["model"]), header["variances"]["shape"]
    shape, channels, history = tuple(own["patch_shape"]), own["channels"], own["history"]
    whole = [type(n) is int and n >= 1 for n in (*shape, channels, count, rank + 1)]
    if metadata["format"] != FORMAT or not all(whole) or type(own["remove_mean"]) is not bool:
        raise ValueError
    if not all(type(value) is float and math.isfinite(value) for value in history):
        raise ValueError
    values = math.prod(shape) * channels
    if len(shape) > 3 or max(values, count, len(history)) > MOST_PIXELS or rank > values:
        raise InputError(f"more than {MOST_PIXELS} values in a patch, components or steps")
    entries = _entries(count, values, rank)
    given, wanted = (json.dumps(each, sort_keys=True) for each in (header, entries))
    if given != wanted or entries["residuals"]["data_offsets"][1] != len(content):
        raise InputError("the file is cut short or its sizes are wrong")
    arrays = {
        name: np.frombuffer(content, "<f8", math.prod(each["shape"]), each["data_offsets"][0])
        for name, each in entries.items()
    }
    return PatchModel(
        **{name: array.reshape(entries[name]["shape"]) for name, array in arrays.items()},
        patch_shape=shape, channels=channels, remove_mean=own["remove_mean"],
        history=tuple(history),
    )  # fmt: skip
