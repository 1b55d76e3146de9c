"""Show a segmentation on its image, with the labels that are not certain; and objects."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke

from steepest.core.arrays import as_array
from steepest.core.errors import InputError
from steepest.core.namespace import detached
from steepest.core.numbers import counted

from .canvas import band_colours, caption, panel_aspect, panels, picture_of, show
from .checks import escape

_DOUBT = "#ffd400"
_BRIGHT, _DARK = "#ff4032", "#3fa0ff"
_NUMBERED = 200  # objects; more are hard to read
_SHOWN = (0.001, 0.999)  # quantiles shown as black and white
_AREA = 36.0  # square inches, four times that of other pictures: contours are fine


def label_overlay(
    image: Any,
    labels: Any,
    certain: Any = None,
    *,
    channel_axis: int | None = None,
    title: str = "",
    note: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the contours of labels on an image, and hatch the pixels whose label is not certain.

    Contours between certain pixels are solid lines in the colour of the class with the larger
    number; other contours are thin and yellow. Of a volume, the middle slice is shown.

    Parameters
    ----------
    image : array, 2-D or 3-D, plus an optional channel axis
    labels : integer array of its spatial shape
    certain : Boolean array of its spatial shape, optional
        Where the labels are certain, such as ``certain`` of a `steepest.segmentation.Segmentation`.
        Default: everywhere.
    channel_axis : int, optional
        Axis of the channels of ``image``.
    title, note : str
        Texts above the picture, left and right.
    ax : Axes, optional
        Where to draw. Default: in a new figure of pyplot.
    """
    picture, space = picture_of(image, channel_axis, "image"), _space(image, channel_axis)
    numbers = _plane(labels, "labels", space)
    sure = np.ones(numbers.shape, bool)
    if certain is not None:
        sure = _plane(certain, "certain", space).astype(bool)
    heading = "contours" if sure.all() else "contours; hatched: not certain"
    limits = picture.min(), picture.max()
    axes = _ground(picture, numbers.shape, limits, (title, heading, note), ax)
    rows, columns = numbers.shape
    classes = int(numbers.max(initial=0))
    colours = [*band_colours(max(classes, 2))[::-1]]
    for k in range(1, classes + 1):
        for sides, colour, width in ((True, colours[k - 1], 1.0), (False, _DOUBT, 0.7)):
            lines = _edges(numbers, sure, k, sides)
            axes.add_collection(LineCollection(lines, colors=[colour], linewidths=width))
    if not sure.all():
        doubt = np.pad(~sure, 1).astype(float)
        x, y = np.arange(columns + 2) - 0.5, np.arange(rows + 2) - 0.5
        area = axes.contourf(x, y, doubt, levels=[0.5, 1.5], colors="none", hatches=["//////"])
        area.set_edgecolor(_DOUBT)
        area.set_linewidth(0)
    return axes


def object_overlay(
    image: Any,
    objects: Any,
    *,
    channel_axis: int | None = None,
    title: str = "",
    note: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the outlines and the numbers of objects on an image.

    Bright objects have red outlines, dark ones blue. Of a volume, the middle slice is shown. The
    best 200 objects are numbered.

    Parameters
    ----------
    objects : steepest.segmentation.Regions
        The result of `steepest.segmentation.find_objects` for this image.
    image, channel_axis, title, note, ax
        As in `label_overlay`.
    """
    picture = picture_of(image, channel_axis, "image")
    numbers = _plane(objects.labels, "objects", _space(image, channel_axis))
    texts = (title, counted(len(objects), "object"), note)
    axes = _ground(picture, numbers.shape, np.quantile(picture, _SHOWN), texts, ax)
    dark = np.concatenate([[False], objects.table["contrast"] < 0])[numbers] & (numbers > 0)
    bright = (numbers > 0) & ~dark
    for own, colour in ((bright, _BRIGHT), (dark, _DARK)):
        lines = _lines(np.where(own, numbers, 0), own, lambda first, second, _: first != second)
        for shade, width in (("black", 2.0), (colour, 1.0)):
            axes.add_collection(LineCollection(lines, colors=[shade], linewidths=width))
    seen, black = np.unique(numbers), [withStroke(linewidth=1.5, foreground="black")]
    for row in objects.table[:_NUMBERED]:
        if row["label"] in seen:
            y, x = row["centroid"][-2:] + 0.5
            axes.text(
                x, y, str(row["label"]), color="white", fontsize=6, ha="center", va="center",
                path_effects=black,
            )  # fmt: skip
    return axes


def _space(image: Any, channel_axis: int | None) -> tuple[int, ...]:
    """The shape of an image without its channels."""
    shape = list(np.shape(image))
    if channel_axis is not None:
        del shape[channel_axis]
    return tuple(shape)


def _ground(
    picture: np.ndarray,
    shape: tuple[int, ...],
    limits: Sequence[float],
    texts: tuple[str, str, str],
    ax: Axes | None,
) -> Axes:
    """Show a picture of a plane of this shape under its title, heading and note."""
    title, heading, note = texts
    heading = " \u2013 ".join(filter(None, (escape(title, "title"), heading)))
    axes = ax or panels(1, panel_aspect(picture), lines=2, area=_AREA)[0]
    caption(axes, heading, escape(note, "note"))
    show(axes, picture, float(limits[0]), float(limits[1]))
    rows, columns = shape
    axes.images[0].set_extent((0, columns, rows, 0))
    axes.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal")
    return axes


def _plane(array: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The middle slice of labels or of a mask with the shape of the image."""
    values = np.asarray(detached(as_array(array, name)))
    if values.shape != shape or len(shape) not in (2, 3) or values.dtype.kind not in "biu":
        raise InputError(
            f"{name} of shape {values.shape} and dtype {values.dtype}; whole numbers of shape "
            f"{shape} are needed, with two or three axes"
        )
    return values[shape[0] // 2] if len(shape) == 3 else values


def _edges(labels: np.ndarray, sure: np.ndarray, k: int, certain: bool) -> list[Any]:
    """The pixel edges between class k and lower ones, with this certainty."""

    def wanted(first: np.ndarray, second: np.ndarray, both: np.ndarray) -> np.ndarray:
        return (first != second) & (np.maximum(first, second) == k) & (both == certain)

    return _lines(labels, sure, wanted)


def _lines(labels: np.ndarray, sure: np.ndarray, wanted: Callable[..., np.ndarray]) -> list[Any]:
    """The edges (n, 2, 2), as (x, y), between neighbours ``wanted(first, second, both sure)``."""
    lines = []
    for axis in range(2):
        here, ahead = range(labels.shape[axis] - 1), range(1, labels.shape[axis])
        both = sure.take(here, axis) & sure.take(ahead, axis)
        y, x = np.nonzero(wanted(labels.take(here, axis), labels.take(ahead, axis), both))
        near = [x, y + 1] if axis == 0 else [x + 1, y]  # of the edge below or right of the pixel
        lines.append(np.stack([np.stack(near, -1), np.stack([x + 1, y + 1], -1)], 1))
    return list(np.concatenate(lines))
