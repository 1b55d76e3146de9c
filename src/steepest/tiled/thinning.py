"""Echo sparsification by tiles: what one worker does with a tile, and what is decided for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..inpainting.echoes.thinning import JITTER, echoes_of_all, echoes_of_mask, jitter, thin_below
from .passes import journaled
from .picture import Picture
from .plan import sample
from .setup import Setup
from .windows import Tile, Tiling, Window
from .workspace import Workspace, read

_FIRST = 1.4  # pixels that the first pass is meant to leave, as a multiple of those wanted
_BELOW = 0.85  # share of the excess pixels that begin below the next limit; more will get there
_MOST = 0.3  # largest share of all pixels that do
_NEAR = 1.002  # so near to the number wanted, pixels are dropped without another pass
_PATCHES = 4  # of the sample, along each axis


@dataclass(frozen=True)
class Scaled:
    """An image with values from about -1 to 1, on which a limit means the same in all tiles."""

    picture: Picture
    middle: float
    unit: float

    def read(self, window: Window) -> np.ndarray:
        """A window (C, \\*window), float32."""
        values = (self.picture.read(window).astype(np.float64) - self.middle) / self.unit
        return values.astype(np.float32)


@dataclass(frozen=True)
class Thinning:
    """One tile of one pass.

    It begins with the pixels whose values under the name ``source`` are at least ``floor``, or with
    all. The values of `thin_below` are put under the name ``target``.
    """

    tile: Tile
    tiling: Tiling
    image: Scaled
    store: Workspace
    seed: int
    absolute: bool
    source: str | None
    floor: float
    limit: float
    target: str
    journal: str
    num_threads: int


def run_thinning(job: Thinning) -> np.ndarray:
    """Thin a tile with its halo; return the number of pixels that are left in its core."""
    window = job.tile.window
    image, ties = job.image.read(window), _ties(window, job.tiling.space[1], job.seed)
    value = np.full(ties.size, -np.inf, np.float32)
    options = (job.absolute, job.num_threads)
    if job.source is None:
        value = thin_below(echoes_of_all(image, ties, *options), job.limit, *options)
    else:
        known = read(job.store, job.source, job.tiling, window, (), np.float32) >= job.floor
        if known.any():
            value = thin_below(echoes_of_mask(image, known, ties, *options), job.limit, *options)
    core = value.reshape(image.shape[1:])[job.tile.inner]
    job.store.put(job.target, job.tile.number, core)
    left = np.array([np.count_nonzero(core >= job.limit)])
    job.store.put(job.journal, job.tile.number, left)
    return left


def _ties(window: Window, width: int, seed: int) -> np.ndarray:
    """Random numbers as from `jitter`, the same for a pixel in whatever window it is read."""
    rows, columns = window
    numbers = [
        np.random.default_rng([seed, y]).random(width, np.float32)[columns]
        for y in range(rows.start, rows.stop)
    ]
    return np.concatenate(numbers) * np.float32(2 * JITTER)


def thinned(setup: Setup, image: Scaled, count: int, seed: int, absolute: bool) -> tuple[str, int]:
    """The name of values of which the ``count`` largest are the mask, and the number of passes.

    Each pass removes the pixels below a limit, which is the same for all tiles and is chosen from
    the values of all of them.
    """
    store, tiling = setup.workspace, setup.tiling
    size = image.picture.space[0] * image.picture.space[1]
    source, floor, passes = None, -np.inf, 0
    find: Callable[[], float] = partial(_first_limit, setup, image, count / size, seed, absolute)
    while True:
        passes += 1
        limit = float(store.decided(f"limit-{passes}", find))
        name, journal = f"values-{passes}", f"thinning-{passes}"
        jobs = (
            Thinning(
                tile, tiling, image, store, seed, absolute, source, floor, limit, name,
                journal, setup.crew.num_threads,
            )
            for tile in tiling.tiles(setup.halo)
        )  # fmt: skip
        rows = journaled(
            setup.crew, store, journal, run_thinning, jobs, len(tiling), f"thinning {passes}",
            [name],
        )  # fmt: skip
        if source is not None:
            store.drop(source)
        left = int(np.sum(rows))
        if left <= _NEAR * count:
            return name, passes
        number = size - left + int(min(_MOST * left, _BELOW * (left - count)))
        source, floor, find = name, limit, partial(ranked, setup, name, number)


def _first_limit(setup: Setup, image: Scaled, density: float, seed: int, absolute: bool) -> float:
    """The limit at which a sample of the image has a few pixels more than wanted."""
    part = sample(image.picture.space, image.read, patches=_PATCHES)
    options = (absolute, setup.crew.num_threads)
    wanted = max(round(min(_FIRST * density, 1) * part[0].size), 1)
    echoes = echoes_of_all(part, jitter(part, np.random.default_rng(seed)), *options)
    value = thin_below(echoes, np.inf, *options, enough=wanted)
    return float(np.partition(value, -wanted)[-wanted])


def ranked(setup: Setup, name: str, rank: int) -> float:
    """The float32 value of this rank, from 0, among the values of all tiles.

    The upper half of its bits is found first, then the lower half.
    """
    found = 0
    for shift in (16, 0):
        counts = np.zeros(1 << 16, np.int64)
        for field in _fields(setup, name):
            code = _code(field)
            inside = code if shift else code[code >> 16 == found]
            counts += np.bincount(inside >> shift & 0xFFFF, minlength=1 << 16)
        below = counts.cumsum()
        half = int(np.searchsorted(below, rank, "right"))
        rank -= int(below[half] - counts[half])
        found = found << 16 | half
    bits = found ^ 0x80000000 if found >> 31 else found ^ 0xFFFFFFFF
    return float(np.array(bits, np.uint32).view(np.float32))


def _fields(setup: Setup, name: str) -> Iterator[np.ndarray]:
    return (np.asarray(setup.workspace.map(name, n)) for n in range(len(setup.tiling)))


def _code(values: np.ndarray) -> np.ndarray:
    """Unsigned integers in the order of the values."""
    bits = np.ravel(values).view(np.uint32)
    return bits ^ np.where(bits >> 31, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))


def put_mask(setup: Setup, name: str, count: int) -> None:
    """Put the pixels with the ``count`` largest values under the name "mask"; ties by number."""
    size = setup.tiling.space[0] * setup.tiling.space[1]
    cut = np.float32(ranked(setup, name, size - count))
    spare = count - sum(np.count_nonzero(field > cut) for field in _fields(setup, name))
    for number, field in enumerate(_fields(setup, name)):
        mask = field > cut
        equal = np.flatnonzero(field == cut)[:spare]
        mask.flat[equal] = True
        spare -= len(equal)
        setup.workspace.put("mask", number, mask)
