"""Colour transfer by a flow along random directions."""

from typing import Any

import numpy as np

from ..core.arrays import prepare_image
from ..core.errors import InputError
from ..core.namespace import detached, is_torch
from ..core.numbers import check_count
from ..core.progress import Callback, Reporter
from ..core.rng import Rng, generator
from .slices import spread_rotations


def transfer_colours(
    image: Any,
    reference: Any,
    num_iter: int = 30,
    *,
    channel_axis: int = -1,
    rng: Rng = 0,
    on_step: Callback | None = None,
) -> np.ndarray:
    """Give an image the colours of another one.

    Moves the colours of the image towards the distribution of those of the reference, by descent of
    the sliced Wasserstein distance: in each step, the colours are projected onto the axes of a
    rotation, and each projection is moved to the quantile of the reference. Of 64 random rotations,
    a step takes the one whose axes are farthest from those of the steps before it. Pixels of one
    colour keep one colour, so flat areas stay flat.

    Parameters
    ----------
    image : array
        Image with channels, in 1-D to 3-D; its dtype is kept.
    reference : array
        Image of any size with as many channels, on the same axis.
    num_iter : int
        Number of steps. With 10 the impression is right; 30 also fit rare colours.
    channel_axis : int
        Axis of the channels in both images.
    rng : int, numpy.random.Generator or None
        Draws the rotations.
    on_step : callable, optional
        Called with a `Progress` after each step. Its residual is the root of the mean squared
        movement of the pixels in colour space. If it returns True, the function stops.

    Returns
    -------
    array of the shape and dtype of the image
        Each channel is within the range of that channel of the reference.

    Raises
    ------
    InputError
        If the images have different numbers of channels or kinds of values, or an argument is out
        of range.

    References
    ----------
    Pitié, Kokaram & Dahyot, *Automated colour grading using colour distribution transfer*, Computer
    Vision and Image Understanding 107 (2007) 123-137. Bonneel, Rabin, Peyré & Pfister, *Sliced and
    Radon Wasserstein barycenters of measures*, J. Mathematical Imaging and Vision 51 (2015) 22-45.
    """
    if is_torch(image) or is_torch(reference):
        raise InputError("image and reference must be NumPy arrays (convert with .numpy())")
    if channel_axis is None:
        raise InputError("channel_axis=None; the images need channels")
    planes, layout = prepare_image(image, channel_axis)
    others, other_layout = prepare_image(reference, channel_axis, "reference")
    if len(planes) != len(others):
        raise InputError(
            f"reference has {len(others)} channels; the image has {len(planes)} on the axis "
            f"channel_axis={channel_axis}"
        )
    if (layout.integer_maximum is None) != (other_layout.integer_maximum is None):
        raise InputError(
            f"image has dtype {layout.dtype} and reference {other_layout.dtype}; allowed are two "
            "integer types, or two floating-point types"
        )
    steps, random, report = check_count(num_iter, "num_iter"), generator(rng), Reporter(on_step)
    colours, where, shares = _palette(planes)
    goals, _, masses = _palette(others)
    low, high = goals.min(axis=0), goals.max(axis=0)
    for rotation in spread_rotations(len(planes), steps, random):
        before, ahead = colours @ rotation, goals @ rotation
        columns = zip(before.T, ahead.T, strict=True)
        after = np.stack([_to_quantiles(b, shares, a, masses) for b, a in columns], axis=1)
        moved = float(np.sqrt((shares * ((after - before) ** 2).sum(axis=1)).sum()))
        colours = after @ rotation.T
        if report.residual(moved, steps):
            break
    result = np.clip(colours, low, high).T[:, where].reshape(planes.shape).astype(planes.dtype)
    return np.asarray(detached(layout.restore(result)))


def _palette(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the different colours (n, channels), that of each pixel, and their shares."""
    pixels = planes.reshape(len(planes), -1).T.astype(np.float64)
    colours, where, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    return colours, where.reshape(-1), counts / len(pixels)


def _to_quantiles(
    values: np.ndarray, shares: np.ndarray, goals: np.ndarray, masses: np.ndarray
) -> np.ndarray:
    """Return, for each value, the mean of the goals that have the same ranks."""
    order, rank = np.argsort(values, kind="stable"), np.argsort(goals, kind="stable")
    levels = np.concatenate([[0.0], np.cumsum(shares[order])])
    reached = np.concatenate([[0.0], np.cumsum(masses[rank])])
    total = np.concatenate([[0.0], np.cumsum((masses * goals)[rank])])
    result = np.empty(len(values))
    result[order] = np.diff(np.interp(levels, reached, total)) / shares[order]
    return result
