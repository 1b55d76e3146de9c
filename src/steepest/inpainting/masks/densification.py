"""Densification: add pixels where the inpainting is worst."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.numbers import check_count, check_fraction
from ...core.progress import Callback, Reporter
from ...core.rng import Rng, generator
from .cells import worst_pixels
from .checks import MaskStep, exponent, prepare
from .filling import Reconstruct, check_reconstruct, diffusion, local_error, mean_absolute_error
from .lattice import lattice


def densify(
    image: Any,
    density: float,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    on_step: Callback | None = None,
    rounds: int = 30,
    first: float = 0.03,
    norm: str = "l2",
    reconstruct: Reconstruct = diffusion,
) -> np.ndarray:
    """Choose a mask by repeatedly adding pixels where the inpainting is worst.

    Starts from the lattice of `regular` with the share ``first`` of the requested pixels. Each of
    the ``rounds`` rounds inpaints and assigns every pixel to the nearest mask pixel (city-block
    distance), which splits the image into cells. In the cells with the largest total error, it adds
    the pixel with the largest error. The number of pixels is the same in every round but at most
    the number of cells. The added pixels are therefore spread out, and cells with a large error are
    split first.

    Chizhov & Weickert do this with the triangles of a Delaunay mesh. Cells need no mesh and exist
    in any dimension. The method is deterministic. A round costs one inpainting and O(N). It takes a
    few rounds more if ``first`` is so small that the number of cells limits the additions.

    Parameters
    ----------
    image, density, channel_axis
        As in `random`.
    rng
        Checked but not used; all mask methods share this argument.
    on_step : callable, optional
        Called with a `MaskStep` in each round; its error is that of the mask before the round. If
        it returns True, no further inpainting is done: the missing pixels are added according to
        the last errors, in as few rounds as the number of cells allows.
    rounds : int
        Number of inpaintings. More inpaintings give a better mask but take longer.
    first : float
        Share of the requested pixels to start with, above 0 and up to 1.
    norm : {"l2", "l1"}
        Error of a pixel: the sum of squares or magnitudes over the channels. Squares also gave a
        mean absolute error that was 3 to 5 % lower.
    reconstruct : callable
        As in `probabilistic_sparsification`.

    Returns
    -------
    Boolean array of the spatial shape
        True at the pixels to keep.

    Raises
    ------
    InputError
        If the image, the density or an option is invalid.

    References
    ----------
    Chizhov & Weickert, Efficient data optimisation for harmonic inpainting with finite elements,
    CAIP 2021.
    """
    tell = Reporter(on_step)
    check_reconstruct(reconstruct)
    generator(rng)
    power, rounds = exponent(norm), check_count(rounds, "rounds")
    share = check_fraction(first, "first")
    values, count = prepare(image, density, channel_axis)
    mask = lattice(values.shape[1:], max(1, round(share * count)))
    known, filled, error = int(mask.sum()), None, np.zeros(())
    most = -(-(count - known) // rounds)
    while known < count:
        if not tell.stopped:
            filled = reconstruct(values, mask, filled)
            error = local_error(filled, values, power)
            if tell.listens and tell(
                MaskStep(0, 0, known, count, mean_absolute_error(filled, values))
            ):
                most = count
        error[mask] = 0
        added = worst_pixels(error, mask, min(most, count - known))
        mask.reshape(-1)[added] = True
        known += len(added)
    tell(MaskStep(0, 0, count, count))
    return mask
