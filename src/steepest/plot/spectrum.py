"""Plot spectra and their bands."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from steepest.core.errors import InputError
from steepest.core.numbers import check_numbers

from .canvas import FAINT, HAIR, INK, Colour, band_colours, number
from .checks import check_edges, check_line, escape

_RANGE = 1e-4  # lower end of the vertical axis, relative to the peak


def spectrum_curve(
    times: np.ndarray | Sequence[float],
    spectrum: np.ndarray | Sequence[float],
    edges: np.ndarray | Sequence[float] | None = None,
    *,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Plot t S(t) over time on two logarithmic axes, with the bands shaded and numbered.

    t S(t) is the amount of structure per unit of log t, because the integral of S(t) dt equals the
    integral of t S(t) d(log t). Fine structures contribute little to it. The vertical axis is
    therefore logarithmic as well and ends at about 1/10,000 of the peak.

    Parameters
    ----------
    times, spectrum
        (N,) increasing nodes and the values of S there. Nodes at or below zero are omitted, because
        the time axis is logarithmic.
    edges
        (B + 1,) edges of the bands in time. If None, no bands are shown.
    ax
        Where to draw. Default: in a new figure of pyplot.
    """
    nodes, values, bands = _check_spectra(times, spectrum, edges, "spectrum")
    axes = _time_axes(ax, nodes, title)
    floor = _style(axes, values)
    values = np.maximum(values, floor)
    if bands is not None:
        _shade(axes, nodes, values, bands)
    else:
        axes.fill_between(nodes, values, floor, color=band_colours(2)[0], alpha=0.25, linewidth=0)
    axes.plot(nodes, values, color=INK, linewidth=1.5, solid_joinstyle="round")
    return axes


def spectrum_map(
    times: np.ndarray | Sequence[float],
    spectra: np.ndarray | Sequence[Sequence[float]],
    edges: np.ndarray | Sequence[float] | None = None,
    *,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Plot t S(t) of a series as a colour map, with one row per page and a logarithmic time axis.

    Parameters
    ----------
    times
        (N,) nodes, the same for all pages. Nodes at or below zero are omitted.
    spectra
        (T, N) values of S at the nodes, one row per page. Pages are numbered from 1; the first page
        is at the top.
    edges, title, ax
        As in `spectrum_curve`; bands are drawn as lines.
    """
    nodes, values, bands = _check_spectra(times, spectra, edges, "spectra")
    axes, count = _time_axes(ax, nodes, title), len(values)
    between = np.sqrt(nodes[1:] * nodes[:-1])
    cells = np.concatenate([nodes[:1], between, nodes[-1:]])
    top = float(values.max())
    rows = np.arange(count + 1) + 0.5
    root = PowerNorm(0.5, 0, top if top > 0 else 1.0)  # otherwise coarse structures dominate
    mesh = axes.pcolormesh(cells, rows, values, cmap="magma", norm=root)
    axes.set_ylim(count + 0.5, 0.5)
    axes.set_ylabel("page", color=INK, fontsize=9.5)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if bands is not None:
        for name, _, _, end, middle in _visible_bands(nodes, bands):
            if end < nodes[-1]:
                axes.axvline(end, color="white", linewidth=1.0, linestyle=(0, (4, 3)))
            axes.annotate(
                name, (middle, 1), (0, 7), xycoords=("data", "axes fraction"),
                textcoords="offset points", color=INK, fontsize=8.6, ha="center", va="center",
            )  # fmt: skip
    bar = axes.figure.colorbar(mesh, ax=axes, fraction=0.02, pad=0.04)
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.set_label("spectrum $t \\cdot S(t)$", color=INK, fontsize=9.5)
    bar.ax.tick_params(colors=FAINT, labelsize=8.5, length=3)
    bar.ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 4), useMathText=True)
    bar.ax.yaxis.get_offset_text().set(color=FAINT, fontsize=8.5)
    return axes


def _check_spectra(
    times: Any, spectra: Any, edges: Any, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return the positive times, t S(t) at them, and the edges."""
    nodes, values = check_line(times, "times"), check_numbers(spectra, name)
    if values.ndim != 1 + (name == "spectra") or values.size == 0 or values.shape[-1] != nodes.size:
        needed = f"(pages, {nodes.size})" if name == "spectra" else f"({nodes.size},)"
        raise InputError(
            f"{name} of shape {values.shape}; with {nodes.size} times, {needed} is needed"
        )
    kept = nodes > 0
    if np.count_nonzero(kept) < 2 or not (np.diff(nodes[kept]) > 0).all():
        raise InputError("times must increase, and at least two must be positive")
    bands = None if edges is None else check_edges(edges)
    return nodes[kept], (nodes * values)[..., kept], bands


def _time_axes(axes: Axes | None, times: np.ndarray, title: str) -> Axes:
    """Give axes, or new ones, a title and a logarithmic time axis."""
    title = escape(title, "title")
    if axes is None:
        from matplotlib import pyplot

        axes = pyplot.subplots(figsize=(9.0, 4.4))[1]
    axes.set_title(title, loc="left", fontsize=12.5, color=INK, fontweight="bold", pad=18)
    axes.set(xscale="log", xlim=(times[0], times[-1]))
    axes.set_xlabel("time $t$   (contrast \u00d7 size of the structures)", color=INK, fontsize=9.5)
    long = times[-1] / times[0] > 1e3
    axes.xaxis.set_major_locator(LogLocator() if long else LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.tick_params(colors=FAINT, labelsize=8.5, length=3, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(HAIR)
    return axes


def _visible_bands(
    times: np.ndarray, edges: np.ndarray
) -> Iterator[tuple[str, Colour, float, float, float]]:
    """Yield name, colour, start, end and (geometric) middle of each band in the range of times."""
    first, last = times[0], times[-1]
    for i, colour in enumerate(band_colours(len(edges) - 1)):
        start, end = max(edges[i], first), min(edges[i + 1], last)
        if end > start:
            share = (np.log(end) - np.log(start)) / (np.log(last) - np.log(first))
            name = f"band {i + 1}" if share > 0.075 else f"{i + 1}"
            yield name, colour, start, end, float(np.sqrt(start * end))


def _style(axes: Axes, spectrum: np.ndarray) -> float:
    """Set up a logarithmic vertical axis, and return its lower end."""
    peak = float(spectrum.max())
    floor = 0.7 * max(float(spectrum[spectrum > 0].min()), _RANGE * peak) if peak > 0 else 1.0
    axes.set(yscale="log", ylim=(floor, 4 * max(peak, floor)))
    axes.set_ylabel("spectrum $t \\cdot S(t)$", color=INK, fontsize=9.5)
    axes.yaxis.set_minor_formatter(NullFormatter())
    if peak < 100 * floor:  # too few powers of ten to read values from
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    return floor


def _shade(axes: Axes, times: np.ndarray, spectrum: np.ndarray, edges: np.ndarray) -> None:
    """Fill the area of each band with its colour and write its number above."""
    floor, heights = axes.get_ylim()[0], axes.get_xaxis_transform()
    for name, colour, start, end, middle in _visible_bands(times, edges):
        nodes = np.array([start, *times[(times > start) & (times < end)], end])
        values = np.exp(np.interp(np.log(nodes), np.log(times), np.log(spectrum)))
        axes.axvspan(start, end, color=colour, alpha=0.07, linewidth=0)
        axes.fill_between(nodes, values, floor, color=colour, alpha=0.62, linewidth=0)
        if end < times[-1]:
            axes.axvline(end, color="white", linewidth=1.4)
            axes.axvline(end, color=HAIR, linewidth=0.7)
        darker = tuple(0.78 * part for part in colour[:3])
        axes.text(
            middle, 0.955, name, color=darker, fontsize=8.6, fontweight="bold", ha="center",
            va="center", transform=heights,
        )  # fmt: skip
