"""Pictures to thin, and what must hold of the echoes at any time."""

from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from steepest.core.compiled import lean_kernel
from steepest.core.vectors import LANES
from steepest.inpainting.echoes import removing, score
from steepest.inpainting.echoes.state import Echoes

removal, remove = lean_kernel(score.removal), lean_kernel(removing.remove)  # else for kernels only


def copied(echoes: Echoes) -> Echoes:
    """A copy with the spare numbers after the error that kernels read."""
    arrays = {name: array.copy() for name, array in echoes._asdict().items()}
    error = np.append(echoes.error.ravel(), np.zeros(LANES, np.float32))
    return Echoes(**{**arrays, "error": error[:-LANES].reshape(echoes.error.shape)})


def picture(height: int = 12, width: int = 10, channels: int = 2, seed: int = 0) -> Any:
    """Smooth, (C, H, W) float32 in [-1, 1]."""
    noise = np.random.default_rng(seed).normal(size=(channels, height, width))
    smooth = gaussian_filter(noise, (0, 1.5, 1.5))
    return (smooth / np.abs(smooth).max()).astype(np.float32)


def windows(echoes: Echoes) -> np.ndarray:
    """The echoes of all known pixels as columns (N, K)."""
    columns = []
    for pixel in np.flatnonzero(echoes.known):
        y, x, rows, columns_ = echoes.window[pixel]
        start = echoes.offset[pixel]
        assert rows * columns_ <= echoes.capacity[pixel]
        column = np.zeros(echoes.known.shape)
        column[y : y + rows, x : x + columns_] = echoes.arena[
            start : start + rows * columns_
        ].reshape(rows, columns_)
        columns.append(column.ravel())
    return np.array(columns).T


def heaps(echoes: Echoes) -> list[np.ndarray]:
    """The pixels of each tile."""
    ends = echoes.tile_start[:-1] + echoes.tile_size
    return [echoes.heap[a:b] for a, b in zip(echoes.tile_start, ends, strict=False)]


def check_blocks(echoes: Echoes) -> None:
    """No two blocks overlap, and all lie in the regions of their tiles."""
    for tile, pixels in enumerate(heaps(echoes)):
        pixels = pixels[np.argsort(echoes.offset[pixels])]
        starts = echoes.offset[pixels]
        ends = starts + echoes.capacity[pixels]
        low, high = echoes.region[tile]
        assert (starts >= np.concatenate([[low], ends])[:-1]).all()
        assert ends.max(initial=low) <= echoes.top[tile] <= high
    order = np.argsort(echoes.region[:, 0])
    assert (echoes.region[order[1:], 0] >= echoes.region[order[:-1], 1]).all()
    assert echoes.region.max() <= len(echoes.arena)


def check_heaps(echoes: Echoes) -> None:
    """Every known pixel is at its place in the heap of its tile, no key below its parent's."""
    members = heaps(echoes)
    assert np.array_equal(np.sort(np.concatenate(members)), np.flatnonzero(echoes.known))
    for pixels in members:
        assert np.array_equal(echoes.position[pixels], np.arange(len(pixels)))
        keys = echoes.key[pixels]
        assert (keys[(np.arange(1, len(keys)) - 1) // 2] <= keys[1:]).all()
