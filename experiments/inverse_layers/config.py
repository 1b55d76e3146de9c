"""All settings of the training of a segmentation network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from steepest.core.errors import InputError
from steepest.core.numbers import check_choice, check_count, check_number
from steepest.learning.training.settings import Recipe, Settings

from .geometry import FITS

_RECIPE = Recipe(images=1, epochs=20, batch=4, learning_rate=1e-4)


@dataclass(frozen=True, kw_only=True)
class SegmentationConfig(Settings):
    """All settings of a training; the same configuration gives the same weights.

    Parameters
    ----------
    data, masks, values, instances, threshold, ignore, channels, ending
        Folders and how masks are read; the arguments of `open_pairs`.
    num_validation, split_seed : int
        Number of pairs held out from training, and the seed that draws them.
    num_training : int or None
        Train only on this number of the other pairs, drawn by the same seed (None: all).
    size, fit
        Height and width of the training images, and how images get this size (`fit_size`). "crop"
        draws a new window in every epoch. Validation uses whole images at their own size, or for
        "resize" at ``size``.
    mirror : bool
        Whether images are mirrored at random along both axes.
    network, network_config
        "segmentation-unet", "deeplabv3+" or "hrnet", and constructor arguments other than channels
        and classes.
    loss, loss_options
        "cross-entropy", "label-smoothing", "generalised-cross-entropy" or "gradient-penalty", and
        its options (`make_loss`).
    layer : mapping
        The inverse layer between logits and loss (`make_layer`), such as ``{"preset":
        "paper-wbc"}`` or ``{"evolution": "heat", "steps": 20, "dt": 0.025}``. Empty: none.
    ramp : float
        Number of epochs over which the layer's strength rises linearly from 0.
    gain_limit : float or None
        A layer that amplifies more is refused before the training starts (None: never).
    noise : mapping
        Arguments of `LabelNoise` for the training labels.
    criterion : str
        Which weights are kept: those with the best "dice", "noisy-dice" (dice against labels with
        the same kind of noise), "mean-iou" or "loss" on the pairs held out.
    recipe : Recipe
        `steepest.learning.training.Recipe`; `train` sets its ``images`` to the number of pairs.
    pairs : str
        Set by `train`: a digest of the classes and of the names of training and held-out pairs. A
        resumed training compares it, so the same pairs may be in other folders.

    Raises
    ------
    InputError
        If a value is not allowed; the message names it.
    """

    CRITERIA: ClassVar[tuple[str, ...]] = ("dice", "noisy-dice", "mean-iou", "loss")
    FREE: ClassVar[tuple[str, ...]] = ("data", "masks", "pairs")

    data: str
    masks: str | None = None
    values: tuple[int, ...] | None = None
    instances: bool = False
    threshold: int | None = None
    ignore: int | None = None
    channels: int | None = None
    ending: str = ""
    num_validation: int = 30
    split_seed: int = 0
    num_training: int | None = None
    size: tuple[int, int] = (128, 128)
    fit: str = "crop"
    mirror: bool = False
    network: str = "segmentation-unet"
    network_config: Mapping[str, Any] = field(default_factory=dict)
    loss: str = "cross-entropy"
    loss_options: Mapping[str, float] = field(default_factory=dict)
    layer: Mapping[str, Any] = field(default_factory=dict)
    ramp: float = 0.0
    gain_limit: float | None = 1e4
    noise: Mapping[str, Any] = field(default_factory=dict)
    criterion: str = "dice"
    pairs: str = ""
    recipe: Recipe = _RECIPE

    def __post_init__(self) -> None:
        check_choice(self.criterion, "criterion", self.CRITERIA)
        check_choice(self.fit, "fit", FITS)
        check_count(self.num_validation, "num_validation")
        check_count(self.split_seed, "split_seed", least=0)
        if self.num_training is not None:
            check_count(self.num_training, "num_training")
        if len(self.size) != 2:
            raise InputError(f"size={self.size!r}; allowed is (height, width)")
        for side in self.size:
            check_count(side, "size")
        check_number(self.ramp, "ramp")
        if self.gain_limit is not None:
            check_number(self.gain_limit, "gain_limit", least=1)
