"""Photographs and measurements bundled with the library."""

from importlib import resources
from io import BytesIO

import numpy as np
from PIL import Image

from steepest.core.numbers import check_choice

SAMPLES = ("camera", "coffee", "head", "interferogram", "nickel", "noisy-camera")
_PHASES, MAPS = ("head", "interferogram"), ("nickel",)
_WHITE, _READ_NOISE = 80, 3  # photons of white and read noise, in photons, of "noisy-camera"


def sample_bytes(name: str) -> bytes:
    """Return the contents of the file of a bundled sample."""
    check_choice(name, "name", SAMPLES)
    if name == "noisy-camera":
        file = BytesIO()
        Image.fromarray(_noisy(sample("camera"))).save(file, "PNG")
        return file.getvalue()
    ending = ".npy" if name in _PHASES else ".ctf.gz" if name in MAPS else ".png"
    return (resources.files("steepest") / "data" / f"{name}{ending}").read_bytes()


def sample(name: str = "camera") -> np.ndarray:
    """Return a bundled image.

    - "camera" (512, 512) and "coffee" (400, 600, 3), uint8: photographs.
    - "noisy-camera" (512, 512), uint8: "camera" as in dim light. The noise is simulated, always the
      same: 80 photons in a white pixel, read noise of 3 photons, rounded to 8 bits.
    - "interferogram" (189, 192) and "head" (51, 51), float32: phases in radians, from radar and
      from magnetic resonance imaging.

    `read_orientations` reads the orientation map "sample:nickel". The sources and licences are
    listed in ``data/README.md`` of the package.

    Raises
    ------
    InputError
        If there is no image with this name.
    """
    check_choice(name, "name", [each for each in SAMPLES if each not in MAPS])
    data = BytesIO(sample_bytes(name))
    if name in _PHASES:
        return np.asarray(np.load(data, allow_pickle=False))
    return np.array(Image.open(data))


def _noisy(clean: np.ndarray) -> np.ndarray:
    """A photograph as a camera would take it in dim light."""
    rng = np.random.RandomState(0)  # unlike Generator, the same in all versions of NumPy
    photons = rng.poisson(clean / 255 * _WHITE) + _READ_NOISE * rng.standard_normal(clean.shape)
    return np.rint(255 / _WHITE * photons).clip(0, 255).astype(np.uint8)
