"""The generalised Anscombe transform: turn photon noise into Gaussian noise, and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.arrays import as_array, check_field, check_magnitude, dtype_name, normalize_axis
from ..core.errors import InputError
from ..core.namespace import Array, cast, detached, is_torch, namespace, to_float64
from ..core.numbers import check_number, check_real

_LEAST = 2 * math.sqrt(3 / 8)  # the transform of zero photons; the closed form is zero there
_ROOT = math.sqrt(3 / 2)
_MOST = 1e12  # largest gain, noise, offset and transformed count
_BLOCK = 8  # pixels along each axis of the blocks whose mean estimates the number of photons
_POINTS = 40  # quadrature points for the integral over the Gaussian noise
_DARKEST = 3  # standard deviations of the read noise below which no count can be
_MOST_CLIPPED = 1 / 20  # largest share of values that may lie there, and are clipped
_LIGHTS = np.concatenate([[0.0], np.geomspace(0.01, 50, 60)])


def anscombe(image: Any, gain: float = 1.0, read_noise: float = 0.0, offset: float = 0.0) -> Array:
    """Transform photon counts to values with Gaussian noise of standard deviation 1.

    This is the generalised Anscombe transform. For values
    ``x = gain * Poisson(photons) + Normal(offset, read_noise**2)``, it computes

    ``2 / gain * sqrt(gain * (x - offset) + 3/8 * gain**2 + read_noise**2)``

    and 0 where the argument of the root is negative. Values below ``offset - 3 * read_noise``,
    where counts cannot be, are first clipped to it. The result has a variance near 1, whatever the
    number of photons, if there are about 4 or more photons per pixel. With fewer photons, the
    variance is smaller (see `anscombe_noise`). Denoise the result by any method for Gaussian noise,
    then transform it back by `inverse_anscombe`.

    Parameters
    ----------
    image : array of any shape, or torch tensor
        Counts or grey values. Integers, including uint16, are used as they are; they are *not*
        scaled to [0, 1].
    gain : float
        Grey values per photon.
    read_noise : float
        Standard deviation of the Gaussian noise of the camera, in grey values.
    offset : float
        Grey value without light.

    Returns
    -------
    array of the same shape
        float32 for float32, uint8 and uint16 input, otherwise float64.

    Raises
    ------
    InputError
        If ``image`` contains values that are not real and finite, ``gain`` is not positive,
        ``read_noise`` is negative, or more than one value in 20 would be clipped.

    References
    ----------
    Anscombe, Biometrika 35 (1948) 246-254; Starck, Murtagh & Bijaoui, Image Processing and Data
    Analysis, Cambridge University Press (1998).

    Examples
    --------
    >>> stable, sigma = steepest.anscombe(counts), steepest.anscombe_noise(counts)  # doctest: +SKIP
    >>> denoised = steepest.denoise_discrepancy(stable, sigma).image                # doctest: +SKIP
    >>> photons = steepest.inverse_anscombe(denoised)                               # doctest: +SKIP
    """
    gain, variance, offset = _camera(gain, read_noise, offset)
    values = _floats(image)
    photons = _photons(values, gain, variance, offset)[0] + (3 / 8 + variance)
    return cast(2 * namespace(values).sqrt(photons.clip(0)), values.dtype)


def inverse_anscombe(
    y: Any, gain: float = 1.0, read_noise: float = 0.0, offset: float = 0.0
) -> Array:
    """Transform denoised values of `anscombe` back to counts, by the exact unbiased inverse.

    A denoiser returns an estimate D of the mean of the *transformed* counts. The algebraic inverse
    of the transform would underestimate the number of photons. This function instead inverts
    ``photons -> E[anscombe(x)]``, by a closed form for the number of photons:

    ``D**2/4 + sqrt(3/2)/(4 D) - 11/(8 D**2) + 5 sqrt(3/2)/(8 D**3) - 1/8 - (read_noise/gain)**2``

    The result is this number times ``gain``, plus ``offset``. The number of photons is set to zero
    where the formula is negative, and where D is below the transform of zero photons,
    ``2 sqrt(3/8)``.

    Parameters
    ----------
    y : array of any shape, or torch tensor
        Denoised output of `anscombe`, in floating point.
    gain, read_noise, offset
        As given to `anscombe`.

    Returns
    -------
    array of the same shape and type
        Grey values, not less than ``offset``.

    Raises
    ------
    InputError
        If ``y`` contains values that are not finite floats, ``gain`` is not positive, or
        ``read_noise`` is negative.

    References
    ----------
    Mäkitalo & Foi, IEEE Trans. Image Process. 20 (2011) 2697-2698 (the closed form) and 22 (2013)
    91-103 (with Gaussian noise).
    """
    gain, variance, offset = _camera(gain, read_noise, offset)
    values = check_field(y, "y")
    d = to_float64(values).clip(_LEAST)
    largest = float(d.max()) if math.prod(d.shape) else 0.0
    if largest > _MOST:
        raise InputError(f"y has values up to {largest:g}; allowed are values up to {_MOST:g}")
    photons = d * d / 4 + ((0.625 * _ROOT / d - 1.375) / d + 0.25 * _ROOT) / d - (1 / 8 + variance)
    return cast(gain * photons.clip(0) + offset, values.dtype)


def anscombe_noise(
    image: Any,
    gain: float = 1.0,
    read_noise: float = 0.0,
    offset: float = 0.0,
    *,
    channel_axis: int | None = None,
) -> float:
    """Estimate the standard deviation of the noise of ``anscombe(image)``.

    It is 1, or less for images with dark or flat parts. Use it as ``sigma`` in
    `steepest.denoise_discrepancy`; a value of 1 would smooth images with dark parts too much.

    The estimate is the square root of the mean of ``Var[anscombe(count)]`` over all pixels. This
    variance is 1 for about 4 photons or more and falls to 0 without light. The number of photons of
    each pixel is estimated by the mean of a block of about 8 pixels along each axis. Blocks of a
    single value, as in padded and saturated regions, have no noise.

    Parameters
    ----------
    image : array, 1-D to 3-D plus optional channel axis
        Counts or grey values, as for `anscombe`.
    gain, read_noise, offset
        As in `anscombe`.
    channel_axis : int, optional
        Axis of the channels. The result is a single number for all channels together.

    Returns
    -------
    float

    Raises
    ------
    InputError
        As for `anscombe`, or if ``channel_axis`` is not an axis of ``image``, or ``image`` does
        not have 1 to 3 spatial axes.
    """
    gain, variance, offset = _camera(gain, read_noise, offset)
    values = np.asarray(detached(_floats(image)), dtype=np.float64)
    channels = normalize_axis(channel_axis, values.ndim, "channel_axis")
    if not 1 <= values.ndim - (channels is not None) <= 3 or values.size == 0:
        raise InputError(
            f"image of shape {values.shape}; allowed are images with 1 to 3 spatial axes"
        )
    photons, _ = _photons(values, gain, variance, offset)

    def blocks(array: np.ndarray, join: np.ufunc) -> np.ndarray:
        for axis, size in enumerate(array.shape):
            if axis != channels:
                number = max(1, size // _BLOCK)
                array = join.reduceat(array, np.arange(number) * size // number, axis)
        return array

    weights = blocks(np.ones_like(photons), np.add)
    light = (blocks(photons, np.add) / weights).clip(0)
    noisy = blocks(values, np.minimum) < blocks(values, np.maximum)
    table = np.array([_variance(light, math.sqrt(variance)) for light in _LIGHTS])
    variances = noisy * np.interp(light, _LIGHTS, table)
    return math.sqrt(float(np.average(variances, weights=weights)))


def count_clipped(image: Any, gain: float, read_noise: float, offset: float) -> int:
    """Count the values that `anscombe` clips because counts cannot be as small."""
    return _photons(_floats(image), *_camera(gain, read_noise, offset))[1]


def _photons(values: Array, gain: float, variance: float, offset: float) -> tuple[Array, int]:
    """Return the photons as measured, in float64, and how many of them were clipped.

    Raises `InputError` if they are more than a few.
    """
    photons = (to_float64(values) - offset) / gain
    size = math.prod(photons.shape)
    if not size:
        return photons, 0
    least = -_DARKEST * math.sqrt(variance)
    rounding = 1e-6 * float(abs(photons).max())
    clipped = int((photons < least - rounding).sum())
    if clipped > _MOST_CLIPPED * size:
        raise InputError(
            f"image has {clipped} of {size} values below {offset + gain * least:g}, which is the "
            f"offset less {_DARKEST} times the read noise; allowed is one in "
            f"{round(1 / _MOST_CLIPPED)}, because photon counts are not negative. Give the offset "
            "and the read noise of the camera, or treat the noise as Gaussian"
        )
    return photons.clip(least), clipped


def _variance(photons: float, noise: float) -> float:
    """Variance of the transform, from sums over the photons and the Gaussian noise."""
    counts = np.arange(int(photons + 12 * math.sqrt(photons) + 40))
    logs = np.array([math.lgamma(count + 1) for count in counts])
    chances = np.exp(counts * math.log(photons or 1e-300) - photons - logs)
    points, weights = np.polynomial.hermite_e.hermegauss(_POINTS)
    values = counts[:, None] + noise * points + (3 / 8 + noise * noise)
    roots = 2 * np.sqrt(values.clip(0))
    weights = weights / weights.sum()
    mean, square = (float(chances @ (power @ weights)) for power in (roots, roots**2))
    return max(square - mean * mean, 0.0)


def _camera(gain: float, read_noise: float, offset: float) -> tuple[float, float, float]:
    """Check the camera parameters; return gain, variance of the read noise in photons, offset."""
    gain = check_number(gain, "gain", positive=True, least=1 / _MOST, most=_MOST)
    noise = check_number(read_noise, "read_noise", most=_MOST) / gain
    offset = check_real(offset, "offset")
    if abs(offset) > _MOST:
        raise InputError(f"offset={offset!r}; allowed are magnitudes up to {_MOST:g}")
    return gain, noise * noise, offset


def _floats(image: Any) -> Array:
    """Check that the values are real and finite, and return them as floats."""
    array = as_array(image, "image")
    kind = dtype_name(array)
    if not is_torch(array) and array.dtype.kind in "iuf" and array.dtype.itemsize <= 8:
        array = array.astype("float32" if kind in ("float16", "uint8", "uint16") else kind)
        array = array.astype("float64") if array.dtype.kind in "iu" else array
    elif not kind.startswith("float"):
        raise InputError(
            f"image has dtype {kind}; allowed are integers and floats (tensors: floats)"
        )
    array = check_field(array, "image")
    if math.prod(array.shape):
        check_magnitude(array, "image")
    return array
