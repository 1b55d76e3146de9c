"""Strokes of the brush, and the pixels below them, filled while the strokes are drawn."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.ndimage import label

from ..core.errors import InputError
from ..core.numbers import check_choice, check_count, check_number
from ..inpainting import Diffusion, EdgeEnhancing, inpaint
from ..inpainting.method import Method
from ..io import Image
from .source import Source

_MOST_STROKES, _MOST_POINTS = 1000, 100_000
_WIDEST = 1000.0  # radius of the brush in pixels
_MOST_ALONG_EDGES = 50_000  # pixels: 1.5 s; above, diffusion
_MARGIN = 10  # pixels around a hole that edge-enhancing diffusion reads
EDGES, SMOOTH = "edge_enhancing", "diffusion"
Box = tuple[slice, slice]


class Repair:
    """The strokes on an image, and the image with the pixels below them filled.

    A hole depends on the known pixels around it only. A new stroke is therefore solved in the
    bounding box of the holes that it touches, and a margin.
    """

    def __init__(self, image: Image) -> None:
        self.strokes: list[list[float]] = []  # a radius, and the x and y of some points
        self.wanted = EDGES
        self._image = image
        self._counts = np.zeros(image.array.shape[:2], np.uint16)  # strokes over each pixel
        self._filled = image.array.copy()
        self._span = _span_of(image.array)

    @property
    def mask(self) -> np.ndarray:
        """Where the strokes are (H, W)."""
        return self._counts > 0

    @property
    def method(self) -> str:
        """How holes are filled: as wanted, but large ones always by diffusion."""
        few = np.count_nonzero(self._counts) <= _MOST_ALONG_EDGES
        return self.wanted if few else SMOOTH

    def part(self, box: Box, *, filled: bool = True) -> np.ndarray:
        """Return a part of the filled image, or of the image as it was opened."""
        return (self._filled if filled else self._image.array)[box]

    def change(self, keep: Any, strokes: Any, wanted: Any = EDGES) -> Box | None:
        """Keep the first strokes, add others, and return the part that has changed.

        Raises
        ------
        InputError
            If a stroke is not one, or nothing is left to fill the image from. Nothing has changed.
        """
        keep = check_count(keep, "keep", least=0, most=len(self.strokes))
        check_choice(wanted, "method", (EDGES, SMOOTH))
        if not isinstance(strokes, list) or keep + len(strokes) > _MOST_STROKES:
            raise InputError(f"strokes={strokes!r:.40}; allowed are up to {_MOST_STROKES} strokes")
        counts, boxes, before = self._counts.copy(), [], self.method
        for step, some in ((-1, self.strokes[keep:]), (1, strokes)):
            for stroke in some:
                box, under = _pixels_under(stroke, counts.shape)
                counts[box] += np.where(under, step, 0).astype(np.uint16)  # modulo 2^16
                boxes.append(box)
        mask = counts > 0
        if mask.all():
            raise InputError("the strokes cover the whole image; nothing is left to fill it from")
        self.strokes, self._counts, self.wanted = self.strokes[:keep] + strokes, counts, wanted
        if self.method != before and (all_holes := bounding_box(mask)):
            boxes.append(all_holes)
        if not boxes:
            return None
        holes, _ = label(mask)
        changed = _enclosing_box(boxes, mask.shape, 1)
        touched = np.isin(holes, np.setdiff1d(holes[changed], 0))
        box = _enclosing_box([changed, bounding_box(touched) or changed], mask.shape, _MARGIN)
        known = self._image.array[box]
        spatial = mask[box] if known.ndim == 2 else mask[box][..., None]
        part = np.where(spatial, self._filled[box], known)
        self._filled[box] = self.fill(part, touched[box])
        return box

    def fill(self, part: np.ndarray, unknown: np.ndarray) -> np.ndarray:
        """Fill pixels of a part of the image, or of an edited one, as in the whole image."""
        if not unknown.any():
            return part
        method: Method = Diffusion()
        if self.method == EDGES:  # its contrast is a share of the range of the known pixels
            share = self._span / _span_of(part[~unknown])
            method = EdgeEnhancing(contrast=EdgeEnhancing().contrast * share)
        axis = self._image.channel_axis
        return np.asarray(inpaint(part, unknown=unknown, method=method, channel_axis=axis).image)

    def edited(self, box: Box, edit: Callable[[Box], np.ndarray]) -> np.ndarray:
        """Return a part (h, w, C) of the edited image, filled from what is edited around it."""
        part, unknown = edit(box), self.mask[box]
        if self._image.channel_axis is not None:
            return self.fill(part, unknown)
        return self.fill(part[..., 0], unknown)[..., None]

    def source(self) -> Source:
        """Return the repaired image, exactly as its code computes it."""
        mask = self.mask
        if not mask.any():
            return Source(self._image)
        array, axis = self._image.array, self._image.channel_axis
        method: Method = EdgeEnhancing() if self.method == EDGES else Diffusion()
        filled = inpaint(array, unknown=mask, method=method, channel_axis=axis).image
        return Source(self._image.with_parts([filled]), mask, self.method)


def _span_of(array: np.ndarray) -> float:
    """Return the range of the values, where integers are from 0 to 1."""
    most = np.iinfo(array.dtype).max if array.dtype.kind == "u" else 1
    return float(np.ptp(array)) / most or 1.0


def bounding_box(mask: np.ndarray) -> Box | None:
    """Return the bounding box of what is True; None if there is nothing."""
    if not mask.any():
        return None
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _enclosing_box(boxes: list[Box], shape: tuple[int, ...], more: int) -> Box:
    """Return the bounding box of some boxes, with ``more`` pixels on each side."""
    rows, columns = (
        slice(max(min(box[k].start for box in boxes) - more, 0),
              min(max(box[k].stop for box in boxes) + more, shape[k]))
        for k in range(2)
    )  # fmt: skip
    return rows, columns


def _pixels_under(stroke: Any, shape: tuple[int, ...]) -> tuple[Box, np.ndarray]:
    """Return the bounding box of a stroke, and where in it pixels are covered."""
    if not isinstance(stroke, list) or not 3 <= len(stroke) <= _MOST_POINTS:
        raise InputError(f"strokes: {stroke!r:.40} is not a radius and points")
    radius, *numbers = (check_number(each, "strokes", least=-1e6, most=1e6) for each in stroke)
    if not 0 < radius <= _WIDEST or len(numbers) % 2:
        raise InputError(f"strokes: {stroke!r:.40} is not a radius and points")
    points = np.array(numbers).reshape(-1, 2)
    most = shape[1::-1]
    low = np.floor(points.min(axis=0) - radius - 1).astype(int).clip(0, most)
    high = np.ceil(points.max(axis=0) + radius + 1).astype(int).clip(low, most)
    (left, top), (right, bottom) = low.tolist(), high.tolist()
    under = np.zeros((bottom - top, right - left), bool)
    points = points - low
    for a, b in zip(points, points[1:] if len(points) > 1 else points, strict=False):
        _draw(under, a, b, radius)
    return (slice(top, bottom), slice(left, right)), under


def _draw(mask: np.ndarray, a: np.ndarray, b: np.ndarray, radius: float) -> None:
    """Set the pixels whose centres are up to ``radius`` from the line from ``a`` to ``b``."""
    low = np.floor(np.minimum(a, b) - radius - 1).astype(int).clip(0)
    high = np.ceil(np.maximum(a, b) + radius + 1).astype(int).clip(0)
    part = mask[low[1] : high[1], low[0] : high[0]]
    y, x = np.mgrid[: part.shape[0], : part.shape[1]]
    x, y = x + low[0] + 0.5 - a[0], y + low[1] + 0.5 - a[1]
    along = b - a
    share = np.clip((x * along[0] + y * along[1]) / max(float(along @ along), 1e-12), 0, 1)
    part |= np.hypot(x - share * along[0], y - share * along[1]) <= radius
