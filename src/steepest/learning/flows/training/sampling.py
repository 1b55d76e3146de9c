"""Draw the crops and times of each step, as a function of counters alone (`stream`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...images import Source, random_crop
from ...training.streams import stream
from .config import TrainingConfig

TRAINING, VALIDATION, GENERATED, OBJECTIVE = range(4)


def crop_size(config: TrainingConfig, seed: int, kind: int, step: int) -> int:
    """The side length of all crops of a step: fixed, or uniform in the configured range."""
    low, high = config.crop_range
    return int(stream(seed, kind, step, 0).integers(low, high + 1))


def draw_batch(
    source: Source, config: TrainingConfig, seed: int, kind: int, step: int, indices: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Draw the images ``indices`` of a step, each repeated for its T times.

    Returns ``u0`` (len(indices) * T, 1, size, size) and ``t`` (len(indices) * T,), float32
    on the CPU. ``kind``, TRAINING or VALIDATION, selects different random numbers.
    """
    size = crop_size(config, seed, kind, step)
    crops, times = [], []
    for index in indices:
        rng = stream(seed, kind, step, index + 1)
        crops.append(random_crop(source, rng, size))
        times.append(config.random_times(rng))
    images = torch.from_numpy(np.stack(crops)[:, None]).repeat_interleave(len(times[0]), 0)
    return images, torch.from_numpy(np.concatenate(times))
