"""The settings of trainings: frozen dataclasses that JSON can store."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from ...core.errors import InputError
from ...core.numbers import check_choice, check_count, check_number

D = TypeVar("D")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained.

    Parameters
    ----------
    images : int
        Number of images per epoch.
    epochs : int
        Number of epochs.
    batch : int
        Number of images per step.
    learning_rate : float
        Learning rate of the optimiser.
    optimizer : str
        "adam", or "muon": orthogonal steps for convolutions, Adam for everything else
        (`steepest.learning.training.muon`). Muon reaches the same loss in fewer steps and bears
        twice the rate.
    schedule : str
        "constant", or "cosine": the rate rises linearly over the first 100 steps (at most a tenth
        of all), and falls to 0 at the end along a half cosine.
    betas : (float, float)
        Decay rates of Adam's moments, in [0, 1).
    clip : float
        Largest norm of the gradient; longer ones are scaled down. 0: no limit.
    ema : float
        Decay of an exponential moving average of the weights, in [0, 1). If positive, the average
        is validated and saved in place of the weights.
    seed : int
        Seed of all random numbers.
    precision : str
        "float32", or "bfloat16": runs the network (not the loss) under autocast, in torch's
        channels-last memory format.
    validate_every : int
        Number of epochs between validations. The last step is always validated.
    """

    images: int
    epochs: int
    batch: int = 1
    learning_rate: float = 3e-4
    optimizer: str = "adam"
    schedule: str = "constant"
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = 1.0
    ema: float = 0.0
    seed: int = 0
    precision: str = "float32"
    validate_every: int = 1

    def __post_init__(self) -> None:
        for name in ("images", "epochs", "batch", "validate_every"):
            check_count(getattr(self, name), name)
        check_count(self.seed, "seed", least=0)
        check_number(self.learning_rate, "learning_rate", positive=True)
        check_number(self.clip, "clip")
        check_choice(self.optimizer, "optimizer", ("adam", "muon"))
        check_choice(self.schedule, "schedule", ("constant", "cosine"))
        check_choice(self.precision, "precision", ("float32", "bfloat16"))
        if not 0 <= check_number(self.ema, "ema") < 1:
            raise InputError(f"ema={self.ema!r}; allowed are numbers from 0, below 1")
        if len(self.betas) != 2 or not all(0 <= check_number(b, "betas") < 1 for b in self.betas):
            raise InputError(f"betas={self.betas!r}; allowed are two numbers from 0, below 1")

    @property
    def steps_per_epoch(self) -> int:
        """``ceil(images / batch)``."""
        return -(-self.images // self.batch)

    @property
    def num_steps(self) -> int:
        """The number of steps in all epochs."""
        return self.epochs * self.steps_per_epoch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of a training: a recipe and, in subclasses, those of the task.

    Values are those that JSON can store; tuples are stored as lists and restored as tuples.
    """

    FREE: ClassVar[tuple[str, ...]] = ()
    """The settings that may change when a training is resumed."""

    recipe: Recipe

    def replace(self, **settings: Any) -> Self:
        """The same with other settings, its own or those of its recipe."""
        own = {each.name for each in dataclasses.fields(self)}
        values = {name: settings.pop(name) for name in own & set(settings)}
        recipe = dataclasses.replace(values.pop("recipe", self.recipe), **settings)
        return dataclasses.replace(self, recipe=recipe, **values)

    def as_json(self) -> dict[str, Any]:
        """The settings as plain lists and dictionaries; `from_json` is the inverse."""
        values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The settings from the result of `as_json`.

        Raises `InputError` if a name is unknown or missing, or a value is not allowed.
        """
        made = {**values}
        if isinstance(values.get("recipe"), dict):
            made["recipe"] = _make(Recipe, values["recipe"])
        return _make(cls, made)

    def differences(self, other: Settings) -> list[str]:
        """The settings not in ``FREE`` that differ, as ``"name: this, not other"``.

        With a constant learning rate the number of epochs may differ too.
        """
        mine, theirs = ({**v.pop("recipe"), **v} for v in (self.as_json(), other.as_json()))
        free = {*self.FREE, "epochs"} if self.recipe.schedule == "constant" else self.FREE
        return [
            f"{name}: {value!r}, not {theirs[name]!r}"
            for name, value in mine.items()
            if name not in free and value != theirs[name]
        ]


def _make(kind: type[D], values: Mapping[str, Any]) -> D:
    unknown = sorted(set(values) - {each.name for each in dataclasses.fields(kind)})  # type: ignore[arg-type]
    if unknown:
        raise InputError(f"unknown training settings: {', '.join(unknown)}")
    try:
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    except TypeError as error:
        raise InputError(f"training settings: {error}") from None
