"""What the numbers in a file mean, as --range, --noise poisson and --float say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

import steepest
from steepest.core.numbers import counted
from steepest.io import Image

from .choices import NoiseChoice, RangeChoice, refuse

if TYPE_CHECKING:
    from .runner import Item


@dataclass(frozen=True)
class Values:
    """Grey values as stored in the file; the library scales integers itself."""

    def opened(self, image: Image) -> Image:
        """Return the image that is processed in place of the one in the file."""
        return image

    def compute(self, part: np.ndarray) -> np.ndarray:
        """Convert a page of the file to the values used in computations."""
        return part

    def restore(self, array: np.ndarray, dtype: Any) -> np.ndarray:
        """Convert a result to grey values of the file, in floating point or as ``dtype``."""
        dtype = np.dtype(dtype)
        if array.dtype.kind == "f" and dtype.kind == "u":
            return array * float(np.iinfo(dtype).max)
        return array

    def back(self, array: np.ndarray, dtype: Any) -> np.ndarray:
        """Convert a result to the dtype of the file; integers are rounded and clipped."""
        dtype, values = np.dtype(dtype), self.restore(array, dtype)
        if dtype.kind == "u" and values.dtype != dtype:
            return np.rint(np.clip(values, 0, np.iinfo(dtype).max)).astype(dtype)
        return values.astype(dtype, copy=False)

    def outside(self, array: np.ndarray, dtype: Any) -> int:
        """Return the number of values of a result that are clipped by ``dtype``."""
        if np.dtype(dtype).kind != "u":
            return 0
        values, top = self.restore(array, dtype), np.iinfo(dtype).max
        return int(np.count_nonzero((values < -0.5) | (values > top + 0.5)))

    def in_file(self, sigma: Any, dtype: Any) -> Any:
        """Convert a standard deviation to grey values of the file.

        Return None if it is already in these units, or if no conversion exists.
        """
        dtype = np.dtype(dtype)
        return np.asarray(sigma) * np.iinfo(dtype).max if dtype.kind == "u" else None

    def noise(self, page: np.ndarray, channel_axis: int | None, *, separate: bool) -> Any:
        """Return the standard deviation of the noise of a page, in units of ``compute``.

        Return one for each channel if they are ``separate``, and None if it is to be estimated.
        """
        return None

    def report_clipping(self, item: Item, image: Image) -> None:
        """Report how many values of an image ``compute`` clips, if any."""

    def report(self, item: Item) -> None:
        """Report the interpretation of the grey values, unless it is the default."""


@dataclass(frozen=True)
class GreyRange(Values):
    """Grey values on a scale where ``low`` is 0 and ``high`` is 1, without clipping."""

    low: float
    high: float

    def compute(self, part: np.ndarray) -> np.ndarray:
        kind = part.dtype if part.dtype.kind == "f" else np.dtype(np.float32)
        return ((part.astype(np.float64) - self.low) / (self.high - self.low)).astype(kind)

    def restore(self, array: np.ndarray, dtype: Any) -> np.ndarray:
        return array.astype(np.float64) * (self.high - self.low) + self.low

    def in_file(self, sigma: Any, dtype: Any) -> Any:
        return np.asarray(sigma) * (self.high - self.low)

    def report(self, item: Item) -> None:
        text = f"{self.low:g} to {self.high:g} stand for 0 to 1"
        item.tell("range", text, range=[self.low, self.high])


@dataclass(frozen=True)
class Floats(Values):
    """Grey values in floating point, from 0 to 1 if the file holds integers or has a scale."""

    scale: GreyRange | None

    def opened(self, image: Image) -> Image:
        array = image.array
        if self.scale is not None:
            array = self.scale.compute(array)
        elif array.dtype.kind == "u":
            array = array.astype(np.float32) / np.float32(np.iinfo(array.dtype).max)
        else:
            return image
        return replace(image, array=array, metadata=image.metadata.without_display())


@dataclass(frozen=True)
class PhotonCounts(Values):
    """Photon counts, converted to Gaussian noise by the Anscombe transform."""

    gain: float
    read_noise: float
    offset: float
    floats: bool

    @property
    def camera(self) -> tuple[float, float, float]:
        return self.gain, self.read_noise, self.offset

    def opened(self, image: Image) -> Image:
        convert = self.floats and image.array.dtype.kind == "u"
        return replace(image, array=image.array.astype(np.float32)) if convert else image

    def compute(self, part: np.ndarray) -> np.ndarray:
        return np.asarray(steepest.anscombe(part, *self.camera))

    def restore(self, array: np.ndarray, dtype: Any) -> np.ndarray:
        return np.asarray(steepest.inverse_anscombe(array, *self.camera))

    def noise(self, page: np.ndarray, channel_axis: int | None, *, separate: bool) -> Any:
        if separate and channel_axis is not None:
            channels = np.moveaxis(page, channel_axis, 0)
            return [steepest.anscombe_noise(channel, *self.camera) for channel in channels]
        return steepest.anscombe_noise(page, *self.camera, channel_axis=channel_axis)

    def report_clipping(self, item: Item, image: Image) -> None:
        from steepest.flows.anscombe import count_clipped

        if clipped := sum(count_clipped(page, *self.camera) for page in image.parts):
            share = f"{100 * clipped / image.array.size:.2g} %"
            words = f"{counted(clipped, 'value')} ({share}), too far below the offset for counts"
            item.tell("clipped", words, clipped=clipped)

    def in_file(self, sigma: Any, dtype: Any) -> Any:
        return None

    def report(self, item: Item) -> None:
        known = dict(zip(("gain", "read_noise", "offset"), self.camera, strict=True))
        words = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in known.items())
        item.tell("noise", f"poisson, {words}", noise={"model": "poisson", **known})


class Computed(Sequence[np.ndarray]):
    """The pages of an image as used in computations, each converted when it is accessed."""

    def __init__(self, image: Image, values: Values) -> None:
        self._parts, self.values = image.parts, values

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: Any) -> Any:
        return self.values.compute(self._parts[index])


def values_of(
    grey: RangeChoice,
    noise: NoiseChoice = NoiseChoice(),
    *,
    floats: bool = False,
) -> Values:
    """Return the meaning of the grey values as specified by the options.

    Raises `InputError` if the options cannot be combined.
    """
    if noise.noise == "poisson":
        refuse("cannot be combined with --noise poisson; see --offset, --gain", grey)
        camera = noise.gain or 1.0, noise.read_noise or 0.0, noise.offset or 0.0
        return PhotonCounts(*camera, floats)
    scale = GreyRange(*grey.range) if grey.range else None
    return Floats(scale) if floats else scale or Values()
