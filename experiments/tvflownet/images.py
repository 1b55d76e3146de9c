"""The images of an evaluation: seeded lists of crops from a folder, or the whole images of one.

`steepest.io` reads the photographs. They are converted to greyscale with the weights of ITU-R
BT.601, ``0.299 R + 0.587 G + 0.114 B``, in float32 on the [0, 1] scale, without rounding. A list of
crops depends only on the sorted names of the files in the folder, their sizes, and the seed.
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
    """The images of one column of a table: (H, W), float32, in [0, 1], with their sources."""

    name: str
    images: tuple[np.ndarray, ...]
    sources: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.images)

    def digest(self) -> str:
        """A digest of the pixels: sets with the same digest have the same images."""
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
    """All images of a folder (or the first ``count``), uncropped, such as medical images.

    Raises
    ------
    InputError
        If the folder is missing or empty, or a file is not a greyscale or RGB image.
    """
    files = image_files(folder)[:count]
    return ImageSet("medical", tuple(map(_grey_file, files)), tuple(p.name for p in files))


def crops(folder: str | os.PathLike[str], size: int, count: int = 200, seed: int = 0) -> ImageSet:
    """``count`` square crops of ``size`` pixels, one photograph after the other in random order.

    Every photograph that is large enough is used once before any is used again. The position of the
    crop is uniformly random; constant crops are drawn again.

    Raises
    ------
    InputError
        If the folder is missing, has no image that is large enough, or nearly all crops are
        constant.
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

    Errors are those of :func:`crops`.
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
        if crop.min() == crop.max():  # its infinite PSNR would make every mean infinite
            flat += 1
            if flat > count + len(files):
                raise InputError(f"{folder}: nearly all crops of {size}x{size} pixels are constant")
            continue
        images.append(crop)
        sources.append(f"{path.name}[{top}:{top + size}, {left}:{left + size}]")
    return ImageSet(name, tuple(images), tuple(sources))
