"""Messages between page and server: a length, JSON of that length, and raw buffers.

The length is four bytes, little-endian. ``sizes`` in the JSON object gives the lengths of the
buffers that follow.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from ..core.errors import InputError

_DEEPEST = 1 << 22  # bytes of JSON in a request: strokes of a brush are long


def pack(fields: Mapping[str, Any], buffers: Sequence[bytes] = ()) -> bytes:
    """Return a message."""
    sizes = [len(each) for each in buffers]
    head = json.dumps({**fields, "sizes": sizes}, allow_nan=False).encode()
    return b"".join([struct.pack("<I", len(head)), head, *buffers])


def unpack(message: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Return the fields and the buffers of a message; refuse others, and NaN and infinity."""
    if len(message) < 4:
        raise InputError("the request is not a message of this application")
    (length,) = struct.unpack_from("<I", message)
    if length > min(_DEEPEST, len(message) - 4):
        raise InputError("the request is not a message of this application")
    try:
        fields = json.loads(message[4 : 4 + length], parse_constant=_refuse)
    except InputError:
        raise
    except (ValueError, RecursionError):
        raise InputError("the request holds no valid JSON") from None
    sizes: Any = fields.pop("sizes", []) if isinstance(fields, dict) else None
    whole = isinstance(sizes, list) and all(type(n) is int and n >= 0 for n in sizes)
    if not whole or 4 + length + sum(sizes) != len(message):
        raise InputError("the sizes of the buffers do not add up to the request")
    buffers, at = [], 4 + length
    for size in sizes:
        buffers.append(message[at : at + size])
        at += size
    return fields, buffers


def to_float16(values: np.ndarray, limits: tuple[float, float]) -> bytes:
    """Return values as float16, where 0 and 1 are shown as black and white."""
    low, high = limits
    return ((values - low) / (high - low)).astype(np.float16).tobytes()


def _refuse(constant: str) -> NoReturn:
    raise InputError(f"the request holds {constant}; every number must be finite")
