"""Everything that the training of a segmentation network depends on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from steepest.learning.training.recipe import Recipe, check_counts, is_count, refuse

from .geometry import FITS


@dataclass(frozen=True, kw_only=True)
class SegmentationConfig(Recipe):
    """A training, complete: the same configuration gives the same weights.

    Parameters
    ----------
    data, masks, values, instances, threshold, ignore, channels, ending
        Folders and how masks are read: the arguments of `open_pairs`.
    num_validation, split_seed
        So many pairs, drawn by this seed, are not trained on.
    num_training
        Train on so many of the others only, drawn by the same seed (None: all).
    size, fit, mirror
        Height and width of what the network is trained on and how images get there (`fit_size`);
        "crop" draws another window in every epoch. Validation is on whole images in their own
        size, for "resize" in that size. ``mirror``: mirrored at random along both axes.
    network, network_config
        "segmentation-unet", "deeplabv3+" or "hrnet", and arguments of its constructor besides
        channels and classes.
    loss, loss_options
        `make_loss`: "cross-entropy", "label-smoothing", "generalised-cross-entropy" or
        "gradient-penalty", with their options.
    layer
        The inverse layer between logits and loss, none if empty (`make_layer`): ``{"preset":
        "paper-wbc"}``, or ``{"evolution": "heat", "steps": 20, "dt": 0.025}``.
    ramp
        The layer's strength rises linearly from 0 over so many epochs.
    gain_limit
        A layer that amplifies more is refused before the training starts (None: never).
    noise
        Arguments of `LabelNoise` for the labels that are trained on.
    images
        Set by `train`: the number of images trained on.
    pairs
        Set by `train`: a digest of the names of training and held-out pairs and of the classes.
        A training resumed compares it, and so takes the same pairs from other folders.

    The other parameters, and errors, are those of `steepest.learning.training.Recipe`. Criteria:
    "dice", one minus it; "noisy-dice", against labels with the same kind of noise; "mean-iou", one
    minus it; "loss".
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
