"""Compare coders for masks: general compressors, image formats, and a range coder with our model.

    python -m benchmarks.mask_coding FOLDER                           # masks of all its images
    python -m benchmarks.mask_coding FOLDER --mask echo --density 0.05 --images 10

The sizes are bytes of the mask alone, summed over the images, without headers that a container
would not need (zlib and LZMA raw; image formats as Pillow writes them). "gaps" are the numbers of
unknown pixels between known pixels in raster order, one byte each (255 means 255 and continue).
zstandard is measured if it is installed. The last rows are for the values, in bits per known pixel,
at the levels that `steepest.compression.pack` chooses.
"""

from __future__ import annotations

import argparse
import bz2
import lzma
import zlib
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from benchmarks import classical_masks
from steepest.compression import known_pixels, pack
from steepest.compression.coder import encode_bits
from steepest.compression.streams import model
from steepest.inpainting import masks
from steepest.io import image_files, read_image


def gaps(mask: np.ndarray) -> bytes:
    """The number of unknown pixels before each known pixel, as bytes."""
    out = bytearray()
    for gap in np.diff(np.flatnonzero(mask.ravel()), prepend=-1) - 1:
        out += b"\xff" * (int(gap) // 255) + bytes([int(gap) % 255])
    return bytes(out)


def packed_bits(mask: np.ndarray) -> bytes:
    """The mask as bytes with eight pixels per byte."""
    return np.packbits(mask, axis=1).tobytes()


def deflate(data: bytes, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> int:
    """The size with zlib."""
    coder = zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy)
    return len(coder.compress(data) + coder.flush())


def raw_lzma(data: bytes) -> int:
    """The size with LZMA without alignment and literal contexts."""
    chain = [
        {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 0, "pb": 0}
    ]
    return len(lzma.compress(data, lzma.FORMAT_RAW, filters=chain))


def by_pillow(mask: np.ndarray, codec: str, **options: Any) -> int:
    """The size as an image file."""
    with BytesIO() as file:
        picture = Pillow.fromarray(mask)
        (picture.convert("L") if codec == "WEBP" else picture).save(file, codec, **options)
        return file.tell()


def entropy(mask: np.ndarray) -> float:
    """The entropy in bytes of independent bits of the same density."""
    p = float(mask.mean())
    return mask.size * -(p * np.log2(p) + (1 - p) * np.log2(1 - p)) / 8


def coders() -> dict[str, Callable[[np.ndarray], float]]:
    """Functions that return the size of a mask in bytes, by name."""
    found: dict[str, Callable[[np.ndarray], float]] = {
        "entropy of independent pixels": entropy,
        "TIFF, CCITT group 4": lambda m: by_pillow(m, "TIFF", compression="group4"),
        "PNG, 1 bit": lambda m: by_pillow(m, "PNG", optimize=True),
        "WebP, lossless": lambda m: by_pillow(m, "WEBP", lossless=True, quality=100, method=6),
        "bits, zlib": lambda m: deflate(packed_bits(m)),
        "bits, bz2": lambda m: len(bz2.compress(packed_bits(m))),
        "bits, LZMA": lambda m: raw_lzma(packed_bits(m)),
        "gaps, zlib Huffman": lambda m: deflate(gaps(m), zlib.Z_HUFFMAN_ONLY),
        "gaps, LZMA": lambda m: raw_lzma(gaps(m)),
    }
    if find_spec("zstandard"):
        zstd = import_module("zstandard").ZstdCompressor(level=22)
        found["gaps, zstd"] = lambda m: len(zstd.compress(gaps(m)))
    return found


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, help="number of images (default all)")
    parser.add_argument("--mask", default="echo", help="mask method (default echo)")
    parser.add_argument("--density", type=float, default=0.05)
    arguments = parser.parse_args()
    source = classical_masks if hasattr(classical_masks, arguments.mask) else masks
    choose: Callable[..., np.ndarray] = getattr(source, arguments.mask)
    sizes: Counter[str] = Counter()
    pixels = known = 0
    for path in image_files(arguments.folder)[: arguments.images]:
        image = read_image(path)
        axis, density = image.channel_axis, arguments.density
        chosen = choose(image.array, density, channel_axis=axis, rng=0)
        packed = pack(image.array, mask=chosen, channel_axis=axis)
        for name, coder in coders().items():
            sizes[name] += coder(packed.mask)
        header, mask, values = known_pixels(packed.data)
        parts = model(mask.reshape(header.grid), values, header.levels)
        sizes["constriction, our model"] += len(encode_bits(*parts[0]))
        for number, part in enumerate(parts[1:]):
            sizes[f"values of channel {number}"] += len(encode_bits(*part))
        pixels, known = pixels + mask.size, known + int(mask.sum())
    print(
        f"| {arguments.mask}, density {arguments.density:g} | bytes | bits/pixel |\n|---|---|---|"
    )
    for name, size in sizes.items():
        if not name.startswith("values"):
            print(f"| {name} | {size:.0f} | {8 * size / pixels:.4f} |")
    for name, size in sizes.items():
        if name.startswith("values"):
            print(f"| {name} | {size:.0f} | {8 * size / known:.2f} per known pixel |")


if __name__ == "__main__":
    main()
