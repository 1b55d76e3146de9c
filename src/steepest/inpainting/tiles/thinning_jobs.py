"""Echo sparsification tile by tile: how one tile is thinned, and the limit, the same for all."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...tiled.image import TiledImage
from ...tiled.jobs import TileJob
from ...tiled.picture import Affine
from ...tiled.sample import sample
from ...tiled.windows import Window
from ...tiled.workspace import read
from ..echoes.thinning import JITTER, echoes_of_all, echoes_of_mask, jitter, thin_below

_FIRST = 1.4  # pixels that the first pass is meant to leave, as a multiple of those wanted
_BELOW = 0.85  # share of the excess pixels that begin below the next limit; more will get there
_MOST = 0.3  # largest share of all pixels that do
_NEAR = 1.002  # so near to the number wanted, pixels are dropped without another pass
_PATCHES = 4  # of the sample, along each axis


@dataclass(frozen=True)
class ThinningJob(TileJob):
    """Thin one tile with its halo; the result is the number of pixels left in its core.

    It begins with the pixels whose values under the name ``source`` are at least ``floor``, or with
    all, and puts the values of `thin_below` under the name ``target``.
    """

    image: Affine
    seed: int
    absolute: bool
    source: str | None
    floor: float
    limit: float
    target: str

    def run(self) -> np.ndarray:
        """Thin the tile."""
        window, width = self.tile.window, self.tiling.space[1]
        image, ties = self.image[(slice(None), *window)], _ties(window, width, self.seed)
        value = np.full(ties.size, -np.inf, np.float32)
        options = (self.absolute, self.num_threads)
        if self.source is None:
            value = thin_below(echoes_of_all(image, ties, *options), self.limit, *options)
        else:
            known = read(self.store, self.source, self.tiling, window, (), np.float32) >= self.floor
            if known.any():
                echoes = echoes_of_mask(image, known, ties, *options)
                value = thin_below(echoes, self.limit, *options)
        core = value.reshape(image.shape[1:])[self.tile.inner]
        self.put(self.target, core)
        return np.array([np.count_nonzero(core >= self.limit)])


def _ties(window: Window, width: int, seed: int) -> np.ndarray:
    """Random numbers as from `jitter`, the same for a pixel in whatever window it is read."""
    rows, columns = window
    numbers = [
        np.random.default_rng([seed, y]).random(width, np.float32)[columns]
        for y in range(rows.start, rows.stop)
    ]
    return np.concatenate(numbers) * np.float32(2 * JITTER)


def thin_in_passes(tiled: TiledImage, image: Affine, count: int, seed: int, absolute: bool) -> str:
    """The name of values of which the ``count`` largest are the mask; each pass has one limit."""
    store = tiled.workspace
    size = math.prod(tiled.tiling.space)
    source, floor, passes = None, -np.inf, 0
    find: Callable[[], float] = partial(_first_limit, tiled, image, count / size, seed, absolute)
    while True:
        passes += 1
        limit = float(store.decided(f"limit-{passes}", find))
        name = f"values-{passes}"
        rows = tiled.run(
            ThinningJob, tiled.halo, f"thinning-{passes}", f"thinning {passes}", [name],
            image=image, seed=seed, absolute=absolute, source=source, floor=floor, limit=limit,
            target=name,
        )  # fmt: skip
        if source is not None:
            store.drop(source)
        left = int(np.sum(rows))
        if left <= _NEAR * count:
            return name
        number = size - left + int(min(_MOST * left, _BELOW * (left - count)))
        source, floor, find = name, limit, partial(ranked, tiled, name, number)


def _first_limit(
    tiled: TiledImage, image: Affine, density: float, seed: int, absolute: bool
) -> float:
    """The limit at which a sample of the image has a few pixels more than wanted."""
    part = sample(
        tiled.tiling.space, lambda window: image[(slice(None), *window)], patches=_PATCHES
    )
    options = (absolute, tiled.workers.num_threads)
    wanted = max(round(min(_FIRST * density, 1) * part[0].size), 1)
    echoes = echoes_of_all(part, jitter(part, np.random.default_rng(seed)), *options)
    value = thin_below(echoes, np.inf, *options, enough=wanted)
    return float(np.partition(value, -wanted)[-wanted])


def ranked(tiled: TiledImage, name: str, rank: int) -> float:
    """The float32 value of this rank among those of all tiles: the upper half of its bits first."""
    found = 0
    for shift in (16, 0):
        counts = np.zeros(1 << 16, np.int64)
        for field in _fields(tiled, name):
            code = _code(field)
            inside = code if shift else code[code >> 16 == found]
            counts += np.bincount(inside >> shift & 0xFFFF, minlength=1 << 16)
        below = counts.cumsum()
        half = int(np.searchsorted(below, rank, "right"))
        rank -= int(below[half] - counts[half])
        found = found << 16 | half
    bits = found ^ 0x80000000 if found >> 31 else found ^ 0xFFFFFFFF
    return float(np.array(bits, np.uint32).view(np.float32))


def _fields(tiled: TiledImage, name: str) -> Iterator[np.ndarray]:
    return (np.asarray(tiled.workspace.map(name, n)) for n in range(len(tiled.tiling)))


def _code(values: np.ndarray) -> np.ndarray:
    """Unsigned integers in the order of the values."""
    bits = np.ravel(values).view(np.uint32)
    return bits ^ np.where(bits >> 31, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))


def put_mask(tiled: TiledImage, name: str, count: int) -> None:
    """Put the pixels with the ``count`` largest values under the name "mask"; ties by number."""
    size = math.prod(tiled.tiling.space)
    cut = np.float32(ranked(tiled, name, size - count))
    spare = count - sum(np.count_nonzero(field > cut) for field in _fields(tiled, name))
    for number, field in enumerate(_fields(tiled, name)):
        mask = field > cut
        equal = np.flatnonzero(field == cut)[:spare]
        mask.flat[equal] = True
        spare -= len(equal)
        tiled.workspace.put("mask", number, mask)
