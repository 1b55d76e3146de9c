"""Draw the images and labels of each step, as a function of counters alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from steepest.learning.training.streams import stream

from .config import SegmentationConfig
from .data import Pairs
from .geometry import fit_size
from .noise import LabelNoise

_ORDER, _PLACE = 0, 1  # streams of random numbers
_CACHE_BYTES = 2**31

Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Samples:
    """Pairs that stay in memory once they are read, up to 2 GiB.

    ``size``: stretch pairs to this height and width when they are read (None: do not).
    """

    pairs: Pairs
    size: tuple[int, int] | None = None
    _kept: dict[int, Pair] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int) -> Pair:
        """Image (C, H, W) float32 and labels (H, W) uint8."""
        if index in self._kept:
            return self._kept[index]
        image, labels = self.pairs.read(index)
        pair = image, labels.astype(np.uint8)
        if self.size is not None:
            pair = fit_size(*pair, self.size, "resize")
        if sum(a.nbytes + b.nbytes for a, b in self._kept.values()) < _CACHE_BYTES:
            self._kept[index] = pair
        return pair


def draw(
    samples: Samples, config: SegmentationConfig, noise: LabelNoise, step: int, images: range
) -> tuple[Tensor, Tensor]:
    """Draw the images (N, C, H, W) and noisy labels (N, H, W), int64, of part of a batch.

    ``images`` are the indices within the batch. Every epoch shows all images in a new order (the
    last batch is filled up from the start of this order). Noise belongs to the image: it is added
    before crops are cut.
    """
    epoch, place = divmod(step, config.recipe.steps_per_epoch)
    order = stream(config.recipe.seed, _ORDER, epoch).permutation(len(samples))
    chosen = [int(order[(place * config.recipe.batch + i) % len(samples)]) for i in images]
    pairs = [one_pair(samples, config, noise, epoch, index) for index in chosen]
    batch = torch.from_numpy(np.stack([image for image, _ in pairs]))
    labels = torch.from_numpy(np.stack([labels for _, labels in pairs]).astype(np.int64))
    return batch, labels


def one_pair(
    samples: Samples, config: SegmentationConfig, noise: LabelNoise, epoch: int, index: int
) -> Pair:
    """The image and the noisy labels of one index, as seen in an epoch."""
    image, labels = samples.read(index)
    rng = stream(config.recipe.seed, _PLACE, epoch, index)
    labels = noise(labels, samples.pairs.num_classes, index, epoch)
    if samples.size is None:
        image, labels = fit_size(image, labels, config.size, config.fit, rng)
    if config.mirror:
        for axis in (-1, -2):
            if rng.random() < 0.5:
                image, labels = np.flip(image, axis), np.flip(labels, axis)
    return np.ascontiguousarray(image), np.ascontiguousarray(labels)
