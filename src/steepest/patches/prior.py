"""The patch prior of an image, and its quadratic majorants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import rfftn

from ..core.threads import share_out
from .grid import Patches
from .kernels import precision
from .mixture import sorted_eigenvectors
from .model import PatchModel, covariances, log_sum
from .tables import Tables, linear_term, make_tables, scores_of

_NEGLIGIBLE = 1e-6  # responsibilities below this do not count
_MINOR = 0.05  # nor, in the Hessian, below this


@dataclass(frozen=True, eq=False)
class Members:
    """Components of the patches of a chunk, those with negligible responsibility left out."""

    ends: np.ndarray
    owners: np.ndarray
    shares: np.ndarray

    def major(self, least: float = _MINOR) -> Members:
        """Only the largest responsibilities, with the sum 1 again."""
        rows = np.repeat(np.arange(len(self.ends) - 1), np.diff(self.ends))
        own = self.shares >= least * np.maximum.reduceat(self.shares, self.ends[:-1])[rows]
        rows = rows[own]
        shares = self.shares[own]
        shares /= np.bincount(rows, shares, len(self.ends) - 1)[rows]
        ends = np.zeros_like(self.ends)
        np.cumsum(np.bincount(rows, minlength=len(ends) - 1), out=ends[1:])
        return Members(ends, self.owners[own], shares)


@dataclass(frozen=True, eq=False)
class Prior:
    """The sum of ``-log p`` over the patches of an image, with its majorants.

    ``-log sum_k a_k`` is at most ``-sum_k r_k log a_k + sum_k r_k log r_k`` for any weights r that
    add up to 1, and equal to it if they are the responsibilities.
    """

    model: PatchModel
    grid: Patches
    tables: Tables
    linear: np.ndarray
    gain: np.ndarray
    threads: int

    @staticmethod
    def of(model: PatchModel, grid: Patches, threads: int) -> Prior:
        tables = make_tables(model, np.float64)
        return Prior(model, grid, tables, linear_term(model), model.gain, threads)

    def expect(self, flat: np.ndarray) -> tuple[float, list[Members]]:
        """The energy, and the responsibilities for each chunk."""

        def work(chunk: slice) -> tuple[float, Members]:
            scores = scores_of(flat, self.grid, chunk, self.tables)
            values = log_sum(scores)
            share = np.exp(scores - values[:, None])
            share[share < _NEGLIGIBLE] = 0
            rows, owners = np.nonzero(share)
            ends = np.zeros(len(share) + 1, np.int64)
            np.cumsum(np.bincount(rows, minlength=len(share)), out=ends[1:])
            return float(values.sum()), Members(ends, owners, share[rows, owners])

        parts = share_out(lambda: work, self.grid.chunks(), self.threads)
        return -sum(part[0] for part in parts), [part[1] for part in parts]

    def apply(self, members: list[Members], flat: np.ndarray, gradient: bool) -> np.ndarray:
        """The majorant's Hessian times an image, or its gradient there."""
        grid, model, removal = self.grid, self.model, self.tables.arguments[:2]
        linear = self.linear if gradient else self.linear[:, :0]
        forms = model.bases, self.gain, 1 / model.residuals, linear

        def work(item: tuple[slice, Members]) -> tuple[int, np.ndarray]:
            chunk, own = item
            low, high = grid.span(chunk)
            output = np.zeros(high - low)
            parts = own.ends, own.owners, own.shares
            precision(flat, grid.starts[chunk], grid.offsets, removal, parts, forms, output, low)
            return low, output

        items = list(zip(grid.chunks(), members, strict=True))
        total = np.zeros(grid.size)
        for low, part in share_out(lambda: work, items, self.threads):
            total[low : low + len(part)] += part
        return total

    def spectrum(self, members: list[Members], sizes: list[int]) -> np.ndarray:
        """The Hessian as a convolution: a transform on a grid of ``sizes``, (*sizes, channels)."""
        model, axes = self.model, tuple(range(len(sizes)))
        count = model.num_components
        every = [np.bincount(each.owners, each.shares, count) for each in members]
        share = np.sum(every, axis=0) / len(self.grid.starts)
        parts = model.bases.reshape(count, model.rank, model.channels, -1)
        mean = -np.einsum("k,ks,ksci,kscj->ijc", share, model.gain, parts, parts, optimize=True)
        across = float(share @ (1 / model.residuals))
        size = len(mean)
        mean += across * (np.eye(size) - bool(model.group) / size)[..., None]
        places = np.indices(model.patch_shape).reshape(len(sizes), -1)
        apart = places[:, :, None] - places[:, None]
        kernel = np.zeros((*sizes, model.channels))
        np.add.at(kernel, tuple(apart), mean)  # negative places count from the end
        return np.maximum(rfftn(kernel, axes=axes).real, 0)


def gaussian(model: PatchModel) -> PatchModel:
    """The one Gaussian with the mean and the covariance of a mixture."""
    mean = model.weights @ model.means
    off = model.means - mean
    matrix = np.einsum("k,kij->ij", model.weights, covariances(model))
    matrix += np.einsum("k,ki,kj->ij", model.weights, off, off)
    values, vectors = sorted_eigenvectors(matrix)
    rank = model.dimension
    least = max(float(values[rank - 1]), 1e-9 * float(values[0]))
    return PatchModel(
        np.ones(1), mean[None], vectors[None, :rank], np.maximum(values[None, :rank], least),
        np.array([least]), model.patch_shape, model.channels, model.remove_mean,
    )  # fmt: skip
