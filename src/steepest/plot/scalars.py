"""Maps of numbers, with a colour bar and a scale in length."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm

from steepest.core.errors import InputError
from steepest.core.numbers import check_number, check_numbers

from .canvas import INK, caption, panel_aspect, panels
from .checks import escape

_BAR = 0.25  # longest share of the width that a scale may have


def scalar_map(
    values: Any,
    *,
    limits: Any = None,
    pixel_size: float = 1.0,
    unit: str = "px",
    ground: Any = None,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Show a map of numbers, such as a strain, with a colour bar and a scale in length.

    Parameters
    ----------
    values
        (H, W). Values that are not finite are blank.
    limits
        Smallest and largest value of the colours. Default: the 1st and 99th percentile. If their
        signs differ, 0 is white.
    pixel_size, unit
        Size of a pixel, for the scale.
    ground
        Grey image (H, W) that shows, faintly, where values are blank.
    title
        Text above the map.
    ax
        Where to draw. Default: in a new figure of pyplot.
    """
    array = np.asarray(values)
    if array.ndim != 2 or array.dtype.kind not in "fiu" or not np.isfinite(array).any():
        raise InputError(f"values of shape {array.shape}; allowed are finite numbers (H, W)")
    size = check_number(pixel_size, "pixel_size", positive=True)
    finite = array[np.isfinite(array)]
    low, high = (
        np.percentile(finite, [1, 99]) if limits is None else check_numbers(limits, "limits")
    )
    if not low < high:
        low, high = low - 1e-12 - abs(low) * 1e-6, high + 1e-12 + abs(high) * 1e-6
    axes = panels(1, panel_aspect(array), right=0.9)[0] if ax is None else ax
    if low < 0 < high:
        most = max(-low, high)
        options: dict[str, Any] = {"cmap": "RdBu_r", "norm": TwoSlopeNorm(0, -most, most)}
    else:
        options = {"cmap": "viridis", "vmin": low, "vmax": high}
    if ground is not None:
        picture = check_numbers(ground, "ground")
        if picture.shape != array.shape:
            raise InputError(f"ground of shape {picture.shape}; the values have {array.shape}")
        span = float(np.ptp(picture)) or 1.0
        axes.imshow(picture, cmap="gray", vmin=picture.min() - 1.5 * span, vmax=picture.max())
    shown = axes.imshow(np.ma.masked_invalid(array), interpolation="nearest", **options)
    axes.set_axis_off()
    axes.figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.03)
    height, width = array.shape
    most = _BAR * width * size
    step = 10 ** np.floor(np.log10(most))
    length = max(k * step for k in (1, 2, 5) if k * step <= most)
    x, y = 0.04 * width, 1.03 * height
    axes.plot([x, x + length / size], [y, y], color=INK, linewidth=2, clip_on=False)
    axes.text(
        x + length / size + 0.02 * width,
        y,
        f"{length:g} {escape(unit, 'unit')}",
        va="center",
        color=INK,
    )
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    if title:
        caption(axes, escape(title, "title"))
    return axes
