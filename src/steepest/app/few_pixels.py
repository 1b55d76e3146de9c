"""Images from a few of their pixels: what compression is built on."""

from typing import Any

import numpy as np

from ..core.arrays import prepare_image
from ..core.numbers import check_fraction
from ..inpainting import inpaint, masks
from ..io import Image
from .source import Source
from .tools import Computation, Made, Progress, Task

_RANKING: dict[str, Any] = {"density": 0.005, "rng": 0}


def thin(task: Task) -> Computation:
    """An image from the share ``density`` of its pixels, float16, and the mask (H, W), uint8.

    They come from the ranking, or from `laplacian_dither` as long as there is none.
    """
    density = check_fraction(task.args.get("density"), "density")
    ranking, limits = task.ranking, task.limits

    def work(on_step: Progress) -> Made:
        values = prepare_image(task.image.array, task.image.channel_axis)[0]
        if ranking is None:
            known = masks.laplacian_dither(values, density, channel_axis=0)
        else:
            known = ranking < max(1, round(density * ranking.size))
        found = inpaint(values, known, channel_axis=0, on_step=on_step).image
        low, high = limits
        error = float(np.mean((np.clip(found, low, high) - values) ** 2)) / (high - low) ** 2
        fields = {
            "psnr": -10 * np.log10(error) if error else None, "kept": int(known.sum()),
            "ranked": ranking is not None,
            "python": _code(task.source, density, ranking is not None), "command": None,
        }  # fmt: skip
        axis = task.image.channel_axis
        image = found[0] if axis is None else np.moveaxis(found, 0, axis)
        return Made(fields, [task.shown(image), known.astype(np.uint8).tobytes()])

    return work


def ranking(image: Image) -> Computation:
    """The masks of all densities: one int32 for each pixel, below k for the k best."""

    def work(on_step: Progress) -> Made:
        ranks = masks.echo_ranking(
            image.array, channel_axis=image.channel_axis, on_step=on_step, **_RANKING
        )
        return Made({}, [ranks.tobytes()])

    return work


def _code(source: Source, density: float, ranked: bool) -> str:
    which = f"image.array, {density!r}, channel_axis=axis"
    mask = f"mask = inpainting.masks.laplacian_dither({which})\n"
    if ranked:
        given = ", ".join(f"{key}={value!r}" for key, value in _RANKING.items())
        mask = (
            f"ranking = inpainting.masks.echo_ranking(image.array, {given}, channel_axis=axis)\n"
            f"mask = ranking < max(1, round({density!r} * ranking.size))\n"
        )
    return (
        f"{source.python('inpainting')}"
        "axis = image.channel_axis\n"
        f"{mask}"
        "result = inpainting.inpaint(image.array, mask, channel_axis=axis).image\n"
    )
