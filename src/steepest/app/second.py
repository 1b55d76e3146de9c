"""What takes a second image: its texture on this one, and a patch model learned from it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from ..core.arrays import prepare_image
from ..core.errors import InputError
from ..core.numbers import check_number
from ..flows.noise import estimate_noise
from ..io import Image, encode_image, from_float
from ..patches import denoise, fit
from ..patches.files import SUFFIX, decode
from ..spectral import separate_texture
from .job import Answer
from .source import Source, check_upload, read_upload, result_name
from .wire import to_float16

_MOST = 100.0  # gain of a texture
Progress = Callable[[Any], bool]


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
) -> Callable[[Progress], Fusion]:
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

    def work(on_step: Progress) -> Fusion:
        (structure, texture), (_, other) = (
            separate_texture(each.array, time, channel_axis=image.channel_axis, on_step=on_step)
            for each in (image, second)
        )
        return Fusion(source, second.name, time, structure, texture, other)

    return work


def _gains(args: Mapping[str, Any]) -> tuple[float, float]:
    own, other = (check_number(args.get(key), key, most=_MOST) for key in ("own", "other"))
    return own, other


def learned_job(
    source: Source,
    limits: tuple[float, float],
    args: Mapping[str, Any],
    buffers: Sequence[bytes],
    max_pixels: int,
) -> Callable[[Progress], Answer]:
    """Check the file, and return the computation.

    The buffer is the file of a good image or of a model, and ``name`` its name. The buffers of the
    answer are the denoised image as float16 (H, W, C), and its file.
    """
    image, axis = source.image, source.image.channel_axis
    name, data = check_upload(args, buffers)
    model = decode(data, name) if name.lower().endswith(SUFFIX) else None
    good = None if model else read_upload(args, buffers, max_pixels)
    if good is not None and good.array.shape[2:] != image.array.shape[2:]:
        raise InputError(
            f"{name}: has axes {good.axes} and shape {good.array.shape}; the good image must have "
            f"the channels of this one, of shape {image.array.shape}"
        )

    def work(on_step: Progress) -> Answer:
        own = model
        if good is not None:
            own = fit(good.array, channel_axis=good.channel_axis, on_step=on_step)
        assert own is not None
        sigma = estimate_noise(image.array, channel_axis=axis)
        result = denoise(image.array, own, sigma, channel_axis=axis, on_step=on_step)
        file = result_name(image, "denoised")
        fields = {"name": file, "model": repr(own), "noise": sigma, **_code(source, name, file)}
        values, _ = prepare_image(result, axis)
        shown = to_float16(np.moveaxis(values, 0, -1), limits)
        return fields, [shown, encode_image(image.with_parts([result]), file)]

    return work


def _code(source: Source, name: str, file: str) -> dict[str, str | None]:
    """Python code and a command that compute the file by the model or the good image."""
    axis = "channel_axis=image.channel_axis"
    model, learn = name, f"model = patches.load({name!r})\n"
    if not name.lower().endswith(SUFFIX):
        model = f"{PurePath(name).stem}{SUFFIX}"
        learn = (
            f"good = io.read_image({name!r})\n"
            "model = patches.fit(good.array, channel_axis=good.channel_axis)\n"
        )
    python = (
        f"{source.python('patches')}{learn}"
        f"result = patches.denoise(image.array, model, {axis})\n"
        f"io.write_image({file!r}, image.with_parts([result]))\n"
    )
    command = source.command("denoise", "--model", model, "-o", file)
    if command is not None and model != name:
        command = f"{shlex.join(['steepest', 'patches', 'fit', name, '-o', model])} && {command}"
    return {"python": python, "command": command}
