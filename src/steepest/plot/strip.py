"""Show the images of a flow side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steepest.core.errors import InputError
from steepest.core.namespace import detached

from .canvas import caption, number, panel_aspect, panels, picture_of, show
from .checks import check_limits, check_line, check_list, escape


def flow_strip(
    images: np.ndarray | Sequence[np.ndarray],
    times: Sequence[float] | np.ndarray,
    *,
    channel_axis: int | None = None,
    title: str = "",
    notes: Sequence[str] | None = None,
    limits: tuple[float, float] | None = None,
    figure: Figure | None = None,
) -> list[Axes]:
    """Plot the images of a flow with their times, all on the same grey scale.

    Parameters
    ----------
    images
        ``(T, *shape)`` images. By default, the grey scale is the full range of an unsigned integer
        type; for other types it is the range of the first image.
    times
        (T,) times, written above the panels.
    notes
        (T,) additional texts above the panels, for example the certified PSNR.
    limits
        Values that are shown as black and white. The default is described under ``images``.
    figure
        See `band_montage`.

    Returns
    -------
    list of Axes
        One for each image.

    Raises
    ------
    InputError
        If there are no images, if an image cannot be shown, or if the number of times or notes
        differs from the number of images.
    """
    images, instants = check_list(images, "images"), check_line(times, "times")
    words = [""] * len(images) if notes is None else check_list(notes, "notes")
    for name, given in (("times", instants), ("notes", words)):
        if len(images) == 0 or len(given) != len(images):
            raise InputError(f"{len(images)} images and {len(given)} {name}; one each is needed")
    words = [escape(word, "notes") for word in words]
    pictures = [picture_of(image, channel_axis, "images") for image in images]
    dtype = np.asarray(detached(images[0])).dtype
    if limits is not None:
        low, high = check_limits(limits)
    elif dtype.kind == "u":
        low, high = 0.0, float(np.iinfo(dtype).max)
    else:
        low, high = float(pictures[0].min()), float(pictures[0].max())
    all_axes = panels(
        len(pictures), panel_aspect(pictures[0]), figure=figure, title=title,
        columns=len(pictures) if len(pictures) <= 6 else None, lines=1 + any(words),
    )  # fmt: skip
    for axes, picture, time, word in zip(all_axes, pictures, instants, words, strict=True):
        show(axes, picture, low, high)
        caption(axes, f"$t$ = {number(float(time))}", word or " " * any(words))
    return all_axes
