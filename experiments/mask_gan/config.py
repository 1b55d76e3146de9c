"""All settings of the training of mask networks."""

from __future__ import annotations

from dataclasses import dataclass

from steepest.core.errors import InputError
from steepest.core.numbers import check_choice, check_count, check_number
from steepest.learning.training.settings import Recipe, Settings

from .binarisation import BINARISATIONS
from .gan import MODES
from .losses import ALPHA, BETA

_CHANNELS = (1, 3)


_PAPER = Recipe(images=100_000, epochs=1000, batch=32, learning_rate=5e-5, clip=0.0)


@dataclass(frozen=True, kw_only=True)
class MaskTrainingConfig(Settings):
    """All settings of a training; the same configuration gives the same weights.

    The weights that are kept have the smallest value of Eq. (4) on held-out images.

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
        A folder of images, or "skimage". If ``validation_data`` is None, part of ``data`` is held
        out.
    crop : int
        Side length of the square crops in pixels. Crops are at random places; the paper crops the
        centre.
    validation_batches : int
        Number of fixed batches to validate on.
    recipe : Recipe
        `steepest.learning.training.Recipe`, by default the paper's: batches of 32, Adam at a rate
        of 5e-5, epochs of 100,000 images. With ``precision="bfloat16"`` the critic is still
        computed in float32.

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
    recipe: Recipe = _PAPER

    def __post_init__(self) -> None:
        check_choice(self.mode, "mode", tuple(MODES))
        check_choice(self.binarisation, "binarisation", tuple(BINARISATIONS))
        if self.channels not in _CHANNELS:
            raise InputError(f"channels={self.channels!r}; allowed are 1 (grey) and 3 (colour)")
        if check_count(self.base_channels, "base_channels") % 4:
            raise InputError(f"base_channels={self.base_channels}; allowed are multiples of 4")
        check_count(self.crop, "crop")
        check_count(self.validation_batches, "validation_batches")
        if not 0 < check_number(self.density, "density") < 1:
            raise InputError(f"density={self.density}; allowed are numbers above 0 and below 1")
        check_number(self.alpha, "alpha")
        check_number(self.beta, "beta")
