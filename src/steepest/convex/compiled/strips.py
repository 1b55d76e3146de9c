"""Divide an image into strips of rows, one per thread, with overlapping halos."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.vectors import LANES
from .kernels_measure import NUM_SUMS

_CONFLICT = 2048  # bytes between rows of which few fit in the first cache at the same time
_PIXELS_PER_THREAD = 16384  # less work per thread does not pay


@dataclass(frozen=True)
class Strip:
    """Rows ``start + first .. start + last`` of the image, with halo rows before and after.

    ``image`` is the image at the start of the step and ``stored`` the one at its end, or the other
    way round, (channels, rows + 1, stride) each; ``state`` is (slots, rows + 1, stride), with y
    and p (see `kernels_sweep`); ``work`` and ``exact`` are rolling rows of a primal image, in the
    image's dtype and in float64; ``sums`` is what was last measured; ``edge`` is 0 from the last
    column on and 1 before it; ``place`` is where the strip is in the image (see `measure`).
    """

    image: np.ndarray
    state: np.ndarray
    stored: np.ndarray
    work: np.ndarray
    exact: np.ndarray
    edge: np.ndarray
    radius: np.ndarray | None
    sums: np.ndarray
    place: tuple[int, int, int]
    start: int
    first: int
    last: int

    @property
    def own_rows(self) -> slice:
        """The strip's own rows, halo excluded, in its arrays."""
        return slice(self.first + 1, self.last + 1)

    @property
    def image_rows(self) -> slice:
        """The same rows in the image."""
        return slice(self.start + self.first, self.start + self.last)


def make_strips(
    image: np.ndarray,
    num_axes: int,
    unit: int,
    sweeps: int,
    most: int,
    weights: np.ndarray | None,
    num_threads: int,
) -> list[Strip]:
    """Divide (channels, rows, columns) into strips of whole units: rows, or planes of a volume.

    ``sweeps`` iterations are one wavefront. The halo is a unit for each of ``most`` iterations, and
    one for the certificate; a single strip has none.
    """
    channels, rows, columns = image.shape
    units, halo = rows // unit, (most + 1) * unit
    count = min(num_threads, units // max(2 * halo // unit, 1), image.size // _PIXELS_PER_THREAD)
    count = max(count, 1)
    stride = -(-columns // LANES) * LANES
    if channels > 1 and stride * image.itemsize % _CONFLICT == 0:
        stride += LANES
    edge = np.ones(stride, image.dtype)
    edge[columns - 1 :] = 0
    edges = [unit * (units * i // count) for i in range(count + 1)]
    strips = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        start, stop = max(low - halo, 0), min(high + halo, rows)
        size = stop - start
        own = aligned_zeros((channels, size + 1, stride), image.dtype)
        own[:, 1:, :columns] = image[:, start:stop]
        radius = None
        if weights is not None:
            radius = np.zeros((size + 1, stride), image.dtype)
            radius[1:, :columns] = weights[start:stop]
        rolling = (unit + 1, channels, stride + LANES)
        strips.append(
            Strip(
                image=own,
                state=aligned_zeros((2 * channels * num_axes, size + 1, stride), image.dtype),
                stored=aligned_zeros(own.shape, image.dtype),
                work=aligned_zeros((sweeps, *rolling), image.dtype),
                exact=aligned_zeros(rolling, np.dtype(np.float64)),
                edge=edge,
                radius=radius,
                sums=np.zeros(NUM_SUMS),
                place=(rows, columns, start),
                start=start,
                first=low - start,
                last=high - start,
            )
        )
    return strips


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros aligned to a cache line, with room for a vector before and after them."""
    size = int(np.prod(shape)) * dtype.itemsize
    buffer = np.zeros(size + 64 + 2 * LANES * dtype.itemsize, np.uint8)
    start = -buffer.ctypes.data % 64 + LANES * dtype.itemsize
    return buffer[start : start + size].view(dtype).reshape(shape)


def exchange_halos(strips: Sequence[Strip], arrays: Sequence[np.ndarray]) -> None:
    """Refresh the halo of one array of every strip from the neighbouring strip's own rows."""
    for k in range(len(strips) - 1):
        upper, lower = strips[k], strips[k + 1]
        below = arrays[k].shape[1] - 1 - upper.last
        first, last = lower.first + 1, upper.last + 1
        arrays[k][:, last:] = arrays[k + 1][:, first : first + below]
        above = lower.first
        arrays[k + 1][:, 1:first] = arrays[k][:, last - above : last]
