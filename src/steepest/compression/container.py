"""The file format around the entropy code.

    bytes      content
    4          magic 8B 53 54 50 (``"\\x8bSTP"``)
    1          version, 1
    1          kind: bits 0-1 dtype (uint8, uint16, float32, float64), bits 2-3 number of spatial
               axes - 1, bit 4 set if there is a channel axis, bits 5-6 its index, bit 7 zero
    varints    the spatial shape; the number of channels if there is a channel axis; the number of
               known pixels
    1          levels - 1
    8 or 16    floats only: the values of the first and the last level, in the image's dtype
    …          the entropy code of mask and values
    4          CRC-32 of all preceding bytes

A varint has seven bits per byte, the lowest first; bit 7 is set if another byte follows. Other
numbers of several bytes are little-endian.
"""

import zlib
from dataclasses import dataclass
from math import isfinite, prod

import numpy as np

from ..core import limits
from ..core.errors import InputError

MAGIC = b"\x8bSTP"
VERSION = 1
MAX_PIXELS = limits.MAX_PIXELS // 4
"""Default limit for decoding: the solver needs far more memory per pixel than a file reader."""
DTYPES = ("uint8", "uint16", "float32", "float64")
_CHECKSUM = 4
_LONGEST = 5  # bytes of a varint
_MOST_CHANNELS = 1 << 16  # each channel is solved for separately


@dataclass(frozen=True)
class Header:
    """The header of a compressed image.

    Attributes
    ----------
    dtype : str
        "uint8", "uint16", "float32" or "float64".
    space : tuple of int
        The spatial shape, with 1 to 3 axes.
    channels : int
        Number of channels, at most 65536.
    channel_axis : int or None
        Axis of the channels in the image; None if it has none.
    count : int
        Number of known pixels.
    levels : int
        Number of levels of the values, 2 to 256.
    low, high : float
        Values of the first and the last level; 0 and 1 for integer images.

    Raises
    ------
    InputError
        If there are too many channels.
    """

    dtype: str
    space: tuple[int, ...]
    channels: int
    channel_axis: int | None
    count: int
    levels: int
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.channels > _MOST_CHANNELS:
            raise InputError(
                f"image has {self.channels} channels; allowed are at most {_MOST_CHANNELS}"
            )

    @property
    def grid(self) -> tuple[int, int]:
        """The spatial shape as rows and columns, in which mask and values are coded."""
        return prod(self.space[:-1]), self.space[-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the image."""
        if self.channel_axis is None:
            return self.space
        return (*self.space[: self.channel_axis], self.channels, *self.space[self.channel_axis :])

    @property
    def density(self) -> float:
        """Known pixels per pixel."""
        return self.count / prod(self.space)


def write(header: Header, code: bytes) -> bytes:
    """The bytes of a file."""
    axis = header.channel_axis
    kind = DTYPES.index(header.dtype) | (len(header.space) - 1) << 2
    if axis is not None:
        kind |= 1 << 4 | axis << 5
    numbers = [*header.space, *([] if axis is None else [header.channels]), header.count]
    data = MAGIC + bytes([VERSION, kind]) + b"".join(map(_varint, numbers))
    data += bytes([header.levels - 1])
    if header.dtype.startswith("float"):
        data += np.array([header.low, header.high], _little(header.dtype)).tobytes()
    data += code
    return data + zlib.crc32(data).to_bytes(_CHECKSUM, "little")


def read(data: bytes, max_pixels: int = MAX_PIXELS) -> tuple[Header, bytes]:
    """Header and entropy code of a file; all limits are checked before memory is allocated."""
    if not data.startswith(MAGIC):
        raise InputError(
            "data is not a compressed image of steepest (it does not begin with 8B STP)"
        )
    if len(data) < len(MAGIC) + 2 + _CHECKSUM:
        raise InputError(f"data of {len(data)} bytes is truncated")
    if data[4] != VERSION:
        raise InputError(f"data has version {data[4]}; allowed is {VERSION}")
    body, checksum = data[:-_CHECKSUM], int.from_bytes(data[-_CHECKSUM:], "little")
    if zlib.crc32(body) != checksum:
        raise InputError("data is truncated or altered: its checksum does not match")
    return _parse(body, max_pixels)


def _parse(body: bytes, max_pixels: int) -> tuple[Header, bytes]:
    kind = body[5]
    dtype, ndim = DTYPES[kind & 3], (kind >> 2 & 3) + 1
    axis = kind >> 5 & 3 if kind & 16 else None
    if ndim > 3 or kind & 128 or (axis is None and kind & 96) or (axis or 0) > ndim:
        raise InputError("data is damaged: its header has an unknown kind of image")
    numbers, at = [], 6
    for _ in range(ndim + (axis is not None) + 1):
        number, at = _read_varint(body, at)
        numbers.append(number)
    space, count = tuple(numbers[:ndim]), numbers[-1]
    channels = 1 if axis is None else numbers[ndim]
    if channels == 0 or not 0 < count <= prod(space):
        raise InputError(f"data is damaged: {count} known pixels in an image of shape {space}")
    limits.check_size((*space, channels), max_pixels, "data")
    width = 2 * np.dtype(dtype).itemsize if dtype.startswith("float") else 0
    if len(body) < at + 1 + width:
        raise InputError("data is truncated in its header")
    levels = body[at] + 1
    low, high = 0.0, 1.0
    if width:
        low, high = map(float, np.frombuffer(body[at + 1 : at + 1 + width], _little(dtype)))
    if levels < 2 or not (isfinite(low) and isfinite(high) and low <= high):
        raise InputError(f"data is damaged: {levels} levels from {low} to {high}")
    header = Header(dtype, space, channels, axis, count, levels, low, high)
    return header, body[at + 1 + width :]


def _little(dtype: str) -> np.dtype:
    return np.dtype(dtype).newbyteorder("<")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for i in range(_LONGEST):
        if at + i >= len(data):
            raise InputError("data is truncated in its header")
        number |= (data[at + i] & 127) << (7 * i)
        if data[at + i] < 128:
            return number, at + i + 1
    raise InputError("data is damaged: its header contains a number that is too large")
