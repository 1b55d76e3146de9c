"""The structure of one image with the texture of another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_number
from ..io import Image, from_float
from ..spectral import separate_texture
from .job import Answer
from .source import Source, read_upload, result_name
from .wire import to_float16

_MOST = 100.0


@dataclass(frozen=True, eq=False)
class Fusion:
    """The structure and texture of the image, and the texture of another one, split at ``time``."""

    source: Source
    name: str  # of the other image
    time: float
    structure: np.ndarray
    texture: np.ndarray
    other: np.ndarray

    def answer(self, limits: tuple[float, float]) -> Answer:
        """Return structure, texture and the other texture as float16, for the page."""
        width = (0.0, limits[1] - limits[0])
        textures = [to_float16(each, width) for each in (self.texture, self.other)]
        return {"name": self.name}, [to_float16(self.structure, limits), *textures]

    def result(self, args: Mapping[str, Any]) -> Image:
        """Return the sum for the gains ``own`` and ``other`` of the two textures."""
        own, other = _gains(args)
        total = self.structure + own * self.texture + other * self.other
        image = self.source.image
        return image.with_parts([from_float(total, image.array.dtype)])

    def python(self, args: Mapping[str, Any]) -> str:
        """Return Python code that computes `result`."""
        own, other = _gains(args)
        split = f"{self.time!r}, channel_axis=image.channel_axis"
        return (
            f"{self.source.python('spectral')}"
            f"second = io.read_image({self.name!r})\n"
            f"structure, texture = spectral.separate_texture(image.array, {split})\n"
            f"_, other = spectral.separate_texture(second.array, {split})\n"
            f"result = structure + {own!r} * texture + {other!r} * other\n"
            "result = image.with_parts([io.from_float(result, image.array.dtype)])\n"
            f"io.write_image({result_name(self.source.image)!r}, result)\n"
        )


def fusion_job(
    source: Source, args: Mapping[str, Any], buffers: Sequence[bytes], max_pixels: int
) -> Callable[[Callable[[Any], bool]], Fusion]:
    """Check the arguments and return the computation.

    ``time`` separates structure from texture. The buffer is the file of the other image, and
    ``name`` its name.
    """
    time = check_number(args.get("time"), "time", positive=True, most=1e6)
    image, second = source.image, read_upload(args, buffers, max_pixels)
    if second.array.shape != image.array.shape:
        raise InputError(
            f"{second.name}: has the shape {second.array.shape}; to be fused, both images need "
            f"the same size and channels: {image.array.shape}"
        )

    def work(on_step: Callable[[Any], bool]) -> Fusion:
        (structure, texture), (_, other) = (
            separate_texture(each.array, time, channel_axis=image.channel_axis, on_step=on_step)
            for each in (image, second)
        )
        return Fusion(source, second.name, time, structure, texture, other)

    return work


def _gains(args: Mapping[str, Any]) -> tuple[float, float]:
    own, other = (check_number(args.get(key), key, most=_MOST) for key in ("own", "other"))
    return own, other
