"""Noise on labels, drawn by explicit generators, of exactly the fraction of pixels asked for.

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
    """A model of label noise: which labels are wrong is a function of ``seed`` and of counters.

    Parameters
    ----------
    kind : str
        "independent": windows drawn once for every image. "redrawn": drawn again in every epoch.
        "shared": the same windows with the same classes for all images of one size, as in the
        paper's code, where the seed is set again for every image. "flip": single pixels, drawn
        once for every image. "sparse": single pixels lose their label, once for every image.
        "coarse": every square of side ``window`` has the label of its middle. "none".
    area : float
        Fraction of the pixels: ``round(area * H * W)`` of them are covered by windows, flipped or
        left without a label ("coarse" does not look at it). A window's class may be the one that
        was there.
    window : int
        Side of the windows, in pixels.
    seed : int

    Raises
    ------
    InputError
        Unknown kind, ``area`` outside [0, 1], ``window`` not a positive integer, ``seed`` negative.
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
        """Noisy labels of image number ``image`` in an epoch; ``labels`` (H, W) are not changed."""
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
    """Square windows at random places, each filled with one random class.

    Windows inside the image are laid at places drawn without repetition until exactly
    ``round(area * H * W)`` pixels are covered; of the last window only as many as are wanted. An
    earlier window lies on top of later ones. What is drawn depends on the shape alone, not on the
    labels. Pixels with the label `IGNORE` keep it (and count as covered).

    Parameters
    ----------
    labels : integers (H, W)
    num_classes : int
    rng : Generator
    window : int
        Side in pixels.
    area : float
        In [0, 1].

    Returns
    -------
    labels (H, W) of the same type

    Raises
    ------
    InputError
        ``area`` outside [0, 1], a window larger than the image.
    """
    check_count(window, "window")
    count = _num_pixels(labels, area)
    height, width = labels.shape
    if window > min(height, width):
        raise InputError(
            f"window={window}; allowed are 1 to {min(height, width)}, the image's side"
        )
    places = (height - window + 1, width - window + 1)
    order = rng.permutation(places[0] * places[1]).reshape(places)  # when a window is laid
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
    """Exactly ``round(area * H * W)`` single pixels changed, each to one of the other classes.

    Pixels and classes are drawn uniformly. Pixels with the label `IGNORE` are not drawn; where
    fewer others are left than wanted, all of them are changed.

    Raises
    ------
    InputError
        ``area`` outside [0, 1], fewer than two classes.
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
    """``round(area * H * W)`` random pixels get the label `IGNORE`; labels (H, W) are not changed.

    Raises
    ------
    InputError
        ``area`` outside [0, 1].
    """
    thin = labels.copy()
    thin.reshape(-1)[rng.permutation(labels.size)[: _num_pixels(labels, area)]] = IGNORE
    return thin


def coarsen_labels(labels: np.ndarray, *, window: int) -> np.ndarray:
    """Squares of side ``window``, from the first pixel on, with the label of their middle.

    Squares that the border cuts have the label of the pixel nearest to it.

    Raises
    ------
    InputError
        ``window`` is not a positive integer.
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
