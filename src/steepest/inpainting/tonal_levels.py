"""Optimised values on a grid of levels: rounding, and compensation by the other values."""

from dataclasses import dataclass

import numpy as np

from ..core.progress import Reporter
from ..core.threads import share_out
from ..elliptic.watching import Iteration, iterate_all
from .echo_matrix import EchoMatrix

_BLOCKS = 8  # 16 blocks or a second sweep gain about 0.01 dB for twice the time
_ROUGH = 5e-2  # tolerance of the solves for changes; 1e-3 gains less than 0.002 dB
_FIRST = 1e-5  # tolerance of the solve for the first values, to which changes only add

Block = tuple[np.ndarray, np.ndarray]
"""Part S of a mask as a Boolean array, and the row sums of ``B_S^T B_S`` at its pixels."""


@dataclass(frozen=True)
class Levels:
    """``count`` (at least 2) equally spaced numbers from ``low`` to ``high``."""

    low: float
    high: float
    count: int

    def nearest(self, values: np.ndarray) -> np.ndarray:
        """Round values to the nearest levels, in float64."""
        top, span = self.count - 1, self.high - self.low or 1.0
        share = np.clip(np.rint((values - self.low) / span * top), 0, top) / top
        return (1 - share) * self.low + share * self.high


def round_values(
    matrix: EchoMatrix,
    image: np.ndarray,
    values: np.ndarray,
    levels: Levels,
    num_threads: int,
    reporter: Reporter,
) -> np.ndarray:
    """Find values on the levels (C, *grid), zero outside the mask, inpainted close to ``image``.

    Starts from the levels nearest to ``values`` and decreases ``|B g - f|^2`` by one step in each
    block S of the mask: ``g_S`` is replaced by the levels nearest to ``g_S + D^-1 B_S^T (f - B
    g)``, where D are the row sums of ``B_S^T B_S``. No step can increase the error
    (docs/inpainting_methods). The blocks take 16 solves; each channel takes another 17.
    """
    blocks = [] if reporter.stopped else _blocks(matrix, num_threads)
    if reporter.residual(None):
        blocks = []

    def descent(pair: tuple[np.ndarray, np.ndarray]) -> Iteration:
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
    watch = (lambda _: reporter.residual(None)) if reporter.listens else None
    return np.stack(iterate_all(lambda: descent, pairs, num_threads, watch))


def _blocks(matrix: EchoMatrix, num_threads: int) -> list[Block]:
    """Split the mask at random into parts of almost equal size, the same for every call."""
    count = int(matrix.held.sum())
    number = np.full(matrix.held.shape, -1)
    number[matrix.held] = np.random.default_rng(0).permutation(count) % _BLOCKS

    def block(k: int) -> Block:
        own = number == k
        image = matrix.apply(own.astype(np.float64), _ROUGH)
        return own, matrix.adjoint(image, _ROUGH)[own]

    return share_out(lambda: block, range(min(_BLOCKS, count)), num_threads)
