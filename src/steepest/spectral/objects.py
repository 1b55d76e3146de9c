"""The objects in each band: their sizes, contrasts and places."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from ..core.numbers import check_number
from ..flows.noise import estimate_noise
from ..grid.components import connected
from .decomposition import Decomposition

_FAINTEST = 0.02  # of the largest value of a band
_NOISE = 3.0  # standard deviations of what a band holds besides its objects
_ROUNDING = 1e-5  # of the largest value of the image
_MANY_LEVELS = 32  # of fewer an image was drawn, not measured, and its levels say nothing on noise
_ROUNDEST = 2.5  # how much larger than a ball an object may seem by its time


def objects(
    decomposition: Decomposition, *, min_snr: float = 8.0, pixel_size: float = 1.0
) -> np.ndarray:
    """Connected structures in every band, with size, contrast and place: one row per object.

    An object of a band is a connected set of pixels (connected through faces) where the band minus
    its median is above half of a peak that stands out from the band (for dark objects, below).
    Two kinds of objects are left out: those that noise could explain (``min_snr``), and fragments
    of larger structures, such as parts of their rims. Fragments are recognised by their time. A
    structure of contrast c, volume V and surface S vanishes at ``t = c V / S`` (a disc of radius r
    at ``c r / 2``), and of all structures of a given volume the ball lasts longest. What lasted
    more than 2.5 times as long did not vanish on its own.

    Parameters
    ----------
    decomposition : Decomposition
        With one or more channels; each channel has objects of its own.
    min_snr : float
        Least ``snr`` of an object. In pure noise it stays below about 6.
    pixel_size : float
        Length of one unit of ``spacing`` (by default, of one pixel), for example in micrometres.

    Returns
    -------
    structured array (objects,), sorted by band, channel and place in the image, with the fields

    band, channel : int
        Both counted from 0.
    area : float
        Area (in 3-D the volume, in 1-D the length), in units of ``pixel_size``.
    diameter : float
        Of the disc (ball, interval) of the same area.
    contrast : float
        Mean of the band inside, less the median of the band; negative for dark objects.
    scale : float
        Radius of the disc that has the same contrast and vanishes at the same time,
        ``ndim * time / |contrast|``; of coupled channels the contrasts of all of them count, by
        their Euclidean norm. It is half of the diameter for discs, and smaller for objects that are
        elongated or rough.
    time : float
        Mean time at which the object vanishes, in units of the decomposition.
    peak_time : float
        The time at which most of it vanishes.
    snr : float
        ``|contrast| * sqrt(pixels) / sigma`` with sigma the noise estimated in the channel, at
        least that of the rounding to grey levels; infinite without noise.
    border : bool
        Whether the object touches the border of the image, which may cut it.
    centroid : float (ndim,)
        Mean position in pixels, the first pixel is 0.

    Raises
    ------
    InputError
        Bad ``min_snr`` or ``pixel_size``.

    Notes
    -----
    A structure that touches one of more than twice its contrast in the same band counts as part of
    its surroundings. Edges of bands that lie within the times of one object split its contrast over
    two bands; choose them in the valleys of the spectrum.
    """
    min_snr = check_number(min_snr, "min_snr")
    pixel_size = check_number(pixel_size, "pixel_size", positive=True)
    image = decomposition.image
    axis = decomposition.channel_axis
    shape = image.shape if axis is None else np.moveaxis(image, axis, 0).shape[1:]
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
            together = _channels(values, axis) if decomposition.coupled else [plane]
            _measure(rows, labels, signs, plane, decomposition, pixel_size)
            _scale(rows, labels, together, pixel_size)
            with np.errstate(divide="ignore"):
                pixels = np.bincount(labels.ravel())[1:]
                rows["snr"] = np.abs(rows["contrast"]) * np.sqrt(pixels) / noise[channel]
            room = np.where(rows["border"], 2 ** (len(shape) - 1), 1)  # borders are no surface
            whole = rows["scale"] <= _ROUNDEST * room * rows["diameter"] / 2
            found.append(rows[whole & (rows["snr"] >= min_snr)])
    return np.concatenate(found)


def _channels(array: np.ndarray, axis: int | None) -> Iterator[np.ndarray]:
    """The channels of one image, in float64."""
    planes = array[None] if axis is None else np.moveaxis(array, axis, 0)
    return (np.asarray(plane, dtype=np.float64) for plane in planes)


def _noise(channel: np.ndarray) -> float:
    """The noise of a channel, at least that of the rounding to its grey levels."""
    levels = np.unique(channel)
    rounding = float(np.diff(levels).min()) / math.sqrt(12) if levels.size >= _MANY_LEVELS else 0.0
    return max(estimate_noise(channel), rounding)


def _regions(plane: np.ndarray, rounding: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels of bright objects, then of dark ones; and their signs."""
    raised = plane - np.median(plane)
    spread = 1.4826 * float(np.median(np.abs(raised)))  # a standard deviation if it is Gaussian
    floor = max(_NOISE * spread, _FAINTEST * float(np.abs(raised).max()), rounding)
    labels = np.zeros(plane.shape, np.int32)
    signs: list[int] = []
    for sign in (1, -1):
        height = sign * raised
        parts, count = connected(height > floor)
        peaks = np.zeros(count + 1)
        np.maximum.at(peaks, parts.ravel(), height.ravel())
        tops, count = connected((parts > 0) & (height > peaks[parts] / 2))
        labels[tops > 0] = tops[tops > 0] + len(signs)
        signs += [sign] * count
    return labels, np.array(signs)


def _measure(
    rows: np.ndarray,
    labels: np.ndarray,
    signs: np.ndarray,
    plane: np.ndarray,
    decomposition: Decomposition,
    pixel_size: float,
) -> None:
    """Sizes, contrasts, times and places of all regions of one band and channel."""
    flat, ndim = labels.ravel(), labels.ndim

    def sums(values: np.ndarray) -> np.ndarray:
        return np.bincount(flat, weights=values.ravel(), minlength=signs.size + 1)[1:]

    pixels = np.bincount(flat, minlength=signs.size + 1)[1:]
    unit = math.prod(step * pixel_size for step in decomposition.spacing)
    ball = math.pi ** (ndim / 2) / math.gamma(ndim / 2 + 1)  # the volume of radius 1
    rows["area"] = pixels * unit
    rows["diameter"] = 2 * (rows["area"] / ball) ** (1 / ndim)
    rows["contrast"] = sums(plane) / pixels - np.median(plane)
    for axis, size in enumerate(labels.shape):
        line = np.arange(size).reshape([-1 if k == axis else 1 for k in range(ndim)])
        rows["centroid"][:, axis] = sums(np.broadcast_to(line, labels.shape)) / pixels
        ends = np.take(labels, [0, -1], axis)
        rows["border"][np.unique(ends[ends > 0]) - 1] = True
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


def _scale(
    rows: np.ndarray, labels: np.ndarray, planes: Iterable[np.ndarray], pixel_size: float
) -> None:
    """The radius that belongs to the time and the contrast, that of all planes together."""
    flat, square = labels.ravel(), np.zeros(rows.size)
    pixels = np.bincount(flat)[1:]
    for plane in planes:
        contrast = np.bincount(flat, weights=plane.ravel())[1:] / pixels - np.median(plane)
        square += contrast**2
    rows["scale"] = labels.ndim * rows["time"] / np.sqrt(square) * pixel_size
