"""The log-likelihood of the patches of an image, as a map."""

from typing import Any

import numpy as np

from ..core.numbers import check_number
from ..core.solver import Solver, limits
from ..core.tiles import Tiles, works_by_tiles
from ..tiled.request import TileRequest
from .grid import prepare
from .model import PatchModel
from .tables import likelihoods


def log_likelihood(
    image: Any,
    model: PatchModel,
    *,
    noise: float = 0.0,
    channel_axis: int | None = None,
    solver: Solver | None = None,
    out: Any = None,
    tiles: Tiles | None = None,
) -> np.ndarray:
    r"""Map how well an image agrees with a model: what is unlike the reference is low.

    The value of a pixel is the mean of ``log p(x)`` over all patches x that contain it, in nats.

    Parameters
    ----------
    image : array (\*space), plus optional channel axis
        Not smaller than a patch.
    model : PatchModel
    noise : float
        Standard deviation of white noise that this image has and the reference has not.
    channel_axis : int, optional
        Axis of the channels.
    solver : Solver, optional
        Only ``num_threads`` is used.
    out : array-like of the shape of the map, optional
        Where the map is written tile by tile; see `Tiles`.
    tiles : Tiles, optional
        How to work on an image that does not fit in memory. The halo is that of a patch.

    Returns
    -------
    float64 array (\*space); ``out`` if it was given

    Examples
    --------
    >>> import numpy as np
    >>> from steepest import patches
    >>> stripes = np.tile([0.0, 0.0, 1.0, 1.0], (32, 8)) + 0.01 * np.indices((32, 32))[0] % 0.03
    >>> model = patches.fit(stripes, 4, num_components=4, rank=4)
    >>> stripes[16, 16] = 0.5
    >>> worst = patches.log_likelihood(stripes, model).argmin()
    >>> bool(abs(worst // 32 - 16) <= 3 and abs(worst % 32 - 16) <= 3)
    True
    """
    variance = check_number(noise, "noise") ** 2
    own = limits(solver, tol=0.0, max_num_iter=1)
    if works_by_tiles(image, out, tiles):
        from .tiles import likelihood_by_tiles

        request = TileRequest(image, out, own, tiles or Tiles(), channel_axis)
        return likelihood_by_tiles(request, model, variance)
    array, _ = prepare(image, model, channel_axis, double=True)
    return likelihoods(array, model, variance, own.threads)
