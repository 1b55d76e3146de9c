"""The maps that ``steepest strain`` writes, as pictures and in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import steepest

from .extras import new_figure
from .sizes import Lengths

if TYPE_CHECKING:
    from .runner import Item

MAPS = (
    "strain_yy", "strain_xx", "strain_xy", "displacement_y", "displacement_x", "residual",
    "strain_std",
)  # fmt: skip
Row = dict[str, dict[str, float]]


def map_picture(name: str, values: np.ndarray, lengths: Lengths) -> Any:
    """A figure of a map, with a colour bar."""
    unit = f" ({lengths.unit})" if name.startswith("displacement") else ""
    figure = new_figure(figsize=(7.0, 7.0 * min(max(values.shape[0] / values.shape[1], 0.4), 2.0)))
    steepest.plot.scalar_map(
        values, pixel_size=lengths.pixel_size, unit=lengths.unit,
        title=name.replace("_", " ") + unit, ax=figure.add_subplot(),
    )  # fmt: skip
    return figure


def report_strain(item: Item, rows: Sequence[Row], results: Sequence[Any]) -> None:
    """Report mean, extremes and deviation of the strain of each image, and the largest gap."""
    last = rows[-1]
    words = ", ".join(f"{k} {v['mean']:.2g} (to {v['largest']:.2g})" for k, v in last.items())
    item.report("strain", f"mean {words}", strain=list(rows))
    item.report("deviation", f"{last['xx']['std']:.1g} of strain along x, at the median pixel")

    def gaps(_: Any) -> Any:
        worst = max(result.gaps[-1] for result in results)
        return f"relative gap {worst:.1e} of the last warp", {"gap": worst}

    item.certify(results, gaps)
