"""PNG files with 16 bits per sample, of which Pillow supports only grey ones without alpha."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}  # samples per pixel -> PNG colour type
_AFTER_HEADER = 33  # bytes of the signature and the IHDR chunk


def bits_and_samples(file: BinaryIO) -> tuple[int, int]:
    """Return the bits per sample and samples per pixel (1 for a palette) of a PNG file."""
    file.seek(0)
    head = file.read(26)
    samples = {kind: count for count, kind in _COLOUR_TYPE.items()}
    return head[24], samples.get(head[25], 1)


def read_colour16(file: BinaryIO, samples: int) -> np.ndarray:
    """Decode a 16-bit PNG with 2, 3 or 4 samples per pixel to a (H, W, samples) uint16 array.

    Pillow keeps only one byte of each sample. The file is therefore decoded twice, as big-endian
    and as little-endian, to obtain the high and the low bytes.
    """
    if samples == 2:  # grey + alpha: the four bytes of a pixel are decoded as RGBA
        raw = _decode(file, "RGBA", "RGBA")
        high, low = raw[..., 0::2], raw[..., 1::2]
    else:
        mode = "RGB" if samples == 3 else "RGBA"
        high, low = _decode(file, mode, f"{mode};16B"), _decode(file, mode, f"{mode};16L")
    return high.astype(np.uint16) << 8 | low


def _decode(file: BinaryIO, mode: str, raw_mode: str) -> np.ndarray:
    file.seek(0)
    image = PngImagePlugin.PngImageFile(file)
    if image.mode != mode:
        raise ValueError(f"16-bit PNG opened as {image.mode}, {mode} expected")
    image.tile = [tile._replace(args=raw_mode) for tile in image.tile]
    return np.array(image)


def write16(file: BinaryIO, samples: np.ndarray, options: dict[str, Any]) -> None:
    """Write a (H, W) or (H, W, 2|3|4) uint16 array, with filter "Sub" and no interlacing.

    ``options`` are those of Pillow for the metadata; it writes them with one grey pixel.
    """
    height, width = samples.shape[:2]
    count = 1 if samples.ndim == 2 else samples.shape[2]
    raw = np.frombuffer(samples.astype(">u2").tobytes(), np.uint8).reshape(height, -1)
    rows = np.empty((height, 1 + raw.shape[1]), np.uint8)
    rows[:, 0] = 1
    rows[:, 1:] = raw
    rows[:, 1 + 2 * count :] -= raw[:, : -2 * count]
    with BytesIO() as pixel:
        Image.new("L", (1, 1)).save(pixel, "PNG", **options)
        other = pixel.getvalue()
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPE[count], 0, 0, 0)
    file.write(other[:8])
    PngImagePlugin.putchunk(file, b"IHDR", header)
    file.write(other[_AFTER_HEADER : other.rindex(b"IDAT") - 4])
    PngImagePlugin.putchunk(file, b"IDAT", zlib.compress(rows.tobytes(), 6))
    PngImagePlugin.putchunk(file, b"IEND")
