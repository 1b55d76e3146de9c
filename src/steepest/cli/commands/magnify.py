"""``steepest magnify``: make small motion visible."""

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.io.video import encode_video, is_video

from .. import choices
from ..frames import names_of, read_frames, report_folds, series_like
from ..runner import Batch, Item
from ..sources import Source
from ..types import Count, Images, Number, Positive


def magnify(
    *images: Images,
    factor: Number = 10.0,
    modes: Count | None = None,
    max_shift: Positive = 2.0,
    solver: choices.SolverChoice = choices.SolverChoice(),
    reading: choices.FileReading = choices.FileReading(),
    writing: choices.Writing = choices.Writing(),
) -> Batch:
    """Make motion visible that is too small to see.

    The frames are the pages of a TIFF file, several files, or a video. The motion from the first
    frame to each frame is estimated, and the first frame is moved that much, times the factor. The
    result is a TIFF file of all frames, or a video.

    Parameters
    ----------
    factor
        how many times as large the motion becomes
    modes
        keep only so many motions that are local in space and time; the rest is noise
    max_shift
        largest displacement from one frame to the next, in pixels
    writing.output
        TIFF, NPY or MP4 file (default: NAME_magnified.tif here, or .mp4 for a video)

    Examples
    --------
    steepest magnify stack.tif --factor 10
    steepest magnify stack.tif --factor 0            still frames
    steepest magnify bridge.mp4 --factor 30          needs imageio-ffmpeg
    steepest magnify frames/ -o larger.tif --factor 20 --modes 2
    """
    names = names_of(images)
    source = Source(names[0])
    ending = ".mp4" if is_video(names[0]) else ".tif"
    target = source.file(writing.output, "magnified", ending, "series of images")

    def work(item: Item) -> None:
        image, frames = read_frames(item, reading, names, colour=True)
        if len({each.shape for each in frames}) != 1:
            raise InputError(f"{image.name}: at least two frames of one size are needed")
        with item.progress() as on_step:
            result = steepest.motion.magnify(
                np.stack(frames), factor, modes=modes, max_shift=max_shift, on_step=on_step,
                channel_axis=image.channel_axis, **solver.keywords(image),
            )  # fmt: skip
        moved = series_like(image, result.frames)
        item.write(target, encode_video(moved) if target.suffix == ".mp4" else moved)
        largest = float(np.hypot(*result.displacement.swapaxes(0, 1)).max())
        item.report("motion", f"up to {largest:.3g} px before", largest=largest)
        report_folds(item, result.folds, result.status)

    return Batch([source], work, lambda _: {"frames": target}, writing.overwrite)
