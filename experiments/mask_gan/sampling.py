"""Draw the crops of each step from counters alone (`steepest.learning.training.streams`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from steepest.learning.images import Source, random_crop
from steepest.learning.training.streams import stream

TRAINING, VALIDATION, NOISE = range(3)


def draw_crops(
    source: Source, size: int, seed: int, kind: int, step: int, indices: Sequence[int]
) -> Tensor:
    """Draw the crops ``indices`` of a step: (len(indices), C, size, size), float32, on the CPU.

    Crops are mirrored and transposed at random, but not inverted. ``kind`` is TRAINING or
    VALIDATION.
    """
    crops = []
    for index in indices:
        crop = random_crop(source, stream(seed, kind, step, index), size, invert=False)
        crops.append(np.moveaxis(crop.reshape(size, size, -1), -1, 0))
    return torch.from_numpy(np.stack(crops))
