"""The passes of denoising by a patch model, for images in memory and for tiles."""

import numpy as np

from ..core.progress import Reporter
from ..core.threads import share_out
from .grid import Patches, patches_of
from .kernels import estimate
from .model import PatchModel
from .tables import make_tables, wiener

SCHEDULE = (1.0, 4.0, 8.0, 16.0, 32.0)  # of Zoran & Weiss, times 1 / sigma^2


def all_passes(
    array: np.ndarray, model: PatchModel, sigma: float, num_threads: int, reporter: Reporter
) -> np.ndarray:
    """Denoise an image (\\*space, channels)."""
    grid = patches_of(array.shape[:-1], model.channels, model.patch_shape)
    data, image = array.ravel(), array.ravel()
    for beta in SCHEDULE:
        if sigma > 0:
            mean = average(image, model, grid, sigma**2 / beta, num_threads)
            image = (data + np.asarray(beta, data.dtype) * mean) / np.asarray(1 + beta, data.dtype)
        if reporter.residual(None, len(SCHEDULE)):
            break
    return image.reshape(array.shape)


def average(
    image: np.ndarray, model: PatchModel, grid: Patches, variance: float, num_threads: int
) -> np.ndarray:
    """The best estimates of all patches with this noise, averaged where they overlap."""
    noisy = model.with_noise(variance)
    dtype = image.dtype
    tables = make_tables(noisy, dtype)
    rest, shrink, shift = wiener(model, noisy)
    own = tuple(np.ascontiguousarray(each, dtype) for each in (model.bases, shrink, rest, shift))

    def work(chunk: slice) -> tuple[int, np.ndarray, np.ndarray]:
        low, high = grid.span(chunk)
        total, weight = np.zeros(high - low, dtype), np.zeros(high - low, dtype)
        estimate(image, grid.starts[chunk], grid.offsets, tables.arguments, own, total, weight, low)
        return low, total, weight

    total, weight = np.zeros(grid.size, dtype), np.zeros(grid.size, dtype)
    for low, part, parts_weight in share_out(lambda: work, grid.chunks(), num_threads):
        total[low : low + len(part)] += part
        weight[low : low + len(part)] += parts_weight
    return total / weight
