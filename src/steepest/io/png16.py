"""Read and write colour PNG files with 16 bits per sample, which Pillow does not support."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

import numpy as np
from PIL import PngImagePlugin

from .metadata import Metadata

_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}  # samples per pixel -> PNG colour type
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def bits_and_samples(file: BinaryIO) -> tuple[int, int]:
    """Return the bits per sample and samples per pixel (1 for a palette) of a PNG file."""
    head = file.read(26)
    file.seek(0)
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


def write16(file: BinaryIO, samples: np.ndarray, metadata: Metadata) -> None:
    """Write a (H, W) or (H, W, 2|3|4) uint16 array, with filter "Sub" and no interlacing."""
    height, width = samples.shape[:2]
    count = 1 if samples.ndim == 2 else samples.shape[2]
    step = 2 * count
    raw = np.frombuffer(samples.astype(">u2").tobytes(), np.uint8).reshape(height, width * step)
    rows = np.empty((height, 1 + width * step), np.uint8)
    rows[:, 0] = 1
    rows[:, 1:] = raw
    rows[:, 1 + step :] -= raw[:, :-step]
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPE[count], 0, 0, 0)
    chunks = [(b"IHDR", header), *_notes(metadata), (b"IDAT", zlib.compress(rows.tobytes(), 6))]
    file.write(SIGNATURE)
    for kind, data in [*chunks, (b"IEND", b"")]:
        file.write(struct.pack(">I", len(data)) + kind + data)
        file.write(struct.pack(">I", zlib.crc32(kind + data)))


def _notes(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """Return the chunks between header and pixels: gamma, profile, pixel size, text, EXIF."""
    chunks = []
    if metadata.gamma:
        chunks.append((b"gAMA", struct.pack(">I", round(metadata.gamma * 100000))))
    if metadata.icc_profile:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc_profile)))
    dpi = metadata.dots_per_inch()
    if dpi is not None:
        x, y = (round(value / 0.0254) for value in dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", x, y, 1)))
    for key, value in metadata.text:
        data = key.encode("latin-1", "replace") + b"\0\0\0\0\0" + value.encode("utf-8")
        chunks.append((b"iTXt", data))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif.removeprefix(b"Exif\0\0")))
    return chunks
