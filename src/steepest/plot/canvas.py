"""Shared building blocks of figures: colours, fonts, panels with captions, PNG output."""

from __future__ import annotations

import math
from io import BytesIO
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from steepest.core.errors import InputError
from steepest.core.limits import MAX_PIXELS
from steepest.core.numbers import check_number

from .checks import check_image, plain

Colour = tuple[float, float, float, float]
INK = "#20262e"
FAINT = "#7a838f"
HAIR = "#c9ced6"
MARGIN = 0.28  # inches around the panels
_STOPS = ["#27407a", "#2f7fa3", "#54a58c", "#b9b553", "#e3993f", "#bf4a36"]
_SCALE = LinearSegmentedColormap.from_list("steepest", _STOPS)
_NARROWEST, _WIDEST = 0.4, 3.0  # width over height of a panel
_PAGE = 1.7  # width over height of the page to fill
_COARSEST = 20  # smallest dots per inch at which small text can be drawn
_LARGEST = 1 << 16  # size limit of a figure along each axis, in pixels
_MOST_PIXELS = 1400  # along each axis of a picture; larger pictures are block-averaged first


def band_colours(count: int) -> list[Colour]:
    """Return one colour per band, from blue (fine) to red (coarse)."""
    return [_SCALE(i / max(count - 1, 1)) for i in range(count)]


def new_figure(width: float, height: float) -> Figure:
    """Create an empty white figure of the given size in inches."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def figure_png(figure: Figure, dpi: float = 150) -> bytes:
    """Render a figure and return the bytes of a PNG file; ``dpi`` must be at least 20.

    Raises
    ------
    InputError
        If ``figure`` is not a matplotlib figure, if ``dpi`` is below 20, or if the picture would
        have too many pixels.
    """
    if not isinstance(figure, Figure):
        raise InputError(f"figure of type {type(figure).__name__}; allowed are matplotlib's")
    dpi = check_number(dpi, "dpi", least=_COARSEST)
    width, height = (math.ceil(inches * dpi) for inches in figure.get_size_inches())
    if max(width, height) >= _LARGEST or width * height > MAX_PIXELS:
        raise InputError(
            f"dpi={dpi:g} makes {width} x {height} pixels; allowed are fewer than {_LARGEST} "
            f"a side and {MAX_PIXELS} in all"
        )
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": "steepest"})
    return buffer.getvalue()


def number(value: float) -> str:
    """Format a time or contrast with two significant digits.

    An exponent is used only below 1e-4 and from 1e4.
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "\u221e"
    if not 1e-4 <= abs(value) < 1e4:
        mantissa, exponent = f"{value:.1e}".split("e")
        return rf"${mantissa.removesuffix('.0')}\times 10^{{{int(exponent)}}}$"
    digits = max(0, 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def interval(start: float, end: float) -> str:
    """Format a time interval; with infinite ``end``, as all times after ``start``."""
    if math.isinf(end):
        return f"$t$ > {number(start)}"
    return f"$t$ = {number(start)} \u2013 {number(end)}"


def picture_of(array: Any, channel_axis: int | None, name: str = "image") -> np.ndarray:
    """Reduce an image to a picture that can be shown: (X,), (Y, X) or (Y, X, 3) floats.

    Of a volume, the middle slice is shown. Channels are averaged unless there are three, and large
    images are averaged in blocks.

    Raises `InputError` if the values are not real and finite, or if there are not one to three
    spatial axes.
    """
    array = check_image(array, channel_axis, name)
    if channel_axis is not None and array.shape[-1] != 3:
        array, channel_axis = array.mean(axis=-1), None
    space = array.ndim - (channel_axis is not None)
    if space == 3:
        array = array[array.shape[0] // 2]
    if space == 1:
        return array.mean(axis=-1) if channel_axis is not None else array
    step = math.ceil(max(array.shape[:2]) / _MOST_PIXELS)
    if step > 1:
        high, wide = (min(step, size) for size in array.shape[:2])
        rows, columns = array.shape[0] // high, array.shape[1] // wide
        blocks = array[: rows * high, : columns * wide].reshape(
            rows, high, columns, wide, *array.shape[2:]
        )
        array = blocks.mean(axis=(1, 3))
    return array


def show(axes: Axes, picture: np.ndarray, low: float, high: float) -> None:
    """Draw a picture on the grey scale from ``low`` to ``high``, or a 1-D signal as a line."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if high - low <= 1e-12 * max(abs(low), abs(high)):  # the values differ only by rounding errors
        high = low + max(1.0, abs(low))
    if picture.ndim == 1:
        axes.set_facecolor("#f4f5f7")
        if low < 0 < high:
            axes.axhline(0, color=HAIR, linewidth=0.8)
        axes.plot(picture, color=INK, linewidth=0.8)
        axes.set_xlim(0, max(len(picture) - 1, 1))
        room = 0.06 * (high - low)
        axes.set_ylim(low - room, high + room)
        return
    exact = _NARROWEST <= picture.shape[1] / picture.shape[0] <= _WIDEST
    aspect: Literal["auto", "equal"] = "auto" if exact else "equal"
    if picture.ndim == 3:
        axes.imshow(np.clip((picture - low) / (high - low), 0, 1), aspect=aspect)
    else:
        axes.imshow(picture, cmap="gray", vmin=low, vmax=high, aspect=aspect)


def panel_grid(count: int, aspect: float) -> tuple[int, int]:
    """Return the rows and columns for ``count`` panels that fill a page best.

    ``aspect`` is the width of a panel divided by its height.
    """

    def cost(columns: int) -> float:
        rows = math.ceil(count / columns)
        shape = columns * aspect / (rows * 1.12)
        return abs(math.log(shape / _PAGE)) + 2.5 * (rows * columns - count) / count

    columns = min(range(1, count + 1), key=cost)
    return math.ceil(count / columns), columns


def panel_aspect(picture: np.ndarray) -> float:
    """Return the width over height of a panel, clipped to the range that can be laid out."""
    if picture.ndim == 1:
        return 1.8
    return min(max(picture.shape[1] / picture.shape[0], _NARROWEST), _WIDEST)


class PanelSheet:
    """A figure of equally sized panels in rows, each with a caption above it.

    All sizes are in inches.
    """

    def __init__(
        self,
        count: int,
        aspect: float,
        *,
        title: str = "",
        columns: int | None = None,
        area: float | None = None,
    ):
        title = plain(title, "title")
        self.rows, self.columns = panel_grid(count, aspect)
        if columns is not None:
            self.rows, self.columns = math.ceil(count / columns), columns
        area = area or (5.2 if count > 2 else 9.0)  # square inches per panel
        wide = min(math.sqrt(area * aspect), 13.0 / self.columns)
        self.panel = (max(wide, 1.6), max(wide, 1.6) / aspect)
        self.caption, self.gap = 0.30, 0.16
        self.head = 0.36 if title else 0.0
        width = 2 * MARGIN + self.columns * self.panel[0] + (self.columns - 1) * self.gap
        row = self.panel[1] + self.caption
        height = 2 * MARGIN - 0.08 + self.head + self.rows * row + (self.rows - 1) * self.gap
        self.size = (width, height)
        self.figure = new_figure(*self.size)
        if title:
            self.figure.text(
                MARGIN / width,
                1 - (MARGIN - 0.02) / height,
                title,
                fontsize=12.5,
                color=INK,
                fontweight="bold",
                va="top",
            )

    def axes(self, index: int) -> Axes:
        """Add and return the axes of panel ``index``, counted row by row from 0."""
        row, column = divmod(index, self.columns)
        width, height = self.size
        left = MARGIN + column * (self.panel[0] + self.gap)
        top = MARGIN - 0.08 + self.head + row * (self.panel[1] + self.caption + self.gap)
        bottom = height - top - self.caption - self.panel[1]
        box = (left / width, bottom / height, self.panel[0] / width, self.panel[1] / height)
        return self.figure.add_axes(box)

    def add(self, index: int, picture: np.ndarray, low: float, high: float, *caption: Any) -> Axes:
        """Add panel ``index`` with a picture (see `show`) and the caption of `label`."""
        axes = self.axes(index)
        show(axes, picture, low, high)
        self.label(axes, *caption)
        return axes

    def label(self, axes: Axes, text: str, note: str = "", colour: Colour | None = None) -> None:
        """Add the caption of a panel: a colour swatch and a name left, a note right."""
        high = self.panel[1]
        x, y = 0.0, 1 + 0.13 / high
        if colour is not None:
            width, height = 0.13 / self.panel[0], 0.13 / high
            corner, where = (0.0, 1 + 0.065 / high), axes.transAxes
            axes.add_artist(
                Rectangle(corner, width, height, transform=where, color=colour, clip_on=False)
            )
            x = 0.20 / self.panel[0]
        style: dict[str, Any] = {"transform": axes.transAxes, "va": "center", "fontsize": 8.6}
        name = axes.text(x, y, text, color=INK, **style)
        if note:
            self._fit(axes, name, axes.text(1, y, note, color=FAINT, ha="right", **style))

    def _fit(self, axes: Axes, name: Text, note: Text) -> None:
        """Reduce the font size of a caption that is wider than its panel."""
        renderer = self.figure.canvas.get_renderer()  # type: ignore[attr-defined]
        box = axes.get_window_extent(renderer)
        room = box.x1 - name.get_window_extent(renderer).x0 - 0.1 * self.figure.dpi
        taken = sum(text.get_window_extent(renderer).width for text in (name, note))
        for text in (name, note):
            text.set_fontsize(text.get_fontsize() * min(1.0, room / taken))
