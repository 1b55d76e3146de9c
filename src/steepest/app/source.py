"""The image that is open, repaired or not, and the code and commands that read it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_number
from ..inpainting import inpaint
from ..io import Image, encode_image

_MOST_STROKES, _MOST_POINTS = 1000, 100_000
_WIDEST = 1000.0  # radius of the brush in pixels


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
        repaired = f"./{target(self.image, 'repaired')}"
        mask = _operand(self.mask_name)
        fill = shlex.join(["steepest", "inpaint", name, "--unknown", mask, "-o", repaired])
        return f"{fill} && {shlex.join(['steepest', verb, repaired, *words])}"

    @property
    def mask_name(self) -> str:
        """The name of the mask's file."""
        return f"{PurePath(target(self.image, 'mask')).stem}.png"

    def mask_file(self) -> bytes:
        """Return the mask as a PNG file: 255 where the image was repaired.

        Raises
        ------
        InputError
            If the image has not been repaired.
        """
        if self.mask is None:
            raise InputError("the image has not been repaired")
        return encode_image(Image(np.where(self.mask, np.uint8(255), np.uint8(0)), "YX"), "m.png")


def repaired(image: Image, args: Mapping[str, Any]) -> Source:
    """Fill the pixels under ``strokes``: lists of a radius and of the x and y of some points."""
    strokes = args.get("strokes")
    if not isinstance(strokes, list) or len(strokes) > _MOST_STROKES:
        raise InputError(f"strokes={strokes!r:.40}; allowed are up to {_MOST_STROKES} strokes")
    if not strokes:
        return Source(image)
    mask = np.zeros(image.array.shape[:2], bool)
    for stroke in strokes:
        if not isinstance(stroke, list) or not 3 <= len(stroke) <= _MOST_POINTS:
            raise InputError(f"strokes: {stroke!r:.40} is not a radius and points")
        radius, *numbers = (check_number(each, "strokes", least=-1e6, most=1e6) for each in stroke)
        if not 0 < radius <= _WIDEST or len(numbers) % 2:
            raise InputError(f"strokes: {stroke!r:.40} is not a radius and points")
        points = np.array(numbers).reshape(-1, 2)
        for a, b in zip(points, points[1:] if len(points) > 1 else points, strict=False):
            _draw(mask, a, b, radius)
    if mask.all():
        raise InputError("the strokes cover the whole image; nothing is left to fill it from")
    filled = inpaint(image.array, unknown=mask, channel_axis=image.channel_axis).image
    return Source(image.with_parts([filled]), mask)


def _draw(mask: np.ndarray, a: np.ndarray, b: np.ndarray, radius: float) -> None:
    """Set the pixels whose centres are up to ``radius`` from the line from ``a`` to ``b``."""
    low = np.floor(np.minimum(a, b) - radius - 1).astype(int).clip(0)
    high = np.ceil(np.maximum(a, b) + radius + 1).astype(int).clip(0)
    part = mask[low[1] : high[1], low[0] : high[0]]
    y, x = np.mgrid[: part.shape[0], : part.shape[1]]
    x, y = x + low[0] + 0.5 - a[0], y + low[1] + 0.5 - a[1]
    along = b - a
    share = np.clip((x * along[0] + y * along[1]) / max(float(along @ along), 1e-12), 0, 1)
    part |= np.hypot(x - share * along[0], y - share * along[1]) <= radius


def target(image: Image, what: str = "equalised") -> str:
    """Return the name of a result: lossless, and able to hold what the image holds."""
    path = PurePath(image.name.removeprefix("sample:"))
    suffix = path.suffix.lower()
    if suffix not in (".tif", ".tiff", ".npy"):
        suffix = ".png" if image.array.dtype.kind == "u" else ".tif"
    return f"{path.stem or 'image'}_{what}{suffix}"


def _operand(name: str) -> str:
    return f"./{name}" if name.startswith("-") else name
