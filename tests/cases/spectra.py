"""Images to decompose, and a measure of their distance."""

from typing import Any

import numpy as np

from cases import sum_of_signals

VARIANTS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "signal": ((40,), {}),
    "image": ((12, 15), {}),
    "anisotropic": ((12, 15), {"isotropic": False}),
    "volume": ((6, 7, 5), {"spacing": (2.0, 1.0, 0.5)}),
    "spacing": ((12, 15), {"spacing": (0.5, 3.0)}),
    "weights": ((12, 15), {"weights": 0.2 + np.random.default_rng(8).random((12, 15))}),
    "colour": ((9, 10, 3), {"channel_axis": -1}),
    "colour first": ((3, 9, 10), {"channel_axis": 0}),
    "separate colours": ((9, 10, 3), {"channel_axis": -1, "coupled": False}),
    "coloured volume": ((4, 2, 5, 6), {"channel_axis": 1, "spacing": (1.0, 1.0, 2.0)}),
}


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


def quality(a: np.ndarray, b: np.ndarray) -> float:
    """PSNR in dB of ``a`` against ``b``, for the data range of ``b``."""
    error = np.sqrt(np.mean((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2))
    return float("inf") if error == 0 else float(20 * np.log10(np.ptp(b) / error))


def two_structures() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stripes of two directions, which anisotropic TV flow treats apart: times 0.3 and 4."""
    weak, strong = 0.1 * (np.arange(12) < 6), 1.0 * (np.arange(16) < 8)
    case = sum_of_signals([weak, strong])
    a = np.broadcast_to((weak - weak.mean())[:, None], case.image.shape)
    b = np.broadcast_to((strong - strong.mean())[None], case.image.shape)
    return case.image, a, b
