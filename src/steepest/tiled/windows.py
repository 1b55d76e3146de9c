"""Divide an array into tiles: cores that cover it without overlap, and windows with a halo."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from ..core.errors import InputError

Window = tuple[slice, ...]


def align_of(space: Sequence[int]) -> int:
    """Cores begin at multiples of this: whole vectors, and whole blocks of any coarse grid."""
    return 64 if len(space) < 3 else 32


@dataclass(frozen=True)
class Tile:
    """One tile: its number, its own pixels (``core``) and those that it reads (``window``)."""

    number: int
    core: Window
    window: Window

    @property
    def inner(self) -> Window:
        """The core in coordinates of the window."""
        pairs = zip(self.core, self.window, strict=True)
        return tuple(slice(c.start - w.start, c.stop - w.start) for c, w in pairs)


@dataclass(frozen=True)
class Tiling:
    """Cores of ``size`` pixels per axis, of a grid of ``space`` pixels."""

    space: tuple[int, ...]
    size: tuple[int, ...]

    def __len__(self) -> int:
        return math.prod(-(-n // m) for n, m in zip(self.space, self.size, strict=True))

    def halved(self, levels: int) -> Tiling:
        """The same tiles of a grid that is halved so often."""
        block = 2**levels
        return Tiling(
            tuple(-(-n // block) for n in self.space), tuple(m // block for m in self.size)
        )

    def number(self, place: Sequence[int]) -> int:
        """The number of the tile at this place in the grid of tiles."""
        number = 0
        for i, n, m in zip(place, self.space, self.size, strict=True):
            number = number * -(-n // m) + i
        return number

    def tiles(self, halo: int) -> Iterator[Tile]:
        """All tiles, row by row, whose windows are `grow` by ``halo``."""
        starts = [range(0, n, m) for n, m in zip(self.space, self.size, strict=True)]
        for number, corner in enumerate(product(*starts)):
            core = tuple(
                slice(a, min(a + m, n))
                for a, m, n in zip(corner, self.size, self.space, strict=True)
            )
            yield Tile(number, core, grow(core, halo, self.space))


def grow(core: Window, halo: int, space: Sequence[int], align: int = 16) -> Window:
    """The window with ``halo`` more pixels around, a multiple of ``align`` along the last axis."""
    around = [halo] * (len(space) - 1) + [-(-halo // align) * align]
    return tuple(
        slice(max(c.start - h, 0), min(c.stop + h, n))
        for c, h, n in zip(core, around, space, strict=True)
    )


def make_tiling(
    space: tuple[int, ...], channels: int, itemsize: float, halo: int, memory: int, workers: int
) -> Tiling:
    """The largest tiles with which ``workers`` stay within ``memory`` bytes, or `InputError`."""

    def tiling(size: int) -> Tiling:
        # tiles of equal size: none that is a narrow remainder
        return Tiling(space, tuple(_even(n, size, align) for n in space))

    def needed(size: int) -> float:
        return workers * bytes_of(tiling(size), channels, itemsize, halo)

    align = align_of(space)
    size = -(-max(space) // align) * align
    while size > align and needed(size) > memory:
        size -= align
    if needed(size) > memory:
        raise InputError(
            f"memory: tiles with a halo of {halo} pixels need {mb_for(needed(size))} MB for "
            f"{workers} workers; give more memory, fewer workers or a smaller halo"
        )
    return tiling(size)


def bytes_of(tiling: Tiling, channels: int, itemsize: float, halo: int) -> float:
    """The memory that a worker needs for one tile."""
    pairs = zip(tiling.space, tiling.size, strict=True)
    pixels = math.prod(min(n, m + 2 * halo) for n, m in pairs)
    return pixels * bytes_per_value(len(tiling.space), itemsize) * channels


def bytes_per_value(ndim: int, itemsize: float) -> float:
    """The memory of a solver, per value of the image: fluxes three times, and images (measured)."""
    return (6 * max(ndim, 2) + 6) * itemsize


def share_of(memory: int) -> int:
    """What tiles may hold: Python and its libraries need 180 MB, and freed memory is not all
    given back. Below 300 MB, those 180 MB come on top.
    """
    return int(max(0.75 * memory - 125e6, memory / 3))


def mb_for(needed: float) -> int:
    """The memory in MB with which tiles may hold ``needed`` bytes."""
    return math.ceil(min((needed + 125e6) / 0.75, 3 * needed) / 1e6)


def slabs(tiling: Tiling, count: int) -> Tiling:
    """At least ``count`` tiles, if possible: the tiles are cut across the first axis."""
    first, *others = tiling.size
    rows = -(-count * -(-tiling.space[0] // first) // len(tiling))
    most = -(-tiling.space[0] // rows)
    return Tiling(tiling.space, (_even(tiling.space[0], most, align_of(tiling.space)), *others))


def halo_share(tiling: Tiling, halo: int) -> float:
    """How much more is computed than the image: windows divided by cores."""
    pairs = [(n, -(-n // m)) for n, m in zip(tiling.space, tiling.size, strict=True)]
    return math.prod(min(k, 1 + 2 * halo * (k - 1) / n) for n, k in pairs)


def _even(length: int, most: int, align: int) -> int:
    count = -(-length // most)
    return -(-length // (count * align)) * align
