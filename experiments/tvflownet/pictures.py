"""Pictures in the style of the paper's Figures 2 to 8, and of our certificate.

All functions take arrays or a `Method` and return a new ``matplotlib.figure.Figure``, by the
conventions of `steepest.plot`. Importing this module imports matplotlib.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from steepest.core.errors import InputError
from steepest.plot.canvas import (
    FAINT,
    HAIR,
    INK,
    band_colours,
    caption,
    number,
    panels,
    show,
)

from .measures import psnr
from .methods import Learned, Method
from .truth import STEP, TIMES, TruthSource, time_derivative
from .units import CONTRAST

SHOWN = TIMES[[0, 5, 12, 25, 49]]
"""0, 0.1, 0.24, 0.5, 0.98 in the paper's time."""

SOLVER = "certified solver"
_ERROR = 0.1


def comparison(
    rows: Mapping[str, np.ndarray],
    times: Sequence[float] | np.ndarray,
    *,
    grey: tuple[float, float] = (0.0, 1.0),
    error: float = _ERROR,
    title: str = "",
) -> Drawing:
    """One row of panels per method, with its error map below; the first row is the truth.

    Parameters
    ----------
    rows : mapping of arrays (T, H, W)
        Stacks by name; the others are compared with the first.
    times : array (T,)
        Times, written above the panels.
    grey : (float, float)
        Values shown as black and white.
    error : float
        Error maps range from -error (black) over 0 (mid-grey) to error (white).
    title : str
        Title of the figure.

    Raises
    ------
    InputError
        If there is no row, or the shapes differ.
    """
    stacks = {name: np.asarray(stack) for name, stack in rows.items()}
    if not stacks or len({stack.shape for stack in stacks.values()}) != 1:
        raise InputError("rows: allowed are one or more stacks of the same shape")
    (first, truth), *others = stacks.items()
    height, width = truth.shape[1:]
    count, figure = len(times), Drawing()
    all_axes = panels(
        count * (1 + 2 * len(others)), width / height, figure=figure, title=title, columns=count,
        lines=2,
    )  # fmt: skip
    lines = [all_axes[k : k + count] for k in range(0, len(all_axes), count)]
    _row(lines[0], first, truth, times, grey)
    for i, (name, stack) in enumerate(others):
        _row(lines[1 + 2 * i], name, stack, times, grey)
        values = [psnr(a, b) for a, b in zip(stack, truth, strict=True)]
        notes = ["exact" if np.isinf(value) else f"{value:.1f} dB" for value in values]
        _row(lines[2 + 2 * i], "error", stack - truth, times, (-error, error), notes)
    return figure


def flow_comparison(
    methods: Sequence[Method],
    image: np.ndarray,
    truth: TruthSource,
    times: np.ndarray = SHOWN,
    title: str = "",
) -> Drawing:
    """``u`` at five times by the solver and by networks, with error maps (Figures 2, 4, 6, 7)."""
    rows = {SOLVER: truth(image, times).frames}
    rows |= {method.label: method.frames(image, times) for method in methods}
    return comparison(rows, times, title=title)


def divergence_comparison(
    methods: Sequence[Method], image: np.ndarray, truth: TruthSource, title: str = ""
) -> Drawing:
    """``div phi`` at five times against the solver's finite differences (Figure 3)."""
    frames = truth(image, STEP * np.arange(len(TIMES) + 1)).frames
    shown = np.searchsorted(TIMES, SHOWN - 1e-9)
    rows = {f"{SOLVER}, u_t": time_derivative(frames, STEP)[shown]}
    rows |= {method.label: method.divergences(image, SHOWN) for method in methods}
    return comparison(rows, SHOWN, grey=(-2.0, 2.0), error=_ERROR * CONTRAST, title=title)


def homogeneity_comparison(
    method: Method, image: np.ndarray, truth: TruthSource, factor: float = 0.3, title: str = ""
) -> Drawing:
    """``u(c u0, t) / c`` and ``u(u0, t / c)`` of a method and of the solver (Figure 8)."""
    scaled = method.frames(np.asarray(factor * image, np.float32), SHOWN) / factor
    rows = {
        f"{SOLVER}, t / {factor:g}": truth(image, SHOWN / factor).frames,
        f"of {factor:g} u0, rescaled": scaled,
        f"at t / {factor:g}": method.frames(image, SHOWN / factor),
    }
    return comparison(rows, SHOWN, title=title or method.label)


def decay_figure(
    methods: Sequence[Method],
    image: np.ndarray,
    points: Sequence[tuple[int, int]],
    truth: TruthSource,
) -> Drawing:
    """Grey values at some pixels over time, a panel for each: linear inside disks (Figure 5)."""
    figure = Drawing(figsize=(4.2 * len(points) + 0.4, 3.6))
    stacks = {method.label: method.frames(image, TIMES) for method in methods}
    exact, colours = truth(image, TIMES).frames, band_colours(len(methods) + 1)[:-1]
    for k, (row, column) in enumerate(points):
        axes = _style(figure.add_subplot(1, len(points), k + 1), "time $t$", "grey value")
        axes.set_title(f"disk {k + 1}", loc="left", fontsize=9.5, color=INK)
        axes.plot(TIMES, exact[:, row, column], color=HAIR, linewidth=5, label=SOLVER)
        for (name, stack), colour in zip(stacks.items(), colours, strict=True):
            axes.plot(TIMES, stack[:, row, column], color=colour, linewidth=1.5, label=name)
        axes.legend(frameon=False, fontsize=8.5)
    figure.tight_layout(w_pad=2)
    return figure


def certificate_figure(
    method: Learned, image: np.ndarray, truth: TruthSource, times: np.ndarray = TIMES[1::4]
) -> Drawing:
    """The guaranteed and the true L2 error of one image over time (logarithmic axis)."""
    from .certificates import check_certificates

    check = check_certificates(method, [image], truth, times)
    figure = Drawing(figsize=(6.4, 3.9))
    axes = _style(figure.add_subplot(), "time $t$", "L2 distance to the exact flow")
    blue, red = band_colours(2)
    axes.semilogy(times, check.bound[0], color=red, label="certified: at most this", linewidth=1.6)
    axes.semilogy(times, check.error[0], color=blue, label="true error", linewidth=1.6)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False, fontsize=8.5)
    figure.tight_layout()
    return figure


def _row(
    row: Sequence[Axes],
    name: str,
    stack: np.ndarray,
    times: Sequence[float] | np.ndarray,
    grey: tuple[float, float],
    notes: Sequence[str] | None = None,
) -> None:
    for column, time in enumerate(times):
        show(row[column], stack[column], *grey)
        note = notes[column] if notes else f"$t$ = {number(float(time))}"
        caption(row[column], name if column == 0 else "", note)


def _style(axes: Axes, across: str, up: str) -> Axes:
    axes.set_xlabel(across, color=INK, fontsize=9.5)
    axes.set_ylabel(up, color=INK, fontsize=9.5)
    axes.tick_params(colors=FAINT, labelsize=8.5, length=3, which="both")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(HAIR)
    return axes
