"""What the numbers in a file mean, as --range, --noise poisson and --float say."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.core.numbers import counted
from steepest.io import Image

from .choices import options, refuse
from .report import Report
from .types import Limits, Number, Positive


@options("Grey values")
class RangeChoice:
    """What the grey values of a file mean."""

    range: Limits | None = None
    """grey values of the file that stand for 0 and 1, such as 0 4095 for 12-bit data (default: the
    full range of 8 or 16 bits; floats unchanged). Values outside are kept"""

    def __post_init__(self) -> None:
        if self.range is not None and self.range[0] >= self.range[1]:
            raise InputError(f"--range: {self.range[0]:g} is not below {self.range[1]:g}")

    def with_range(self, result: Any) -> Any:
        """A result whose PSNR refers to this range, if it is given."""
        return replace(result, data_range=1.0) if self.range else result


@options("Grey values")
class NoiseChoice:
    """What the noise of an image is like."""

    noise: Literal["gaussian", "poisson", "auto"] = "gaussian"
    """poisson: photon counts, made Gaussian by the Anscombe transform and brought back without
    bias; auto: the same, if the noise is found to grow with the grey value, with gain, read noise
    and offset estimated from the image"""
    gain: Positive | None = None
    """poisson: grey values per photon (default 1)"""
    read_noise: Positive | None = None
    """poisson: standard deviation of the camera's own noise, in grey values (default 0)"""
    offset: Number | None = None
    """poisson: grey value without light (default 0)"""

    def __post_init__(self) -> None:
        if self.noise != "poisson":
            refuse("also give --noise poisson", self, besides=["noise"])


@dataclass(frozen=True)
class Values:
    """The meaning of grey values; by default, they are those of the file.

    ``limits`` are the grey values that stand for 0 and 1; others are not clipped. A ``camera``
    (gain, read noise, offset) says that they are photon counts; if ``unknown``, it is to be
    estimated. With ``floats``, results are in floating point, on the scale of computations but for
    photon counts.
    """

    limits: tuple[float, float] | None = None
    camera: tuple[float, float, float] | None = None
    floats: bool = False
    unknown: bool = False

    def of_image(self, image: Image) -> Values:
        """The same with the camera of an image, if it is unknown and the noise grows with grey."""
        if not self.unknown:
            return self
        page = image.parts[len(image.parts) // 2]
        top = float(np.iinfo(page.dtype).max) if page.dtype.kind == "u" else 1.0
        found = steepest.estimate_noise_model(page, image.channel_axis)
        models = [model.scaled(top) for model in (found if isinstance(found, tuple) else (found,))]
        if all(model.gain > 0 and model.blur == 0 for model in models):
            variance, gain = np.mean([(m.variance, m.gain) for m in models], 0)
            camera = steepest.NoiseModel(float(variance), float(gain)).camera
            with suppress(InputError):  # values far below the offset: these are no photons
                steepest.anscombe(page, *camera)
                return replace(self, camera=camera)
        return self

    @property
    def _scale(self) -> tuple[float, float] | None:
        """The limits, if each page is to be scaled when it is computed."""
        return None if self.floats else self.limits

    def prepare(self, image: Image) -> Image:
        """Return the image that is processed in place of the one in the file."""
        array, whole = image.array, image.array.dtype.kind == "u"
        if not self.floats or (self.limits is None and not whole):
            return image
        if self.camera is not None:
            return replace(image, array=array.astype(np.float32))
        limits = self.limits or (0.0, float(np.iinfo(array.dtype).max))
        metadata = image.metadata.without_display()
        return replace(image, array=_scale_from(array, limits), metadata=metadata)

    def compute(self, part: np.ndarray) -> np.ndarray:
        """Convert a page to the values used in computations; the library scales integers."""
        if self.camera is not None:
            return np.asarray(steepest.anscombe(part, *self.camera))
        return part if self._scale is None else _scale_from(part, self._scale)

    def restore(self, array: np.ndarray, dtype: Any) -> np.ndarray:
        """Convert a result to grey values of the file, in floating point or as ``dtype``."""
        dtype = np.dtype(dtype)
        if self.camera is not None:
            return np.asarray(steepest.inverse_anscombe(array, *self.camera))
        if self._scale is not None:
            low, high = self._scale
            return array.astype(np.float64) * (high - low) + low
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
        """Convert a standard deviation to grey values of the file; None if that changes nothing."""
        if self._scale is not None:
            return np.asarray(sigma) * (self._scale[1] - self._scale[0])
        if self.camera is not None or np.dtype(dtype).kind != "u":
            return None
        return np.asarray(sigma) * np.iinfo(dtype).max

    def noise(self, page: np.ndarray, channel_axis: int | None, *, separate: bool) -> Any:
        """Return the noise of a page (of each channel), or None if it is to be estimated."""
        if self.camera is None:
            return None
        if separate and channel_axis is not None:
            channels = np.moveaxis(page, channel_axis, 0)
            return [steepest.anscombe_noise(channel, *self.camera) for channel in channels]
        return steepest.anscombe_noise(page, *self.camera, channel_axis=channel_axis)

    def report(self, item: Report) -> None:
        """Report the meaning of the grey values, unless it is the default."""
        if self.camera is not None:
            known = dict(zip(("gain", "read_noise", "offset"), self.camera, strict=True))
            words = (f"{name.replace('_', ' ')} {value:g}" for name, value in known.items())
            kind = "poisson (estimated)" if self.unknown else "poisson"
            item.report("noise", f"{kind}, {', '.join(words)}", noise={"model": "poisson", **known})
        elif self._scale is not None:
            low, high = self._scale
            item.report("range", f"{low:g} to {high:g} stand for 0 to 1", range=[low, high])

    def report_clipping(self, item: Report, image: Image) -> None:
        """Report how many values of an image are too small for photon counts, if any."""
        from steepest.flows.anscombe import count_clipped

        if self.camera is None:
            return
        if clipped := sum(count_clipped(page, *self.camera) for page in image.parts):
            share = f"{100 * clipped / image.array.size:.2g} %"
            words = f"{counted(clipped, 'value')} ({share}), too far below the offset for counts"
            item.report("clipped", words, clipped=clipped)


def _scale_from(part: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    kind = part.dtype if part.dtype.kind == "f" else np.dtype(np.float32)
    return ((part.astype(np.float64) - limits[0]) / (limits[1] - limits[0])).astype(kind)


class ComputedPages(Sequence[np.ndarray]):
    """The pages of an image as used in computations, each converted when it is accessed."""

    def __init__(self, image: Image, values: Values) -> None:
        self._parts, self.values = image.parts, values

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: Any) -> Any:
        return self.values.compute(self._parts[index])


def values_of(
    grey: RangeChoice, noise: NoiseChoice = NoiseChoice(), *, floats: bool = False
) -> Values:
    """Return the meaning of the grey values as specified by the options."""
    if noise.noise == "gaussian":
        return Values(grey.range, floats=floats)
    refuse(f"cannot be combined with --noise {noise.noise}; see --offset, --gain", grey)
    if noise.noise == "auto":
        return Values(floats=floats, unknown=True)
    camera = noise.gain or 1.0, noise.read_noise or 0.0, noise.offset or 0.0
    return Values(camera=camera, floats=floats)
