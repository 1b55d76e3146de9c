"""Objects: the disjoint components of an image with the most evidence of edges around them."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from scipy import ndimage

from ..core.arrays import check_spacing, own_channel_axis, prepare_image
from ..core.errors import InputError
from ..core.namespace import detached
from ..core.numbers import check_choice, check_count, check_number
from ..flows.flow import tv_flow
from ..flows.noise import estimate_noise
from .component_tree import basins, best_disjoint, max_tree, nodes_of, sums_over_nodes
from .regions import Regions, measure_places

_LEVELS = 256  # of the component trees
_TIME = 0.5  # of the flow, in standard deviations of the noise
_TAIL = 1e-4  # share of the darkest and of the brightest pixels that are clipped
_WEAK_EDGE = 0.9  # slope without evidence for or against an edge, relative to its mean square
_LEAST_EDGE = 0.1  # mean evidence along the contour of an object
_LEAST_ELLIPSE = 0.7
_ELLIPSE_POWER = 6
_LARGEST = 0.2  # share of the image
_NECK = 0.85  # objects are divided where their width falls below this share
_SHALLOW = 2.0  # pixels: bumps of a contour that make no neck
_RING = (2.0, 4.0)  # distance of the surroundings, in pixels
_DEFAULT_ROUNDING = 1e-4  # noise of images with more grey values than 16 bits have
_MANY = 70_000  # grey values


def find_objects(
    image: Any,
    min_score: float = 5.0,
    polarity: Literal["both", "bright", "dark"] = "both",
    min_area: int = 20,
    *,
    channel_axis: int | None = None,
    spacing: float | Sequence[float] | None = None,
) -> Regions:
    r"""Find compact objects, bright and dark, by the edges around them.

    Candidates are all connected components of the sets of pixels above a grey level (below it, for
    dark objects), after a short total variation flow. They form a tree. The evidence for an edge at
    a pixel is :math:`w = (g - \tau) / (g + \tau)`, where g is the slope of the image, smoothed by a
    Gaussian of one pixel, and :math:`\tau` is 0.9 of its root mean square, but at least twice the
    slope of noise. The score of a component is

    .. math:: \left(\sum_{\text{contour}} w\right) \cdot \text{ellipse}^6 \cdot \text{round},

    where ``ellipse`` compares its area with that of the ellipse of the same second moments, and
    ``round`` is its isoperimetric ratio; both are at most 1. The disjoint components with the
    largest sum of scores are computed exactly, by dynamic programming. Objects with a neck are
    divided there.

    Parameters
    ----------
    image : array, 2-D or 3-D, plus an optional channel axis
        Channels are averaged.
    min_score : float
        The least score, roughly the number of pixels of a clear contour. White noise has no objects
        of score 5. In pictures with texture, 8 to 12 leave out what is not an object.
    polarity : "both", "bright" or "dark"
        Objects that are brighter or darker than what surrounds them.
    min_area : int
        The least number of pixels of an object.
    channel_axis : int, optional
        Axis of the channels.
    spacing : float or sequence of floats, optional
        Size of a pixel along each axis, in which areas and diameters are measured. Default: 1.
        Objects are sought in pixels.

    Returns
    -------
    Regions
        The ``table`` has the fields

        label : int
            The number of the object in ``labels``, from 1.
        area, diameter : float
            Area (the volume in 3-D), and the diameter of the disc (ball) of this area.
        contrast : float
            Mean grey value minus that of the surroundings, 2 to 4 pixels away; negative for dark
            objects. On the scale from 0 to 1 for uint8 and uint16 images.
        score : float
            See above. A divided object shares its score by the lengths of the contours.
        edge : float
            Mean evidence along the contour, at most 1.
        snr : float
            ``|contrast| * sqrt(pixels)`` over the standard deviation of the noise.
        border : bool
            Whether the object touches the border of the image, which may cut it off.
        bbox : int (2 * ndim,)
            First pixel along each axis, then one more than the last, as in `regionprops`.
        centroid : float (ndim,)
            Mean position in pixels, counted from 0.

    Notes
    -----
    It takes some 150 bytes of memory per pixel. Objects are not nested. Long and branched
    structures, such as vessels, are not objects, and objects that touch without a neck stay
    together. The slope that makes an edge is one for the whole image: dim objects beside much
    brighter ones may be missed. Correlated noise looks like small objects; raise ``min_score``.
    """
    min_score = check_number(min_score, "min_score", positive=True)
    check_choice(polarity, "polarity", ("both", "bright", "dark"))
    min_area = check_count(min_area, "min_area")
    axis = own_channel_axis(image, channel_axis)
    channels, _ = prepare_image(detached(image), axis, double=True)
    space = channels.shape[1:]
    if len(space) < 2:
        raise InputError(
            f"image of shape {np.shape(image)} has {len(space)} spatial axis; allowed are 2 or 3"
        )
    steps = check_spacing(spacing, len(space))
    grey = channels.mean(0)
    labels = np.zeros(space, np.int32)
    low, high = np.quantile(grey, [_TAIL, 1 - _TAIL])
    if high <= low:
        low, high = grey.min(), grey.max()
    if high <= low or min(space) < 2:
        return _measured([], labels, grey, 1.0, steps)
    scaled = np.clip((grey - low) / (high - low), 0, 1)
    noise = max(estimate_noise(scaled), _rounding(scaled))
    found = sorted(
        _candidates(scaled, noise, polarity, min_score, min_area), key=lambda each: -each[0]
    )
    parts = list(_painted(found, labels, min_score, min_area))
    return _measured(parts, labels, grey, noise * (high - low), steps)


_Candidate = tuple[float, float, tuple[slice, ...], np.ndarray]  # score, edge, box, mask in it


def _rounding(values: np.ndarray) -> float:
    """Standard deviation of the rounding to grey values."""
    levels = np.unique(values)
    few = 1 < levels.size < _MANY
    return float(np.diff(levels).min()) / math.sqrt(12) if few else _DEFAULT_ROUNDING


def _evidence(image: np.ndarray, noise: float) -> np.ndarray:
    """The evidence for an edge at each pixel, from -1 to 1."""
    smooth = ndimage.gaussian_filter(image.astype(np.float32), 1.0, truncate=3.0)
    slope = np.sqrt(sum(each**2 for each in np.gradient(smooth)))
    ndim = image.ndim
    along = noise / math.sqrt(2 * (4 * math.pi) ** (ndim / 2))  # slope of smoothed white noise
    mean = along * math.sqrt(2) * math.gamma((ndim + 1) / 2) / math.gamma(ndim / 2)
    weak = max(_WEAK_EDGE * math.sqrt(float((slope**2).mean(dtype=float))), 2 * mean, 1e-12)
    return (slope - np.float32(weak)) / (slope + np.float32(weak))


def _candidates(
    image: np.ndarray, noise: float, polarity: str, min_score: float, min_area: int
) -> Iterator[_Candidate]:
    """The best disjoint components, bright and dark, of an image from 0 to 1."""
    smooth = tv_flow(image.astype(np.float32), [_TIME * noise], steps=6).images[-1]
    low, high = float(smooth.min()), float(smooth.max())
    level = (smooth - low) * ((_LEVELS - 1) / max(high - low, 1e-12)) + 0.5
    evidence = np.pad(_evidence(image, noise), 1).ravel()
    padded = tuple(size + 2 for size in image.shape)
    steps = np.array([math.prod(padded[k + 1 :]) for k in range(len(padded))], np.int64)
    inside = (slice(1, -1),) * image.ndim
    for sign in {"both": (1, -1), "bright": (1,), "dark": (-1,)}[polarity]:
        own = level.astype(np.int32) if sign > 0 else _LEVELS - 1 - level.astype(np.int32)
        levels = np.pad(own, 1, constant_values=-1).ravel()
        parent, order = max_tree(levels, _LEVELS, steps)
        node, up = nodes_of(levels, parent, order)
        sums = sums_over_nodes(levels, order, node, up, evidence, steps)
        score, edge = _scores(sums, image.ndim, min_score, min_area, _LARGEST * image.size)
        chosen = best_disjoint(score, up)
        nodes = np.unique(chosen[chosen >= 0])
        number = np.zeros(up.size, np.int32)
        number[chosen >= 0] = np.searchsorted(nodes, chosen[chosen >= 0]) + 1
        numbers = number[node].reshape(padded)[inside]  # the padding has node -1; it is cut off
        for k, box in enumerate(ndimage.find_objects(numbers)):
            yield score[nodes[k]], edge[nodes[k]], box, numbers[box] == k + 1


def _scores(
    sums: np.ndarray, ndim: int, min_score: float, min_area: int, max_area: float
) -> tuple[np.ndarray, np.ndarray]:
    """The score of each node, 0 if it is no object, and the mean evidence along its contour."""
    score, edge = np.zeros(len(sums)), np.zeros(len(sums))
    fits = np.flatnonzero((sums[:, 0] >= min_area) & (sums[:, 0] <= max_area))
    area, *columns = sums[fits].T
    centre = [column / area for column in columns[:ndim]]
    covariance = np.empty((fits.size, ndim, ndim))
    pairs = itertools.combinations_with_replacement(range(ndim), 2)
    for (a, b), products in zip(pairs, columns[ndim:-3], strict=True):
        covariance[:, a, b] = covariance[:, b, a] = (
            products / area - centre[a] * centre[b] + (a == b) / 12
        )
    lines, evidence, outside = columns[-3:]
    contour = np.maximum(lines + outside, 1)
    ball = _ball(ndim)
    spread = np.sqrt(np.maximum(np.linalg.det(covariance), 1e-12))
    ellipse = np.minimum(area / (ball * (ndim + 2) ** (ndim / 2) * spread), 1)
    # The faces of pixels are 4 / pi (3-D: 3 / 2) times as large as the smooth contour of a ball.
    smooth = contour * (math.pi / 4 if ndim == 2 else 2 / 3)
    compact = np.minimum(ndim**ndim * ball * area ** (ndim - 1) / smooth**ndim, 1)
    value = evidence * ellipse**_ELLIPSE_POWER * compact
    edge[fits] = evidence / contour
    good = (value >= min_score) & (ellipse >= _LEAST_ELLIPSE) & (edge[fits] > _LEAST_EDGE)
    score[fits] = np.where(good, value, 0)
    return score, edge


def _painted(
    found: Sequence[_Candidate], labels: np.ndarray, min_score: float, min_area: int
) -> Iterator[tuple[float, float]]:
    """Write the numbers of objects into ``labels``; yield the score and the edge of each."""
    count = 0
    for score, edge, box, mask in found:
        here, mask = labels[box], ndimage.binary_fill_holes(mask)
        if (here[mask] > 0).any():  # there is one with a higher score
            continue
        parts, number = _divided(mask)
        shares = score * (_contours(parts, number) if number > 1 else np.ones(1))
        sizes = np.bincount(parts.ravel(), minlength=number + 1)[1:]
        for k in range(number):
            if number > 1 and (shares[k] < min_score / 2 or sizes[k] < min_area):
                continue
            count += 1
            here[parts == k + 1] = count
            yield shares[k], edge


def _divided(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """The parts of a set, divided at its necks, numbered from 1, and how many there are."""
    padded = np.pad(mask, 1)
    depth = ndimage.distance_transform_edt(padded).ravel()
    order = np.flatnonzero(depth)
    order = order[np.argsort(-depth[order], kind="stable")].astype(np.int32)
    strides = np.array([math.prod(padded.shape[k + 1 :]) for k in range(mask.ndim)])
    around = np.array([*itertools.product((-1, 0, 1), repeat=mask.ndim)]) @ strides
    parts, count = basins(depth, order, around[around != 0], _NECK, _SHALLOW)
    return parts.reshape(padded.shape)[(slice(1, -1),) * mask.ndim], count


def _contours(parts: np.ndarray, count: int) -> np.ndarray:
    """The share of each part in the outer contour of all."""
    padded = np.pad(parts, 1)
    lines = np.zeros(count + 1)
    for axis in range(parts.ndim):
        first = padded.take(range(padded.shape[axis] - 1), axis)
        second = padded.take(range(1, padded.shape[axis]), axis)
        for own, other in ((first, second), (second, first)):
            lines += np.bincount(own[other == 0].ravel(), minlength=count + 1)
    return lines[1:] / lines[1:].sum()


def _measured(
    found: Sequence[tuple[float, float]],
    labels: np.ndarray,
    grey: np.ndarray,
    noise: float,
    spacing: Sequence[float],
) -> Regions:
    """Number the objects of these scores and edges by their score, and measure them."""
    ndim, ball = labels.ndim, _ball(labels.ndim)
    table = np.zeros(len(found), [
        ("label", "i4"), ("area", "f8"), ("diameter", "f8"), ("contrast", "f8"), ("score", "f8"),
        ("edge", "f8"), ("snr", "f8"), ("border", "?"), ("bbox", "i4", (2 * ndim,)),
        ("centroid", "f8", (ndim,)),
    ])  # fmt: skip
    if found:
        table["score"], table["edge"] = np.array(found).T
    turn = np.argsort(-table["score"], kind="stable")  # parts have less than their whole
    number = np.zeros(len(found) + 1, np.int32)
    number[turn + 1] = np.arange(1, len(found) + 1)
    labels, table = number[labels], table[turn]
    measure_places(labels, table)
    margin = int(_RING[1])
    for row in table:
        starts, stops = np.maximum(row["bbox"][:ndim] - margin, 0), row["bbox"][ndim:] + margin
        window = tuple(map(slice, starts, stops))
        own, values = labels[window] == row["label"], grey[window]
        row["area"] = np.count_nonzero(own)
        distance = ndimage.distance_transform_edt(~own)
        ring = (distance >= _RING[0]) & (distance <= _RING[1])
        free = ring & (labels[window] == 0)
        around = values[free if free.any() else ring if ring.any() else ~own]
        row["contrast"] = values[own].mean() - around.mean()
    table["snr"] = np.abs(table["contrast"]) * np.sqrt(table["area"]) / max(noise, 1e-300)
    table["area"] *= math.prod(spacing)
    table["diameter"] = 2 * (table["area"] / ball) ** (1 / ndim)
    return Regions(labels, table)


def _ball(ndim: int) -> float:
    """The volume of the unit ball."""
    return math.pi ** (ndim / 2) / math.gamma(ndim / 2 + 1)
