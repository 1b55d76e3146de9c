"""The image that is open, repaired or not, and the code and commands that read it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..io import Image, decode_image, encode_image


@dataclass(frozen=True, eq=False)
class Source:
    """``image`` is what everything is computed from; with a ``mask``, it has been filled there."""

    image: Image
    mask: np.ndarray | None = None

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
                "    image.array, unknown=mask, channel_axis=image.channel_axis",
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
        fill = shlex.join(["steepest", "inpaint", name, "--unknown", mask, "-o", repaired])
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


def result_name(image: Image, what: str = "equalised") -> str:
    """Return the name of a result: lossless, and able to hold what the image holds."""
    path = PurePath(image.name.removeprefix("sample:"))
    suffix = path.suffix.lower()
    if suffix not in (".tif", ".tiff", ".npy"):
        suffix = ".png" if image.array.dtype.kind == "u" else ".tif"
    return f"{path.stem or 'image'}_{what}{suffix}"


def _operand(name: str) -> str:
    return f"./{name}" if name.startswith("-") else name
