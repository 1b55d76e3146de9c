"""Images to train on: photographs of scikit-image, folders, mixtures, and random crops of them."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image as Pillow

from ..core.errors import InputError
from ..core.grey import to_planes
from ..io import image_files, read_image

SCALES = (1.0, 0.7, 0.5)
_CACHE_BYTES = 2**29
_TRIES = 200


PHOTOGRAPHS = {
    "astronaut.png": "public domain (NASA)",
    "brick.png": "CC0 (CC0Textures)",
    "camera.png": "CC0 (Lav Varshney)",
    "cell.png": "CC0 (Paul Müller et al.)",
    "chelsea.png": "CC0 (Stefan van der Walt)",
    "clock_motion.png": "public domain (Stefan van der Walt)",
    "coffee.png": "CC0 (Rachel Michetti)",
    "grass.png": "CC0 (linolafett)",
    "gravel.png": "CC0 (CC0Textures)",
    "hubble_deep_field.jpg": "public domain (NASA)",
    "microaneurysms.png": "CC0 (Andreas Maier)",
    "retina.jpg": "CC0 (Mikael Häggström)",
    "text.png": "public domain (Wikipedia, Corner.png)",
}
"""The photographs in scikit-image's wheel that its documentation calls CC0 or public domain.

Omitted because they lack such a statement: coins, ihc ("no known copyright restrictions"), moon,
page, phantom, motorcycle, lfw. Also omitted: rocket, whose statement is disputed (scikit-image
issue 5095), and the silhouette horse (CC0), because most of its crops are constant.
"""

_HELD_OUT = ("chelsea.png",)
_HALVED = ("retina.jpg",)  # 1411 x 1411 and out of focus
_LARGEST_WEIGHT = 300_000  # pixels


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

    ``read(index)`` returns image number ``index`` of ``count``. It is reduced by one of the factors
    ``scales``, at random. ``weights`` are proportional to the probability of each image.
    """

    name: str
    count: int
    read: Callable[[int], np.ndarray]
    scales: Sequence[float] = SCALES
    weights: Sequence[float] | None = None
    licences: Mapping[str, str] = field(default_factory=dict)
    _cache: OrderedDict[tuple[int, int], np.ndarray] = field(default_factory=OrderedDict)

    def pick(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """A random image with sides of at least ``size``; `InputError` if 200 are smaller."""
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

    It is mirrored along each axis, transposed and, if ``invert``, inverted (``1 - u``: the same
    flows, but no photograph), each with probability 1/2.
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


def open_photographs(
    name: str, *, held_out: bool, channels: int = 1, others: tuple[str, ...] = ()
) -> Collection:
    """Open the images called ``name``, either for training or those held out for validation.

    ``name`` is a folder of images, with its subfolders, or "skimage", the freely licensed
    :data:`PHOTOGRAPHS` of scikit-image; ``others`` are further names for the error message. Held
    out are Chelsea, or every tenth image of a folder (the only image of a folder is used twice).
    Images are (H, W), in luma, or (H, W, 3) for 3 ``channels``.
    """
    if name == "skimage":
        return _skimage(held_out, channels)
    folder = Path(name)
    if not folder.is_dir():
        allowed = ", ".join(("skimage", *others))
        raise InputError(
            f"data={name!r}: no such folder; allowed are a folder of images, {allowed}"
        )
    files = image_files(folder, recursive=True)
    chosen = files[::10] if held_out else [file for i, file in enumerate(files) if i % 10]
    chosen = chosen or files

    def read(index: int) -> np.ndarray:
        return _read(chosen[index], channels)

    return Collection(name, len(chosen), read, licences={name: "not known: a folder of the user"})


def _skimage(held_out: bool, channels: int) -> Collection:
    try:
        folder = Path(str(import_module("skimage").__file__)).parent / "data"
    except ImportError:
        raise InputError(
            "data='skimage' needs scikit-image: pip install scikit-image, or give a folder"
        ) from None
    names = [name for name in PHOTOGRAPHS if (name in _HELD_OUT) == held_out]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"data='skimage': the installed scikit-image lacks {', '.join(missing)}; update it"
        )
    images = [
        reduce(_read(folder / name, channels), 0.5 if name in _HALVED else 1) for name in names
    ]
    weights = [min(image.shape[0] * image.shape[1], _LARGEST_WEIGHT) for image in images]
    licences = {f"skimage/{name}": PHOTOGRAPHS[name] for name in names}
    return Collection("skimage", len(names), images.__getitem__, weights=weights, licences=licences)


def _read(path: Path, channels: int) -> np.ndarray:
    """The image as (H, W) for one channel, (H, W, 3) for three."""
    image = read_image(path)
    if image.axes not in ("YX", "YXC"):
        raise InputError(f"{path}: axes {image.axes}; allowed are greyscale or RGB images")
    planes = to_planes(image.array, channels, str(path))
    return planes[0] if channels == 1 else np.ascontiguousarray(np.moveaxis(planes, 0, -1))
