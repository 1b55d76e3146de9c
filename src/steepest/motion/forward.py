"""Forward warping: the grid of the image, moved and drawn as triangles."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import prepare_image
from .kernels import draw_triangles
from .warping import check_displacement


@dataclass(frozen=True)
class ForwardWarp:
    """An image that was moved along a displacement.

    Attributes
    ----------
    image : array
        The moved image; pixels that no triangle covers keep their value.
    covered : (H, W) bool array
    folds : int
        The number of triangles that are turned over: the displacement is not injective there, and
        the triangle drawn last is seen.
    """

    image: np.ndarray
    covered: np.ndarray
    folds: int


def warp_forward(image: Any, displacement: Any, *, channel_axis: int | None = None) -> ForwardWarp:
    """Move the pixels x of an image to ``x + u(x)``.

    Each square of four pixels is two triangles, which are drawn at their new place with colours
    interpolated linearly (barycentric coordinates).

    Parameters
    ----------
    image : array of shape (H, W), with channels if ``channel_axis`` is given
    displacement : (2, H, W) array
        Displacement along the two axes, in pixels.
    channel_axis : int, optional

    Returns
    -------
    result : ForwardWarp

    References
    ----------
    Flotho, Heiss, Steidl & Strauss, Lagrangian motion magnification with double sparse optical flow
    decomposition, Front. Appl. Math. Stat. 9 (2023) 1164491.
    """
    array, layout = prepare_image(image, channel_axis)
    values = np.asarray(array, np.float64)
    field = check_displacement(displacement, values.shape[1:])
    places = field + np.indices(values.shape[1:])
    out, covered, folds = spread(values, places)
    return ForwardWarp(layout.restore(out.astype(array.dtype)), covered, folds)


def spread(values: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The function that is values[:, x] at places[:, x], where it is known, and the folds."""
    out, covered = values.copy(), np.zeros(values.shape[1:], bool)
    folds = draw_triangles(values, places, out, covered)
    return out, covered, int(folds)
