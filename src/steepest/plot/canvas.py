"""Shared building blocks of plots: colours, panels with captions, pictures, PNG output."""

import math
from io import BytesIO
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from steepest.core.errors import InputError
from steepest.core.limits import MAX_PIXELS
from steepest.core.numbers import check_number

from .checks import check_image, escape

Colour = tuple[float, float, float, float]
INK = "#20262e"
FAINT = "#7a838f"
HAIR = "#c9ced6"
_MARGIN, _GAP, _LINE, _HEAD = 0.2, 0.16, 0.16, 0.26  # inches: around, between and above panels
_AREA = 9.0, 5.2  # square inches of each panel: of up to two, and of more
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


def figure_png(figure: Figure | Axes, dpi: float = 150) -> bytes:
    """Render a figure, or that of some axes, and return the bytes of a PNG file.

    ``dpi`` are dots per inch, at least 20.

    Raises
    ------
    InputError
        If ``figure`` is not a figure or axes of matplotlib, if ``dpi`` is below 20, or if the
        picture would have too many pixels.
    """
    whole = figure.get_figure(root=True) if isinstance(figure, Axes) else figure
    if not isinstance(whole, Figure):
        raise InputError(f"figure of type {type(figure).__name__}; allowed are matplotlib's")
    dpi = check_number(dpi, "dpi", least=_COARSEST)
    width, height = (math.ceil(inches * dpi) for inches in whole.get_size_inches())
    if max(width, height) >= _LARGEST or width * height > MAX_PIXELS:
        raise InputError(
            f"dpi={dpi:g} makes {width} x {height} pixels; allowed are fewer than {_LARGEST} "
            f"a side and {MAX_PIXELS} in all"
        )
    buffer = BytesIO()
    options: dict[str, Any] = {"metadata": {"Software": "steepest"}}
    options["pil_kwargs"] = {"compress_level": 2}  # in half the time of 6, and 3 % smaller
    whole.savefig(buffer, format="png", dpi=dpi, **options)
    return buffer.getvalue()


def number(value: float) -> str:
    """Format a time or contrast with two significant digits, and an exponent if it needs one."""
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

    Of a volume, the middle slice is shown; channels are averaged unless there are three.
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
        margin = 0.06 * (high - low)
        axes.set_ylim(low - margin, high + margin)
        return
    exact = _NARROWEST <= picture.shape[1] / picture.shape[0] <= _WIDEST
    aspect: Literal["auto", "equal"] = "auto" if exact else "equal"
    if picture.ndim == 3:
        axes.imshow(np.clip((picture - low) / (high - low), 0, 1), aspect=aspect)
    else:
        axes.imshow(picture, cmap="gray", vmin=low, vmax=high, aspect=aspect)


def panel_grid(count: int, aspect: float) -> tuple[int, int]:
    """Return the rows and columns for ``count`` panels, width over height ``aspect``, on a page."""

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


def panels(
    count: int,
    aspect: float,
    *,
    figure: Figure | None = None,
    title: str = "",
    columns: int | None = None,
    lines: int = 1,
    area: float | None = None,
    right: float = 0.0,
) -> list[Axes]:
    """Create axes of equal size in rows, with room for captions of so many ``lines``.

    ``area`` is their size in square inches, and ``right`` what is left free for a key, in inches.
    An empty ``figure`` is resized; None: one of pyplot.
    """
    title, (rows, best) = escape(title, "title"), panel_grid(count, aspect)
    if columns is not None:
        rows, best = math.ceil(count / columns), columns
    wide = min(math.sqrt((area or _AREA[count > 2]) * aspect), 13.0 / best)
    wide = max(wide, 1.6)
    high, above, head = wide / aspect, 0.08 + lines * _LINE, _HEAD if title else 0.0
    width = 2 * _MARGIN + best * wide + (best - 1) * _GAP + right
    height = 2 * _MARGIN + head + rows * (high + above) + (rows - 1) * _GAP
    if figure is None:
        from matplotlib import pyplot

        figure = pyplot.figure(facecolor="white")
    figure.set_size_inches(width, height)
    if title:
        style: dict[str, Any] = {"fontsize": 12.5, "color": INK, "fontweight": "bold"}
        figure.suptitle(title, x=_MARGIN / width, y=1 - 0.12 / height, ha="left", va="top", **style)
    grid = {
        "left": _MARGIN / width, "right": 1 - (_MARGIN + right) / width,
        "bottom": _MARGIN / height, "top": 1 - (_MARGIN + head + above) / height,
        "wspace": _GAP / wide, "hspace": (_GAP + above) / high,
    }  # fmt: skip
    made = figure.subplots(rows, best, squeeze=False, gridspec_kw=grid).ravel().tolist()
    for spare in made[count:]:
        spare.remove()
    return made[:count]


def caption(axes: Axes, text: str, note: str = "", colour: Colour | None = None) -> None:
    """Write a caption: a name at the left, a note below at the right, a line of the colour."""
    style: dict[str, Any] = {"fontsize": 8.6, "pad": 4}
    axes.set_title(f"{text}\n" if note else text, loc="left", color=INK, **style)
    axes.set_title(note, loc="right", color=FAINT, **style)
    if colour is not None:
        axes.spines["top"].set(visible=True, color=colour, linewidth=3)
