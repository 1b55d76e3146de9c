"""From an image to bytes."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log10, sqrt
from typing import Any

import numpy as np

from ..core.arrays import Layout, as_array, dtype_name
from ..core.errors import InputError
from ..core.namespace import detached
from ..core.numbers import check_flag, check_number
from ..core.progress import Callback, Reporter
from ..inpainting.problem import prepare_numpy
from ..inpainting.tonal_levels import check_levels
from . import streams
from .container import Header, write
from .decode import reconstruct
from .filling import choose_levels, choose_mask, choose_values, fill, mask_chooser
from .search import largest_below, smallest_above

_SHARE = 0.6  # of the inpainting's mean squared error that the squared step / 12 may be
_FEWEST = 8
START = 0.05  # density from which a search starts


@dataclass(frozen=True, eq=False)
class Compressed:
    """A compressed image and what it is worth.

    Attributes
    ----------
    data : bytes
        The file.
    header : Header
    mask : Boolean array of the spatial shape
    image : array
        What `decompress` makes of it.
    psnr : float
        Of ``image`` against the original, in dB; the range is 1 for integers and maximum minus
        minimum for floats.
    """

    data: bytes
    header: Header
    mask: np.ndarray
    image: np.ndarray
    psnr: float

    @property
    def density(self) -> float:
        """Known pixels per pixel."""
        return self.header.density

    @property
    def bits_per_pixel(self) -> float:
        """Of the whole file, header and checksum included."""
        return 8 * len(self.data) / self.mask.size


def compress(image: Any, density: float | None = None, **options: Any) -> bytes:
    """The bytes of a compressed image: ``pack(...).data``, with the same arguments as `pack`."""
    return pack(image, density, **options).data


def pack(
    image: Any,
    density: float | None = None,
    *,
    max_bytes: int | None = None,
    psnr: float | None = None,
    mask: Any = None,
    levels: int | None = None,
    channel_axis: int | None = None,
    mask_method: str = "echo",
    tonal: bool = True,
    rng: int | np.random.Generator | None = None,
    on_step: Callback | None = None,
) -> Compressed:
    """Compress an image to few of its pixels, between which diffusion fills in the rest.

    Exactly one of ``density``, ``max_bytes``, ``psnr`` and ``mask`` says how many pixels to keep.

    Parameters
    ----------
    image : array
        uint8, uint16, float32 or float64; 1 to 3 spatial axes and maybe a channel axis.
    density : float
        Share of the pixels to keep, above 0 and up to 1.
    max_bytes : int
        Largest size of the result; the density is searched for.
    psnr : float
        Least PSNR in dB; the smallest density that reaches it is searched for.
    mask : Boolean array of the spatial shape
        The pixels to keep.
    levels : int, optional
        Values a channel is rounded to, 2 to 256, evenly from 0 to 1 for integers and from minimum
        to maximum for floats. Default: such that step^2 / 12 is 0.6 of the mean squared error.
    channel_axis : int, optional
        Which axis holds channels. Three channels are taken for red, green and blue.
    mask_method : str
        One of `steepest.inpainting.masks.METHODS`.
    tonal : bool
        Optimise the values at the mask for what is inpainted from them, rounded to their levels
        (`steepest.inpainting.tonal`). False: the image's own values, rounded.
    rng : int or Generator, optional
        For mask methods that draw.
    on_step : callable, optional
        Called with a `MaskStep` while pixels are chosen, as by the mask method, and with a
        `Progress` while their values are. Where it returns True, the rest is done in the shortest
        way: a mask as the method gives it when it is stopped, the image's own values, and of a
        search the best trial.

    Returns
    -------
    Compressed

    Raises
    ------
    InputError
        Bad image or arguments; a size or quality that cannot be reached, or had not been when
        ``on_step`` stopped the search.
    """
    tell = Reporter(on_step)
    count = None if levels is None else check_levels(levels, streams.MOST_LEVELS)
    planes, layout = prepare_numpy(image, channel_axis, any_size=True)
    original, tonal = np.asarray(detached(image)), check_flag(tonal, "tonal")
    task = _Task(planes, layout, original, count, tonal, tell)
    goals = {"density": density, "max_bytes": max_bytes, "psnr": psnr, "mask": mask}
    given = [name for name, value in goals.items() if value is not None]
    if len(given) != 1:
        raise InputError(
            f"{' and '.join(given) or 'nothing'} given; "
            f"allowed is exactly one of {', '.join(goals)}"
        )
    if mask is not None:
        return task.run(_check_mask(mask, task.planes.shape[1:]))

    options = {"rng": rng, "on_step": tell.stage}
    if density is not None:
        return task.run(choose_mask(task.unit, density, mask_method, **options))
    choose = mask_chooser(task.unit, mask_method, **options)

    def attempt(share: float) -> Compressed:
        return task.run(choose(share))

    fewest = 1 / task.planes[0].size
    if max_bytes is not None:
        limit = check_number(max_bytes, "max_bytes", positive=True)
        return largest_below(attempt, limit, START, fewest, tell)
    quality = check_number(psnr, "psnr", positive=True)
    return smallest_above(attempt, quality, START, fewest, tell)


class _Task:
    """An image on the scale [0, 1], to be compressed with one mask or another."""

    def __init__(
        self,
        planes: np.ndarray,
        layout: Layout,
        original: np.ndarray,
        levels: int | None,
        tonal: bool,
        tell: Reporter,
    ) -> None:
        self.planes, self.layout, self.original = planes, layout, original
        self.levels, self.tonal, self.tell = levels, tonal, tell
        self.low, self.high = 0.0, 1.0
        self.unit = planes
        if layout.integer_maximum is None:
            self.low, self.high = float(planes.min()), float(planes.max())
            half = max(self.high / 2 - self.low / 2, np.finfo(planes.dtype).tiny)
            self.unit = np.clip((planes / 2 - self.low / 2) / half, 0, 1)

    def run(self, mask: np.ndarray) -> Compressed:
        """Compress with a mask."""
        values = choose_values(self.unit, mask, self.tonal, self.tell)
        levels = self.levels or self._enough_levels(values, mask)
        known = choose_levels(self.unit, mask, values, levels, self.tonal, self.tell)
        header = Header(
            str(self.layout.dtype),
            mask.shape,
            len(self.planes),
            self.layout.channel_axis,
            int(mask.sum()),
            levels,
            self.low,
            self.high,
        )
        code = streams.encode(mask.reshape(header.grid), known, levels)
        image = reconstruct(header, mask, known)
        return Compressed(write(header, code), header, mask, image, self._psnr(image))

    def _enough_levels(self, values: np.ndarray, mask: np.ndarray) -> int:
        error = float(np.mean((fill(values, mask) - self.unit) ** 2))
        step = sqrt(12 * _SHARE * error)
        return max(_FEWEST, min(streams.MOST_LEVELS, round(1 + 1 / max(step, 1e-3))))

    def _psnr(self, image: np.ndarray) -> float:
        span = float(self.layout.integer_maximum or 0) or self.high - self.low or 1.0
        difference = (image.astype(np.float64) - self.original.astype(np.float64)) / span
        error = float(np.mean(difference**2))
        return inf if error == 0 else -10 * log10(error)


def _check_mask(mask: Any, space: tuple[int, ...]) -> np.ndarray:
    array = as_array(mask, "mask")
    if dtype_name(array) != "bool" or tuple(array.shape) != space or not bool(array.any()):
        raise InputError(
            f"mask={array.dtype} array of shape {tuple(array.shape)}; allowed is a Boolean array "
            f"of shape {space} with a True in it"
        )
    return np.asarray(detached(array))
