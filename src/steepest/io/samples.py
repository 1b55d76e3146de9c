"""Photographs and measurements bundled with the library."""

from __future__ import annotations

from importlib import resources
from io import BytesIO

import numpy as np
from PIL import Image

from steepest.core.numbers import check_choice

SAMPLES = ("camera", "coffee", "head", "interferogram", "nickel")
_PHASES, _MAPS = ("head", "interferogram"), ("nickel",)


def sample_bytes(name: str) -> bytes:
    """Return the contents of the file of a bundled sample."""
    check_choice(name, "name", SAMPLES)
    ending = ".npy" if name in _PHASES else ".ctf.gz" if name in _MAPS else ".png"
    return (resources.files("steepest") / "data" / f"{name}{ending}").read_bytes()


def sample(name: str = "camera") -> np.ndarray:
    """Return a bundled image.

    - "camera" (512, 512) and "coffee" (400, 600, 3), uint8: photographs.
    - "interferogram" (60, 100) and "head" (51, 51), float32: phases in radians, from radar and
      from magnetic resonance imaging.

    `read_orientations` reads the orientation map "sample:nickel". The sources and licences are
    listed in ``data/README.md`` of the package.

    Raises
    ------
    InputError
        If there is no image with this name.
    """
    check_choice(name, "name", [each for each in SAMPLES if each not in _MAPS])
    data = BytesIO(sample_bytes(name))
    if name in _PHASES:
        return np.asarray(np.load(data, allow_pickle=False))
    return np.array(Image.open(data))
