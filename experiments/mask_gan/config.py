"""All settings of the training of mask networks."""

from __future__ import annotations

from dataclasses import dataclass

from steepest.learning.training.recipe import Recipe, check_counts, is_count, refuse

from .binarisation import BINARISATIONS
from .gan import MODES
from .losses import ALPHA, BETA

_CHANNELS = (1, 3)


@dataclass(frozen=True, kw_only=True)
class MaskTrainingConfig(Recipe):
    """All settings of a training; the same configuration gives the same weights.

    The other parameters are those of `steepest.learning.training.Recipe`, with the paper's defaults
    here: batches of 32, Adam at a rate of 5e-5, epochs of 100,000 images. The criterion is the
    value of Eq. (4) on held-out images. With ``precision="bfloat16"`` the critic is still computed
    in float32.

    Parameters
    ----------
    mode : str
        "joint": the paper's three networks. "inpainting": generator and critic, trained on random
        masks. "diffusion": the mask generator, trained with exact diffusion inpainting.
    density : float
        Share of known pixels to reach, D in Eq. (4), in (0, 1). Train one network per density.
    channels, base_channels, binarisation
        Settings of the networks; see `MaskGAN`. ``channels`` is 1 or 3.
    alpha, beta : float
        Weight of the critic in Eq. (3) and of the error in Eq. (4), zero or positive.
    data, validation_data : str
        A folder of images, "skimage", "food101:FOLDER" or "stl10:FOLDER". If ``validation_data``
        is None, part of ``data`` is held out.
    crop : int
        Side length of the square crops in pixels. Crops are at random places; the paper crops the
        centre.
    validation_batches : int
        Number of fixed batches of ``batch`` crops to validate on.

    Raises
    ------
    InputError
        If a value is not allowed; the message names it.
    """

    mode: str = "joint"
    density: float = 0.05
    channels: int = 3
    base_channels: int = 128
    binarisation: str = "hard"
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
        choices = {"mode": MODES, "binarisation": BINARISATIONS}
        for name, allowed in choices.items():
            refuse(getattr(self, name) not in allowed, self, name, "one of " + ", ".join(allowed))
        refuse(self.channels not in _CHANNELS, self, "channels", "1 (grey) or 3 (colour)")
        width = is_count(self.base_channels, 4) and self.base_channels % 4 == 0
        refuse(not width, self, "base_channels", "a positive multiple of 4")
        check_counts(self, ("crop", "validation_batches"), 1)
        refuse(not 0 < self.density < 1, self, "density", "above 0 and below 1")
        refuse(not 0 <= self.alpha < float("inf"), self, "alpha", "0 or above, finite")
        refuse(not 0 <= self.beta < float("inf"), self, "beta", "0 or above, finite")
