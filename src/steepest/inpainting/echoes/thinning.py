"""Nested masks of an image: remove all pixels but a few, in rounds."""

from collections.abc import Callable

import numpy as np

from ..steady_state import fill
from .heap import gather
from .inserting import new_echoes, relax_tile
from .removing import thin
from .score import score
from .state import LARGER, Echoes, empty, full
from .tiles import Kernel, counts, for_all, phases

_SHARE = 0.2  # share of the known pixels that a round removes
_TOWARDS = 0.9  # largest share of the pixels still to be removed that a round removes
_DRIFTED = 0.25  # largest share of the image's pixels with which echoes are relaxed
_BEFORE = 1.5  # largest multiple of the target with which they are
_LAST = 0.01  # up to this share of the known pixels is removed one by one, not in a round
TOLERANCE, SHARE, RADIUS = 0.005, 0.002, 24
"""Thresholds at which echoes (TOLERANCE), flows into neighbours (SHARE, relative to their sum) and
windows (RADIUS, in pixels from their centre) are truncated."""
JITTER = 1e-6  # largest jitter, relative to the range of the image
_EXACT = 1e-5  # relative residual of the exact inpainting
Limits = tuple[np.float32, np.float32, int]
LIMITS: Limits = (np.float32(TOLERANCE), np.float32(SHARE), RADIUS)


def jitter(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return random numbers (N,) that break ties between removals, far below what is visible."""
    return rng.random(image[0].size, np.float32) * np.float32(JITTER * max(np.ptp(image), 1e-30))


def echoes_of_all(
    image: np.ndarray, ties: np.ndarray, absolute: bool, num_threads: int = 1
) -> Echoes:
    """Return the state of (C, H, W) float32 with all pixels known, ordered by effect of removal."""
    echoes = full(image, ties, RADIUS)
    gather(echoes)
    _score(echoes, absolute, num_threads)
    return echoes


def echoes_of_mask(
    image: np.ndarray, mask: np.ndarray, ties: np.ndarray, absolute: bool, num_threads: int = 1
) -> Echoes:
    """Compute the echoes of a mask (H, W) one by one, ordered by the effect of removal."""
    echoes = empty(image, ties, RADIUS, LARGER)
    echoes.known[:] = mask
    gather(echoes)
    _for_tiles(echoes, lambda *job: new_echoes(*job, LIMITS), num_threads)
    refresh(echoes, absolute, num_threads)
    return echoes


def refresh(echoes: Echoes, absolute: bool, num_threads: int = 1) -> None:
    """Recompute the error from the exact inpainting, and then all keys."""
    known = echoes.known > 0
    filled = fill(echoes.image, known, (1.0, 1.0), _EXACT, num_threads=num_threads).image
    echoes.error[:] = filled - echoes.image
    _score(echoes, absolute, num_threads)


def _score(echoes: Echoes, absolute: bool, num_threads: int) -> None:
    """Recompute all keys."""
    _for_tiles(
        echoes, lambda state, buffers, tile: score(state, buffers, tile, absolute), num_threads
    )


def _for_tiles(echoes: Echoes, kernel: Kernel, num_threads: int) -> None:
    """Run a kernel that writes only into its own tile on all tiles in parallel."""
    for_all(echoes, kernel, range(len(echoes.tile_size)), RADIUS, num_threads)


def thin_to(
    echoes: Echoes,
    target: int,
    absolute: bool,
    num_threads: int = 1,
    *,
    rank: np.ndarray | None = None,
    after: Callable[[Echoes], bool] | None = None,
) -> bool:
    """Remove pixels until ``target`` are left or ``after`` asks to stop; return True if it did.

    An image of several tiles is thinned in rounds, each of the pixels below the 20th percentile of
    all keys, tile by tile; the last pixels are chosen among all tiles. Echoes that have drifted by
    truncation are relaxed below 1.5 times the target or, with ``rank``, at each halving. ``rank``
    (N,) is set to the number of pixels left after each removal. The result does not depend on
    threads.
    """
    anywhere, any_key = np.array([-1]), np.float32(np.inf)
    due = _DRIFTED * echoes.known.size
    if rank is None:
        due = min(due, _BEFORE * target)
    while (size := int(echoes.tile_size.sum())) > target:
        threshold = _threshold(echoes, size, target)
        if np.isfinite(threshold):
            _thin_round(echoes, size - target, threshold, absolute, num_threads)
        else:
            for_all(
                echoes,
                lambda state, buffers, progress: thin(
                    state, buffers, anywhere, progress, any_key, LIMITS, absolute
                ),
                [np.array([size - target, 0])],
                RADIUS,
                1,
            )
        if rank is not None:
            _set_ranks(echoes, size, rank)
        if target < (left := int(echoes.tile_size.sum())) <= due:
            _for_tiles(echoes, lambda *job: relax_tile(*job, LIMITS), num_threads)
            _score(echoes, absolute, num_threads)
            due = left / 2
        if after is not None and after(echoes):
            return True
    return False


def thin_below(
    echoes: Echoes, limit: float, absolute: bool, num_threads: int = 1, *, enough: int = 0
) -> np.ndarray:
    """Remove, in rounds, all pixels with keys below ``limit``; return a value (N,) for every pixel.

    The values order all masks down to this limit: the key of a pixel that is left, the largest key
    below ``limit`` that the tile of a removed one had reached, else minus infinity. No round begins
    when ``enough`` pixels or fewer are left.
    """
    before = echoes.known.ravel() > 0
    value, reached = np.full(before.size, -np.inf, np.float32), np.float32(-np.inf)
    while (size := int(before.sum())) > enough and echoes.key[before].min() < limit:
        threshold = min(_lowest(echoes, int(_SHARE * size)), np.float32(limit))
        _thin_round(echoes, size, threshold, absolute, num_threads)
        after = echoes.known.ravel() > 0
        gone = before & ~after
        value[gone] = np.maximum(echoes.key[gone], reached)
        before, reached = after, max(reached, threshold)
    value[before] = echoes.key[before]
    return value


def drop_to(echoes: Echoes, target: int, rank: np.ndarray | None = None) -> None:
    """Keep the ``target`` known pixels with the largest keys, in ``known`` and ``rank`` only."""
    known = np.flatnonzero(echoes.known)
    order = known[np.argsort(echoes.key[known], kind="stable")]
    gone = order[: len(known) - target]
    echoes.known.reshape(-1)[gone] = 0
    if rank is not None:
        rank[gone] = len(known) - 1 - np.arange(len(gone))


def _threshold(echoes: Echoes, size: int, target: int) -> np.float32:
    """Return the key below which the next round removes; infinite: one by one from now on."""
    if len(echoes.tile_size) == 1 or size - target <= _LAST * size:
        return np.float32(np.inf)
    return _lowest(echoes, int(min(_SHARE * size, _TOWARDS * (size - target))))


def _lowest(echoes: Echoes, number: int) -> np.float32:
    """Return a key above the lowest ``number`` keys, and above at least one."""
    keys = echoes.key[echoes.known.ravel() > 0]
    threshold = np.partition(keys, number)[number]
    return threshold if threshold > keys.min() else np.nextafter(threshold, np.float32(np.inf))


def _thin_round(
    echoes: Echoes, most: int, threshold: np.float32, absolute: bool, num_threads: int
) -> None:
    """Remove at most ``most`` pixels below the threshold, of each block its share of them."""
    echoes.level[:] = -np.inf
    shape = echoes.known.shape
    below = counts((echoes.key.reshape(shape) < threshold) & (echoes.known > 0)).cumsum()
    left = np.diff(most * below // below[-1], prepend=0)
    progress = np.stack([left, np.zeros_like(left)], 1)
    for blocks in phases(shape):
        for_all(
            echoes,
            lambda state, buffers, block: thin(
                state, buffers, block[1], progress[block[0]], threshold, LIMITS, absolute
            ),
            blocks,
            RADIUS,
            num_threads,
        )


def _set_ranks(echoes: Echoes, size: int, rank: np.ndarray) -> None:
    """Set the ranks of those of ``size`` known pixels that are gone, by their tiles' levels."""
    gone = np.flatnonzero((echoes.known.ravel() == 0) & (rank == 0))
    order = np.lexsort((-echoes.position[gone], echoes.key[gone]))
    rank[gone[order]] = size - 1 - np.arange(len(gone))
