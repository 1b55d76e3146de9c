"""Crops of photographs, and the errors of their inpaintings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from skimage.metrics import structural_similarity

from steepest.inpainting import reconstruct
from steepest.io import image_files, read_image

SIZE = 128
Method = Callable[[np.ndarray, float], np.ndarray]
Fill = Callable[[np.ndarray, np.ndarray, float], np.ndarray]
"""A function of an image, a mask and its density that returns an image in [0, 1]."""


def crops(folder: Path, number: int, side: int = SIZE) -> list[tuple[str, np.ndarray]]:
    """Names and centre crops (side, side, 3), uint8, of the first images that are large enough."""
    found = []
    for path in image_files(folder):
        image = np.asarray(read_image(path).array)
        height, width = image.shape[:2]
        if image.ndim == 3 and min(height, width) >= side and image.dtype == np.uint8:
            y, x = (height - side) // 2, (width - side) // 2
            found.append((path.stem, np.ascontiguousarray(image[y : y + side, x : x + side, :3])))
        if len(found) == number:
            break
    return found


def measure(image: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Errors of a reconstruction on a scale from 0 to 255; SSIM as defined by Wang et al."""
    truth, ours = image.astype(np.float64), np.clip(255.0 * found.astype(np.float64), 0, 255)
    similarity = structural_similarity(
        ours, truth, channel_axis=-1, data_range=255, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False,
    )  # fmt: skip
    error = ours - truth
    mse = float(np.mean(error**2))
    return {
        "mae": float(np.abs(error).mean()),
        "psnr": float(10 * np.log10(255**2 / mse)),
        "ssim": float(similarity),
    }


def diffuse(image: np.ndarray, mask: np.ndarray, values: np.ndarray | None = None) -> np.ndarray:
    """The steady state of homogeneous diffusion, in [0, 1]."""
    return np.asarray(reconstruct(image, mask, channel_axis=-1, values=values).image)
