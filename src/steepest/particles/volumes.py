"""Points with the density of a volume, by descent along random directions.

The energy of all directions is that of the distance in space; each step uses others, of which the
marginals of the density have been prepared. Steps shrink, so that the directions average out.
"""

import numpy as np

from ..core.progress import Callback, Reporter
from ..core.solver import Limits
from ..core.status import Status
from ..core.threads import share_out
from .descent import DotStep
from .slices import directions, slice_sums

CENTRED = 0.128700807961  # F N^(4/3) of the body-centred cubic lattice (Epstein zeta at -1/2)
_FINEST = 216  # voxels per dot where they are densest; more are averaged
_POOL, _EACH = 384, 48  # directions that are prepared, and used in each step
_BINS = 2048
_SELF = 2.3800774  # 1 / |x| averaged over a unit cube around 0
_COARSE = 48  # voxels along each axis for the lengths of the steps
_MOMENTUM = 0.9
_LONG = 0.2  # the share of steps after which they shrink


def sample_volume(
    density: np.ndarray,
    count: int,
    own: Limits,
    random: np.random.Generator,
    on_step: Callback | None,
) -> tuple[np.ndarray, float, float, int, Status]:
    """Return points (N, 3), F, its ratio to the best lattice, the steps taken and the status."""
    high = np.subtract(density.shape, 0.5)
    ideal = CENTRED * float(((density / density.sum()) ** (2 / 3)).sum()) * count ** (-4 / 3)
    voxels = float(density.sum() / density.max()) / count
    block = max(int((voxels / _FINEST) ** (1 / 3)), 1)
    small = block_sums(density, block)
    axes = directions(3, _POOL, random)
    lines = _marginals(small, block, axes, own.threads)
    curvature, cell = _curvature(density)
    points, charges = _start(small, block, count, high, random), np.full(count, -1 / count)
    report = Reporter(on_step)

    def energy(chosen: np.ndarray) -> tuple[float, np.ndarray]:
        return slice_sums(
            points, charges, axes[chosen], 0.0, own.threads, lambda k: lines[chosen[k]]
        )

    status, pull = Status.MAX_ITERATIONS, np.zeros(points.shape)
    for step in range(1, own.max_num_iter + 1):
        bases = random.choice(_POOL // 3, _EACH // 3, replace=False)
        now, slope = energy((3 * bases[:, None] + np.arange(3)).ravel())
        where = np.minimum((points + 0.5) // cell, np.subtract(curvature.shape, 1)).astype(np.int64)
        length = min(1.0, _LONG * own.max_num_iter / step) / curvature[tuple(where.T)]
        pull = _MOMENTUM * pull + slope
        points = np.clip(points - length[:, None] * pull, -0.5, high)
        if report(DotStep(step, own.max_num_iter, now, now / ideal)):
            status = Status.STOPPED
            break
    axes = directions(3, _POOL, random)  # others: the points have adapted to the first ones
    lines = _marginals(small, block, axes, own.threads)
    total, _ = energy(np.arange(_POOL))
    if total <= (1 + own.tol) * ideal:
        status = Status.CONVERGED
    return points, total, total / ideal, step, status


def block_sums(density: np.ndarray, block: int) -> np.ndarray:
    """Return the density summed over blocks of so many pixels along each axis."""
    padded = np.pad(density, [(0, -side % block) for side in density.shape])
    shape = [part for side in padded.shape for part in (side // block, block)]
    return np.asarray(padded.reshape(shape).sum(axis=tuple(range(1, len(shape), 2))))


def _marginals(
    density: np.ndarray, block: int, axes: np.ndarray, num_threads: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return places and masses of the density on each axis; each voxel is a cube."""
    inside = density > 0
    centres = (np.argwhere(inside) + 0.5) * block - 0.5
    masses = density[inside] / density[inside].sum()

    def one(axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        places, half = centres @ axis, block * float(abs(axis).sum()) / 2
        low, high = places.min() - half, places.max() + half
        width = (high - low) / _BINS
        shares = np.bincount(
            np.clip((places - low) / width, 0, _BINS - 1).astype(np.int64), masses, _BINS
        )
        middle = np.arange(_BINS) + 0.5
        for side in block * abs(axis) / width:  # a cube casts three box functions
            if side > 1:
                level = np.concatenate([[0.0], np.cumsum(shares)])
                ends = middle + side / 2 * np.array([[-1], [1]])
                shares = np.diff(np.interp(ends, np.arange(_BINS + 1), level), axis=0)[0] / side
        return low + width * middle, shares / shares.sum()

    return share_out(lambda: one, axes, num_threads)


def _curvature(density: np.ndarray) -> tuple[np.ndarray, int]:
    """Return ``int 1 / |x - y| dnu(y)`` on coarse voxels, and their width."""
    cell = -(-max(density.shape) // _COARSE)
    coarse = block_sums(density, cell)
    shape = tuple(2 * side for side in coarse.shape)
    z, y, x = np.ogrid[tuple(slice(-n // 2, n // 2) for n in shape)]
    square = np.fft.ifftshift(z * z + y * y + x * x).astype(np.float64)
    square[0, 0, 0] = _SELF**-2
    every = (0, 1, 2)
    spectrum = np.fft.rfftn(coarse / coarse.sum(), shape, every) * np.fft.rfftn(1 / np.sqrt(square))
    result = np.fft.irfftn(spectrum, shape, every)
    return result[tuple(slice(side) for side in coarse.shape)] / cell, cell


def _start(
    density: np.ndarray, block: int, count: int, high: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Return points in voxels at equal steps of the mass, each anywhere in its voxel."""
    mass = np.cumsum(density)
    levels = (np.arange(count) + random.random()) / count * mass[-1]
    voxels = np.searchsorted(mass, levels, "right").clip(0, density.size - 1)
    corners = np.stack(np.unravel_index(voxels, density.shape), 1)
    return np.minimum((corners + random.random(corners.shape)) * block - 0.5, high)
