"""Densification: add pixels where the inpainting is worst."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.numbers import check_count
from ...core.progress import Callback
from ...core.rng import Rng
from ..steady_state import fill
from .cells import worst_pixels
from .checks import MaskStep, check_request
from .lattice import lattice

_FIRST = 0.03  # share of the requested pixels to start with


def densify(
    image: Any,
    density: float,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    on_step: Callback | None = None,
    rounds: int = 30,
) -> np.ndarray:
    """Choose a mask by repeatedly adding pixels where the inpainting is worst.

    Starts from the lattice of `regular` with 3 % of the requested pixels. Each of the ``rounds``
    rounds inpaints by homogeneous diffusion and assigns every pixel to the nearest mask pixel
    (city-block distance), which splits the image into cells. In the cells with the largest total
    squared error, it adds the pixel with the largest error. The number of pixels is the same in
    every round but at most the number of cells. The added pixels are therefore spread out, and
    cells with a large error are split first. (Absolute errors in place of squares gave a mean
    absolute error that was 3 to 5 % higher.)

    Chizhov & Weickert do this with the triangles of a Delaunay mesh. Cells need no mesh and exist
    in any dimension. The method is deterministic. A round costs one inpainting and O(N). It takes a
    few rounds more if the number of cells limits the additions.

    Parameters
    ----------
    image, density, channel_axis, rng
        As in `random`; ``rng`` is not used.
    on_step : callable, optional
        Called with a `MaskStep` in each round; its error is that of the mask before the round. If
        it returns True, no further inpainting is done: the missing pixels are added according to
        the last errors, in as few rounds as the number of cells allows.
    rounds : int
        Number of inpaintings. More inpaintings give a better mask but take longer.

    Returns
    -------
    Boolean array of the spatial shape
        True at the pixels to keep.

    Raises
    ------
    InputError
        If an argument is invalid.

    References
    ----------
    Chizhov & Weickert, Efficient data optimisation for harmonic inpainting with finite elements,
    CAIP 2021.
    """
    request = check_request(image, density, channel_axis, rng, on_step)
    rounds = check_count(rounds, "rounds")
    values, count, reporter = request.values, request.count, request.reporter
    mask = lattice(request.space, max(1, round(_FIRST * count)))
    known, filled, error = int(mask.sum()), None, np.zeros(())
    most = -(-(count - known) // rounds)
    while known < count:
        if not reporter.stopped:
            filled = fill(values, mask, (1.0,) * mask.ndim, start=filled).image
            difference = filled - values
            error = (difference**2).sum(0)
            if reporter.listens and reporter(
                MaskStep(0, 0, known, count, float(np.abs(difference).mean()))
            ):
                most = count
        error[mask] = 0
        added = worst_pixels(error, mask, min(most, count - known))
        mask.reshape(-1)[added] = True
        known += len(added)
    reporter(MaskStep(0, 0, count, count))
    return mask
