"""The spectral transform of an image, in memory or by tiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..convex.energy import Energy
from ..core.errors import InputError
from ..core.namespace import is_torch
from ..core.progress import Callback
from ..core.solver import Solver, limits
from ..core.tiles import Tiles, works_by_tiles
from ..flows.run import DEFAULT_MAX_ITER
from ..flows.time_grid import TimeGrid
from ..tiled.request import TileRequest
from .in_memory import DEFAULT_TOL, decompose_in_memory


def decompose(
    image: Any,
    energy: Energy | None = None,
    *,
    bands: int | Sequence[float] | None = None,
    t_max: float | None = None,
    steps: int | TimeGrid | None = None,
    channel_axis: int | None = None,
    spacing: float | Sequence[float] | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
    out: Any = None,
    tiles: Tiles | None = None,
) -> Any:
    r"""Compute the spectral decomposition of an image under the flow of an energy.

    The decomposition sorts structures by the time at which they vanish; for total variation, that
    is contrast x size.

    Parameters
    ----------
    image : array, 1-D to 3-D plus an optional channel axis
        Floating-point images are used as they are. uint8 and uint16 images are scaled to [0, 1] and
        processed in float32.
    energy : Energy, optional
        Any one-homogeneous energy (``huber=0``). The default is `TotalVariation`.
    bands : int or increasing sequence of times, optional
        Number of bands, whose edges are then chosen from the spectrum (see
        `steepest.spectral.edges`); or the times that separate the bands. 0 and infinity are added
        at the ends, so that the bands and the residual always add up to the image. By default,
        there are at most 6 bands, and bands with almost no content are merged.
    t_max : float, optional
        Last time of the flow. The default is the extinction time, so that the residual is the mean.
        Flows of second order and of total generalised variation take too long to end; there, it is
        about the time after which a fifth of the energy is left, and the rest is in the residual.
    steps : int or TimeGrid, optional
        Number of steps of the flow (default 60), in geometric progression from the time before
        which nothing vanishes; or a `TimeGrid`. Times are resolved to about one step.
    channel_axis, spacing
        As in `steepest.flow`.
    solver : Solver, optional
        As in `steepest.flow`; the default of ``tol`` is 1e-2.
    on_step : callable, optional
        As in `steepest.flow`, with the ``stage`` "flow". Without ``t_max``, the search for the
        extinction time comes first and passes a `Progress` with the ``stage`` "finding the last
        time". If the callback stops the search, the flow takes a single step.
    out : array-like (B + 1, \*image.shape), optional
        Where the B bands and the residual are written tile by tile, in float64 for float64 images
        and in float32 for all others; see `steepest.Tiles`.
    tiles : Tiles, optional
        How to work on an image that does not fit in memory. The edges of a number of bands are then
        chosen from a sample, patches from all over the image (if it has fewer structures, the last
        bands are zero), and the last time from the image averaged over blocks. For separate
        channels, give ``t_max`` and the times of ``bands``. Steps at times above three take several
        passes each. The folder of work needs two further floats per pixel for each band.

    Returns
    -------
    Decomposition, or StoredDecomposition by tiles

    Raises
    ------
    InputError
        For bad arguments, or if ``steps`` gives fewer than two steps up to the last time.
    NotConverged
        If a tolerance is not met and the solver has ``raise_on_failure=True``.

    References
    ----------
    Gilboa, A total variation spectral framework for scale and texture analysis, SIAM J. Imaging
    Sci. 7 (2014) 1937-1961; Grossmann et al., section 4.2.3.
    """
    if is_torch(image):
        raise InputError("image is a torch tensor; decompose works on NumPy arrays (image.numpy())")
    own = limits(solver, tol=DEFAULT_TOL, max_num_iter=DEFAULT_MAX_ITER)
    if works_by_tiles(image, out, tiles):
        from .tiles import decompose_by_tiles

        request = TileRequest(image, out, own, tiles or Tiles(), channel_axis, spacing, on_step)
        return decompose_by_tiles(request, energy, bands, t_max, steps)
    return decompose_in_memory(
        image, energy, bands, t_max, steps, channel_axis, spacing, own, on_step
    )
