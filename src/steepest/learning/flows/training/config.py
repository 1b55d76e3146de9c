"""All settings of the training of a flow network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....core.errors import InputError
from ....core.numbers import check_count, check_number
from ...training.settings import Recipe, Settings

_RECIPE = Recipe(
    images=600,
    epochs=320,
    batch=6,
    learning_rate=1e-3,
    schedule="cosine",
    betas=(0.9, 0.99),
    ema=0.999,
    precision="bfloat16",
    validate_every=10,
)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Settings):
    """All settings of a training; the same configuration gives the same weights.

    ``config.replace(epochs=9, crop=32)`` changes them, here or in the recipe.

    Parameters
    ----------
    network_config : mapping
        Constructor arguments of the network.
    initial : str or None
        Saved weights to start from, as for `steepest.learning.load`. None: random weights.
    data, validation_data : str
        Source of the images (:func:`~.data.open_data`): a folder, "skimage", "generated" or
        "mixed". If ``validation_data`` is None, part of ``data`` is held out.
    crop : int or (int, int)
        Side length of the square crops in pixels, at least 2. ``(low, high)`` draws it uniformly
        for every step.
    t_min, t_max : float
        The times are uniform in ``[t_min, t_max]``, in the solver's units, slightly beyond the last
        time needed.
    recipe : Recipe
        `steepest.learning.training.Recipe`; its ``images`` are random crops here, at one time each.
    """

    network_config: Mapping[str, Any] = field(default_factory=dict)
    initial: str | None = None
    data: str = "mixed"
    validation_data: str | None = None
    crop: int | tuple[int, int] = 64
    t_min: float = 0.002
    t_max: float = 0.25
    recipe: Recipe = _RECIPE

    def __post_init__(self) -> None:
        low, high = self.crop_range
        for side in (low, high):
            check_count(side, "crop", least=2)
        if low > high:
            raise InputError(f"crop={self.crop!r}; allowed are a side, or (low, high)")
        check_number(self.t_min, "t_min")
        if check_number(self.t_max, "t_max") <= self.t_min:
            raise InputError(f"t_max={self.t_max!r}; allowed are numbers above t_min={self.t_min}")

    @property
    def network_name(self) -> str:
        """The name of what is trained, in weight files."""
        return "mean-flux"

    @property
    def crop_range(self) -> tuple[int, int]:
        """The smallest and the largest side length of the crops."""
        low, high = self.crop if isinstance(self.crop, tuple) else (self.crop, self.crop)
        return low, high

    def random_times(self, rng: np.random.Generator) -> np.ndarray:
        """The times at which one crop is shown, float32 (T,): here one."""
        return rng.uniform(self.t_min, self.t_max, 1).astype(np.float32)
