"""Densification: from few pixels to many, each added where the inpainting is worst."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.numbers import check_count, check_fraction
from ...core.progress import Callback, Reporter
from .cells import worst_pixels
from .checks import MaskStep, Rng, exponent, generator, prepare
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
    """Repeatedly inpaint, and add the worst pixel of each of the cells of largest total error.

    Starts from the lattice of `regular` with the share ``first`` of the pixels wanted. In each of
    ``rounds`` rounds it inpaints, gives every pixel to the mask pixel nearest to it (city-block
    distance), and adds in the cells of largest total error the pixel of largest error; the number
    is the same in every round, but no more than there are cells. So what is added is spread, and
    cells where much is wrong are split first. Chizhov & Weickert do this with the triangles of a
    Delaunay mesh; cells need no mesh and exist in any dimension. The mask is the same every time.
    One inpainting and O(N) a round, a few rounds more where ``first`` is so small that the number
    of cells limits them.

    Parameters
    ----------
    image, density, channel_axis
        As in `random`.
    rng
        Checked and not used: the mask methods share their arguments.
    on_step : callable, optional
        Called with a `MaskStep` each round; its error is that of the mask before the round. Where
        it returns True, there is no further inpainting: the pixels that are missing are added by
        the errors of the last one, in as few rounds as there are cells for.
    rounds : int
        Inpaintings; more are better and slower.
    first : float
        Share of the pixels to start with, above 0 and up to 1.
    norm : {"l2", "l1"}
        Error of a pixel: squares or magnitudes, summed over the channels. With squares the mean
        absolute error was 3 to 5 % lower, too.
    reconstruct : callable
        ``reconstruct(values, known, start)`` inpaints ``values`` (channels, \\*space) from the
        Boolean array ``known`` (\\*space), where ``start`` is the inpainting before or None. The
        default is homogeneous diffusion to a relative residual of 1e-6.

    Returns
    -------
    Boolean array of the spatial shape, True: kept.

    Raises
    ------
    InputError
        Bad image, density or options.

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
