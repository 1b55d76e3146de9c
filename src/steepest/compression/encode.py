"""Compression: from an image to bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log10, sqrt
from typing import Any

import numpy as np

from ..core.arrays import Layout, dtype_name
from ..core.errors import InputError
from ..core.namespace import detached
from ..core.numbers import check_flag, check_fraction, check_number
from ..core.progress import Callback, Reporter
from ..inpainting.masks.checks import check_mask
from ..inpainting.problem import prepare_numpy
from ..inpainting.tonal_levels import check_levels
from . import streams
from .container import Header, write
from .decode import reconstruct
from .filling import choose_levels, choose_mask, choose_values, fill, mask_chooser
from .search import largest_below, smallest_above

_SHARE = 0.6  # mean squared error of rounding (step^2 / 12) relative to that of the inpainting
_FEWEST = 8  # levels
START = 0.05  # first density of a search


@dataclass(frozen=True, eq=False)
class Compressed:
    """A compressed image with its quality.

    Attributes
    ----------
    data : bytes
        The compressed image, ready to be written to a file.
    header : Header
        Shape, dtype, number of known pixels and levels.
    mask : Boolean array of the spatial shape
        True at the known pixels.
    image : array
        The result of `decompress` for ``data``.
    psnr : float
        PSNR of ``image`` against the original, in dB. The data range is that of the dtype for
        integers, and maximum minus minimum for floats.
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
        """Bits per pixel of the whole file, including header and checksum."""
        return 8 * len(self.data) / self.mask.size


def compress(image: Any, density: float | None = None, **options: Any) -> bytes:
    """Compress an image to bytes: ``pack(...).data``, with the same arguments as `pack`."""
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
    """Compress an image to a few of its pixels, from which diffusion fills in the rest.

    Give exactly one of ``density``, ``max_bytes``, ``psnr`` and ``mask`` to determine how many
    pixels are kept.

    Parameters
    ----------
    image : array
        uint8, uint16, float32 or float64 (float16 becomes float32), with 1 to 3 spatial axes and
        optionally a channel axis.
    density : float
        Share of the pixels to keep, above 0 and at most 1.
    max_bytes : int
        Largest size of the result. The largest density with this size is searched for.
    psnr : float
        Smallest PSNR in dB. The smallest density that reaches it is searched for.
    mask : Boolean array of the spatial shape
        True at the pixels to keep.
    levels : int, optional
        Number of levels to which values are rounded, 2 to 256: evenly spaced over the range of the
        dtype for integers, and from minimum to maximum for floats. By default chosen such that
        rounding adds a mean squared error (step^2 / 12) of 0.6 times that of the inpainting.
    channel_axis : int, optional
        Axis of the channels; None if there are none. Three channels are coded as red, green and
        blue.
    mask_method : str
        The method that chooses the pixels, one of `steepest.inpainting.masks.METHODS`.
    tonal : bool
        Whether to optimise the stored values for the best inpainting, including their rounding
        (`steepest.inpainting.tonal`). False: store the image's own values, rounded.
    rng : int or Generator, optional
        Random seed or generator, for mask methods that use random numbers.
    on_step : callable, optional
        Called with a `MaskStep` while pixels are chosen and with a `Progress` while their values
        are optimised. If it returns True, the rest is done as quickly as possible: the mask is the
        method's present one, values are the image's own, and a search returns its best trial.

    Returns
    -------
    Compressed

    Raises
    ------
    InputError
        If the image or an argument is not valid, the size or the quality cannot be reached, or
        ``on_step`` stopped the search before it was reached.
    """
    tell = Reporter(on_step)
    count = None if levels is None else check_levels(levels, streams.MOST_LEVELS)
    planes, layout = prepare_numpy(image, channel_axis, any_size=True)
    kind = dtype_name(layout)
    layout = replace(layout, dtype=np.dtype("float32" if kind == "float16" else kind))
    original = np.asarray(detached(image))
    task = _Task(planes, layout, original, count, check_flag(tonal, "tonal"), tell)
    goals = {"density": density, "max_bytes": max_bytes, "psnr": psnr, "mask": mask}
    given = [name for name, value in goals.items() if value is not None]
    if len(given) != 1:
        raise InputError(
            f"{' and '.join(given) or 'nothing'} given; "
            f"allowed is exactly one of {', '.join(goals)}"
        )
    if mask is not None:
        return task.run(check_mask(mask, task.planes.shape[1:]))

    options = {"rng": rng, "on_step": tell.stage}
    if density is not None:
        share = check_fraction(density, "density")
        return task.run(choose_mask(task.unit, share, mask_method, **options))
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
    """An image scaled to [0, 1], to be compressed with different masks."""

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
