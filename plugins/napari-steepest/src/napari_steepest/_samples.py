"""Sample data for napari's File menu."""

from __future__ import annotations

import numpy as np

from steepest.io import sample

from ._source import LayerData


def camera() -> list[LayerData]:
    """A photograph with noise of standard deviation 0.1."""
    noise = np.random.default_rng(0).normal(0, 0.1, (512, 512))
    image = np.clip(sample("camera") / 255 + noise, 0, 1)
    return [(image.astype(np.float32), {"name": "camera with noise"}, "image")]


def coffee() -> list[LayerData]:
    """A colour photograph with scratches, and the Labels that mark them."""
    image, rng = sample("coffee"), np.random.default_rng(0)
    scratches = np.zeros(image.shape[:2], np.uint8)
    row, column = np.indices(scratches.shape)
    for _ in range(12):
        angle, offset = rng.uniform(0, np.pi), rng.uniform(-250, 250)
        distance = (row - 200) * np.sin(angle) + (column - 300) * np.cos(angle) - offset
        scratches |= (np.abs(distance) < 2).astype(np.uint8)
    image[scratches > 0] = 255
    return [
        (image, {"name": "coffee with scratches", "rgb": True}, "image"),
        (scratches, {"name": "scratches", "opacity": 0.5}, "labels"),
    ]


def spheres() -> list[LayerData]:
    """A volume of bright balls with noise; slices are 3 µm apart, pixels 1 µm."""
    rng = np.random.default_rng(0)
    place = np.indices((24, 96, 96)).astype(np.float32)
    image = rng.normal(0.1, 0.1, place.shape[1:]).astype(np.float32)
    for centre, radius in zip(rng.uniform(0.1, 0.9, (12, 3)), rng.uniform(5, 14, 12), strict=True):
        offset = (place.T - centre * (24, 96, 96)) * (3, 1, 1)
        distance = np.linalg.norm(offset, axis=-1).T
        image += 0.6 * (distance < radius)
    options = {"name": "balls", "scale": (3, 1, 1), "units": ("um", "um", "um")}
    return [(image, options, "image")]


def interferogram() -> list[LayerData]:
    """Wrapped phases from radar, in radians."""
    options = {"name": "interferogram", "colormap": "hsv", "contrast_limits": (-np.pi, np.pi)}
    return [(sample("interferogram"), options, "image")]
