"""``steepest morph``: images between two images."""

import steepest
from steepest.core.errors import InputError
from steepest.core.numbers import counted

from .. import choices
from ..frames import names_of, read_frames, report_folds, series_like
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
    source = Source(names[0])
    target = source.file(writing.output, "morph", ".tif")

    def work(item: Item) -> None:
        image, pair = read_frames(item, reading, names, colour=True)
        if len(pair) != 2:
            raise InputError(f"{counted(len(pair), 'image')}; needed are two")
        with item.progress() as on_step:
            result = steepest.motion.morph(
                *pair, frames, stiffness=stiffness, channel_axis=image.channel_axis,
                on_step=on_step, **solver.keywords(image),
            )  # fmt: skip
        item.write(target, series_like(image, result.frames))
        report_folds(item, result.folds, result.status)

    return Batch([source], work, lambda _: {"frames": target}, writing.overwrite)
