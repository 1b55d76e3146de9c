"""The best values on a grid of levels: rounding, and what other values can make up for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.progress import Reporter
from ..core.threads import share_out
from ..elliptic.watching import Iteration, iterate_all
from .echo_matrix import EchoMatrix

_BLOCKS = 8  # 16, or a second sweep, gain about 0.01 dB for twice the time
_ROUGH = 5e-2  # tolerance of the solves for changes; 1e-3 gains less than 0.002 dB
_FIRST = 1e-5  # of that for the first values, to which changes only add

Block = tuple[np.ndarray, np.ndarray]
"""Some of the pixels of a mask as a Boolean array, and the row sums of ``B_S^T B_S`` there."""


@dataclass(frozen=True)
class Levels:
    """``count`` (2 or more) equally spaced numbers from ``low`` to ``high``."""

    low: float
    high: float
    count: int

    def nearest(self, values: np.ndarray) -> np.ndarray:
        """The nearest of them, in float64."""
        top, span = self.count - 1, self.high - self.low or 1.0
        share = np.clip(np.rint((values - self.low) / span * top), 0, top) / top
        return (1 - share) * self.low + share * self.high


def check_levels(levels: Any, most: int) -> int:
    """A number of levels from 2 to ``most``.

    Raises
    ------
    InputError
        No integer, or out of this range.
    """
    whole = isinstance(levels, (int, np.integer)) and not isinstance(levels, bool)
    if not whole or not 2 <= levels <= most:
        raise InputError(f"levels={levels!r}; allowed are 2 to {most}")
    return int(levels)


def round_values(
    matrix: EchoMatrix,
    image: np.ndarray,
    values: np.ndarray,
    levels: Levels,
    num_threads: int,
    tell: Reporter,
) -> np.ndarray:
    """Values on the levels whose inpainting is near to the image, from those nearest to ``values``.

    Lowers ``|B g - f|^2`` by one step in each block S of the mask. With D the row sums of
    ``B_S^T B_S``, whose entries are not negative, ``D - B_S^T B_S`` is positive semidefinite. So
    replacing all of ``g_S`` at once by the levels nearest to ``g_S + D^-1 B_S^T (f - B g)``
    minimises a bound of the error that is exact at g: no step can raise the error (but for the
    tolerance of the solves). The smaller the blocks, the closer to coordinate descent.

    Parameters
    ----------
    matrix : EchoMatrix
    image, values : float64 (C, \\*grid)
        f, and where to start; values are read at the mask only.
    levels : Levels
    num_threads : int
    tell : Reporter
        Where it says so, the values are those of the steps so far; rounded they are in any case.

    Returns
    -------
    float64 (C, \\*grid)
        Levels at the mask, zero elsewhere.

    Notes
    -----
    16 solves for the blocks, which all channels share, and 17 per channel.
    """
    blocks = [] if tell.stopped else _blocks(matrix, num_threads)
    if tell.residual(None):
        blocks = []

    def improved(pair: tuple[np.ndarray, np.ndarray]) -> Iteration:
        f, start = pair
        g = np.where(matrix.held, levels.nearest(start), 0)
        r = f - matrix.apply(g, _FIRST) if blocks else f
        for own, sums in blocks:
            new = g.copy()
            new[own] = levels.nearest(g[own] + matrix.adjoint(r, _ROUGH)[own] / sums)
            if not np.array_equal(new, g):
                g, r = new, r - matrix.apply(new - g, _ROUGH)
            if (yield 0.0):
                break
        return g

    pairs = list(zip(image, values, strict=True))
    watch = (lambda _: tell.residual(None)) if tell.listens else None
    return np.stack(iterate_all(lambda: improved, pairs, num_threads, watch))


def _blocks(matrix: EchoMatrix, num_threads: int) -> list[Block]:
    """The mask in parts of almost equal size, drawn at random: the same ones at every call."""
    count = int(matrix.held.sum())
    number = np.full(matrix.held.shape, -1)
    number[matrix.held] = np.random.default_rng(0).permutation(count) % _BLOCKS

    def block(k: int) -> Block:
        own = number == k
        image = matrix.apply(own.astype(np.float64), _ROUGH)
        return own, matrix.adjoint(image, _ROUGH)[own]

    return share_out(lambda: block, range(min(_BLOCKS, count)), num_threads)
