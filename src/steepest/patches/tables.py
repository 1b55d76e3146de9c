"""A model as the compiled loops use it, and densities of the patches of an image."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.numbers import check_number
from ..core.solver import Solver, limits
from ..core.threads import share_out
from ..core.tiles import Tiles, works_by_tiles
from ..tiled.request import TileRequest
from .grid import Patches, patches_of, prepare
from .kernels import densities
from .model import PatchModel, log_constants, log_sum


@dataclass(frozen=True, eq=False)
class Tables:
    """Numbers of the log-densities ``constant - inverse |x|^2 + linear x + |rows x|^2``."""

    group: int
    rows: np.ndarray
    counts: np.ndarray
    linear: np.ndarray
    constant: np.ndarray
    inverse: np.ndarray

    @property
    def arguments(self) -> tuple[Any, ...]:
        """In the order in which the kernels take them."""
        per = self.inverse.dtype.type(1 / max(self.group, 1))
        return self.group, per, self.rows, self.counts, self.linear, self.constant, self.inverse


def make_tables(model: PatchModel, dtype: Any) -> Tables:
    """The tables of a model, in a dtype."""
    gain, linear = model.gain, linear_term(model)
    count, d, rank = model.num_components, model.num_values, model.rank
    rows = np.zeros((count, rank + rank % 2, d + -d % 4), dtype)
    rows[:, :rank, :d] = np.sqrt(np.maximum(gain, 0) / 2)[:, :, None] * model.bases
    counts = (gain > 0).sum(1)
    constant = log_constants(model) - (linear * model.means[:, : linear.shape[1]]).sum(1) / 2
    return Tables(
        model.group, rows, counts, linear.astype(dtype), constant.astype(dtype),
        (0.5 / model.residuals).astype(dtype),
    )  # fmt: skip


def linear_term(model: PatchModel) -> np.ndarray:
    """The inverse covariances times the means, (K, d); without columns if all means are 0."""
    inside = np.einsum("ksd,kd->ks", model.bases, model.means) * model.gain
    turned = np.einsum("ks,ksd->kd", inside, model.bases)
    weighted = model.means / model.residuals[:, None] - turned
    return weighted if model.means.any() else weighted[:, :0]


def wiener(model: PatchModel, noisy: PatchModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The posterior means ``rest x + U (shrink U^T x) + shift`` of the components."""
    rest = model.residuals / noisy.residuals
    shrink = model.variances / noisy.variances - rest[:, None]
    inside = np.einsum("ksd,kd->ks", model.bases, model.means) * shrink
    shift = (1 - rest)[:, None] * model.means - np.einsum("ks,ksd->kd", inside, model.bases)
    return rest, shrink, shift


def scores_of(flat: np.ndarray, grid: Patches, chunk: slice, tables: Tables) -> np.ndarray:
    """Log-densities with weights (n, K) of the patches of a chunk."""
    starts = grid.starts[chunk]
    output = np.empty((len(starts), len(tables.constant)), flat.dtype)
    densities(flat, starts, grid.offsets, tables.arguments, output)
    return output


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


def likelihoods(
    array: np.ndarray, model: PatchModel, variance: float, num_threads: int
) -> np.ndarray:
    """The map of an image (\\*space, channels)."""
    space = array.shape[:-1]
    grid = patches_of(space, 1, model.patch_shape)  # of one channel: for the map
    whole = patches_of(space, model.channels, model.patch_shape)
    tables = make_tables(model.with_noise(variance), np.float64)

    def work(chunk: slice) -> np.ndarray:
        return log_sum(scores_of(array.ravel(), whole, chunk, tables))

    parts = share_out(lambda: work, whole.chunks(), num_threads)
    return spread_mean(np.concatenate(parts), grid)


def spread_mean(values: np.ndarray, grid: Patches) -> np.ndarray:
    """For each pixel the mean of the values of the patches that contain it."""
    total, count = np.zeros(grid.size), np.zeros(grid.size)
    for offset in grid.offsets:  # starts differ, so that nothing is added twice
        total[grid.starts + offset] += values
        count[grid.starts + offset] += 1
    return (total / count).reshape(grid.space)
