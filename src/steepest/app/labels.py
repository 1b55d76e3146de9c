"""Regions, with proof, and objects: the labels that the page draws over the image."""

from typing import Any

import numpy as np

from ..core.grey import LUMA, brightness
from ..core.numbers import check_choice, check_count, check_number
from ..segmentation import find_objects, threshold_rof
from .source import Source
from .tools import Computation, Made, Progress, Task

_MOST_CLASSES = 8
_COLUMNS = ("area", "diameter", "contrast", "score")


def regions(task: Task) -> Computation:
    """Classes by brightness: ``classes`` is their number.

    ``smoothness`` is the weight of contours as a share of the range. The buffers of the answer are
    the labels and, where they are certain, ones (H, W), uint8.
    """
    classes = check_count(task.args.get("classes"), "classes", least=2, most=_MOST_CLASSES)
    share = check_number(task.args.get("smoothness"), "smoothness", positive=True, most=10.0)
    strength = float(f"{share * (task.limits[1] - task.limits[0]):.3g}")

    def work(on_step: Progress) -> Made:
        grey = brightness(task.image.array, task.image.channel_axis)
        found = threshold_rof(grey, strength, classes, on_step=on_step)
        certain = found.certain.astype(np.uint8)
        shares = np.bincount(found.labels.ravel(), minlength=classes) / found.labels.size
        fields = {
            "certain": float(certain.mean()), "shares": shares.tolist(),
            "python": _regions_code(task.source, strength, classes),
            "command": task.source.command(
                "segment", "--classes", str(classes), f"--strength={strength!r}"
            ),
        }  # fmt: skip
        return Made(fields, [found.labels.astype(np.uint8).tobytes(), certain.tobytes()])

    return work


def objects(task: Task) -> Computation:
    """Compact objects, as `find_objects` finds them: labels (H, W), int32, and ``rows``."""
    least = check_number(task.args.get("min_score"), "min_score", positive=True)
    polarity: Any = check_choice(task.args.get("polarity"), "polarity", ("both", "bright", "dark"))
    source, axis = task.source, task.image.channel_axis

    def work(on_step: Progress) -> Made:
        found = find_objects(task.image.array, least, polarity, channel_axis=axis)
        rows = [
            [int(row["label"]), *(float(row[name]) for name in _COLUMNS), *row["centroid"].tolist()]
            for row in found.table
        ]
        options: dict[str, Any] = {"min_score": least, "polarity": polarity}
        keywords = ", ".join(f"{key}={value!r}" for key, value in options.items())
        python = (
            f"{source.python('segmentation')}"
            f"found = segmentation.find_objects(\n"
            f"    image.array, {keywords}, channel_axis=image.channel_axis\n)\n"
            "table, labels = found.table, found.labels\n"
        )
        words = (f"--min-score={least!r}", f"--polarity={polarity}", "--overlay", "found.png")
        fields = {
            "columns": ["object", *_COLUMNS, "y", "x"], "rows": rows,
            "python": python, "command": source.command("objects", *words),
        }  # fmt: skip
        return Made(fields, [found.labels.astype(np.int32).tobytes()])

    return work


def _regions_code(source: Source, strength: float, classes: int) -> str:
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
