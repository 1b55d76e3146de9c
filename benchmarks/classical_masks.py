"""Masks of the literature that the library has better ones for: sparsification and exchange.

Probabilistic sparsification and nonlocal pixel exchange of Mainberger, Hoffmann, Weickert, Tang,
Johannsen, Neumann & Doerr, *Optimising spatial and tonal data for homogeneous diffusion
inpainting*, SSVM 2011, LNCS 6667, 26-37. Echo masks are better than both together, and found in a
hundredth of the time (docs/inpainting_results.md).

Both inpaint by ``reconstruct(values, known, start)``, with ``values`` (channels, \\*space) in
float64, the Boolean array ``known`` (\\*space), and an earlier inpainting or None. The default is
homogeneous diffusion to a relative residual of 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.core.rng import Rng, generator
from steepest.inpainting.masks.checks import check_mask, check_request
from steepest.inpainting.problem import prepare_numpy
from steepest.inpainting.steady_state import fill

Reconstruct = Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]


def diffusion(values: np.ndarray, known: np.ndarray, start: np.ndarray | None) -> np.ndarray:
    """Inpaint by homogeneous diffusion with the library's solver."""
    return fill(values, known, (1.0,) * known.ndim, 1e-6, start=start).image


def probabilistic_sparsification(
    image: Any,
    density: float,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    p: float = 0.3,
    q: float = 0.02,
    reconstruct: Reconstruct = diffusion,
) -> np.ndarray:
    """Choose a mask by repeatedly dropping the pixels that inpainting predicts best.

    Starts from all pixels. Each step draws a share ``p`` of the mask pixels as candidates and
    inpaints without all of them. The share ``q`` of the candidates with the smallest error is
    dropped; the other candidates are put back. Each step therefore keeps ``1 - p q`` of the mask
    (and drops at least one pixel), which takes about ``ln(1 / density) / (p q)`` inpaintings: 500
    by default at 5 %. Each inpainting starts from the previous one.

    Mainberger et al. leave p and q to the user. Peter (2022), whose tables these masks are compared
    with, does not state them; the ratios of the run times there fit ``p q`` of about 0.0013. The
    defaults were chosen by the mean absolute error on two or three colour crops of 128 x 128. With
    the same number of inpaintings at 5 %, p = 0.02 is half worse, and p = 0.5 is 7 % better but 7 %
    worse at 20 %. q = 0.005 changes the error by 1 % at four times the cost. q = 0.1 is 10 % worse
    (2 % at 20 %) at a fifth of the cost.
    """
    request = check_request(image, density, channel_axis=channel_axis, rng=rng)
    values, count, random = request.values, request.count, request.random
    mask = np.ones(request.space, dtype=bool)
    flat, pixels, filled = mask.reshape(-1), values.reshape(len(values), -1), None
    kept = np.arange(mask.size)
    while len(kept) > count:
        # At least one pixel must stay known while the candidates are removed.
        tried = min(max(1, round(p * len(kept))), len(kept) - 1)
        out = min(max(1, round(q * tried)), len(kept) - count)
        drawn = random.choice(len(kept), tried, replace=False, shuffle=False)
        places = kept[drawn]
        flat[places] = False
        filled = reconstruct(values, mask, filled)
        error = np.abs(filled.reshape(len(values), -1)[:, places] - pixels[:, places]).sum(0)
        best = np.argpartition(error, out - 1)[:out]
        flat[places] = True
        flat[places[best]] = False
        kept = np.delete(kept, drawn[best])
    return mask


def nonlocal_pixel_exchange(
    image: Any,
    mask: Any,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    cycles: int = 5,
    m: int = 10,
    n: int = 1,
    reconstruct: Reconstruct = diffusion,
) -> np.ndarray:
    """Improve a mask by moving pixels to where the error is large.

    Each of ``cycles * |mask|`` iterations draws ``m`` pixels outside the mask and exchanges the
    ``n`` of them with the largest error for ``n`` random pixels of the mask. It then inpaints, and
    undoes the exchange unless the total absolute error has decreased.

    Mainberger et al. leave m and n to the user. Peter (2022) takes 5 cycles and does not state m
    and n. The defaults were chosen by the mean absolute error after one or two cycles on a colour
    crop of 128 x 128 at 5 %. There, m = 4 and m = 30 are 1 to 4 % worse, m = 100 and n = 2 are
    worse than that, and m = 400 is a tenth worse. Starting from `masks.densify` or from
    `probabilistic_sparsification` made a difference of less than 1 % after three cycles.
    """
    random, values = generator(rng), prepare_numpy(image, channel_axis)[0].astype(np.float64)
    mask = check_mask(mask, values.shape[1:])
    flat = mask.reshape(-1)
    inside, outside = np.flatnonzero(flat), np.flatnonzero(~flat)
    if len(outside) == 0:
        return mask
    m, n = min(m, len(outside)), min(n, len(inside), len(outside))
    filled = reconstruct(values, mask, None)
    error = np.abs(filled - values).sum(0)
    for _ in range(cycles * len(inside)):
        drawn = random.choice(len(outside), m, replace=False, shuffle=False)
        worst = np.argpartition(-error.reshape(-1)[outside[drawn]], n - 1)[:n]
        enter, leave = drawn[worst], random.choice(len(inside), n, replace=False)
        _swap(flat, inside, leave, outside, enter)
        trial = reconstruct(values, mask, filled)
        trial_error = np.abs(trial - values).sum(0)
        if trial_error.sum() < error.sum():
            filled, error = trial, trial_error
        else:
            _swap(flat, inside, leave, outside, enter)
    return mask


def _swap(
    flat: np.ndarray, inside: np.ndarray, leave: np.ndarray, outside: np.ndarray, enter: np.ndarray
) -> None:
    """Exchange the mask pixels ``inside[leave]`` with ``outside[enter]``; it is its own inverse."""
    flat[inside[leave]], flat[outside[enter]] = False, True
    inside[leave], outside[enter] = outside[enter], inside[leave]
