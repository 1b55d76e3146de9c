"""Compare two stacks of images: PSNR over the whole stack, SSIM per frame."""

from __future__ import annotations

import math

import numpy as np

from steepest.core.errors import InputError

SSIM_WINDOW = 7


def psnr(ours: np.ndarray, truth: np.ndarray, data_range: float = 1.0) -> float:
    """``10 log10(data_range^2 / mean((ours - truth)^2))`` in dB over all frames and pixels.

    The paper takes the mean square over the whole stack of 50 times of an image, then averages
    the decibels over images. The PSNR of equal stacks is infinite.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    _check_alike(ours, truth)
    error = float(np.mean(np.square(np.subtract(ours, truth, dtype=np.float64))))
    return math.inf if error == 0 else 10 * math.log10(data_range**2 / error)


def ssim(ours: np.ndarray, truth: np.ndarray, data_range: float = 1.0) -> float:
    """Mean structural similarity of the frames of two stacks (T, H, W) or two images (H, W).

    Computed in float64 by ``skimage.metrics.structural_similarity`` with its defaults: uniform
    windows of 7x7 pixels, sample covariance, K1 = 0.01, K2 = 0.03, and a mean without a border of 3
    pixels.

    Raises
    ------
    InputError
        If the shapes differ, a side is below 7 pixels, or scikit-image is not installed.
    """
    _check_alike(ours, truth)
    if min(ours.shape[-2:]) < SSIM_WINDOW:
        raise InputError(f"SSIM needs {SSIM_WINDOW}x{SSIM_WINDOW} pixels, not {ours.shape[-2:]}")
    structural_similarity = _structural_similarity()
    pairs = zip(_frames(ours), _frames(truth), strict=True)
    values = [structural_similarity(a, b, data_range=data_range) for a, b in pairs]
    return float(np.mean(values))


def _structural_similarity():  # type: ignore[no-untyped-def]
    try:
        from skimage.metrics import structural_similarity
    except ImportError:
        raise InputError("SSIM needs scikit-image: pip install scikit-image") from None
    return structural_similarity


def _frames(array: np.ndarray) -> np.ndarray:
    values = np.asarray(array, np.float64)
    return values.reshape(-1, *values.shape[-2:])


def _check_alike(ours: np.ndarray, truth: np.ndarray) -> None:
    if np.shape(ours) != np.shape(truth):
        raise InputError(f"shapes {np.shape(ours)} and {np.shape(truth)} cannot be compared")
