"""Which images are evaluated: fixed, seeded lists of crops from any folder, or a folder as it is.

Photographs are read by `steepest.io` and made grey by the weights of ITU-R BT.601,
``0.299 R + 0.587 G + 0.114 B``, in float32 on the [0, 1] scale and not rounded again. A list of
crops depends on the sorted names of the files in the folder, their sizes, and the seed only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np

from steepest.core.errors import InputError
from steepest.core.grey import to_grey
from steepest.core.numbers import check_count
from steepest.io import image_files, read_image


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images of one column of a table: (H, W), float32, in [0, 1], with where each is from."""

    name: str
    images: tuple[np.ndarray, ...]
    sources: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.images)

    def digest(self) -> str:
        """A short name of the pixels: two sets with the same digest are the same images."""
        hasher = sha256()
        for image in self.images:
            hasher.update(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes())
        return hasher.hexdigest()[:16]


@lru_cache(maxsize=512)
def _grey_file(path: Path) -> np.ndarray:
    grey = to_grey(read_image(path).array, path.name)
    grey.setflags(write=False)
    return grey


def folder_images(folder: str | os.PathLike[str], count: int | None = None) -> ImageSet:
    """All images of a folder (or the first ``count``) whole, for example medical ones.

    Raises
    ------
    InputError
        The folder is missing or empty, or a file is no grey or RGB image.
    """
    files = image_files(folder)[:count]
    return ImageSet("medical", tuple(map(_grey_file, files)), tuple(p.name for p in files))


def crops(folder: str | os.PathLike[str], size: int, count: int = 200, seed: int = 0) -> ImageSet:
    """``count`` square crops of ``size`` pixels, one photograph after the other in random order.

    Every photograph that is large enough is used once before any is used again; where the crop
    lies in it is drawn uniformly; crops of one value are drawn again.

    Raises
    ------
    InputError
        The folder is missing or holds no image as large as that.
    """
    size = check_count(size, "size")
    return _draw(folder, str(size), lambda rng: size, check_count(count, "count"), (seed, size))


def mixed_crops(
    folder: str | os.PathLike[str],
    count: int = 600,
    seed: int = 0,
    sizes: tuple[int, int] = (32, 256),
) -> ImageSet:
    """``count`` square crops of sizes drawn uniformly from ``sizes``, for one-homogeneity.

    Raises as :func:`crops` does.
    """
    low, high = sizes
    draw = lambda rng: int(rng.integers(low, high + 1))  # noqa: E731
    return _draw(folder, "mixed", draw, check_count(count, "count"), (seed, low, high))


def _draw(
    folder: str | os.PathLike[str],
    name: str,
    size_of: Callable[[np.random.Generator], int],
    count: int,
    seed: tuple[int, ...],
) -> ImageSet:
    files, rng = image_files(folder), np.random.default_rng(seed)
    images, sources, queue, flat = [], [], [], 0  # type: ignore[var-annotated]
    while len(images) < count:
        size, tried = size_of(rng), 0
        while True:
            if not queue:
                queue = [files[i] for i in rng.permutation(len(files))]
            path, tried = queue.pop(), tried + 1
            grey = _grey_file(path)
            if min(grey.shape) >= size:
                break
            if tried > 2 * len(files):
                raise InputError(f"{folder}: no image of {size}x{size} pixels or more")
        top, left = (int(rng.integers(side - size + 1)) for side in grey.shape)
        crop = np.ascontiguousarray(grey[top : top + size, left : left + size])
        if crop.min() == crop.max():  # nothing flows: an infinite PSNR would be every mean
            flat += 1
            if flat > count + len(files):
                raise InputError(f"{folder}: nearly all crops of {size}x{size} pixels are constant")
            continue
        images.append(crop)
        sources.append(f"{path.name}[{top}:{top + size}, {left}:{left + size}]")
    return ImageSet(name, tuple(images), tuple(sources))
