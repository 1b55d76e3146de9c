"""The images of a training, and the crops and times of each step (from counters alone)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...images import Collection, Mixture, Source, open_photographs, random_crop
from ...training.streams import stream
from .config import TrainingConfig
from .generate import generate_image

TRAINING, VALIDATION, GENERATED, OBJECTIVE = range(4)
_NUM_GENERATED = 512
_SMALLEST_GENERATED = 160
_SHARES = (0.75, 0.25)


def open_data(name: str, *, held_out: bool, largest_crop: int, seed: int = 0) -> Source:
    """Open the images called ``name``, either for training or those held out for validation.

    Parameters
    ----------
    name : str
        "generated": images of :func:`.generate.generate_image`. "mixed": three quarters "skimage",
        one quarter "generated". Otherwise a folder or "skimage", converted to greyscale
        (`steepest.learning.images.open_photographs`).
    held_out : bool
        Whether to open the images for validation. Generated ones are from other random numbers.
    largest_crop : int
        Generated images have sides a quarter longer than this, and at least 160 pixels.
    seed : int
        Seed of the generated images.
    """
    if name == "generated":
        return _generated(held_out, largest_crop, seed)
    if name == "mixed":
        photographs = open_photographs("skimage", held_out=held_out)
        return Mixture((photographs, _generated(held_out, largest_crop, seed)), _SHARES)
    return open_photographs(name, held_out=held_out, others=("generated", "mixed"))


def _generated(held_out: bool, largest_crop: int, seed: int) -> Collection:
    size = max(_SMALLEST_GENERATED, largest_crop * 5 // 4)

    def read(index: int) -> np.ndarray:
        return generate_image(stream(seed, GENERATED, int(held_out), index), size)

    licence = {"generated": "made by steepest.learning.flows.training.generate"}
    return Collection("generated", _NUM_GENERATED, read, (1.0,), licences=licence)


def crop_size(config: TrainingConfig, seed: int, kind: int, step: int) -> int:
    """The side length of all crops of a step: fixed, or uniform in the configured range."""
    low, high = config.crop_range
    return int(stream(seed, kind, step, 0).integers(low, high + 1))


def draw_batch(
    source: Source, config: TrainingConfig, seed: int, kind: int, step: int, indices: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Draw the images ``indices`` of a step, each repeated for its T times, and the times.

    ``kind``, TRAINING or VALIDATION, selects different random numbers.
    """
    size = crop_size(config, seed, kind, step)
    crops, times = [], []
    for index in indices:
        rng = stream(seed, kind, step, index + 1)
        crops.append(random_crop(source, rng, size))
        times.append(config.random_times(rng))
    images = torch.from_numpy(np.stack(crops)[:, None]).repeat_interleave(len(times[0]), 0)
    return images, torch.from_numpy(np.concatenate(times))
