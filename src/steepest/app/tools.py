"""What the page computes besides bands: labels with proof, and images from a few pixels."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.grey import LUMA
from ..core.numbers import check_count, check_fraction, check_number
from ..inpainting import inpaint, masks
from ..io import Image
from ..segmentation import threshold_rof
from .job import Answer

_MOST_CLASSES = 8
Progress = Callable[[Any], bool]


def segmenting(
    image: Image, limits: tuple[float, float], args: Mapping[str, Any]
) -> Callable[[Progress], Answer]:
    """Check the arguments and return the computation of labels.

    ``classes`` is their number, ``smoothness`` the weight of contours as a share of the range.
    The buffers of the answer are the labels and, where they are certain, ones (H, W), uint8.
    """
    classes = check_count(args.get("classes"), "classes", least=2, most=_MOST_CLASSES)
    share = check_number(args.get("smoothness"), "smoothness", positive=True, most=10.0)
    strength = float(f"{share * (limits[1] - limits[0]):.3g}")

    def work(on_step: Progress) -> Answer:
        found = threshold_rof(_grey(image), strength, classes, on_step=on_step)
        certain = found.certain.astype(np.uint8)
        shares = np.bincount(found.labels.ravel(), minlength=classes) / found.labels.size
        fields = {
            "certain": float(certain.mean()), "shares": shares.tolist(),
            "python": _segment_code(image, strength, classes),
            "command": _segment_command(image, strength, classes),
        }  # fmt: skip
        return fields, [found.labels.astype(np.uint8).tobytes(), certain.tobytes()]

    return work


def thinning(
    image: Image, values: np.ndarray, limits: tuple[float, float], args: Mapping[str, Any]
) -> Callable[[Progress], Answer]:
    """Check the arguments and return the computation of an image from a share of its pixels.

    The buffers of the answer are the image as float16 (H, W, C), and the mask (H, W), uint8.
    """
    density = check_fraction(args.get("density"), "density")

    def work(on_step: Progress) -> Answer:
        known = masks.laplacian_dither(values, density, channel_axis=-1)
        found = inpaint(values, known, channel_axis=-1, on_step=on_step).image
        low, high = limits
        error = float(np.mean((np.clip(found, low, high) - values) ** 2)) / (high - low) ** 2
        fields = {
            "psnr": -10 * np.log10(error) if error else None, "kept": int(known.sum()),
            "python": _thin_code(image, density), "command": None,
        }  # fmt: skip
        shown = ((found - low) / (high - low)).astype(np.float16)
        return fields, [shown.tobytes(), known.astype(np.uint8).tobytes()]

    return work


def _grey(image: Image) -> np.ndarray:
    """Return the brightness (H, W) in float64, as ``steepest segment`` does."""
    page = image.array
    page = page / np.iinfo(page.dtype).max if page.dtype.kind == "u" else page.astype(np.float64)
    if image.channel_axis is None:
        return np.asarray(page)
    return np.asarray(page[..., 0] if page.shape[-1] == 1 else page @ np.array(LUMA))


def _segment_code(image: Image, strength: float, classes: int) -> str:
    array = image.array
    single = image.channel_axis is not None and array.shape[-1] == 1
    grey = "image.array[..., 0]" if single else "image.array"
    if array.dtype.kind == "u":
        grey += f" / {np.iinfo(array.dtype).max}"
    if image.channel_axis is not None and not single:
        grey += f" @ np.array({list(LUMA)})"
    return (
        "import numpy as np\nfrom steepest import io, segmentation\n\n"
        f"{_source(image)}"
        f"grey = {grey}\n"
        f"found = segmentation.threshold_rof(grey, {strength!r}, {classes})\n"
        "labels, certain = found.labels, found.certain\n"
    )


def _segment_command(image: Image, strength: float, classes: int) -> str | None:
    if not image.format:
        return None
    name = f"./{image.name}" if image.name.startswith("-") else image.name
    words = ["steepest", "segment", name, "--classes", str(classes), f"--strength={strength!r}"]
    return shlex.join(words)


def _thin_code(image: Image, density: float) -> str:
    return (
        "from steepest import inpainting, io\n\n"
        f"{_source(image)}"
        "axis = image.channel_axis\n"
        f"mask = inpainting.masks.laplacian_dither(image.array, {density!r}, channel_axis=axis)\n"
        "result = inpainting.inpaint(image.array, mask, channel_axis=axis).image\n"
    )


def _source(image: Image) -> str:
    if image.format:
        return f"image = io.read_image({image.name!r})\n"
    return f'image = io.Image(image, "{image.axes}")  # the array\n'
