"""Folders of small images with one bright disk each, and their masks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

VALUES = (0, 128, 255)  # background, disc, its core


def draw_cell(
    rng: np.random.Generator, height: int = 24, width: int = 24
) -> tuple[np.ndarray, np.ndarray]:
    """A noisy RGB image (height, width, 3) uint8 and its mask, of `VALUES`."""
    rows, columns = np.mgrid[:height, :width]
    centre = rng.uniform(7, min(height, width) - 7, 2)
    distance = np.hypot(rows - centre[0], columns - centre[1])
    labels = (distance < 6).astype(int) + (distance < 3)
    grey = 60.0 + 70 * labels + rng.normal(0, 8, (height, width))
    tint = np.array([1.0, 0.9, 0.8])
    image = np.clip(grey[..., None] * tint, 0, 255).astype(np.uint8)
    return image, np.array(VALUES, np.uint8)[labels]


def write_cells(
    folder: str | Path, count: int = 6, sizes: Sequence[tuple[int, int]] = ((24, 24),)
) -> tuple[Path, Path]:
    """Write images and masks of these sizes in turn; return the two folders."""
    rng, root = np.random.default_rng(3), Path(folder)
    images, masks = root / "images", root / "masks"
    for i in range(count):
        image, mask = draw_cell(rng, *sizes[i % len(sizes)])
        write(images / f"c{i}.png", image)
        write(masks / f"c{i}.png", mask)
    return images, masks


def write(path: Path, array: np.ndarray) -> None:
    """Write a PNG file; its folder is created if necessary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(array).save(path)
