"""Everything that a training of mask networks depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..training.recipe import Recipe, check_counts, is_count, refuse
from .binarisation import BINARISATIONS
from .critic import NORMS
from .gan import MODES
from .losses import ALPHA, BETA
from .trunk import NOISES

_CHANNELS = (1, 3)


@dataclass(frozen=True, kw_only=True)
class MaskTrainingConfig(Recipe):
    """A training, complete: the same configuration gives the same weights.

    Parameters
    ----------
    mode
        "joint": the paper's three networks. "inpainting": generator and critic, on random masks.
        "diffusion": the mask generator, for exact diffusion inpainting inside the loop.
    density
        Share of the pixels to be known, D in Eq. (4), in (0, 1): one network a density.
    channels, base_channels, noise, binarisation, norm
        Of the networks, see `MaskGAN`.
    alpha, beta
        Weight of the critic in Eq. (3), of the error in Eq. (4).
    data, validation_data
        A folder of images, "skimage", "food101:FOLDER", "stl10:FOLDER". Without
        ``validation_data`` a part of ``data`` is held out.
    crop
        Side of the square crops in pixels, at random places (the paper crops centres).
    validation_batches
        Validate on so many fixed batches of ``batch`` crops.

    With ``precision="bfloat16"`` the critic is still computed in float32.

    The other parameters, and errors, are those of `steepest.learning.training.Recipe`; their
    defaults here are the paper's: batches of 32, Adam with 5e-5, epochs of 100,000 images. The
    criterion is the value of Eq. (4) on held-out images.
    """

    CRITERIA: ClassVar[tuple[str, ...]] = ("loss",)

    mode: str = "joint"
    density: float = 0.05
    channels: int = 3
    base_channels: int = 128
    noise: str = "uniform"
    binarisation: str = "hard"
    norm: str = "layer"
    alpha: float = ALPHA
    beta: float = BETA
    data: str = "skimage"
    validation_data: str | None = None
    crop: int = 128
    validation_batches: int = 8
    images: int = 100_000
    epochs: int = 1000
    batch: int = 32
    learning_rate: float = 5e-5
    clip: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        choices = {"mode": MODES, "noise": NOISES, "binarisation": BINARISATIONS, "norm": NORMS}
        for name, allowed in choices.items():
            refuse(getattr(self, name) not in allowed, self, name, "one of " + ", ".join(allowed))
        refuse(self.channels not in _CHANNELS, self, "channels", "1 (grey) or 3 (colour)")
        width = is_count(self.base_channels, 4) and self.base_channels % 4 == 0
        refuse(not width, self, "base_channels", "a positive multiple of 4")
        check_counts(self, ("crop", "validation_batches"), 1)
        refuse(not 0 < self.density < 1, self, "density", "above 0 and below 1")
        refuse(not 0 <= self.alpha < float("inf"), self, "alpha", "0 or above, finite")
        refuse(not 0 <= self.beta < float("inf"), self, "beta", "0 or above, finite")
