"""``steepest morph``: images between two images."""

from __future__ import annotations

from dataclasses import replace

import steepest
from steepest.core.errors import InputError
from steepest.core.numbers import counted
from steepest.io import Image

from .. import choices
from ..frames import names_of
from ..runner import Batch, Item
from ..sources import Source
from ..types import Count, Images, Positive


def morph(
    *images: Images,
    frames: Count = 9,
    stiffness: Positive = 0.02,
    solver: choices.SolverChoice = choices.SolverChoice(),
    reading: choices.FileReading = choices.FileReading(),
    writing: choices.Writing = choices.Writing(),
) -> Batch:
    """Images between two images, in which things move and change their grey value.

    The images are of one size, grey or RGB. The result is a TIFF file of all frames; the first and
    the last are the images themselves.

    Parameters
    ----------
    frames
        number of frames, with the two images
    stiffness
        with a small number things move, with a large number they fade
    writing.output
        TIFF or NPY file (default: NAME_morph.tif here)

    Examples
    --------
    steepest morph before.png after.png
    steepest morph a.tif b.tif --frames 25 -o series.tif
    steepest morph a.tif b.tif --stiffness 0.005       larger motion
    """
    names = names_of(images)
    if len(names) != 2:
        raise InputError(f"{counted(len(names), 'image')}; needed are two")
    source = Source(names[0])

    def work(item: Item) -> None:
        first = item.read(reading, prepare=_plane, kept=False)
        second = _plane(reading.read(names[1]))
        with item.progress() as on_step:
            result = steepest.motion.morph(
                first.array, second.array, frames, stiffness=stiffness,
                channel_axis=-1 if first.axes == "YXC" else None, on_step=on_step,
                **solver.keywords(first),
            )  # fmt: skip
        axes = "T" + first.axes
        item.write(
            item.files["frames"], replace(first, axes=axes, stored_axes=axes, array=result.frames)
        )
        item.report("folds", counted(result.folds, "triangle"), folds=result.folds)
        item.status = result.status
        item.report("status", str(result.status), status=str(result.status))

    return Batch(
        [source], work, lambda _: {"frames": source.file(writing.output, "morph", ".tif")},
        writing.overwrite,
    )  # fmt: skip


def _plane(image: Image) -> Image:
    """A 2-D image in grey or colour.

    Raises `InputError` for others.
    """
    if image.axes not in ("YX", "YXC"):
        raise InputError(f"{image.name}: has axes {image.axes}; needed is one image")
    return replace(image.without_copies(), alpha=None)
