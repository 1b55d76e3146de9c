"""Nonlocal pixel exchange: move mask pixels to where the inpainting error is large."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.numbers import check_count
from ...core.progress import Callback, Reporter
from ...core.rng import Rng, generator
from .checks import MaskStep, check_mask, double, exponent
from .filling import Reconstruct, check_reconstruct, diffusion, local_error, mean_absolute_error


def nonlocal_pixel_exchange(
    image: Any,
    mask: Any,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    on_step: Callback | None = None,
    cycles: int = 5,
    m: int = 10,
    n: int = 1,
    norm: str = "l1",
    reconstruct: Reconstruct = diffusion,
) -> np.ndarray:
    """Improve a mask by moving pixels to where the error is large.

    Each of ``cycles * |mask|`` iterations draws ``m`` pixels outside the mask and exchanges the
    ``n`` of them with the largest error for ``n`` random pixels of the mask. It then inpaints, and
    undoes the exchange unless the total error has decreased. The error computed with
    ``reconstruct`` therefore never increases.

    An iteration costs one inpainting and O(N). As only n pixels change, the inpainting starts from
    the last one that was kept. With conjugate gradients without a preconditioner, this halves the
    time at 5 %. The default multigrid solver takes fewer iterations, but its set-up time remains.

    Parameters
    ----------
    image, channel_axis, rng
        As in `random`.
    mask : Boolean array of the spatial shape
        Mask to improve, with at least one pixel; it is not modified.
    on_step : callable, optional
        Called with a `MaskStep` in each iteration; its error is that of the mask. If it returns
        True, the current mask is returned.
    cycles : int
        Number of iterations, as a multiple of the number of pixels in the mask.
    m : int
        Number of candidates per iteration; fewer if fewer pixels are left.
    n : int
        Number of pixels exchanged per iteration, at most ``m``. It is limited to the number of
        pixels in the mask and outside it.
    norm : {"l1", "l2"}
        Error to minimise: the sum of its magnitudes or squares over pixels and channels.
    reconstruct : callable
        As in `probabilistic_sparsification`.

    Returns
    -------
    Boolean array of the spatial shape
        The improved mask, with as many pixels as ``mask``.

    Raises
    ------
    InputError
        If the image, the mask or an option is invalid.

    Notes
    -----
    Mainberger et al. leave m and n to the user. Peter (2022) takes 5 cycles and does not state m
    and n. The defaults were chosen by the mean absolute error after one or two cycles on a colour
    crop of 128 x 128 at 5 %. There, m = 4 and m = 30 are 1 to 4 % worse, m = 100 and n = 2 are
    worse than that, and m = 400 is a tenth worse. Starting from `densify` or from
    `probabilistic_sparsification` made a difference of less than 1 % after three cycles.

    References
    ----------
    Mainberger, Hoffmann, Weickert, Tang, Johannsen, Neumann & Doerr, Optimising spatial and tonal
    data for homogeneous diffusion inpainting, SSVM 2011, LNCS 6667, 26-37.
    """
    tell = Reporter(on_step)
    check_reconstruct(reconstruct)
    power, cycles = exponent(norm), check_count(cycles, "cycles")
    m, n = check_count(m, "m"), check_count(n, "n")
    if n > m:
        raise InputError(f"n={n}; allowed are 1 to m={m}")
    random = generator(rng)
    values = double(image, channel_axis)
    mask = check_mask(mask, values.shape[1:])
    flat = mask.reshape(-1)
    inside, outside = np.flatnonzero(flat), np.flatnonzero(~flat)
    if len(outside) == 0:
        return mask
    m, n = min(m, len(outside)), min(n, len(inside), len(outside))
    filled = reconstruct(values, mask, None)
    error = local_error(filled, values, power)
    total = error.sum()
    size, num_steps = len(inside), cycles * len(inside)
    for _ in range(num_steps):
        drawn = random.choice(len(outside), m, replace=False, shuffle=False)
        worst = np.argpartition(-error.reshape(-1)[outside[drawn]], n - 1)[:n]
        enter, leave = drawn[worst], random.choice(size, n, replace=False)
        swap(flat, inside, leave, outside, enter)
        trial = reconstruct(values, mask, filled)
        trial_error = local_error(trial, values, power)
        if trial_error.sum() < total:
            filled, error, total = trial, trial_error, trial_error.sum()
        else:
            swap(flat, inside, leave, outside, enter)
        if tell.listens and tell(
            MaskStep(0, num_steps, size, size, mean_absolute_error(filled, values))
        ):
            break
    return mask


def swap(
    flat: np.ndarray, inside: np.ndarray, leave: np.ndarray, outside: np.ndarray, enter: np.ndarray
) -> None:
    """Exchange the mask pixels ``inside[leave]`` with ``outside[enter]``; it is its own inverse."""
    flat[inside[leave]], flat[outside[enter]] = False, True
    inside[leave], outside[enter] = outside[enter], inside[leave]
