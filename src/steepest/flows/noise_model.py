"""A model of the noise of an image: its variance for each grey value, and its correlation."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_number


@dataclass(frozen=True)
class NoiseModel:
    """Additive noise of variance ``variance + gain * grey value``, white or blurred.

    Parameters
    ----------
    variance, gain : float
        The noise has the variance ``max(variance + gain * value, 0)`` where the image has a grey
        value. So ``variance`` is that of black: of a camera, the square of the read noise, or a
        negative number if black has a grey value above 0. The gain is that of photons, and 0 for
        noise that is the same everywhere.
    blur : float
        Standard deviation, in pixels, of the Gaussian by which white noise would be blurred to have
        this correlation. It is 0 for white noise.
    share : float
        Share of the image that is flat enough to show the noise. It is 0 if no noise was found.
    textured : bool
        Whether the image has fine texture nearly everywhere, which may have been taken for noise.
    """

    variance: float
    gain: float = 0.0
    blur: float = 0.0
    share: float = 1.0
    textured: bool = False

    def __post_init__(self) -> None:
        for name in ("variance", "gain"):  # variances of tiny images may be below 1e-150
            value = getattr(self, name)
            if not isinstance(value, Real) or not math.isfinite(value):
                raise InputError(f"{name}={value!r} must be a finite number")
        if self.variance < 0 and self.gain == 0:
            raise InputError(f"variance={self.variance!r}; without a gain, it must not be negative")
        check_number(self.blur, "blur")
        check_number(self.share, "share", most=1.0)

    @property
    def camera(self) -> tuple[float, float, float]:
        """The ``gain``, ``read_noise`` and ``offset`` of `anscombe` for this noise.

        Raises `InputError` if the variance does not grow with the grey value, or the noise is
        blurred: `anscombe` is for photons.
        """
        if self.gain <= 0 or self.blur > 0:
            raise InputError(f"{self} is not the noise of photons: the gain must be positive")
        if self.variance < 0:  # the grey value without light
            return float(self.gain), 0.0, -self.variance / self.gain
        return float(self.gain), math.sqrt(self.variance), 0.0

    def scaled(self, factor: float) -> NoiseModel:
        """The noise of the image multiplied by a positive factor."""
        return replace(self, variance=self.variance * factor**2, gain=self.gain * factor)

    def deviation(self, values: Any) -> np.ndarray:
        """Standard deviation of the noise where the image has these grey values."""
        return np.sqrt(np.maximum(self.variance + self.gain * np.asarray(values, np.float64), 0))

    def mean_square(self, values: np.ndarray, where: Any = True) -> float:
        """Mean variance of the noise where the image has these grey values, and a mask holds."""
        darkest = float(values.min() if self.gain > 0 else values.max())
        if self.variance + self.gain * darkest < 0:
            variances = np.maximum(self.variance + self.gain * values, 0)
            return float(variances.mean(dtype=np.float64, where=where))
        return self.variance + self.gain * float(values.mean(dtype=np.float64, where=where))

    def sample(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Noise of this model for an image (channels, \\*space), in float64."""
        from scipy.ndimage import gaussian_filter

        noise = rng.standard_normal(values.shape)
        if self.blur:
            widths = (0, *(self.blur if n > 1 else 0 for n in values.shape[1:]))
            noise = gaussian_filter(noise, widths, mode="wrap")
            noise /= math.sqrt(float((noise * noise).mean()))
        return noise * self.deviation(values)
