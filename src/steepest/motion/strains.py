"""Strain of a displacement field."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.arrays import check_field, check_spacing
from ..core.errors import InputError
from ..core.numbers import check_choice

MEASURES = ("infinitesimal", "green-lagrange")


def strain(
    displacement: Any,
    measure: str = "infinitesimal",
    *,
    spacing: float | Sequence[float] | None = None,
) -> np.ndarray:
    """Return the strain tensor of a displacement u at each pixel.

    With the displacement gradient ``W = grad u``, ``W[c, d]`` the derivative of ``u_c`` along axis
    d, the infinitesimal strain is ``(W + W^T) / 2`` and that of Green and Lagrange, which vanishes
    for rotations, ``(W + W^T + W^T W) / 2``.

    Parameters
    ----------
    displacement : (2, H, W) or (2, 2, H, W) array
        A displacement, which is differentiated by central differences, or its gradient W, such as
        that of `Displacement`.
    measure : "infinitesimal" or "green-lagrange"
    spacing : float or two floats, optional
        Pixel spacing in the unit of the displacement (default 1). Not for a gradient.

    Returns
    -------
    strain : (2, 2, H, W) array of the same dtype
    """
    field = check_field(displacement, "displacement")
    check_choice(measure, "measure", MEASURES)
    if field.ndim == 3 and field.shape[0] == 2 and min(field.shape[1:]) > 1:
        h_y, h_x = check_spacing(spacing, 2)
        w = np.stack([np.gradient(field, h_y, axis=1), np.gradient(field, h_x, axis=2)], 1)
    elif field.ndim == 4 and field.shape[:2] == (2, 2):
        if spacing is not None:
            raise InputError(f"spacing={spacing!r}: only for a displacement, not for its gradient")
        w = np.asarray(field)
    else:
        raise InputError(
            f"displacement of shape {field.shape}; allowed are (2, H, W) of at least 2 x 2 pixels, "
            "and (2, 2, H, W) for a gradient"
        )
    twice = w + w.swapaxes(0, 1)
    if measure == "green-lagrange":
        twice = twice + np.einsum("kchw,kdhw->cdhw", w, w)
    return (twice / 2).astype(field.dtype, copy=False)
