"""Where the images of a training come from: photographs, folders, our generator."""

from __future__ import annotations

import numpy as np

from ...training.photographs import PHOTOGRAPHS, open_photographs
from ...training.sources import Collection, Mixture, Source
from ...training.streams import stream
from .generate import generate_image
from .sampling import GENERATED

__all__ = ["PHOTOGRAPHS", "open_data"]

_NUM_GENERATED = 512
_SMALLEST_GENERATED = 160
_SHARES = (0.75, 0.25)


def open_data(name: str, *, held_out: bool, largest_crop: int, seed: int = 0) -> Source:
    """The images called ``name``, or those of them that are held out for validation.

    Parameters
    ----------
    name
        "generated": :func:`.generate.generate_image`; "mixed": three quarters "skimage", one
        quarter "generated"; else a folder, "skimage", "food101:FOLDER" or "stl10:FOLDER", as
        :func:`~steepest.learning.training.photographs.open_photographs` takes them, in grey.
    held_out
        True: the photograph of Chelsea, every tenth image of a folder, generated images of other
        random numbers, the test images of the data sets. False: all others. (The only image of a
        folder is in both.)
    largest_crop
        Generated images are a quarter larger than this, at least 160x160.
    seed
        Of the generated images.

    Raises
    ------
    InputError
        There is no such folder or data set, or nothing in it that can be read.
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
