"""Read PNG, JPEG and BMP files and write PNG and JPEG files with Pillow.

16-bit colour PNG files are read, and all 16-bit PNG files are written, by ``png16``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from PIL import Image as Pillow
from PIL import PngImagePlugin

from steepest.core.errors import InputError

from . import png16
from .image import Image, assemble
from .metadata import Metadata
from .pictures import open_picture

_PNG = "PNG"
_KINDS = {_PNG: "png", "BMP": "bmp"}  # anything else is JPEG, including MPO (several pictures)
JPEG_QUALITY = 95
JPEG_DENSITY = 65535  # largest resolution of a JPEG file, in dots per inch


def read(
    file: BinaryIO, name: str, stack: str, channel_axis: int | str | None, max_pixels: int
) -> Image:
    """Read a PNG, JPEG or BMP file. ``channel_axis`` must be "auto", None or the last axis."""
    if channel_axis not in ("auto", None, -1, 2):
        raise InputError(
            f"{name}: channel_axis={channel_axis!r}; allowed are 'auto', None, -1 and 2 for PNG, "
            "JPEG and BMP files"
        )
    picture = open_picture(file, name, max_pixels)
    samples = _samples(picture, file, name)
    kind, count = _KINDS.get(str(picture.format), "jpeg"), samples.shape[2]
    stored = samples[..., 0] if count == 1 else samples
    axes = "YX" if count == 1 else "YXC"
    return assemble(stored, axes, name, kind, int(count in (2, 4)), metadata=_metadata(picture))


def _samples(picture: Pillow.Image, file: BinaryIO, name: str) -> np.ndarray:
    """Return (H, W, k) uint8 or uint16 samples; k = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA."""
    if picture.format == _PNG:
        if getattr(picture, "n_frames", 1) > 1:
            raise InputError(f"{name}: is an animated PNG; allowed are single images")
        bits, count = png16.bits_and_samples(file)
        if bits == 16:
            if count > 1:
                samples = png16.read_colour16(file, count)
                picture.load()
            else:
                samples = np.array(picture).astype(np.uint16)[..., None]
            return _with_key(samples, picture.info.get("transparency"))
    if picture.mode in ("P", "PA"):
        transparent = picture.mode == "PA" or "transparency" in picture.info
        return np.array(picture.convert("RGBA" if transparent else "RGB"))
    if picture.mode == "1":
        picture = picture.convert("L")
    if picture.mode not in ("L", "LA", "RGB", "RGBA"):
        raise InputError(f"{name}: colours in {picture.mode}; allowed are grey, RGB and palettes")
    samples = np.array(picture)
    samples = samples[..., None] if samples.ndim == 2 else samples
    return _with_key(samples, picture.info.get("transparency"))


def _with_key(samples: np.ndarray, key: Any) -> np.ndarray:
    """Add an alpha channel if the PNG file marks one grey value or colour as transparent."""
    if key is None or isinstance(key, bytes) or samples.shape[2] not in (1, 3):
        return samples
    opaque = np.any(samples != np.asarray(key, dtype=np.int64).reshape(-1), axis=-1)
    alpha = opaque.astype(samples.dtype) * samples.dtype.type(np.iinfo(samples.dtype).max)
    return np.concatenate([samples, alpha[..., None]], axis=-1)


def _metadata(picture: Pillow.Image) -> Metadata:
    info: Mapping[Any, Any] = picture.info
    dpi = info.get("dpi")
    known = dpi is not None and all(math.isfinite(value) and value > 0 for value in dpi)
    text = getattr(picture, "text", {}) if picture.format == _PNG else {}
    return Metadata(
        resolution=(float(dpi[0]), float(dpi[1])) if dpi is not None and known else None,
        unit="inch" if known else "",
        icc_profile=info.get("icc_profile") or None,
        exif=info.get("exif") or None,
        gamma=info.get("gamma"),
        text=tuple((str(key), str(value)) for key, value in text.items()),
    )


def write(file: BinaryIO, image: Image, kind: str) -> None:
    """Write a grey or RGB image; PNG files may include transparency."""
    samples = image.samples()
    if samples.ndim == 3 and samples.shape[-1] == 1:
        samples = samples[..., 0]
    metadata = image.metadata
    dpi = metadata.dots_per_inch(JPEG_DENSITY if kind == "jpeg" else 1e8)
    stated = {"dpi": dpi, "icc_profile": metadata.icc_profile, "exif": metadata.exif}
    options: dict[str, Any] = {key: value for key, value in stated.items() if value}
    if kind == "jpeg":
        picture = Pillow.fromarray(np.ascontiguousarray(samples))
        picture.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0, **options)
        return
    options["pnginfo"] = notes = PngImagePlugin.PngInfo()
    if metadata.gamma:
        notes.add(b"gAMA", round(metadata.gamma * 100000).to_bytes(4, "big"))
    for key, value in metadata.text:
        notes.add_text(key, value)
    if samples.dtype == np.uint16:
        png16.write16(file, samples, options)
    else:
        Pillow.fromarray(np.ascontiguousarray(samples)).save(file, _PNG, **options)
