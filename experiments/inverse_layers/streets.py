"""Synthetic street scenes with labels, to try trainings: a road, houses, thin poles, cars."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.core.numbers import check_count
from steepest.io import write_image

from .classes import IGNORE

STREET_CLASSES = ("road", "sidewalk", "building", "pole", "sky", "car")
"""Class k is ``STREET_CLASSES[k]``."""

_ROAD, _SIDEWALK, _BUILDING, _POLE, _SKY, _CAR = range(len(STREET_CLASSES))
_SMALLEST = 32
_COLOURS = np.array(
    [[128, 64, 96], [200, 160, 190], [110, 90, 80], [150, 150, 140], [120, 170, 220], [40, 50, 140]]
)


def write_streets(
    folder: str | os.PathLike[str],
    count: int,
    size: tuple[int, int] = (128, 256),
    seed: int = 0,
    *,
    overwrite: bool = False,
) -> tuple[Path, Path]:
    """Write ``count`` scenes as PNG: ``images/000.png`` (RGB), ``masks/000.png`` (class numbers).

    Scene i depends only on ``seed`` and i. Masks have the numbers 0 to 5 (`STREET_CLASSES`), and
    255 where the bonnet of the camera's car hides the road: open them with ``ignore=255``.

    Returns
    -------
    images, masks : Path
        The two folders, for `experiments.inverse_layers.open_pairs`.

    Raises
    ------
    InputError
        If ``count`` or ``size`` is not positive, a side is below 32, or a file exists and
        ``overwrite`` is False.
    """
    check_count(count, "count")
    folders = Path(folder) / "images", Path(folder) / "masks"
    for where in folders:
        where.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
        for where, pixels in zip(folders, draw_street(rng, size), strict=True):
            write_image(where / f"{index:03d}.png", pixels, overwrite=overwrite)
    return folders


def draw_street(
    rng: np.random.Generator, size: tuple[int, int] = (128, 256)
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one scene: image (H, W, 3), uint8, and labels (H, W), uint8.

    Every scene has every class. Each object has a shade of its class's colour. Noise of standard
    deviation 8 is added to the image.

    Raises
    ------
    InputError
        If a side is below 32.
    """
    height, width = size
    if min(check_count(height, "size"), check_count(width, "size")) < _SMALLEST:
        raise InputError(f"size={size!r}; allowed are sides of at least {_SMALLEST}")
    labels = np.full(size, _SKY, np.uint8)
    shade = np.full(size, rng.integers(-15, 16))
    horizon = round(height * rng.uniform(0.4, 0.5))
    _draw_houses(rng, labels, shade, horizon)
    _draw_road(rng, labels, shade, horizon)
    _draw_cars(rng, labels, shade, horizon)
    _draw_poles(rng, labels, shade, horizon)
    image = _COLOURS[labels] + shade[..., None] + rng.normal(0, 8, (*size, 3))
    labels[-(height // 16) :, width // 3 : -(width // 3)] = IGNORE
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), labels


def _fill(
    rng: np.random.Generator, labels: np.ndarray, shade: np.ndarray, where: Any, label: int
) -> None:
    labels[where], shade[where] = label, rng.integers(-25, 26)


def _draw_houses(
    rng: np.random.Generator, labels: np.ndarray, shade: np.ndarray, horizon: int
) -> None:
    """Houses side by side from left to right, with gaps of sky."""
    left, width = 0, labels.shape[1]
    while left < width:
        right = left + int(rng.integers(width // 10 + 1, width // 4 + 1))
        top = int(rng.integers(horizon // 8, horizon // 2))
        _fill(rng, labels, shade, np.s_[top:horizon, left:right], _BUILDING)
        left = right + int(rng.integers(1, width // 12 + 1))


def _draw_road(
    rng: np.random.Generator, labels: np.ndarray, shade: np.ndarray, horizon: int
) -> None:
    """A road between sidewalks: a triangle that widens from the horizon to the full width."""
    height, width = labels.shape
    _fill(rng, labels, shade, np.s_[horizon:], _SIDEWALK)
    rows, columns = np.indices(labels.shape)
    half = 0.5 * width * (rows - horizon) / (height - horizon)
    vanishing = width * rng.uniform(0.4, 0.6)
    road = (rows >= horizon) & (np.abs(columns - vanishing) <= half)
    _fill(rng, labels, shade, road, _ROAD)


def _draw_cars(
    rng: np.random.Generator, labels: np.ndarray, shade: np.ndarray, horizon: int
) -> None:
    """One to four cars, larger when nearer; the cabin is half as wide as the body."""
    height, width = labels.shape
    for near in np.sort(rng.uniform(0.1, 0.7, rng.integers(1, 5))):
        bottom = horizon + round(near * (height - horizon))
        half = max(2, round(0.12 * width * near))
        middle = int(rng.integers(width // 4, 3 * width // 4))
        for tall, wide in ((half // 2 + 1, half), (half + 1, half // 2)):
            rows = np.s_[max(0, bottom - tall) : bottom]
            columns = np.s_[max(0, middle - wide) : middle + wide]
            _fill(rng, labels, shade, (rows, columns), _CAR)


def _draw_poles(
    rng: np.random.Generator, labels: np.ndarray, shade: np.ndarray, horizon: int
) -> None:
    """Two to five poles, one to three pixels wide, in front of everything else."""
    height, width = labels.shape
    for column in rng.integers(0, width - 3, rng.integers(2, 6)):
        foot = horizon + int(rng.integers(1, max(2, (height - horizon) // 3)))
        top = int(rng.integers(0, horizon // 2))
        wide = int(rng.integers(1, 4))
        _fill(rng, labels, shade, np.s_[top:foot, column : column + wide], _POLE)
