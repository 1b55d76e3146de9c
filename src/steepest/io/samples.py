"""Photographs bundled with the library."""

from __future__ import annotations

from importlib import resources
from io import BytesIO

import numpy as np
from PIL import Image

from steepest.core.numbers import check_choice

SAMPLES = ("camera", "coffee")


def sample_bytes(name: str) -> bytes:
    """Return the contents of the PNG file of a bundled photograph."""
    check_choice(name, "name", SAMPLES)
    return (resources.files("steepest") / "data" / f"{name}.png").read_bytes()


def sample(name: str = "camera") -> np.ndarray:
    """Return a bundled CC0 photograph: "camera" (512, 512) or "coffee" (400, 600, 3), uint8.

    Raises
    ------
    InputError
        If there is no photograph with this name.
    """
    return np.array(Image.open(BytesIO(sample_bytes(name))))
