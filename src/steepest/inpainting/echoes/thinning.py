"""From an image to nested masks: removing all pixels but a few, in rounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..steady_state import fill
from .heap import order
from .inserting import exchange, place_all
from .removing import thin
from .score import score_all
from .state import SIZE, Echoes, empty, full, grown

_SHARE = 0.03  # of the known pixels that a round removes
TOLERANCE, SHARE, REACH = 0.005, 0.002, 24
"""Echoes are cut off below the first, flows into neighbours below the second (of their sum), and
windows at the third (pixels from their centre)."""
_EXACT = 1e-5  # relative residual
Limits = tuple[np.float32, np.float32, int]
LIMITS: Limits = (np.float32(TOLERANCE), np.float32(SHARE), REACH)


def _jitter(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What breaks ties between removals: far below what can be seen."""
    return rng.random(image[0].size, np.float32) * np.float32(1e-6 * max(np.ptp(image), 1e-30))


def begin(image: np.ndarray, absolute: bool, rng: np.random.Generator) -> Echoes:
    """All pixels of (C, H, W) float32 known, ordered by what their removal does."""
    echoes = full(image, _jitter(image, rng), REACH)
    score_all(echoes, absolute)
    order(echoes)
    return echoes


def begin_from(
    image: np.ndarray, mask: np.ndarray, absolute: bool, rng: np.random.Generator
) -> Echoes:
    """The echoes of a mask (H, W), computed one by one, ordered by what their removal does."""
    echoes = empty(image, _jitter(image, rng), REACH)
    echoes.known[:] = mask
    first = 0
    while (first := place_all(echoes, first, LIMITS)) < mask.size:
        echoes = grown(echoes, REACH)
    refresh(echoes, absolute)
    return echoes


def refresh(echoes: Echoes, absolute: bool) -> None:
    """Replace the error by that of the exact inpainting, and all keys."""
    known = echoes.known > 0
    filled = fill(echoes.image, known, (1.0, 1.0), _EXACT).image
    echoes.error[:] = filled - echoes.image
    score_all(echoes, absolute)
    order(echoes)


def thin_to(
    echoes: Echoes,
    target: int,
    absolute: bool,
    rank: np.ndarray,
    after: Callable[[Echoes], None] | None = None,
) -> Echoes:
    """Remove pixels until ``target`` are left; ``rank`` (N,) says how many were left after each.

    An image of several tiles is thinned in rounds: a round removes, tile by tile, what is below
    the key that three in a hundred are below; the last pixels are chosen among all.
    """
    tiled = len(echoes.tile_size) > 1
    while (size := int(echoes.counters[SIZE])) > target:
        threshold = np.float32(np.inf)
        if tiled and size * (1 - _SHARE) > target:
            keys = echoes.key[echoes.known.ravel() > 0]
            threshold = np.partition(keys, int(_SHARE * size))[int(_SHARE * size)]
            if not threshold > keys.min():
                threshold = np.nextafter(threshold, np.float32(np.inf))
        while not thin(echoes, target, threshold, LIMITS, absolute, rank):
            echoes = grown(echoes, REACH)
        if after is not None:
            after(echoes)
    return echoes


def exchange_groups(echoes: Echoes, candidates: np.ndarray, absolute: bool) -> Echoes:
    """`exchange` for all rows of candidates, with more room where it is needed."""
    done = 0
    while done < len(candidates):
        done += exchange(echoes, candidates[done:], LIMITS, absolute)
        if done < len(candidates):
            echoes = grown(echoes, REACH)
    return echoes
