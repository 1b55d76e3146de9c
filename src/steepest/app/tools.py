"""What the page computes besides bands: labels with proof, and images from a few pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.grey import LUMA, brightness
from ..core.numbers import check_count, check_fraction, check_number
from ..inpainting import inpaint, masks
from ..io import Image
from ..segmentation import threshold_rof
from .job import Answer
from .source import Source
from .wire import to_float16

_MOST_CLASSES = 8
_RANKING: dict[str, Any] = {"density": 0.005, "rng": 0}
Progress = Callable[[Any], bool]


def segmentation_job(
    source: Source, limits: tuple[float, float], args: Mapping[str, Any]
) -> Callable[[Progress], Answer]:
    """Check the arguments and return the computation of labels.

    ``classes`` is their number, ``smoothness`` the weight of contours as a share of the range.
    The buffers of the answer are the labels and, where they are certain, ones (H, W), uint8.
    """
    classes = check_count(args.get("classes"), "classes", least=2, most=_MOST_CLASSES)
    share = check_number(args.get("smoothness"), "smoothness", positive=True, most=10.0)
    strength = float(f"{share * (limits[1] - limits[0]):.3g}")

    def work(on_step: Progress) -> Answer:
        grey = brightness(source.image.array, source.image.channel_axis)
        found = threshold_rof(grey, strength, classes, on_step=on_step)
        certain = found.certain.astype(np.uint8)
        shares = np.bincount(found.labels.ravel(), minlength=classes) / found.labels.size
        fields = {
            "certain": float(certain.mean()), "shares": shares.tolist(),
            "python": _segment_code(source, strength, classes),
            "command": source.command(
                "segment", "--classes", str(classes), f"--strength={strength!r}"
            ),
        }  # fmt: skip
        return fields, [found.labels.astype(np.uint8).tobytes(), certain.tobytes()]

    return work


def sparse_job(
    source: Source,
    values: np.ndarray,
    limits: tuple[float, float],
    ranking: np.ndarray | None,
    args: Mapping[str, Any],
) -> Callable[[Progress], Answer]:
    """Check the arguments and return the computation of an image from a share of its pixels.

    The pixels come from the ``ranking``, or from `laplacian_dither` as long as there is none. The
    buffers of the answer are the image as float16 (H, W, C), and the mask (H, W), uint8.
    """
    density = check_fraction(args.get("density"), "density")

    def work(on_step: Progress) -> Answer:
        if ranking is None:
            known = masks.laplacian_dither(values, density, channel_axis=-1)
        else:
            known = ranking < max(1, round(density * ranking.size))
        found = inpaint(values, known, channel_axis=-1, on_step=on_step).image
        low, high = limits
        error = float(np.mean((np.clip(found, low, high) - values) ** 2)) / (high - low) ** 2
        fields = {
            "psnr": -10 * np.log10(error) if error else None, "kept": int(known.sum()),
            "ranked": ranking is not None,
            "python": _thin_code(source, density, ranking is not None), "command": None,
        }  # fmt: skip
        return fields, [to_float16(found, limits), known.astype(np.uint8).tobytes()]

    return work


def ranking(image: Image) -> Callable[[Progress], Answer]:
    """Return the computation of the masks of all densities.

    The buffer of the answer has one int32 for each pixel: the k best pixels have ranks below k.
    """

    def work(on_step: Progress) -> Answer:
        ranks = masks.echo_ranking(
            image.array, channel_axis=image.channel_axis, on_step=on_step, **_RANKING
        )
        return {}, [ranks.tobytes()]

    return work


def _segment_code(source: Source, strength: float, classes: int) -> str:
    image = source.image
    array = image.array
    single = image.channel_axis is not None and array.shape[-1] == 1
    grey = "image.array[..., 0]" if single else "image.array"
    if array.dtype.kind == "u":
        grey += f" / {np.iinfo(array.dtype).max}"
    if image.channel_axis is not None and not single:
        grey += f" @ np.array({list(LUMA)})"
    return (
        f"{source.python('segmentation', numpy=True)}"
        f"grey = {grey}\n"
        f"found = segmentation.threshold_rof(grey, {strength!r}, {classes})\n"
        "labels, certain = found.labels, found.certain\n"
    )


def _thin_code(source: Source, density: float, ranked: bool) -> str:
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
