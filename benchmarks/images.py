"""The images of the benchmarks: float64 in [0, 1], from scikit-image's `camera`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float64]


def camera_crop(size: int) -> Image:
    """Central ``size`` x ``size`` crop of `camera` / 255; 512 gives the whole photograph."""
    from skimage import data

    load: Any = data.camera
    camera = load()
    if size > camera.shape[0]:
        raise ValueError(f"camera is 512x512, a crop of {size} does not fit; use mirrored_camera")
    start = (camera.shape[0] - size) // 2
    crop = camera[start : start + size, start : start + size]
    return np.ascontiguousarray(crop / 255.0)


def mirrored_camera(size: int) -> Image:
    """A ``size`` x ``size`` image with the statistics of `camera`: a crop, or mirrored tiles."""
    if size <= 512:
        return camera_crop(size)
    camera = camera_crop(512)
    pair = np.block([[camera, camera[:, ::-1]], [camera[::-1], camera[::-1, ::-1]]])
    repeats = -(-size // 1024)
    return np.ascontiguousarray(np.tile(pair, (repeats, repeats))[:size, :size])
