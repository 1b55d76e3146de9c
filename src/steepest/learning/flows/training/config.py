"""Everything that a training on the flow depends on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ...training.recipe import Recipe, check_counts, is_count, refuse


@dataclass(frozen=True)
class TrainingConfig(Recipe):
    """A training, complete: the same configuration gives the same weights.

    Besides what every `steepest.learning.training.Recipe` has (``images`` are random crops here):

    Parameters
    ----------
    network, network_config, initial
        Its name ("semi-resnet", "unet", "lgd", "mean-flux") and the arguments of its constructor;
        saved weights to begin with, as `steepest.learning.load` takes them (None: random ones).
    objective, objective_options
        "paper", "report" or "gap" (`steepest.learning.flows.objectives`), and keyword arguments of
        it: ``{"tv_term": "mean", "alpha1": 0.1}``.
    data, validation_data
        Where images come from (:func:`~.data.open_data`): a folder, "skimage", "generated",
        "mixed", "food101:FOLDER", "stl10:FOLDER". Without ``validation_data`` a part of ``data``
        is held out.
    crop
        Side of the square crops in pixels; ``(low, high)``: another one in every step, uniform.
    times, zero_time, t_min, t_max
        Every image is shown at so many times, uniform in ``[t_min, t_max]`` in the engine's units
        (0.2 is the paper's 1); with ``zero_time`` the first of them is 0.
    criterion
        What is smallest in the weights that are kept: the validation "loss"; "certificate", the
        guaranteed error; "psnr", the distance to the certified solver, which is not unsupervised.
    validation_batches
        Validate on so many fixed batches.

    Raises
    ------
    InputError
        A value is not allowed; the message names it.
    """

    CRITERIA: ClassVar[tuple[str, ...]] = ("loss", "certificate", "psnr")

    network: str = "unet"
    network_config: Mapping[str, Any] = field(default_factory=dict)
    initial: str | None = None
    objective: str = "paper"
    objective_options: Mapping[str, Any] = field(default_factory=dict)
    data: str = "mixed"
    validation_data: str | None = None
    crop: int | tuple[int, int] = 32
    images: int = field(default=625, kw_only=True)
    epochs: int = field(default=750, kw_only=True)
    times: int = 50
    zero_time: bool = True
    t_min: float = 0.0
    t_max: float = 0.2
    validation_batches: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        check_counts(self, ("times", "validation_batches"), 1)
        low, high = self.crop_range
        sizes_fit = is_count(low, 2) and is_count(high, 2) and low <= high
        refuse(not sizes_fit, self, "crop", "a whole number from 2, or (low, high)")
        times = 0 <= self.t_min < self.t_max < math.inf
        refuse(not times, self, "t_max", "finite and above t_min >= 0")
        only_zero = self.zero_time and self.times == 1 and self.criterion != "loss"
        why = f"2 or more with zero_time: criterion={self.criterion!r} needs a time besides 0"
        refuse(only_zero, self, "times", why)

    @property
    def crop_range(self) -> tuple[int, int]:
        """The smallest and the largest side of crops."""
        if isinstance(self.crop, int):
            return self.crop, self.crop
        low, high = self.crop
        return low, high
