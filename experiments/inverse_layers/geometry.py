"""Bring images and their labels to one size."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow

from steepest.core.errors import InputError
from steepest.core.numbers import check_count

from .classes import IGNORE

FITS = ("resize", "crop", "pad")


def fit_size(
    image: np.ndarray,
    labels: np.ndarray,
    size: tuple[int, int],
    fit: str = "crop",
    rng: np.random.Generator | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Bring an image (C, H, W), float32, and its labels (H, W) to ``size``.

    Parameters
    ----------
    size : (height, width)
        The new size.
    fit : "resize", "crop" or "pad"
        "resize" stretches the image by linear interpolation (averaging when it shrinks) and labels
        by the nearest pixel. "crop" cuts out a window, and pads axes that are too short. "pad" pads
        below and to the right by repeating the last pixel, with the label `IGNORE`.
    rng : Generator, optional
        Draws the position of the window uniformly; without it the window is centred.

    Raises
    ------
    InputError
        If ``fit`` is unknown, ``size`` is not two positive integers, or the image is too large for
        "pad".
    """
    if fit not in FITS:
        raise InputError(f"fit={fit!r}; allowed are {', '.join(FITS)}")
    if len(size) != 2:
        raise InputError(f"size={size!r} must be (height, width)")
    height, width = (check_count(n, "size") for n in size)
    if fit == "resize":
        return _resize(image, labels, height, width)
    if fit == "crop":
        image, labels = _crop(image, labels, height, width, rng)
    return _pad(image, labels, height, width)


def _resize(
    image: np.ndarray, labels: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    planes = [
        np.asarray(Pillow.fromarray(plane).resize((width, height), Pillow.Resampling.BILINEAR))
        for plane in np.ascontiguousarray(image, np.float32)
    ]
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)  # the pixel that the new centre lies in
        for new, old in zip((height, width), labels.shape, strict=True)
    )
    return np.stack(planes), labels[np.ix_(rows, columns)]


def _crop(
    image: np.ndarray,
    labels: np.ndarray,
    height: int,
    width: int,
    rng: np.random.Generator | None,
) -> tuple[np.ndarray, np.ndarray]:
    window = []
    for old, new in zip(labels.shape, (height, width), strict=True):
        free = max(old - new, 0)
        start = free // 2 if rng is None else int(rng.integers(free + 1))
        window.append(slice(start, start + new))
    return image[:, window[0], window[1]], labels[window[0], window[1]]


def _pad(
    image: np.ndarray, labels: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    below, right = height - labels.shape[0], width - labels.shape[1]
    if below < 0 or right < 0:
        raise InputError(
            f"size={(height, width)} is smaller than an image of {labels.shape[0]}x"
            f"{labels.shape[1]} pixels, which fit='pad' cannot make smaller; "
            "allowed are 'crop' and 'resize'"
        )
    return (
        np.pad(image, ((0, 0), (0, below), (0, right)), mode="edge"),
        np.pad(labels, ((0, below), (0, right)), constant_values=IGNORE),
    )
