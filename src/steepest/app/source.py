"""The image that is open, repaired or not, the code that reads it, and the files of results."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import numpy as np

from ..core.arrays import prepare_image
from ..core.errors import InputError
from ..core.numbers import check_choice
from ..inpainting import METHODS
from ..io import Image, decode_image, encode_image, from_float, read_image
from .frames import shrink

SAMPLES, _THUMBNAIL = ("coffee", "camera", "noisy-camera"), 160  # pixels
FORMATS = ("as opened", ".png", ".tif", ".jpg", ".webp")  # of results


@dataclass(frozen=True, eq=False)
class Source:
    """The ``image`` that is worked on; with a ``mask``, it has been filled by the ``method``."""

    image: Image
    mask: np.ndarray | None = None
    method: str = "diffusion"

    def python(self, *modules: str, numpy: bool = False) -> str:
        """Return code that imports modules of steepest and defines ``image``."""
        names = {"io", *modules} | ({"inpainting"} if self.mask is not None else set())
        lines = ["import numpy as np"] if numpy else []
        lines += [f"from steepest import {', '.join(sorted(names))}", ""]
        if self.image.format:
            lines.append(f"image = io.read_image({self.image.name!r})")
        else:
            lines.append(f'image = io.Image(image, "{self.image.axes}")  # the array')
        if self.mask is not None:
            lines += [
                f"mask = io.read_image({self.mask_name!r}).array > 0  # the repaired pixels",
                "filled = inpainting.inpaint(",
                f"    image.array, method=inpainting.{METHODS[self.method]}(), unknown=mask,",
                "    channel_axis=image.channel_axis,",
                ").image",
                "image = image.with_parts([filled])",
            ]
        return "\n".join([*lines, ""])

    def command(self, verb: str, *words: str) -> str | None:
        """Return the ``steepest`` command; None for an array, which has no file."""
        if not self.image.format:
            return None
        name = _operand(self.image.name)
        if self.mask is None:
            return shlex.join(["steepest", verb, name, *words])
        repaired = f"./{result_name(self.image, 'repaired')}"
        mask = _operand(self.mask_name)
        given = ["--unknown", mask, f"--method={self.method.replace('_', '-')}", "-o", repaired]
        fill = shlex.join(["steepest", "inpaint", name, *given])
        return f"{fill} && {shlex.join(['steepest', verb, repaired, *words])}"

    @property
    def mask_name(self) -> str:
        """The name of the mask's file."""
        return f"{PurePath(result_name(self.image, 'mask')).stem}.png"

    def mask_file(self) -> bytes:
        """Return the mask as a PNG file: 255 where the image was repaired."""
        if self.mask is None:
            raise InputError("the image has not been repaired")
        return encode_image(Image(np.where(self.mask, np.uint8(255), np.uint8(0)), "YX"), "m.png")


def read_upload(args: Mapping[str, Any], buffers: Sequence[bytes], max_pixels: int) -> Image:
    """Return the image of a request: the contents of one file, and its ``name``."""
    name, data = check_upload(args, buffers)
    return decode_image(data, name, max_pixels=max_pixels)


def check_upload(args: Mapping[str, Any], buffers: Sequence[bytes]) -> tuple[str, bytes]:
    """Return the name and the contents of the file of a request."""
    if len(buffers) != 1:
        raise InputError(f"the contents of one file are needed; given: {len(buffers)}")
    name = args.get("name", "image")
    if not isinstance(name, str) or not 0 < len(name) <= 255 or not name.isprintable():
        raise InputError(f"name={name!r:.40}; allowed are printable file names")
    return name, bytes(buffers[0])


def thumbnail(name: str) -> bytes:
    """Return a small copy (PNG) of a bundled picture."""
    image = read_image(f"sample:{name}")
    step = -(-max(image.array.shape) // _THUMBNAIL)
    small = shrink(np.atleast_3d(image.array), step).astype(np.uint8)
    shown = small if image.channel_axis is not None else small[..., 0]
    return encode_image(Image(shown, image.axes), "thumbnail.png")


def result_name(image: Image, what: str = "equalised", suffix: str = "") -> str:
    """Return the name of a result; without a ``suffix``, lossless, for all that the image holds."""
    path = PurePath(image.name.removeprefix("sample:"))
    own = path.suffix.lower()
    if own not in (".tif", ".tiff", ".npy"):
        own = ".png" if image.array.dtype.kind == "u" else ".tif"
    return f"{path.stem or 'image'}_{what}{suffix or own}"


def result_file(
    image: Image, what: str, args: Mapping[str, Any], limits: tuple[float, float]
) -> tuple[str, bytes]:
    """Return the name and the contents of the file of a result, in the ``format`` asked for.

    Pictures of floats, and JPEG and WebP files of 16 bits, hold what the page shows: ``limits``
    become black and white.
    """
    wanted = check_choice(args.get("format", FORMATS[0]), "format", FORMATS)
    suffix = "" if wanted == FORMATS[0] else wanted
    name, dtype = result_name(image, what, suffix), image.array.dtype
    small = suffix in (".jpg", ".webp")
    if (small and dtype != np.uint8) or (suffix == ".png" and dtype.kind == "f"):
        (low, high), axis = limits, image.channel_axis
        values = (prepare_image(image.array, axis)[0] - low) / (high - low)
        values = np.moveaxis(values, 0, -1) if axis is not None else values[0]
        held = from_float(values.clip(0, 1), np.uint8 if small else np.uint16)
        image = image.with_parts([held])
    if suffix == ".jpg":
        image = replace(image, alpha=None)
    return name, encode_image(image, name)


def _operand(name: str) -> str:
    return f"./{name}" if name.startswith("-") else name
