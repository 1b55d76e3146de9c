"""Show the bands of a decomposition, or the images of a flow, in one figure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steepest.core.errors import InputError
from steepest.core.namespace import detached

from .canvas import (
    band_colours,
    caption,
    interval,
    number,
    panel_aspect,
    panels,
    picture_of,
    show,
)
from .checks import check_edges, check_limits, check_line, check_list, escape


def band_montage(
    bands: np.ndarray | Sequence[np.ndarray],
    residual: np.ndarray,
    edges: Sequence[float] | np.ndarray,
    *,
    image: np.ndarray | None = None,
    channel_axis: int | None = None,
    title: str = "",
    limits: tuple[float, float] | None = None,
    figure: Figure | None = None,
) -> list[Axes]:
    """Plot the image, its bands from fine to coarse, and the residual.

    Of a volume, the middle slice is shown.

    Parameters
    ----------
    bands
        ``(B, *shape)`` bands. Each band has its own grey scale, on which zero is mid-grey. It
        extends from minus to plus the 99.5th percentile of the absolute values of the band; this
        value is given in the caption.
    residual
        Array of shape ``shape``: what remains after the last band. It is shown on the grey scale of
        the image.
    edges
        (B + 1,) times that separate the bands; the last one may be infinite.
    image
        Array of shape ``shape``. If given, it is shown in the first panel.
    channel_axis
        Axis of a single image that holds the channels.
    title
        Text above everything.
    limits
        Values of the image and residual that are shown as black and white. The default is 0 and 1,
        or the range of the image if it exceeds [0, 1] or covers only a small part of it. If
        ``image`` is None, the range of the residual is used instead.
    figure
        An empty figure, which is resized. Default: a new one of pyplot.

    Returns
    -------
    list of Axes
        One for each panel.

    Raises
    ------
    InputError
        If an image cannot be shown, if the edges decrease, or if the number of edges is not one
        more than the number of bands.
    """
    bands, edges = check_list(bands, "bands"), check_edges(edges)
    if len(edges) != len(bands) + 1:
        raise InputError(f"{len(edges)} edges for {len(bands)} bands; one more is needed")
    pictures = [picture_of(band, channel_axis, "bands") for band in bands]
    rest = picture_of(residual, channel_axis, "residual")
    whole = None if image is None else picture_of(image, channel_axis)
    low, high = _grey_range(rest if whole is None else whole)
    if limits is not None:
        low, high = check_limits(limits)
    grey = f"{number(low)} \u2026 {number(high)}"
    content: list[Any] = [] if whole is None else [(whole, low, high, "image", grey)]
    for i, (picture, colour) in enumerate(zip(pictures, band_colours(len(bands)), strict=True)):
        limit = _half_width(picture)
        name = f"band {i + 1}   {interval(float(edges[i]), float(edges[i + 1]))}"
        note = f"\u00b1{number(limit)}" if limit else "empty"
        content.append((picture, -limit or -1.0, limit or 1.0, name, note, colour))
    end = "" if np.isinf(edges[-1]) else f"   $t$ > {number(float(edges[-1]))}"
    content.append((rest, low, high, f"residual{end}", grey))
    all_axes = panels(len(content), panel_aspect(rest), figure=figure, title=title, lines=2)
    for axes, (picture, least, most, *words) in zip(all_axes, content, strict=True):
        show(axes, picture, least, most)
        caption(axes, *words)
    return all_axes


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


def _half_width(picture: np.ndarray) -> float:
    limit = float(np.percentile(np.abs(picture), 99.5))
    return limit or float(np.abs(picture).max())


def _grey_range(picture: np.ndarray) -> tuple[float, float]:
    """Return [0, 1] if the values lie in it and exceed 0.3, and their own range otherwise."""
    low, high = float(picture.min()), float(picture.max())
    if low >= -1e-3 and high <= 1.001 and high > 0.3:
        return 0.0, 1.0
    return low, high
