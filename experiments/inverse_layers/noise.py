"""Label noise on exactly the requested fraction of pixels, drawn by explicit generators.

The inverse-evolution-layers paper (section 3.2) replaces small windows by random classes: 2x2
windows on 10 % of the area (WBC), 3x3 (DSB 2018), 5x5 (Cityscapes).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.core.errors import InputError
from steepest.core.numbers import check_count

from .classes import IGNORE

KINDS = ("none", "independent", "redrawn", "shared", "flip", "sparse", "coarse")
_STREAMS = {"independent": 0, "redrawn": 1, "shared": 2, "flip": 3, "sparse": 4}


@dataclass(frozen=True)
class LabelNoise:
    """A model of label noise. The noise is a function of ``seed`` and of counters.

    Parameters
    ----------
    kind : str
        The kind of noise:

        - "none";
        - "independent": windows drawn once for each image;
        - "redrawn": windows drawn again in every epoch;
        - "shared": the same windows with the same classes for all images of one size, as in the
          paper's code, which resets the seed for each image;
        - "flip": single pixels change their class, drawn once for each image;
        - "sparse": single pixels lose their label, drawn once for each image;
        - "coarse": each square of side ``window`` has the label of its centre.
    area : float
        Fraction of the pixels: ``round(area * H * W)`` pixels are covered by windows, flipped or
        left without a label. Not used by "coarse". The class of a window may be the true one.
    window : int
        Side of the windows or squares, in pixels.
    seed : int
        Seed of the noise, zero or positive.

    Raises
    ------
    InputError
        If the kind is unknown, ``area`` is outside [0, 1], ``window`` is not a positive integer, or
        ``seed`` is negative.
    """

    kind: str = "independent"
    area: float = 0.1
    window: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"kind={self.kind!r}; allowed are {', '.join(KINDS)}")
        _check_area(self.area)
        check_count(self.window, "window")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise InputError(f"seed={self.seed!r}; allowed are integers from 0")

    def __call__(
        self, labels: np.ndarray, num_classes: int, image: int, epoch: int = 0
    ) -> np.ndarray:
        """The noisy labels of image number ``image`` in an epoch; ``labels`` are not modified."""
        if self.kind == "none":
            return labels
        if self.kind == "coarse":
            return coarsen_labels(labels, window=self.window)
        counters = {"shared": (), "redrawn": (image, epoch)}.get(self.kind, (image,))
        key = (_STREAMS[self.kind], *counters)
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))
        if self.kind == "flip":
            return flip_labels(labels, num_classes, rng, area=self.area)
        if self.kind == "sparse":
            return thin_labels(labels, rng, area=self.area)
        return cover_with_windows(labels, num_classes, rng, window=self.window, area=self.area)


def cover_with_windows(
    labels: np.ndarray,
    num_classes: int,
    rng: np.random.Generator,
    *,
    window: int = 2,
    area: float = 0.1,
) -> np.ndarray:
    """Fill square windows at random places with one random class each.

    Windows inside the image are placed without repetition until exactly ``round(area * H * W)``
    pixels are covered; the last window is filled only in part. Earlier windows lie on top of later
    ones. The windows depend on the shape alone, not on the labels. Pixels with the label `IGNORE`
    keep it, and count as covered.

    Parameters
    ----------
    labels : integer array (H, W)
        The true labels.
    num_classes : int
        Number of classes.
    rng : Generator
        Random generator.
    window : int
        Side of the windows in pixels.
    area : float
        Fraction of the pixels, in [0, 1].

    Returns
    -------
    array (H, W)
        The noisy labels, in the dtype of ``labels``.

    Raises
    ------
    InputError
        If ``area`` is outside [0, 1], or the window is larger than the image.
    """
    check_count(window, "window")
    count = _num_pixels(labels, area)
    height, width = labels.shape
    if window > min(height, width):
        raise InputError(
            f"window={window}; allowed are 1 to {min(height, width)}, the image's side"
        )
    places = (height - window + 1, width - window + 1)
    order = rng.permutation(places[0] * places[1]).reshape(places)  # when a window is placed
    classes = rng.integers(num_classes, size=order.size)
    first = np.full(labels.shape, order.size)  # the first window on each pixel
    for row in range(window):
        for column in range(window):
            part = first[row : row + places[0], column : column + places[1]]
            np.minimum(part, order, out=part)
    chosen = np.argsort(first, axis=None, kind="stable")[:count]
    noisy = labels.copy()
    noisy.reshape(-1)[chosen] = classes[first.reshape(-1)[chosen]]
    noisy[labels == IGNORE] = IGNORE
    return noisy


def flip_labels(
    labels: np.ndarray, num_classes: int, rng: np.random.Generator, *, area: float = 0.1
) -> np.ndarray:
    """Change exactly ``round(area * H * W)`` single pixels, each to one of the other classes.

    Pixels and classes are drawn uniformly. Pixels with the label `IGNORE` are not drawn; if fewer
    others are left, all of them are changed.

    Raises
    ------
    InputError
        If ``area`` is outside [0, 1], or there are fewer than two classes.
    """
    if num_classes < 2:
        raise InputError(f"num_classes={num_classes}; flipping needs at least 2")
    count = _num_pixels(labels, area)
    known = np.flatnonzero(labels != IGNORE)
    chosen = rng.permutation(known)[:count]
    noisy = labels.copy()
    flat = noisy.reshape(-1)
    shift = rng.integers(1, num_classes, size=len(chosen))
    flat[chosen] = ((flat[chosen].astype(np.int64) + shift) % num_classes).astype(flat.dtype)
    return noisy


def thin_labels(labels: np.ndarray, rng: np.random.Generator, *, area: float) -> np.ndarray:
    """Give ``round(area * H * W)`` random pixels the label `IGNORE`; ``labels`` are not modified.

    Raises
    ------
    InputError
        If ``area`` is outside [0, 1].
    """
    thin = labels.copy()
    thin.reshape(-1)[rng.permutation(labels.size)[: _num_pixels(labels, area)]] = IGNORE
    return thin


def coarsen_labels(labels: np.ndarray, *, window: int) -> np.ndarray:
    """Give each square of side ``window``, starting from the first pixel, the label of its centre.

    Squares cut off by the border get the label of the pixel nearest to their centre.

    Raises
    ------
    InputError
        If ``window`` is not a positive integer.
    """
    side = check_count(window, "window")
    nearest = [np.minimum(np.arange(n) // side * side + side // 2, n - 1) for n in labels.shape]
    return labels[np.ix_(*nearest)]


def _check_area(area: float) -> None:
    if isinstance(area, bool) or not isinstance(area, (int, float)) or not 0 <= area <= 1:
        raise InputError(f"area={area!r}; allowed are numbers from 0 to 1")


def _num_pixels(labels: np.ndarray, area: float) -> int:
    _check_area(area)
    if labels.ndim != 2:
        raise InputError(f"labels of shape {labels.shape}; allowed is (H, W)")
    return round(area * labels.size)
