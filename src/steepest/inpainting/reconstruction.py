"""Quality of a mask: inpaint from it and compare the result with the image."""

import math
from typing import Any

import numpy as np

from ..core.arrays import check_data_range
from ..core.errors import InputError
from ..core.progress import Callback
from ..core.solver import Solver, limits
from ..core.tiles import Tiles, refuse_by_tiles, works_by_tiles
from ..tiled.request import TileRequest
from .masks.checks import check_mask
from .problem import prepare_numpy, unit_of
from .result import Reconstruction
from .solve import PASSES_BY_TILES, TOL_BY_TILES, inpaint


def reconstruct(
    image: Any,
    mask: Any,
    *,
    channel_axis: int | None = None,
    values: Any = None,
    data_range: float | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
    out: Any = None,
    tiles: Tiles | None = None,
) -> Reconstruction:
    """Inpaint an image from a mask by homogeneous diffusion and compare it with the original.

    Parameters
    ----------
    image : array
        As in `inpaint`, but computations are in NumPy.
    mask : Boolean array of the spatial shape
        True at the pixels to inpaint from.
    channel_axis, solver
        As in `inpaint` with the method `Diffusion`.
    values : array of the shape of ``image``, optional
        Values to use at the mask instead of those of the image, for example the result of `tonal`;
        on the [0, 1] scale for integer images.
    data_range : float, optional
        Range that the PSNR refers to. The default is 1 for integer images and otherwise the
        difference between the largest and smallest value of the image.
    on_step : callable, optional
        As in `inpaint`. If it stops the iteration, the current inpainting is compared; by tiles,
        the errors are then infinite.
    out : array-like of the shape of ``image``, optional
        Where the inpainting is written tile by tile, in floating point; see `steepest.Tiles`.
    tiles : Tiles, optional
        How to work on an image that does not fit in memory. ``mask`` is then read by windows, and
        may also hold 0 and one other number; ``values`` are not available.

    Returns
    -------
    Reconstruction
        The inpainting and its errors.

    Raises
    ------
    InputError, NotConverged
        As in `inpaint`, or if the mask or the values are invalid.
    """
    if works_by_tiles(image, out, tiles):
        from .tiles.reconstruction import reconstruct_by_tiles

        refuse_by_tiles(values=values)
        own = limits(solver, tol=TOL_BY_TILES, max_num_iter=PASSES_BY_TILES)
        request = TileRequest(image, out, own, tiles or Tiles(), channel_axis, None, on_step)
        return reconstruct_by_tiles(request, mask, data_range)
    array, layout = prepare_numpy(image, channel_axis)
    known = check_mask(mask, array.shape[1:])
    span = check_data_range(data_range, [array], layout)
    kept = array
    if values is not None:
        kept, other = prepare_numpy(values, channel_axis, "values")
        if other.shape != layout.shape:
            raise InputError(f"values of shape {other.shape} must have the image's {layout.shape}")
    filled = inpaint(kept.astype(np.float64), known, channel_axis=0, solver=solver, on_step=on_step)
    error = filled.image - array
    unit = unit_of(array)
    square = float(np.mean((error / unit) ** 2))
    return Reconstruction(
        image=layout.restore_axes(filled.image.astype(array.dtype)),
        mae=float(np.abs(error).mean()),
        mse=unit**2 * square,
        psnr=20 * math.log10(span / unit) - 10 * math.log10(square) if square > 0 else math.inf,
        density=float(known.mean()),
        status=filled.status,
        iterations=int(filled.iterations),
    )
