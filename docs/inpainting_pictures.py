"""The pictures of ``docs/inpainting.md``: echoes, masks side by side, tonal optimisation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import steepest
from steepest import inpainting
from steepest.inpainting import masks, reconstruct, tonal
from steepest.io import sample
from steepest.plot.canvas import FAINT, HAIR, INK, caption, panels, show

DENSITY = 0.05
_BLUE, _RED, _GREEN = "#27407a", "#bf4a36", "#2f8f7d"
_GLOW = LinearSegmentedColormap.from_list(
    "echo", ["#ffffff", "#cfe0ea", "#7fb2c9", "#2f7fa3", "#27407a", "#181f3d"]
)
_CUT = 0.005  # below which echoes are cut off
_REACH = 24  # pixels from their centre beyond which they are
_Method = tuple[str, Callable[..., np.ndarray]]


def rows_of_panels(count: int, columns: int, aspect: float) -> tuple[Figure, list[Axes]]:
    """Panels in rows, with captions of two lines."""
    figure = Figure()
    return figure, panels(count, aspect, figure=figure, columns=columns, lines=2)


def dots_per_inch(axes: Axes, pixels: int, times: int) -> float:
    """The resolution at which a picture this wide is drawn with ``times`` dots per pixel."""
    return times * pixels * axes.figure.dpi / axes.bbox.width


# --------------------------------------------------------------------------- echoes in 1-D


def echoes_of_a_line() -> Figure:
    """A signal, its echoes, and both after one known pixel was removed."""
    x = np.arange(60)
    signal = 0.5 + 0.28 * np.sin(x / 7.5) + 0.17 * np.sin(x / 3.1 + 1)
    kept = np.array([0, 9, 17, 25, 36, 45, 52, 59])
    figure = Figure(figsize=(9.2, 4.4))
    for column, (places, name) in enumerate(
        ((kept, "eight known pixels"), (np.delete(kept, 4), "without one of them"))
    ):
        left = 0.03 + 0.495 * column
        upper = figure.add_axes((left, 0.46, 0.455, 0.46))
        lower = figure.add_axes((left, 0.04, 0.455, 0.34))
        _draw_line(upper, x, signal, places)
        _draw_echoes(lower, x, places, kept[4], removed=column == 1)
        upper.set_title(name, loc="left", fontsize=9.5, color=INK)
        lower.text(0, 1.1, "their echoes", fontsize=8.6, color=FAINT, va="center")
    return figure


def _bare(axes: Axes, low: float, high: float) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.axhline(low, color=HAIR, linewidth=0.8)
    axes.set_xlim(-1, 60)
    axes.set_ylim(low, high)


def _draw_line(axes: Axes, x: np.ndarray, signal: np.ndarray, places: np.ndarray) -> None:
    filled = np.interp(x, places, signal[places])
    axes.fill_between(x, signal, filled, color=_RED, alpha=0.16, linewidth=0)
    axes.plot(x, signal, color=FAINT, linewidth=0.9)
    axes.plot(x, filled, color=INK, linewidth=1.5)
    axes.plot(places, signal[places], "o", color=INK, markersize=4.5)
    _bare(axes, 0.04, 0.98)


def _draw_echoes(
    axes: Axes, x: np.ndarray, places: np.ndarray, centre: int, *, removed: bool
) -> None:
    for place in places:
        echo = np.interp(x, places, (places == place).astype(float))
        nearest = removed and abs(place - centre) <= 11
        colour = _RED if not removed and place == centre else _GREEN if nearest else _BLUE
        axes.plot(x, echo, color=colour, linewidth=1.4 if colour != _BLUE else 0.9)
        axes.fill_between(x, echo, color=colour, alpha=0.14 if colour != _BLUE else 0.05)
        axes.plot([place], [0], "o", color=colour, markersize=4.5, clip_on=False, zorder=5)
    _bare(axes, 0.0, 1.2)


# --------------------------------------------------------------------------- echoes in 2-D


def echoes_of_an_image() -> tuple[Figure, float]:
    """One pixel's echo in masks of 20 and 5 %, with its window; and the resolution to draw at."""
    image = np.ascontiguousarray(sample("camera")[60:188, 170:298])
    ranking = masks.echo_ranking(image, rng=0, density=DENSITY)
    sparse = ranking < round(DENSITY * image.size)
    centre = _central(sparse, image)
    size = 56
    top, left = (
        min(max(c - size // 2, 0), n - size) for c, n in zip(centre, image.shape, strict=True)
    )
    part = np.s_[top : top + size, left : left + size]
    figure, all_axes = rows_of_panels(4, 4, 1.0)
    for index, density in enumerate((0.2, DENSITY)):
        mask = ranking < round(density * image.size)
        unit = np.zeros(image.shape)
        unit[centre] = 1
        echo = steepest.inpaint(unit, mask, solver=steepest.Solver(tol=1e-9)).image
        axes = all_axes[2 * index]
        picture = np.where(mask, image / 255.0, 1.0)
        show(axes, picture[part], 0, 1)
        _mark(axes, centre, top, left)
        caption(axes, f"{100 * density:.0f} % of the pixels")
        axes = all_axes[2 * index + 1]
        show(axes, np.zeros((size, size)), 0, 1)
        axes.imshow(np.sqrt(np.clip(echo[part], 0, 1)), cmap=_GLOW, vmin=0, vmax=1, aspect="auto")
        rows, columns = _window(echo, centre)
        _frame(axes, rows, columns, top, left)
        inside = f"{rows[1] - rows[0] + 1} \u00d7 {columns[1] - columns[0] + 1}"
        caption(axes, "an echo", f"window {inside}")
    return figure, dots_per_inch(all_axes[0], size, 6)


def _central(mask: np.ndarray, image: np.ndarray) -> tuple[int, int]:
    """A pixel of the mask near the middle with few others around it."""
    y, x = np.nonzero(mask)
    near = np.abs(y - image.shape[0] // 2) + np.abs(x - image.shape[1] // 2)
    distances = (y[:, None] - y) ** 2 + (x[:, None] - x) ** 2
    alone = np.sort(distances, axis=1)[:, 1:4].mean(axis=1)
    best = int(np.argmax(np.where(near < 40, alone, 0)))
    return int(y[best]), int(x[best])


def _window(echo: np.ndarray, centre: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and last row and column where the echo counts."""
    y, x = np.nonzero(echo >= _CUT)
    near = (np.abs(y - centre[0]) <= _REACH) & (np.abs(x - centre[1]) <= _REACH)
    return (int(y[near].min()), int(y[near].max())), (int(x[near].min()), int(x[near].max()))


def _mark(axes: Axes, centre: tuple[int, int], top: int, left: int) -> None:
    axes.plot(
        centre[1] - left, centre[0] - top, "o", markersize=9, markerfacecolor="none",
        markeredgecolor=_RED, markeredgewidth=1.4,
    )  # fmt: skip
    axes.add_artist(
        Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, edgecolor=HAIR, linewidth=0.8)
    )


def _frame(
    axes: Axes, rows: tuple[int, int], columns: tuple[int, int], top: int, left: int
) -> None:
    corner = (columns[0] - left - 0.5, rows[0] - top - 0.5)
    width, height = columns[1] - columns[0] + 1, rows[1] - rows[0] + 1
    axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=_RED, linewidth=1.1))
    axes.add_artist(
        Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, edgecolor=HAIR, linewidth=0.8)
    )


# ------------------------------------------------------------------------------- photographs


def equations() -> tuple[Figure, float]:
    """What each method makes of the same random pixels."""
    image = np.ascontiguousarray(sample("camera")[100:220, 210:330])
    mask = masks.random(image, 0.1, rng=0)
    figure, all_axes = rows_of_panels(5, 5, 1.0)
    pictures = [("image", image / 255.0, ""), ("known", np.where(mask, image / 255.0, 1.0), "10 %")]
    for name in inpainting.METHODS:
        method = getattr(inpainting, inpainting.METHODS[name])()
        filled = steepest.inpaint(image / 255.0, mask, method).image
        psnr = -10 * np.log10(np.mean((filled - image / 255.0) ** 2))
        pictures.append((name.replace("_", " "), filled, f"{psnr:.1f} dB"))
    for index, (name, picture, note) in enumerate(pictures):
        axes = all_axes[index]
        show(axes, picture, 0, 1)
        caption(axes, name, note)
    return figure, dots_per_inch(all_axes[0], image.shape[1], 3)


def side_by_side() -> tuple[Figure, float]:
    """Masks of four methods above what is inpainted from them."""
    image = np.ascontiguousarray(sample("coffee")[100:300, 180:380])
    methods: list[_Method] = [
        ("random", masks.random),
        ("Laplacian dithered", masks.laplacian_dither),
        ("densification", masks.densify),
        ("echoes", masks.echo),
    ]
    figure, all_axes = rows_of_panels(8, 4, 1.0)
    for index, (name, method) in enumerate(methods):
        mask = method(image, DENSITY, channel_axis=-1, rng=0)
        result = reconstruct(image, mask, channel_axis=-1)
        axes = all_axes[index]
        show(axes, 1.0 - mask, 0, 1)
        caption(axes, name)
        axes = all_axes[4 + index]
        show(axes, result.image, 0, 1)
        caption(axes, "inpainted", f"PSNR {result.psnr:.1f} dB")
    return figure, dots_per_inch(all_axes[0], image.shape[1], 2)


def before_and_after() -> tuple[Figure, float]:
    """A detail of the image, and inpainted from its own and from the best values."""
    image = np.ascontiguousarray(sample("camera")[60:260, 130:330])
    mask = masks.echo(image, DENSITY, rng=0)
    own = reconstruct(image, mask)
    best = reconstruct(image, mask, values=tonal(image, mask))
    part = np.s_[55:145, 105:195]
    figure, all_axes = rows_of_panels(3, 3, 1.0)
    for index, (name, picture, note) in enumerate(
        (
            ("image", image / 255.0, ""),
            ("from its own values", own.image, f"PSNR {own.psnr:.1f} dB"),
            ("from the best values", best.image, f"PSNR {best.psnr:.1f} dB"),
        )
    ):
        axes = all_axes[index]
        show(axes, picture[part], 0, 1)
        caption(axes, name, note)
    return figure, dots_per_inch(all_axes[0], 90, 5)


def few_pixels() -> tuple[Figure, float]:
    """A photograph, a twentieth of its pixels, and what is inpainted from them."""
    image = sample("coffee")
    mask = masks.echo(image, DENSITY, channel_axis=-1, rng=0)
    result = reconstruct(image, mask, channel_axis=-1)  # as in README.md
    figure, all_axes = rows_of_panels(3, 3, image.shape[1] / image.shape[0])
    pictures = (
        ("coffee", image / 255.0, ""),
        (
            "the pixels kept",
            np.where(mask[..., None], image / 255.0, 1.0),
            f"{100 * DENSITY:.0f} %",
        ),
        ("inpainted from them", result.image, f"PSNR {result.psnr:.1f} dB"),
    )
    for index, (name, picture, note) in enumerate(pictures):
        axes = all_axes[index]
        show(axes, picture, 0, 1)
        caption(axes, name, note)
    return figure, dots_per_inch(all_axes[0], image.shape[1], 1)
