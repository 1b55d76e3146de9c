"""The image denoised by a patch model: one from a file, or learned from a good image."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from ..core.arrays import prepare_image
from ..core.errors import InputError
from ..flows.noise import estimate_noise
from ..io import encode_image
from ..patches import denoise, fit
from ..patches.files import SUFFIX, decode
from .job import Answer
from .source import Source, check_upload, read_upload, result_name
from .wire import to_float16


def learned_job(
    source: Source,
    limits: tuple[float, float],
    args: Mapping[str, Any],
    buffers: Sequence[bytes],
    max_pixels: int,
) -> Callable[[Callable[[Any], bool]], Answer]:
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

    def work(on_step: Callable[[Any], bool]) -> Answer:
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
