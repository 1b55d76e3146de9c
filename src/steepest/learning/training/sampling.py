"""Which crop is seen at which time in which step: a function of counters alone (`stream`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...training.streams import stream
from .config import TrainingConfig
from .sources import Source

TRAINING, VALIDATION, GENERATED, OBJECTIVE = range(4)


def crop_size(config: TrainingConfig, seed: int, kind: int, step: int) -> int:
    """The side of all crops of a step: fixed, or uniform in the range of the configuration."""
    low, high = config.crop_range
    return int(stream(seed, kind, step, 0).integers(low, high + 1))


def random_crop(source: Source, rng: np.random.Generator, size: int) -> np.ndarray:
    """A square crop at a random place of a random image, ``(size, size)`` float32 in [0, 1].

    It is mirrored in either direction, transposed and inverted (``1 - u``), each with probability
    1/2. These are images as good as the one they come from; nothing is asked of the network.
    """
    image = source.pick(rng, size)
    row, column = (int(rng.integers(n - size + 1)) for n in image.shape)
    crop = image[row : row + size, column : column + size]
    flips = rng.random(4) < 0.5
    crop = crop[::-1] if flips[0] else crop
    crop = crop[:, ::-1] if flips[1] else crop
    crop = crop.T if flips[2] else crop
    return 1 - crop if flips[3] else crop


def random_times(config: TrainingConfig, rng: np.random.Generator) -> np.ndarray:
    """The times of one image, float32, uniform in [t_min, t_max]; the first 0 if so configured."""
    times = rng.uniform(config.t_min, config.t_max, config.times).astype(np.float32)
    if config.zero_time:
        times[0] = 0
    return times


def draw_batch(
    source: Source,
    config: TrainingConfig,
    seed: int,
    kind: int,
    step: int,
    indices: Sequence[int],
) -> tuple[Tensor, Tensor]:
    """The images ``indices`` of a step, each repeated for its times.

    Returns ``u0`` (len(indices) * times, 1, size, size) and ``t`` (len(indices) * times,), float32
    on the CPU. ``kind`` is TRAINING or VALIDATION: different random numbers.
    """
    size = crop_size(config, seed, kind, step)
    crops, times = [], []
    for index in indices:
        rng = stream(seed, kind, step, index + 1)
        crops.append(random_crop(source, rng, size))
        times.append(random_times(config, rng))
    images = torch.from_numpy(np.stack(crops)[:, None]).repeat_interleave(config.times, 0)
    return images, torch.from_numpy(np.concatenate(times))
