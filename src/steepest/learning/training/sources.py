"""Collections of greyscale or colour images, and random crops from them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from PIL import Image as Pillow

from ...core.errors import InputError

SCALES = (1.0, 0.7, 0.5)
_CACHE_BYTES = 2**29
_TRIES = 200


class Source(Protocol):
    """A source of random images."""

    @property
    def licences(self) -> Mapping[str, str]:
        """The licence of each image or collection, as far as it is known."""

    def pick(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """A random image, float32 (H, W) or (H, W, 3) in [0, 1], no side below ``size``."""


@dataclass(frozen=True, eq=False)
class Collection:
    """Images that are read when they are needed; the last 512 MiB of them stay in memory.

    ``read(index)`` returns image number ``index`` of ``count``. A drawn image is reduced by one of
    the factors ``scales``, chosen at random. ``weights`` are proportional to the probability of
    each image (None: all equal).
    """

    name: str
    count: int
    read: Callable[[int], np.ndarray]
    scales: Sequence[float] = SCALES
    weights: Sequence[float] | None = None
    licences: Mapping[str, str] = field(default_factory=dict)
    _cache: OrderedDict[tuple[int, int], np.ndarray] = field(default_factory=OrderedDict)

    def pick(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """A random image with sides of at least ``size``; smaller ones are skipped.

        Raises `InputError` if none of 200 random images is large enough.
        """
        chances = None if self.weights is None else np.asarray(self.weights) / np.sum(self.weights)
        for _ in range(_TRIES):
            index = int(rng.choice(self.count, p=chances))
            image = self._image(index, int(rng.integers(len(self.scales))))
            if min(image.shape[:2]) >= size:
                return image
        raise InputError(
            f"data: found no image in {self.name} that is as large as the crops, {size}x{size}"
        )

    def _image(self, index: int, scale: int) -> np.ndarray:
        key = (index, scale)
        if key not in self._cache:
            full = self.read(index) if scale == 0 else self._image(index, 0)
            self._cache[key] = reduce(full, self.scales[scale])
            while sum(image.nbytes for image in self._cache.values()) > _CACHE_BYTES:
                if len(self._cache) == 1:
                    break
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return self._cache[key]


@dataclass(frozen=True)
class Mixture:
    """A mixture of sources, each with its share of the images."""

    sources: Sequence[Source]
    shares: Sequence[float]

    @property
    def licences(self) -> Mapping[str, str]:
        """The licences of all sources."""
        return {name: text for source in self.sources for name, text in source.licences.items()}

    def pick(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """A random image from one of the sources."""
        return self.sources[int(rng.choice(len(self.sources), p=self.shares))].pick(rng, size)


def random_crop(
    source: Source, rng: np.random.Generator, size: int, *, invert: bool = True
) -> np.ndarray:
    """A square crop at a random place of a random image: float32 (size, size) or (size, size, 3).

    The crop is mirrored along each axis, transposed and, if ``invert`` is True, inverted
    (``1 - u``), each with probability 1/2. Inverted images obey the same flows, but do not look
    like photographs.
    """
    image = source.pick(rng, size)
    row, column = (int(rng.integers(n - size + 1)) for n in image.shape[:2])
    crop = image[row : row + size, column : column + size]
    flips = rng.random(4) < 0.5
    crop = crop[::-1] if flips[0] else crop
    crop = crop[:, ::-1] if flips[1] else crop
    crop = crop.swapaxes(0, 1) if flips[2] else crop
    return 1 - crop if invert and flips[3] else crop


def reduce(image: np.ndarray, factor: float) -> np.ndarray:
    """A copy reduced by Lanczos resampling, float32, clipped to [0, 1]; ``image`` for factor 1."""
    if factor == 1:
        return image
    if image.ndim == 3:
        return np.stack([reduce(plane, factor) for plane in np.moveaxis(image, -1, 0)], -1)
    height, width = (max(1, round(n * factor)) for n in image.shape)
    picture = Pillow.fromarray(np.ascontiguousarray(image, np.float32))
    small = picture.resize((width, height), Pillow.Resampling.LANCZOS)
    return np.clip(np.asarray(small, np.float32), 0, 1)
