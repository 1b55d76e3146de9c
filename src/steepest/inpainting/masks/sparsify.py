"""Probabilistic sparsification: from all pixels to few, dropping what its neighbours predict."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.numbers import check_fraction
from ...core.progress import Callback, Reporter
from .checks import MaskStep, Rng, exponent, generator, prepare
from .filling import Reconstruct, check_reconstruct, diffusion, local_error, mean_absolute_error


def probabilistic_sparsification(
    image: Any,
    density: float,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    on_step: Callback | None = None,
    p: float = 0.3,
    q: float = 0.02,
    norm: str = "l1",
    reconstruct: Reconstruct = diffusion,
) -> np.ndarray:
    """Repeatedly drop the candidates that inpainting without them predicts best.

    Starts from all pixels. Each step draws a share ``p`` of the mask's pixels as candidates,
    inpaints without any of them, and puts back those of largest error there; the share ``q`` of the
    candidates with the smallest error stays out. Each step keeps ``1 - p q`` of the mask (at least
    one pixel goes), so there are about ``ln(1 / density) / (p q)`` inpaintings: 500 by default at
    5 %. Each starts from the one before.

    Parameters
    ----------
    image, density, channel_axis, rng
        As in `random`.
    on_step : callable, optional
        Called with a `MaskStep` before the first step and after each; its error is that of the
        step's inpainting, without all candidates. Where it returns True, what is too much is
        dropped at random.
    p : float
        Candidates, as a share of the mask, above 0 and up to 1.
    q : float
        Share of the candidates that is dropped, above 0 and up to 1.
    norm : {"l1", "l2"}
        Error of a pixel: magnitudes or squares, summed over the channels. It only ranks, so that
        for grey images both give the same mask.
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

    Notes
    -----
    Mainberger et al. leave p and q to the user; Peter (2022), whose tables these masks are
    compared with, does not state them (the ratios of his run times fit ``p q`` of about 0.0013).
    The defaults are measured, by the mean absolute error on two or three colour crops of
    128 x 128: at 5 %, with as many inpaintings, p = 0.02 is half worse and p = 0.5 7 % better,
    which is 7 % worse at 20 %; q = 0.005 changes 1 % at four times the cost, and q = 0.1 loses 10 %
    (at 20 %: 2 %) at a fifth of it.

    References
    ----------
    Mainberger, Hoffmann, Weickert, Tang, Johannsen, Neumann & Doerr, Optimising spatial and tonal
    data for homogeneous diffusion inpainting, SSVM 2011, LNCS 6667, 26-37.
    """
    tell, power = Reporter(on_step), exponent(norm)
    check_reconstruct(reconstruct)
    candidates, removed = check_fraction(p, "p"), check_fraction(q, "q")
    random = generator(rng)
    values, count = prepare(image, density, channel_axis)
    mask = np.ones(values.shape[1:], dtype=bool)
    flat, pixels, filled = mask.reshape(-1), values.reshape(len(values), -1), None
    kept = np.arange(mask.size)
    tell(MaskStep(0, 0, mask.size, count, 0.0))
    while len(kept) > count and not tell.stopped:
        # at least one pixel must stay known while the candidates are out
        tried = min(max(1, round(candidates * len(kept))), len(kept) - 1)
        out = min(max(1, round(removed * tried)), len(kept) - count)
        drawn = random.choice(len(kept), tried, replace=False, shuffle=False)
        places = kept[drawn]
        flat[places] = False
        filled = reconstruct(values, mask, filled)
        guess = filled.reshape(len(values), -1)[:, places]
        error = local_error(guess, pixels[:, places], power)
        best = np.argpartition(error, out - 1)[:out]
        flat[places] = True
        flat[places[best]] = False
        kept = np.delete(kept, drawn[best])
        if tell.listens:
            tell(MaskStep(0, 0, len(kept), count, mean_absolute_error(filled, values)))
    if tell.stopped:
        flat[random.choice(kept, len(kept) - count, replace=False)] = False
    return mask
