"""All settings of the training of a segmentation network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from steepest.learning.training.recipe import Recipe, check_counts, is_count, refuse

from .geometry import FITS


@dataclass(frozen=True, kw_only=True)
class SegmentationConfig(Recipe):
    """All settings of a training; the same configuration gives the same weights.

    The other parameters are those of `steepest.learning.training.Recipe`. The criteria to be
    minimised are "dice" (one minus dice), "noisy-dice" (one minus dice against labels with the same
    kind of noise), "mean-iou" (one minus mean IoU) and "loss".

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
    images : int
        Set by `train`: the number of training images.
    pairs : str
        Set by `train`: a digest of the classes and of the names of training and held-out pairs. A
        resumed training compares it, so the same pairs may be in other folders.

    Raises
    ------
    InputError
        If a value is not allowed; the message names it.
    """

    CRITERIA: ClassVar[tuple[str, ...]] = ("dice", "noisy-dice", "mean-iou", "loss")
    FREE: ClassVar[tuple[str, ...]] = (*Recipe.FREE, "data", "masks", "pairs")

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
    images: int = 1
    pairs: str = ""
    epochs: int = 20
    batch: int = 4
    learning_rate: float = 1e-4
    criterion: str = "dice"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_counts(self, ("num_validation",), 1)
        check_counts(self, ("split_seed",), 0)
        few = self.num_training is not None and not is_count(self.num_training, 1)
        refuse(few, self, "num_training", "None (all) or a whole number from 1")
        refuse(self.fit not in FITS, self, "fit", "one of " + ", ".join(FITS))
        sizes = len(self.size) == 2 and all(is_count(n, 1) for n in self.size)
        refuse(not sizes, self, "size", "(height, width), whole numbers from 1")
        refuse(not 0 <= self.ramp < math.inf, self, "ramp", "a number of epochs from 0")
        limit = self.gain_limit
        refuse(limit is not None and not limit >= 1, self, "gain_limit", "None or at least 1")
