"""Find the objects in each band, and measure their size, contrast and position."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.ndimage import center_of_mass, find_objects, label

from ..core.numbers import check_number
from ..flows.noise import estimate_noise
from .decomposition import Decomposition, planes_of

_FAINTEST = 0.02  # least height of an object, relative to the largest value of its band
_NOISE = 3.0  # least height of an object, in standard deviations of the rest of its band
_ROUNDING = 1e-5  # least height of an object, relative to the largest value of the image
_MANY_LEVELS = 32  # an image with fewer grey levels was drawn; its levels do not indicate noise
_ROUNDEST = 2.5  # largest radius that the time of an object may imply, relative to its ball


def objects(
    decomposition: Decomposition, *, min_snr: float = 8.0, pixel_size: float = 1.0
) -> np.ndarray:
    """Find the connected structures in every band, and measure size, contrast and position.

    An object is a connected set of pixels (connected through faces) where the band minus its median
    exceeds half of a peak that stands out from the band. For dark objects, the sign is reversed.

    Two kinds of objects are left out: those that noise could explain (see ``min_snr``), and
    fragments of larger structures, such as parts of their rims. Fragments are recognised by the
    time at which they vanish. A structure of contrast c, volume V and surface S vanishes at
    ``t = c V / S`` (a disc of radius r at ``c r / 2``), and the ball lasts longest of all
    structures of a given volume. An object that lasts more than 2.5 times as long as this ball is
    a fragment.

    Parameters
    ----------
    decomposition : Decomposition
        The decomposition of an image with one or more channels. Objects are found in each channel
        separately.
    min_snr : float
        Smallest ``snr`` of an object. In pure noise, ``snr`` stays below about 6.
    pixel_size : float
        Length of one unit of ``spacing`` (by default, of one pixel), for example in micrometres.

    Returns
    -------
    structured array (objects,), sorted by band, channel and position, with the fields

    band, channel : int
        Indices of the band and the channel, counted from 0.
    area : float
        Area (the volume in 3-D, the length in 1-D), in units of ``pixel_size``.
    diameter : float
        Diameter of the disc (ball, interval) of the same area.
    contrast : float
        Mean of the band over the object minus the median of the band. It is negative for dark
        objects.
    scale : float
        Radius of the disc that has the same contrast and vanishes at the same time,
        ``ndim * time / |contrast|``. For coupled channels, the contrast is the Euclidean norm of
        the contrasts of all channels. The scale is half of the diameter for discs, and smaller for
        elongated or rough objects.
    time : float
        Mean time at which the object vanishes, in the time units of the decomposition.
    peak_time : float
        The time at which the largest part of the object vanishes.
    snr : float
        ``|contrast| * sqrt(pixels) / sigma``, where sigma is the noise estimated in the channel,
        but at least the noise of the rounding to grey levels. It is infinite without noise.
    border : bool
        Whether the object touches the border of the image, which may cut it off.
    centroid : float (ndim,)
        Mean position in pixels, counted from 0.

    Raises
    ------
    InputError
        Bad ``min_snr`` or ``pixel_size``.

    Notes
    -----
    A structure is counted as part of its surroundings if it touches a structure of more than twice
    its contrast in the same band. A band edge within the range of times of an object splits its
    contrast over two bands. To avoid this, choose band edges in the valleys of the spectrum.
    """
    min_snr = check_number(min_snr, "min_snr")
    pixel_size = check_number(pixel_size, "pixel_size", positive=True)
    image = decomposition.image
    axis = decomposition.channel_axis
    shape = planes_of(image, axis).shape[1:]
    kind = [
        ("band", "i4"), ("channel", "i4"), ("area", "f8"), ("diameter", "f8"), ("contrast", "f8"),
        ("scale", "f8"), ("time", "f8"), ("peak_time", "f8"), ("snr", "f8"), ("border", "?"),
        ("centroid", "f8", (len(shape),)),
    ]  # fmt: skip
    found = [np.empty(0, kind)]
    noise = [_noise(channel) for channel in _channels(image, axis)]
    for band, values in enumerate(decomposition.bands):
        for channel, plane in enumerate(_channels(values, axis)):
            labels, signs = _regions(plane, _ROUNDING * float(np.abs(image).max()))
            if not signs.size:
                continue
            rows = np.zeros(signs.size, kind)
            rows["band"], rows["channel"] = band, channel
            together = list(_channels(values, axis)) if decomposition.coupled else [plane]
            _measure(rows, labels, signs, plane, together, decomposition, pixel_size)
            with np.errstate(divide="ignore"):
                rows["snr"] /= noise[channel]
            # The border of the image is not part of the surface, so objects there last longer.
            room = np.where(rows["border"], 2 ** (len(shape) - 1), 1)
            whole = rows["scale"] <= _ROUNDEST * room * rows["diameter"] / 2
            found.append(rows[whole & (rows["snr"] >= min_snr)])
    return np.concatenate(found)


def _channels(array: np.ndarray, axis: int | None) -> Iterator[np.ndarray]:
    """Iterate over the channels of an image, in float64."""
    return (np.asarray(plane, dtype=np.float64) for plane in planes_of(array, axis))


def _noise(channel: np.ndarray) -> float:
    """Noise of a channel, at least the noise of the rounding to its grey levels."""
    levels = np.unique(channel)
    rounding = float(np.diff(levels).min()) / math.sqrt(12) if levels.size >= _MANY_LEVELS else 0.0
    return max(estimate_noise(channel), rounding)


def _regions(plane: np.ndarray, rounding: float) -> tuple[np.ndarray, np.ndarray]:
    """Label the bright objects, then the dark ones; return the labels and the signs."""
    raised = plane - np.median(plane)
    spread = 1.4826 * float(np.median(np.abs(raised)))  # standard deviation of Gaussian values
    floor = max(_NOISE * spread, _FAINTEST * float(np.abs(raised).max()), rounding)
    labels = np.zeros(plane.shape, np.int32)
    signs: list[int] = []
    for sign in (1, -1):
        height = sign * raised
        parts, count = label(height > floor)
        peaks = np.zeros(count + 1)
        np.maximum.at(peaks, parts.ravel(), height.ravel())
        tops, count = label((parts > 0) & (height > peaks[parts] / 2))
        labels[tops > 0] = tops[tops > 0] + len(signs)
        signs += [sign] * count
    return labels, np.array(signs)


def _measure(
    rows: np.ndarray,
    labels: np.ndarray,
    signs: np.ndarray,
    plane: np.ndarray,
    together: list[np.ndarray],
    decomposition: Decomposition,
    pixel_size: float,
) -> None:
    """Measure all regions of one band and channel: scale by the planes ``together``, snr for noise
    1.
    """
    flat, ndim = labels.ravel(), labels.ndim

    def sums(values: np.ndarray) -> np.ndarray:
        return np.bincount(flat, weights=values.ravel(), minlength=signs.size + 1)[1:]

    pixels = np.bincount(flat, minlength=signs.size + 1)[1:]
    unit = math.prod(step * pixel_size for step in decomposition.spacing)
    ball = math.pi ** (ndim / 2) / math.gamma(ndim / 2 + 1)  # volume of the unit ball
    rows["area"] = pixels * unit
    rows["diameter"] = 2 * (rows["area"] / ball) ** (1 / ndim)
    rows["contrast"] = sums(plane) / pixels - np.median(plane)
    rows["snr"] = np.abs(rows["contrast"]) * np.sqrt(pixels)
    rows["centroid"] = center_of_mass(labels > 0, labels, np.arange(1, signs.size + 1))
    for k, box in enumerate(find_objects(labels)):
        ends = zip(box, labels.shape, strict=True)
        rows["border"][k] = any(part.start == 0 or part.stop == size for part, size in ends)
    weight, most = np.zeros(signs.size), np.zeros(signs.size)
    inside = np.flatnonzero(decomposition.band_of_node == rows["band"][0])
    for node in (inside + 1).tolist():
        masses = list(_channels(decomposition.mass(node), decomposition.channel_axis))
        mass = np.maximum(signs * sums(masses[rows["channel"][0]]), 0)
        time = decomposition.nodes[node]
        weight += mass
        rows["time"] += mass * time
        rows["peak_time"][mass > most] = time
        most = np.maximum(most, mass)
    rows["time"] /= np.maximum(weight, np.finfo(float).tiny)
    square = sum((sums(each) / pixels - np.median(each)) ** 2 for each in together)
    rows["scale"] = ndim * rows["time"] / np.sqrt(square) * pixel_size
