"""Generated evaluation images: isolated disks, overlapping ellipses, and phantoms of scans.

Disks are eigenfunctions of the total variation. The paper (section 4.2.1, Table 5) tests whether
networks trained on photographs reproduce them. All generators are determined by their seed, and
every image is float32 in [0, 1]. Edges are smoothed over one pixel, by the distance to the outline.
"""

from __future__ import annotations

import numpy as np

from steepest.core.errors import InputError
from steepest.core.numbers import check_count

SHAPE_SIZE = 256
PHANTOM_SIZE = 512
_ATTEMPTS = 60


def disks(count: int = 100, seed: int = 0, size: int = SHAPE_SIZE) -> list[np.ndarray]:
    """``count`` images (size, size) of 3 to 10 isolated disks on a constant background.

    Radii are 4 % to 14 % of the side (10 to 36 pixels at 256). Contrasts are 0.1 to 0.7, of either
    sign, with values in [0, 1]. Disks are at least 6 pixels apart from each other and from the
    boundary.

    Raises
    ------
    InputError
        If ``count`` is not a positive integer, or ``size`` is below 32.
    """
    return _many(_disk_image, count, seed, size)


def ellipses(count: int = 100, seed: int = 0, size: int = SHAPE_SIZE) -> list[np.ndarray]:
    """``count`` images (size, size) of 5 to 15 overlapping ellipses of varying contrasts.

    The semi-axes are 3 % to 25 % of the side, in any orientation; later ellipses cover earlier
    ones. Errors are those of :func:`disks`.
    """
    return _many(_ellipse_image, count, seed, size)


def phantoms(count: int = 40, seed: int = 0, size: int = PHANTOM_SIZE) -> list[np.ndarray]:
    """``count`` images (size, size) like body sections, for use without medical data.

    They have a dark background, a body with a bright rim, organs of smooth brightness with vessels,
    and faint noise, like the smooth dark backgrounds with defined structures that the paper
    describes. Errors are those of :func:`disks`.
    """
    return _many(_phantom_image, count, seed, size)


def disk_layout(seed: int, size: int = SHAPE_SIZE) -> list[tuple[float, float, float, float]]:
    """Row, column, radius and contrast of every disk in the first image of ``disks(1, seed)``."""
    return _place_disks(np.random.default_rng([seed, 0]), size)[1]


def _many(draw, count: int, seed: int, size: int) -> list[np.ndarray]:  # type: ignore[no-untyped-def]
    count, size = check_count(count, "count"), check_count(size, "size")
    if size < 32:
        raise InputError(f"size must be at least 32 pixels, not {size}")
    return [
        np.clip(draw(np.random.default_rng([seed, k]), size), 0, 1).astype(np.float32)
        for k in range(count)
    ]


def _ellipse_mask(
    size: int, centre: tuple[float, float], axes: tuple[float, float], angle: float = 0.0
) -> np.ndarray:
    """1 inside, 0 outside, with a ramp of about one pixel between."""
    rows, columns = np.mgrid[:size, :size].astype(np.float64)
    y, x = rows - centre[0], columns - centre[1]
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    radius = np.hypot(along / axes[0], across / axes[1])
    slope = np.hypot(along / axes[0] ** 2, across / axes[1] ** 2)  # |grad| of radius times radius
    distance = (1 - radius) * radius / np.maximum(slope, 1e-12)
    distance = np.where(radius < 1e-9, min(axes), distance)
    return np.clip(distance + 0.5, 0, 1)


def _place_disks(
    rng: np.random.Generator, size: int
) -> tuple[float, list[tuple[float, float, float, float]]]:
    """A background value and separate disks (row, column, radius, contrast)."""
    background = float(rng.uniform(0.1, 0.9))
    placed: list[tuple[float, float, float, float]] = []
    wanted, gap = int(rng.integers(3, 11)), 6.0
    for _ in range(_ATTEMPTS * wanted):
        if len(placed) == wanted:
            break
        radius = float(rng.uniform(0.04, 0.14)) * size
        row, column = rng.uniform(radius + gap, size - 1 - radius - gap, 2)
        apart = (np.hypot(row - r, column - c) - radius - other for r, c, other, _ in placed)
        if all(distance >= gap for distance in apart):
            room = 1 - background, background
            signs = [s for s, most in zip((1, -1), room, strict=True) if most > 0.1]
            sign = int(rng.choice(signs))
            most = min(0.7, room[0] if sign > 0 else room[1])
            contrast = sign * float(rng.uniform(0.1, most))
            placed.append((float(row), float(column), radius, contrast))
    return background, placed


def _disk_image(rng: np.random.Generator, size: int) -> np.ndarray:
    background, placed = _place_disks(rng, size)
    image = np.full((size, size), background)
    for row, column, radius, contrast in placed:
        image += contrast * _ellipse_mask(size, (row, column), (radius, radius))
    return image


def _ellipse_image(rng: np.random.Generator, size: int) -> np.ndarray:
    image = np.full((size, size), float(rng.uniform()))
    for _ in range(int(rng.integers(5, 16))):
        row, column = rng.uniform(0, size, 2)
        long, short = rng.uniform(0.03, 0.25, 2) * size
        mask = _ellipse_mask(size, (row, column), (long, short), rng.uniform(0, np.pi))
        image += mask * (float(rng.uniform()) - image)
    return image


def _phantom_image(rng: np.random.Generator, size: int) -> np.ndarray:
    image = np.full((size, size), float(rng.uniform(0.0, 0.04)))
    middle = size / 2 + rng.uniform(-0.03, 0.03, 2) * size
    body = np.array([rng.uniform(0.38, 0.46), rng.uniform(0.28, 0.36)]) * size
    tilt = float(rng.uniform(-0.1, 0.1))
    centre = (float(middle[0]), float(middle[1]))
    for shrink, grey in ((1.0, rng.uniform(0.25, 0.4)), (0.95, rng.uniform(0.1, 0.2))):
        mask = _ellipse_mask(size, centre, (body[0] * shrink, body[1] * shrink), tilt)
        image += mask * (grey - image)
    inside = _ellipse_mask(size, centre, (body[0] * 0.9, body[1] * 0.9), tilt)
    for _ in range(int(rng.integers(5, 9))):
        image += inside * _organ(rng, size, centre, body, image)
    image += rng.normal(0, 0.008, image.shape)
    return image


def _organ(
    rng: np.random.Generator,
    size: int,
    centre: tuple[float, float],
    body: np.ndarray,
    image: np.ndarray,
) -> np.ndarray:
    """The change of the image by one organ with a brightness gradient and a few vessels."""
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.65)
    row = centre[0] + reach * body[1] * np.sin(angle)
    column = centre[1] + reach * body[0] * np.cos(angle)
    axes = rng.uniform(0.04, 0.16, 2) * size
    mask = _ellipse_mask(size, (row, column), (axes[0], axes[1]), rng.uniform(0, np.pi))
    rows, columns = np.mgrid[:size, :size] / size
    slope = rng.uniform(-0.15, 0.15, 2)
    grey = rng.uniform(0.3, 0.7) + slope[0] * (rows - row / size)
    grey = grey + slope[1] * (columns - column / size)
    for _ in range(int(rng.integers(0, 4))):
        y, x = (
            row + rng.uniform(-0.6, 0.6) * axes.min(),
            column + rng.uniform(-0.6, 0.6) * axes.min(),
        )
        radius = float(rng.uniform(0.006, 0.02)) * size
        vessel = _ellipse_mask(size, (y, x), (radius, radius))
        grey = grey + vessel * rng.uniform(0.1, 0.25)
    return mask * (grey - image)
