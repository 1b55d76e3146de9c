"""All settings of the training of a flow network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ...training.recipe import Recipe, check_counts, is_count, refuse


@dataclass(frozen=True)
class TrainingConfig(Recipe):
    """All settings of a training; the same configuration gives the same weights.

    The other parameters are those of `steepest.learning.training.Recipe`; its ``images`` are random
    crops here.

    Parameters
    ----------
    network : str
        "semi-resnet", "unet", "lgd" or "mean-flux".
    network_config : mapping
        Constructor arguments of the network.
    initial : str or None
        Saved weights to start from, as for `steepest.learning.load`. None: random weights.
    objective : str
        "paper", "report", "gap" or "distillation" (`steepest.learning.flows.objectives`).
    objective_options : mapping
        Keyword arguments of the objective, such as ``{"tv_term": "mean", "alpha1": 0.1}``.
    data, validation_data : str
        Source of the images (:func:`~.data.open_data`): a folder, "skimage", "generated", "mixed",
        "food101:FOLDER" or "stl10:FOLDER". If ``validation_data`` is None, part of ``data`` is held
        out.
    crop : int or (int, int)
        Side length of the square crops in pixels, at least 2. ``(low, high)`` draws it uniformly
        for every step.
    times : int
        Number of times at which each image is shown.
    zero_time : bool
        Whether the first of these times is 0.
    t_min, t_max : float
        The times are uniform in ``[t_min, t_max]``, in the solver's units (0.2 is the paper's 1).
    criterion : str
        The quantity whose smallest value selects the weights to keep: "loss", the validation loss;
        "certificate", the guaranteed error; or "psnr", the distance to the certified solver, which
        makes the selection supervised.
    validation_batches : int
        Number of fixed batches to validate on.

    Raises
    ------
    InputError
        If a value is not allowed; the message names it.
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
        why = f"2 or more with zero_time: criterion={self.criterion!r} needs a time other than 0"
        refuse(only_zero, self, "times", why)

    @property
    def crop_range(self) -> tuple[int, int]:
        """The smallest and the largest side length of the crops."""
        if isinstance(self.crop, int):
            return self.crop, self.crop
        low, high = self.crop
        return low, high
