"""Two classes with free means: the piecewise constant model of Chan and Vese."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..core.numbers import check_number
from ..core.progress import Callback
from ..core.solver import Solver
from ..core.tiles import Tiles, works_by_tiles
from ..tiled.request import TileRequest
from .inputs import check_inputs, limits_of
from .means import MeansSearch
from .result import Segmentation, finish


def chan_vese(
    image: Any,
    mu: float = 0.25,
    energy: Any = None,
    *,
    channel_axis: int | None = None,
    spacing: float | Sequence[float] | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
    out: Any = None,
    tiles: Tiles | None = None,
) -> Segmentation:
    """Segment an image into two classes, each about as bright as its mean.

    The labels minimise

        ``mu * length + sum over class 1 of |f - m1|^2 + sum over class 0 of |f - m0|^2``,

    where f is the image with its range scaled to [0, 1], as in ``skimage.segmentation.chan_vese``
    with ``lambda1 = lambda2 = 1``, so that ``mu`` means the same there and here. Labels and means
    are updated in turn. The labels of the result are a *global* minimiser for its two means, and
    the means are those of the labels. Other pairs of means may have a smaller energy.

    Parameters
    ----------
    image : array, 1-D to 3-D, plus an optional channel axis
        The image. Several channels are segmented together; they share one scale.
    mu : float
        Weight of the length of the contour.
    channel_axis : int, optional
        Axis of the channels.
    energy, spacing, solver, on_step, out, tiles
        As in `threshold_rof`. By tiles, there is one channel.

    Returns
    -------
    Segmentation
        Class 1 is the brighter one; with channels, the one with the larger sum of its values.
        ``energy`` and ``gap`` refer to the scaled image; ``values``, ``thresholds`` and ``image``
        are on the scale of the image. With channels, ``image`` is the brightness along the line
        through both values.

    References
    ----------
    Chan & Vese, IEEE Trans. Image Process. 10 (2001) 266-277.
    """
    if works_by_tiles(image, out, tiles):
        from .tiles.segment import chan_vese_by_tiles

        own = limits_of(solver)
        request = TileRequest(image, out, own, tiles or Tiles(), channel_axis, spacing, on_step)
        return chan_vese_by_tiles(request, mu, energy)
    mu = check_number(mu, "mu")
    inputs = check_inputs(
        image, energy, channel_axis, spacing=spacing, solver=solver, on_step=on_step
    )
    low = float(inputs.image.min())
    width = (float(inputs.image.max()) - low) or 1.0
    search = MeansSearch(inputs, (inputs.image - low) / width, mu)
    found, single = search.found(), channel_axis is None and len(search.f) == 1
    values = found.values * width + low
    found = replace(found, values=values[:, 0] if single else values)
    return finish(inputs, found, low * float(search.direction.sum()), width)
