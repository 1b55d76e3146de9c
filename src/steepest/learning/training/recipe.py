"""What every training depends on, whatever is learned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

from ...core.errors import InputError

_CHOICES = {
    "schedule": ("constant", "cosine"),
    "precision": ("float32", "bfloat16"),
}
_NUMBERS = ("learning_rate", "clip", "ema", "checkpoint_minutes")
_AT_LEAST_ONE = ("images", "epochs", "batch", "parts", "validate_every")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained; a subclass adds what it is trained on.

    Subclasses are frozen dataclasses whose values JSON can hold (tuples become lists and come back
    as tuples), name their criteria in ``CRITERIA``, and may add to ``FREE``.

    Parameters
    ----------
    images, epochs
        An epoch is so many images; how many epochs.
    batch, parts
        Images in a step, over all processes together; in how many parts one after the other (less
        memory, the same gradient up to rounding; processes share the parts).
    learning_rate, schedule, warmup, betas, clip, ema
        Adam: the rate grows linearly over the first ``warmup`` steps and is then constant or falls
        along a half cosine to 0 at the end; longer gradients than ``clip`` are shortened (0:
        never). ``ema > 0``: validate and save an exponential moving average of the weights, of
        that decay.
    seed
        Of everything random.
    precision, channels_last, device
        "bfloat16" computes the network (not the loss) under autocast; "auto": CUDA where there is
        one.
    criterion
        What is smallest in the weights that are kept, one of ``CRITERIA``.
    validate_every
        Validate after every so many epochs.
    checkpoint_minutes, max_minutes, tensorboard
        Store a checkpoint that often (0: after every epoch); stop, resumably, after so long; also
        write a log for TensorBoard.

    Raises
    ------
    InputError
        A value is not allowed; the message names it.
    """

    CRITERIA: ClassVar[tuple[str, ...]] = ("loss",)
    """What ``criterion`` may be."""

    FREE: ClassVar[tuple[str, ...]] = (
        "device",
        "max_minutes",
        "checkpoint_minutes",
        "tensorboard",
    )
    """What may differ from the stored recipe when a training is resumed."""

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
        """Steps in all epochs."""
        return self.epochs * self.steps_per_epoch

    def as_json(self) -> dict[str, Any]:
        """Plain lists and dictionaries; :meth:`from_json` is the inverse."""
        values = asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The recipe that :meth:`as_json` described.

        Raises
        ------
        InputError
            A name is unknown or a value not allowed.
        """
        names = {entry.name for entry in fields(cls)}
        unknown = sorted(set(values) - names)
        if unknown:
            raise InputError(f"unknown settings of a training: {', '.join(unknown)}")
        settings: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**settings)

    def differences(self, other: Recipe) -> list[str]:
        """What the two differ in, as ``"name: this, other"``, without what may differ (FREE)."""
        mine, theirs = self.as_json(), other.as_json()
        return [
            f"{name}: {mine[name]!r}, not {theirs[name]!r}"
            for name in mine
            if name not in self.FREE and mine[name] != theirs[name]
        ]


def is_count(value: object, least: int) -> bool:
    """Whether this is a whole number from ``least`` (True and False are none)."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def check_counts(recipe: Recipe, names: tuple[str, ...], least: int) -> None:
    """Refuse settings of these names that are not whole numbers from ``least``.

    Raises
    ------
    InputError
        One of them is not.
    """
    for name in names:
        bad = not is_count(getattr(recipe, name), least)
        refuse(bad, recipe, name, f"a whole number from {least}")


def refuse(bad: bool, recipe: Recipe, name: str, allowed: str) -> None:
    """Where ``bad``: the setting ``name`` is not ``allowed``.

    Raises
    ------
    InputError
        ``name=value; allowed is ..``.
    """
    if bad:
        raise InputError(f"{name}={getattr(recipe, name)!r}; allowed is {allowed}")
