"""All settings of the training of a flow network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ....core.errors import InputError
from ....core.numbers import check_count, check_number
from ...training.settings import Recipe, Settings

_PAPER = Recipe(images=625, epochs=750)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Settings):
    """All settings of a training; the same configuration gives the same weights.

    ``config.replace(epochs=9, crop=64)`` changes them, here or in the recipe.

    Parameters
    ----------
    network : str
        "semi-resnet", "unet", "lgd" or "mean-flux".
    network_config : mapping
        Constructor arguments of the network.
    initial : str or None
        Saved weights to start from, as for `steepest.learning.load`. None: random weights.
    objective : str
        "paper" or "gap" (`steepest.learning.flows.objectives`).
    objective_options : mapping
        Keyword arguments of the objective, such as ``{"tv_term": "mean", "alpha1": 0.1}``.
    data, validation_data : str
        Source of the images (:func:`~.data.open_data`): a folder, "skimage", "generated" or
        "mixed". If ``validation_data`` is None, part of ``data`` is held out.
    crop : int or (int, int)
        Side length of the square crops in pixels, at least 2. ``(low, high)`` draws it uniformly
        for every step.
    times : int
        Number of times at which each crop is shown. With the objective "paper" the first is 0.
    t_min, t_max : float
        The times are uniform in ``[t_min, t_max]``, in the solver's units (0.2 is the paper's 1).
    recipe : Recipe
        `steepest.learning.training.Recipe`; its ``images`` are random crops here.
    """

    network: str = "unet"
    network_config: Mapping[str, Any] = field(default_factory=dict)
    initial: str | None = None
    objective: str = "paper"
    objective_options: Mapping[str, Any] = field(default_factory=dict)
    data: str = "mixed"
    validation_data: str | None = None
    crop: int | tuple[int, int] = 32
    times: int = 50
    t_min: float = 0.0
    t_max: float = 0.2
    recipe: Recipe = _PAPER

    def __post_init__(self) -> None:
        check_count(self.times, "times")
        low, high = self.crop_range
        for side in (low, high):
            check_count(side, "crop", least=2)
        if low > high:
            raise InputError(f"crop={self.crop!r}; allowed are a side, or (low, high)")
        check_number(self.t_min, "t_min")
        if check_number(self.t_max, "t_max") <= self.t_min:
            raise InputError(f"t_max={self.t_max!r}; allowed are numbers above t_min={self.t_min}")

    @property
    def crop_range(self) -> tuple[int, int]:
        """The smallest and the largest side length of the crops."""
        low, high = self.crop if isinstance(self.crop, tuple) else (self.crop, self.crop)
        return low, high
