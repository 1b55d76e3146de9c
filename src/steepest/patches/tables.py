"""A model as the compiled loops use it, and densities of the patches of an image."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.threads import share_out
from .grid import Patches, patches_of
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
