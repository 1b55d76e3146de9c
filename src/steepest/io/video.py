"""Read and write video files, by ffmpeg through the package ``imageio-ffmpeg``."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.core.lazy import import_extra
from steepest.core.limits import MAX_PIXELS

from .files import decoding
from .image import Image, from_float, in_kind
from .metadata import Metadata
from .paths import check_path
from .pictures import picture_kind

_MATROSKA = b"\x1a\x45\xdf\xa3"  # .mkv, .webm
_FILES_ONLY = ["-protocol_whitelist", "file"]  # a video must not open other addresses
_FPS = 25.0  # of frames that have none


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins like an MP4, MOV, AVI, MKV or WebM file."""
    try:
        with open(check_path(path), "rb") as file:
            head = file.read(12)
    except OSError:
        return False
    if picture_kind(head):  # AVIF and HEIC begin as videos do
        return False
    riff = head[:4] == b"RIFF" and head[8:] == b"AVI "
    return head[4:8] == b"ftyp" or head[:4] == _MATROSKA or riff


def read_video(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Image:
    """Read the frames of a video as RGB images (axes TYXC) of uint8.

    The frames per second are in ``metadata.extra["fps"]``, as ImageJ has them.
    """
    name = check_path(path)
    ffmpeg, frames, held = _ffmpeg(name), [], 0
    with decoding(name):
        reader = ffmpeg.read_frames(os.path.abspath(name), input_params=_FILES_ONLY)
        try:
            facts: dict[str, Any] = next(reader)
            width, height = facts["size"]
            for data in reader:
                held += len(data)
                if held > max_pixels:
                    raise InputError(f"{name}: more than {max_pixels:,} pixels times channels")
                frames.append(np.frombuffer(data, np.uint8).reshape(height, width, 3))
        finally:
            reader.close()
    if not frames:
        raise InputError(f"{name}: holds no frames")
    fps = float(facts["fps"])
    extra = {"fps": fps, "finterval": 1 / fps} if fps > 0 else {}
    metadata = Metadata(flavour="imagej", extra=extra)
    return Image(np.stack(frames), "TYXC", None, metadata, "video", "TYXC", name)


def encode_video(image: Image) -> bytes:
    """The contents of an MP4 file (H.264) of a series of grey or RGB frames, in 8 bits.

    Sides of an odd number of pixels get one more, because the codec needs even ones.
    """
    if image.axes not in ("TYX", "TYXC") or image.array.shape[3:] not in ((), (3,)):
        raise InputError(f"{image.name}: axes {image.axes}; videos hold series, grey or RGB")
    ffmpeg, array = _ffmpeg(image.name), image.array
    if array.dtype.kind == "f":
        frames = from_float(np.clip(array, 0, 1), np.uint8)
    else:
        frames = in_kind(array, np.dtype(np.uint8))
    odd = [(0, n % 2) for n in frames.shape[1:3]]
    frames = np.pad(frames, ((0, 0), *odd, *((0, 0),) * (frames.ndim - 3)), mode="edge")
    size, fps = frames.shape[2:0:-1], float(image.metadata.extra.get("fps") or _FPS)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        writer = ffmpeg.write_frames(
            str(path), size, "rgb24" if frames.ndim == 4 else "gray", fps=fps, quality=8,
            macro_block_size=2,
        )  # fmt: skip
        try:
            writer.send(None)
            for frame in frames:
                writer.send(np.ascontiguousarray(frame))
        except OSError as error:
            text = f"{image.name}: cannot be written as a video ({error!s:.160})"
            raise InputError(text) from error
        finally:
            writer.close()
        return path.read_bytes()


def _ffmpeg(name: str) -> Any:
    how = "imageio imageio-ffmpeg (or 'steepest[video]')"
    return import_extra("imageio_ffmpeg", f"{name}: videos need", how, "imageio-ffmpeg")
