"""The settings common to all trainings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

from ...core.errors import InputError

_CHOICES = {"schedule": ("constant", "cosine"), "precision": ("float32", "bfloat16")}
_NUMBERS = ("learning_rate", "clip", "ema", "checkpoint_minutes")
_AT_LEAST_ONE = ("images", "epochs", "batch", "parts", "validate_every")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of a training; subclasses add the network and the data.

    Subclasses are frozen dataclasses with values that JSON can store (tuples are stored as lists
    and restored as tuples). They list their criteria in ``CRITERIA`` and may extend ``FREE``.

    Parameters
    ----------
    images : int
        Number of images per epoch.
    epochs : int
        Number of epochs.
    batch : int
        Number of images per step, over all processes together.
    parts : int
        Number of parts in which a batch is computed one after the other, a divisor of ``batch``.
        More parts take less memory and give the same gradient up to rounding. Processes share the
        parts.
    learning_rate : float
        Learning rate of Adam.
    schedule : str
        "constant", or "cosine": the rate falls to 0 at the end along a half cosine.
    warmup : int
        Number of steps over which the rate first grows linearly.
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
        "float32", or "bfloat16": runs the network (not the loss) under autocast.
    channels_last : bool
        Whether to use torch's channels-last memory format.
    device : str
        A torch device; "auto" is CUDA if it is available, else the CPU.
    criterion : str
        The quantity whose smallest value selects the weights to keep, one of ``CRITERIA``.
    validate_every : int
        Number of epochs between validations. The last step is always validated.
    checkpoint_minutes : float
        Minutes between checkpoints. 0: a checkpoint after every epoch.
    max_minutes : float or None
        Stop after this time; the training can be resumed.
    tensorboard : bool
        Whether to write a log for TensorBoard as well.

    Raises
    ------
    InputError
        If a value is not allowed; the message names it.
    """

    CRITERIA: ClassVar[tuple[str, ...]] = ("loss",)
    """The allowed values of ``criterion``."""

    FREE: ClassVar[tuple[str, ...]] = ("device", "max_minutes", "checkpoint_minutes", "tensorboard")
    """The settings that may differ from the stored recipe when a training is resumed."""

    images: int
    epochs: int
    batch: int = 1
    parts: int = 1
    learning_rate: float = 3e-4
    schedule: str = "constant"
    warmup: int = 0
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = 1.0
    ema: float = 0.0
    seed: int = 0
    precision: str = "float32"
    channels_last: bool = False
    device: str = "auto"
    criterion: str = "loss"
    validate_every: int = 1
    checkpoint_minutes: float = 0.0
    max_minutes: float | None = None
    tensorboard: bool = False

    def __post_init__(self) -> None:
        choices = {**_CHOICES, "criterion": self.CRITERIA}
        for name, allowed in choices.items():
            refuse(getattr(self, name) not in allowed, self, name, "one of " + ", ".join(allowed))
        check_counts(self, _AT_LEAST_ONE, 1)
        check_counts(self, ("warmup", "seed"), 0)
        for name in _NUMBERS:
            value = getattr(self, name)
            real = isinstance(value, (int, float)) and not isinstance(value, bool)
            refuse(not real, self, name, "a number")
        refuse(not 0 < self.learning_rate < math.inf, self, "learning_rate", "above 0")
        refuse(not 0 <= self.clip < math.inf, self, "clip", "0 (off) or above")
        refuse(not 0 <= self.ema < 1, self, "ema", "0 (off) or a decay below 1")
        betas = len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas)
        refuse(not betas, self, "betas", "two numbers in [0, 1)")
        refuse(not self.checkpoint_minutes >= 0, self, "checkpoint_minutes", "0 or above")
        budget = self.max_minutes is None or self.max_minutes > 0
        refuse(not budget, self, "max_minutes", "None or above 0")
        refuse(self.batch % self.parts != 0, self, "parts", f"a divisor of batch={self.batch}")

    @property
    def steps_per_epoch(self) -> int:
        """``ceil(images / batch)``."""
        return -(-self.images // self.batch)

    @property
    def num_steps(self) -> int:
        """The number of steps in all epochs."""
        return self.epochs * self.steps_per_epoch

    def as_json(self) -> dict[str, Any]:
        """The recipe as plain lists and dictionaries; :meth:`from_json` is the inverse."""
        values = asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The recipe from the result of :meth:`as_json`.

        Raises
        ------
        InputError
            If a name is unknown or a value is not allowed.
        """
        names = {entry.name for entry in fields(cls)}
        unknown = sorted(set(values) - names)
        if unknown:
            raise InputError(f"unknown training settings: {', '.join(unknown)}")
        settings: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**settings)

    def differences(self, other: Recipe) -> list[str]:
        """The settings not in ``FREE`` that differ, as ``"name: this, not other"``."""
        mine, theirs = self.as_json(), other.as_json()
        return [
            f"{name}: {mine[name]!r}, not {theirs[name]!r}"
            for name in mine
            if name not in self.FREE and mine[name] != theirs[name]
        ]


def is_count(value: object, least: int) -> bool:
    """Whether ``value`` is an integer of at least ``least`` (True and False are not integers)."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def check_counts(recipe: Recipe, names: tuple[str, ...], least: int) -> None:
    """Check that the settings ``names`` are integers of at least ``least``.

    Raises `InputError` if one of them is not.
    """
    for name in names:
        bad = not is_count(getattr(recipe, name), least)
        refuse(bad, recipe, name, f"a whole number from {least}")


def refuse(bad: bool, recipe: Recipe, name: str, allowed: str) -> None:
    """If ``bad``, raise `InputError`: "name=value; allowed is ..", for the setting ``name``."""
    if bad:
        raise InputError(f"{name}={getattr(recipe, name)!r}; allowed is {allowed}")
