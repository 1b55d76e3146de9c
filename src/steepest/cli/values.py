"""The meaning of the numbers in a file, set by --range and --noise poisson."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.io import Image

from .batch import Record
from .options import number, positive


def add_range(parser: argparse.ArgumentParser) -> None:
    """Add the option for the grey values that represent 0 and 1."""
    parser.add_argument(
        "--range",
        nargs=2,
        type=number,
        metavar=("LOW", "HIGH"),
        help="grey values of the file that stand for 0 and 1, such as 0 4095 for 12-bit data "
        "(default: the full range of 8 or 16 bits; floats unchanged). Values outside are kept",
    )


def add_noise(parser: argparse.ArgumentParser) -> None:
    """Add the options for Gaussian or photon noise."""
    group = parser.add_argument_group("noise")
    group.add_argument(
        "--noise",
        choices=("gaussian", "poisson"),
        default="gaussian",
        help="poisson: photon counts, made Gaussian by the Anscombe transform and brought back "
        "without bias (default: gaussian)",
    )
    group.add_argument(
        "--gain", type=positive, metavar="G", help="poisson: grey values per photon (default 1)"
    )
    group.add_argument(
        "--read-noise",
        type=positive,
        metavar="S",
        help="poisson: standard deviation of the camera's own noise, in grey values (default 0)",
    )
    group.add_argument(
        "--offset", type=number, metavar="V", help="poisson: grey value without light (default 0)"
    )


@dataclass(frozen=True)
class Values:
    """Grey values as stored in the file; the library scales integers itself."""

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

    def clipped(self, page: np.ndarray) -> int:
        """Return the number of values of a page that ``compute`` clips."""
        return 0

    def report(self, record: Record) -> None:
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

    def report(self, record: Record) -> None:
        text = f"{self.low:g} to {self.high:g} stand for 0 to 1"
        record.tell("range", text, range=[self.low, self.high])


@dataclass(frozen=True)
class PhotonCounts(Values):
    """Photon counts, converted to Gaussian noise by the Anscombe transform."""

    gain: float
    read_noise: float
    offset: float

    def compute(self, part: np.ndarray) -> np.ndarray:
        from steepest import anscombe

        return np.asarray(anscombe(part, self.gain, self.read_noise, self.offset))

    def restore(self, array: np.ndarray, dtype: Any) -> np.ndarray:
        from steepest import inverse_anscombe

        return np.asarray(inverse_anscombe(array, self.gain, self.read_noise, self.offset))

    def noise(self, page: np.ndarray, channel_axis: int | None, *, separate: bool) -> Any:
        from steepest import anscombe_noise

        camera = self.gain, self.read_noise, self.offset
        if separate and channel_axis is not None:
            channels = np.moveaxis(page, channel_axis, 0)
            return [anscombe_noise(channel, *camera) for channel in channels]
        return anscombe_noise(page, *camera, channel_axis=channel_axis)

    def clipped(self, page: np.ndarray) -> int:
        from steepest.flows.anscombe import count_clipped

        return count_clipped(page, self.gain, self.read_noise, self.offset)

    def in_file(self, sigma: Any, dtype: Any) -> Any:
        return None

    def report(self, record: Record) -> None:
        known = vars(self)
        words = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in known.items())
        record.tell("noise", f"poisson, {words}", noise={"model": "poisson", **known})


class Computed(Sequence[np.ndarray]):
    """The pages of an image as used in computations, each converted when it is accessed."""

    def __init__(self, image: Image, values: Values) -> None:
        self._parts, self.values = image.parts, values

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: Any) -> Any:
        return self.values.compute(self._parts[index])


def values_of(arguments: argparse.Namespace) -> Values:
    """Return the meaning of the grey values as specified by the options.

    With --float, ``inputs.read`` has already scaled the image to [0, 1] or applied --range.

    Raises `InputError` if LOW of --range is not below HIGH, or if options cannot be combined.
    """
    between: list[float] | None = getattr(arguments, "range", None)
    if between is not None and between[0] >= between[1]:
        raise InputError(f"--range: {between[0]:g} is not below {between[1]:g}")
    camera = {name: getattr(arguments, name, None) for name in ("gain", "read_noise", "offset")}
    if getattr(arguments, "noise", "gaussian") == "poisson":
        if between:
            raise InputError(
                "--range: cannot be combined with --noise poisson; see --offset, --gain"
            )
        if arguments.sigma is not None:
            raise InputError(
                "--sigma: cannot be combined with --noise poisson, whose noise follows from the "
                "image; see --gain and --read-noise"
            )
        return PhotonCounts(
            camera["gain"] or 1.0, camera["read_noise"] or 0.0, camera["offset"] or 0.0
        )
    for name, value in camera.items():
        if value is not None:
            raise InputError(f"--{name.replace('_', '-')}: also give --noise poisson")
    return GreyRange(*between) if between and not getattr(arguments, "float", False) else Values()
