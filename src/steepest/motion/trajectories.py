"""The best images of a discrete path, for given displacements from each image to the next."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .forward import spread
from .warping import Spline

_SMALL = 1e-3  # the smallest area of a moved pixel that is divided by


def interpolate(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Values (n, H, W) at places (2, h, w), linearly; outside, those of the boundary."""
    return np.stack([ndimage.map_coordinates(v, places, order=1, mode="nearest") for v in values])


@dataclass(frozen=True)
class Path:
    """Trajectories of the pixels of the first image, and how their grey values change.

    ``ends`` are the splines of both images, ``displacements`` (K, 2, H, W) those to the next image,
    and ``places`` (K + 1, 2, H, W) where the pixels are. With ``shares`` s (K + 1, H, W), a value
    is ``(1 - s_k) first(x) + s_k second(X_K(x))``.
    """

    ends: tuple[Sequence[Spline], Sequence[Spline]]
    displacements: np.ndarray
    places: np.ndarray
    shares: np.ndarray

    def image(self, places: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, int]:
        """The image (C, H, W) whose trajectories are at ``places``, and the number of folds."""
        grid = np.indices(places.shape[1:]).astype(np.float64)
        fields = np.concatenate([grid, self.places[-1], shares[None]])
        origin, _, folds = spread(fields, places)
        start, end = (
            np.stack([each.at(at - grid)[0] for each in of])
            for of, at in zip(self.ends, (origin[:2], origin[2:4]), strict=True)
        )
        return start + origin[4] * (end - start), folds

    def images(self) -> np.ndarray:
        """All images of the path, (K + 1, C, H, W)."""
        pairs = zip(self.places, self.shares, strict=True)
        return np.stack([self.image(*pair)[0] for pair in pairs])


def trace(ends: tuple[Sequence[Spline], Sequence[Spline]], displacements: np.ndarray) -> Path:
    """The path of least ``sum_k |I_k(x + v_k) - I_{k-1}|^2`` for displacements (K, 2, H, W).

    With F_k = I_k(X_k), the sum is ``sum_k sum_x |F_k - F_{k-1}|^2 det D X_{k-1}``: F_k - F_{k-1}
    is proportional to one over the determinant.
    """
    places = [np.indices(displacements.shape[2:]).astype(np.float64)]
    changes = [np.zeros(displacements.shape[2:])]
    for v in displacements:
        here = places[-1]
        (a, b), (c, d) = (np.gradient(part) for part in here)
        changes.append(1 / np.maximum(np.abs(a * d - b * c), _SMALL))
        places.append(here + interpolate(v, here))
    total = np.cumsum(changes, axis=0)
    return Path(ends, displacements, np.stack(places), total / total[-1])


def at_time(path: Path, time: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Image (C, H, W), displacement (2, H, W) and folds at a time in [0, 1]."""
    count = len(path.places) - 1
    k = min(int(time * count), count - 1)
    part = time * count - k
    places = path.places[k] + part * (path.places[k + 1] - path.places[k])
    shares = path.shares[k] + part * (path.shares[k + 1] - path.shares[k])
    image, folds = path.image(places, shares)
    return image, places - path.places[0], folds
