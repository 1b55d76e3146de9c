"""Read what Pillow reads: PNG, JPEG, GIF, WebP, ...; write PNG, JPEG and WebP files.

Of PNG files with 16 bits per sample, Pillow supports only grey ones without alpha. The others are
read, and all are written, here.
"""

import math
import struct
import zlib
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from PIL import Image as Pillow
from PIL import ImageCms, ImageSequence, PngImagePlugin

from steepest.core.errors import InputError

from .image import Image, Request, assemble
from .metadata import Metadata
from .pictures import num_frames, open_picture
from .upright import exif_upright, orientation_of, turned

_PNG = "PNG"
_KINDS = {"MPO": "jpeg", "JPEG2000": "jp2", "PPM": "pnm", "HEIF": "heic"}
_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}  # samples per pixel -> PNG colour type
_AFTER_HEADER = 33  # bytes of the signature and the IHDR chunk of PNG
_DENSITY = {"jpeg": 65535, "webp": 0.0}  # largest resolution that files state, in dots per inch
_OPTIONS: dict[str, dict[str, Any]] = {
    "jpeg": {"quality": 95, "subsampling": 0},
    "webp": {"quality": 95},
    "png": {"compress_level": 4},  # 40 % of the time of 6; files of photographs are 1 % larger
}


def read(file: BinaryIO, name: str, request: Request) -> Image:
    """Read a picture, or the frames of an animation as time points (of a volume, if asked)."""
    if request.channel_axis not in ("auto", None, -1, 2):
        raise InputError(
            f"{name}: channel_axis={request.channel_axis!r}; allowed are 'auto', None, -1 and 2 "
            "for pictures such as PNG and JPEG files"
        )
    request.choose(["image"], name)
    picture = open_picture(file, name, request.max_pixels)
    kind = _KINDS.get(str(picture.format), str(picture.format).lower())
    if picture.format == "GIF" or num_frames(picture) > 1:
        samples, metadata, pages = *_frames(picture), "Z" if request.stack == "volume" else "T"
        if len(samples) == 1:
            samples, metadata, pages = samples[0], Metadata(), ""
    else:
        metadata, pages, white = _metadata(picture), "", _scaled(picture)
        samples = turned(_samples(picture, file, name), metadata.orientation)
        if picture.mode == "CMYK":
            metadata = replace(metadata, icc_profile=None, changed=("CMYK as RGB",))
        elif white:
            metadata = replace(metadata, changed=(f"0 to {white} as the full range",))
    count = samples.shape[-1]
    stored = samples[..., 0] if count == 1 else samples
    axes = f"{pages}YX" if count == 1 else f"{pages}YXC"
    return assemble(stored, axes, name, kind, int(count in (2, 4)), metadata=metadata)


def _scaled(picture: Pillow.Image) -> int:
    """The largest value of a PNM file that Pillow brings to the full range; else 0."""
    tiles: list[Any] = getattr(picture, "tile", [])
    return int(tiles[0].args[1]) if tiles and tiles[0].codec_name.startswith("ppm") else 0


def _frames(picture: Pillow.Image) -> tuple[np.ndarray, Metadata]:
    """The frames of an animation: (T, H, W, k) samples, and metadata with the time step."""
    frames, seconds = [], 0.0
    for frame in ImageSequence.Iterator(picture):
        frames.append(np.asarray(frame.convert("RGBA")))
        seconds += float(frame.info.get("duration") or 0) / 1000
    samples = np.stack(frames)
    samples = samples[..., :3] if bool((samples[..., 3] == 255).all()) else samples
    if bool((samples[..., :3] == samples[..., :1]).all()):  # grey saved as a palette
        samples = samples[..., [0, *range(3, samples.shape[-1])]]
    step = seconds / len(frames)
    extra = {"fps": 1 / step, "finterval": step} if step else {}
    return samples, Metadata(flavour="imagej", extra=extra)


def _as_rgb(picture: Pillow.Image) -> Pillow.Image:
    """A picture of four inks as it is seen: by its colour profile, if it has one."""
    if profile := picture.info.get("icc_profile"):
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            found = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
            return picture.convert("RGB") if found is None else found
        except ImageCms.PyCMSError:  # a damaged profile
            pass
    return picture.convert("RGB")


def _samples(picture: Pillow.Image, file: BinaryIO, name: str) -> np.ndarray:
    """Return (H, W, k) uint8 or uint16 samples; k = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA."""
    bits = 8
    if picture.format == _PNG:
        file.seek(24)
        bits, colour_type = file.read(2)
    if bits == 16:
        count = {kind: count for count, kind in _COLOUR_TYPE.items()}[colour_type]
        samples = np.array(picture).astype(np.uint16) if count == 1 else _colour16(file, count)
        picture.load()
    elif picture.mode in ("P", "PA"):
        transparent = picture.mode == "PA" or "transparency" in picture.info
        return np.array(picture.convert("RGBA" if transparent else "RGB"))
    else:
        if picture.mode == "CMYK":
            picture = _as_rgb(picture)
        picture = picture.convert("L") if picture.mode == "1" else picture
        if picture.mode not in ("L", "LA", "RGB", "RGBA", "I", "I;16", "I;16B", "F"):
            raise InputError(
                f"{name}: colours in {picture.mode}; allowed are grey, RGB, CMYK, palettes"
            )
        samples = np.array(picture)
        if picture.mode[0] == "I" and samples.min() >= 0 and samples.max() < 1 << 16:
            samples = samples.astype(np.uint16)  # of JPEG 2000 and PGM files
    samples = samples[..., None] if samples.ndim == 2 else samples
    return _with_key(samples, picture.info.get("transparency"))


def _colour16(file: BinaryIO, count: int) -> np.ndarray:
    """Decode a 16-bit PNG of 2 to 4 samples twice: Pillow keeps the high bytes, or the low ones."""
    if count == 2:  # grey + alpha: the four bytes of a pixel are decoded as RGBA
        raw = _decode(file, "RGBA", "RGBA")
        high, low = raw[..., 0::2], raw[..., 1::2]
    else:
        mode = "RGB" if count == 3 else "RGBA"
        high, low = _decode(file, mode, f"{mode};16B"), _decode(file, mode, f"{mode};16L")
    return high.astype(np.uint16) << 8 | low


def _decode(file: BinaryIO, mode: str, raw_mode: str) -> np.ndarray:
    file.seek(0)
    image = PngImagePlugin.PngImageFile(file)
    if image.mode != mode:
        raise ValueError(f"16-bit PNG opened as {image.mode}, {mode} expected")
    image.tile = [tile._replace(args=raw_mode) for tile in image.tile]
    return np.array(image)


def _with_key(samples: np.ndarray, key: Any) -> np.ndarray:
    """Add an alpha channel if the PNG file marks one grey value or colour as transparent."""
    if key is None or isinstance(key, bytes) or samples.shape[2] not in (1, 3):
        return samples
    opaque = np.any(samples != np.asarray(key, dtype=np.int64).reshape(-1), axis=-1)
    alpha = opaque.astype(samples.dtype) * samples.dtype.type(np.iinfo(samples.dtype).max)
    return np.concatenate([samples, alpha[..., None]], axis=-1)


def _metadata(picture: Pillow.Image) -> Metadata:
    info: dict[Any, Any] = picture.info
    dpi = tuple(map(float, info.get("dpi") or ()))
    known = len(dpi) == 2 and all(math.isfinite(value) and value > 0 for value in dpi)
    text = getattr(picture, "text", {}) if picture.format == _PNG else {}
    exif, orientation = info.get("exif") or None, orientation_of(picture)
    if orientation > 1:
        exif = exif_upright(picture)
    if orientation > 4:
        dpi = dpi[::-1]  # the axes are swapped
    return Metadata(
        resolution=(dpi[0], dpi[1]) if known else None,
        unit="inch" if known else "",
        icc_profile=info.get("icc_profile") or None,
        exif=exif,
        orientation=orientation,
        gamma=info.get("gamma"),
        text=tuple((str(key), str(value)) for key, value in text.items()),
    )


def write(file: BinaryIO, image: Image, kind: str) -> None:
    """Write a grey or RGB image; PNG and WebP files may include transparency."""
    samples = image.samples()
    if samples.ndim == 3 and samples.shape[-1] == 1:
        samples = samples[..., 0]
    metadata = image.metadata
    dpi = metadata.dots_per_inch(_DENSITY.get(kind, 1e8))
    stated = {"dpi": dpi, "icc_profile": metadata.icc_profile, "exif": metadata.exif}
    options = {key: value for key, value in stated.items() if value} | _OPTIONS[kind]
    if kind == "png":
        options["pnginfo"] = notes = PngImagePlugin.PngInfo()
        if metadata.gamma:
            notes.add(b"gAMA", round(metadata.gamma * 100000).to_bytes(4, "big"))
        for key, value in metadata.text:
            notes.add_text(key, value)
    if samples.dtype == np.uint16:
        _write16(file, samples, options)
    else:
        Pillow.fromarray(np.ascontiguousarray(samples)).save(file, kind, **options)


def _write16(file: BinaryIO, samples: np.ndarray, options: dict[str, Any]) -> None:
    """Write a 16-bit PNG with filter "Sub", and the metadata that Pillow writes with one pixel."""
    height, width = samples.shape[:2]
    count = 1 if samples.ndim == 2 else samples.shape[2]
    raw = np.frombuffer(samples.astype(">u2").tobytes(), np.uint8).reshape(height, -1)
    rows = np.empty((height, 1 + raw.shape[1]), np.uint8)
    rows[:, 0] = 1
    rows[:, 1:] = raw
    rows[:, 1 + 2 * count :] -= raw[:, : -2 * count]
    pixel = BytesIO()
    Pillow.new("L", (1, 1)).save(pixel, _PNG, **options)
    other = pixel.getvalue()
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPE[count], 0, 0, 0)
    file.write(other[:8])
    PngImagePlugin.putchunk(file, b"IHDR", header)
    file.write(other[_AFTER_HEADER : other.rindex(b"IDAT") - 4])
    PngImagePlugin.putchunk(file, b"IDAT", zlib.compress(rows.tobytes(), 6))
    PngImagePlugin.putchunk(file, b"IEND")
