"""The images of a training: photographs, folders, or generated images."""

from __future__ import annotations

import numpy as np

from ...images import Collection, Mixture, Source, open_photographs
from ...training.streams import stream
from .generate import generate_image
from .sampling import GENERATED

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

    Raises
    ------
    InputError
        If there is no such folder, or it contains no readable image.
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
