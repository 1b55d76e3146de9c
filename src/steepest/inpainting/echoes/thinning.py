"""From an image to nested masks: removing all pixels but a few, in rounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..steady_state import fill
from .heap import gather
from .inserting import exchange, place_tile
from .removing import thin, thin_all
from .score import score
from .state import Echoes, empty, full, grow, work_for
from .tiles import Kernel, counts, for_all, phases

_SHARE = 0.2  # of the known pixels that a round removes
_TOWARDS = 0.9  # of what is to be removed, that a round removes at most
_LAST = 0.01  # of the known pixels: so many are not removed in a round, but one by one
TOLERANCE, SHARE, REACH = 0.005, 0.002, 24
"""Echoes are cut off below the first, flows into neighbours below the second (of their sum), and
windows at the third (pixels from their centre)."""
_EXACT = 1e-5  # relative residual
Limits = tuple[np.float32, np.float32, int]
LIMITS: Limits = (np.float32(TOLERANCE), np.float32(SHARE), REACH)


def _jitter(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What breaks ties between removals: far below what can be seen."""
    return rng.random(image[0].size, np.float32) * np.float32(1e-6 * max(np.ptp(image), 1e-30))


def begin(
    image: np.ndarray, absolute: bool, rng: np.random.Generator, num_threads: int = 1
) -> Echoes:
    """All pixels of (C, H, W) float32 known, ordered by what their removal does."""
    echoes = full(image, _jitter(image, rng), REACH)
    gather(echoes)
    _score(echoes, absolute, num_threads)
    return echoes


def begin_from(
    image: np.ndarray,
    mask: np.ndarray,
    absolute: bool,
    rng: np.random.Generator,
    num_threads: int = 1,
) -> Echoes:
    """The echoes of a mask (H, W), computed one by one, ordered by what their removal does."""
    echoes = empty(image, _jitter(image, rng), REACH)
    echoes.known[:] = mask
    gather(echoes)
    _for_tiles(echoes, lambda state, work, tile: place_tile(state, work, tile, LIMITS), num_threads)
    refresh(echoes, absolute, num_threads)
    return echoes


def refresh(echoes: Echoes, absolute: bool, num_threads: int = 1) -> None:
    """Replace the error by that of the exact inpainting, and all keys."""
    known = echoes.known > 0
    filled = fill(echoes.image, known, (1.0, 1.0), _EXACT, num_threads=num_threads).image
    echoes.error[:] = filled - echoes.image
    _score(echoes, absolute, num_threads)


def _score(echoes: Echoes, absolute: bool, num_threads: int) -> None:
    """All keys anew."""
    _for_tiles(echoes, lambda state, work, tile: score(state, work, tile, absolute), num_threads)


def _for_tiles(echoes: Echoes, kernel: Kernel, num_threads: int) -> None:
    """A kernel that writes into no other tile, for all of them at once."""
    for_all(echoes, kernel, range(len(echoes.tile_size)), REACH, num_threads)


def thin_to(
    echoes: Echoes,
    target: int,
    absolute: bool,
    num_threads: int = 1,
    *,
    rank: np.ndarray | None = None,
    after: Callable[[Echoes], bool] | None = None,
) -> bool:
    """Remove pixels until ``target`` are left, or until ``after`` says so; True in that case.

    An image of several tiles is thinned in rounds: a round removes, tile by tile, what is below
    the key that a fifth of all are below; the last pixels are chosen among all. ``rank`` (N,), of
    zeros, is set to how many were left after each. Threads share the tiles; the result is the same
    for any number of them.
    """
    while (size := int(echoes.tile_size.sum())) > target:
        threshold = _threshold(echoes, size, target)
        if np.isfinite(threshold):
            _round(echoes, size - target, threshold, absolute, num_threads)
        else:
            for_all(
                echoes,
                lambda state, work, left: thin_all(state, work, left, LIMITS, absolute),
                [np.array([size - target])],
                REACH,
                1,
            )
        if rank is not None:
            _note(echoes, size, rank)
        if after is not None and after(echoes):
            return True
    return False


def drop_to(echoes: Echoes, target: int, rank: np.ndarray | None = None) -> None:
    """Leave the ``target`` known pixels of largest keys; only ``known`` and ``rank`` follow."""
    known = np.flatnonzero(echoes.known)
    order = known[np.argsort(echoes.key[known], kind="stable")]
    gone = order[: len(known) - target]
    echoes.known.reshape(-1)[gone] = 0
    if rank is not None:
        rank[gone] = len(known) - 1 - np.arange(len(gone))


def _threshold(echoes: Echoes, size: int, target: int) -> np.float32:
    """Keys below this are for the next round; infinite: the rest is to be removed one by one."""
    if len(echoes.tile_size) == 1 or size - target <= _LAST * size:
        return np.float32(np.inf)
    number = int(min(_SHARE * size, _TOWARDS * (size - target)))
    keys = echoes.key[echoes.known.ravel() > 0]
    threshold = np.partition(keys, number)[number]
    return threshold if threshold > keys.min() else np.nextafter(threshold, np.float32(np.inf))


def _round(
    echoes: Echoes, most: int, threshold: np.float32, absolute: bool, num_threads: int
) -> None:
    """Remove pixels whose key is below the threshold, ``most`` at most.

    How many a block may remove is settled beforehand: ``most``, in proportion to how many are below
    the threshold.
    """
    echoes.level[:] = -np.inf
    shape = echoes.known.shape
    below = counts((echoes.key.reshape(shape) < threshold) & (echoes.known > 0)).cumsum()
    left = np.diff(most * below // below[-1], prepend=0)
    progress = np.stack([left, np.zeros_like(left)], 1)
    for blocks in phases(shape):
        for_all(
            echoes,
            lambda state, work, block: thin(
                state, work, block[1], progress[block[0]], threshold, LIMITS, absolute
            ),
            blocks,
            REACH,
            num_threads,
        )


def _note(echoes: Echoes, size: int, rank: np.ndarray) -> None:
    """Ranks of those of ``size`` known pixels that are no longer known: tiles are merged by the
    level they had come to."""
    gone = np.flatnonzero((echoes.known.ravel() == 0) & (rank == 0))
    order = np.lexsort((-echoes.place[gone], echoes.key[gone]))
    rank[gone[order]] = size - 1 - np.arange(len(gone))


def exchange_groups(echoes: Echoes, candidates: np.ndarray, size: int, absolute: bool) -> None:
    """`exchange` for all rows of candidates, with more room where it is needed."""
    done = 0
    while done < len(candidates):
        work = work_for(echoes, REACH)
        done += exchange(echoes, work, candidates[done:], size, LIMITS, absolute)
        if done < len(candidates):
            grow(echoes)
