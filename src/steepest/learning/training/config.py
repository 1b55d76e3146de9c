"""Everything that a training depends on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ...core.errors import InputError

_CHOICES = {
    "schedule": ("constant", "cosine"),
    "precision": ("float32", "bfloat16"),
    "criterion": ("loss", "certificate", "psnr"),
}
_AT_LEAST_ONE = (
    "images",
    "epochs",
    "batch",
    "parts",
    "times",
    "validate_every",
    "validation_batches",
)
FREE = ("device", "max_minutes", "checkpoint_minutes", "tensorboard")
"""What may differ from the stored configuration when a training is resumed."""


@dataclass(frozen=True)
class TrainingConfig:
    """A training, complete: the same configuration gives the same weights.

    Parameters
    ----------
    network, network_config, initial
        Its name ("semi-resnet", "unet", "lgd", "mean-flux") and the arguments of its constructor;
        saved weights to begin with, as `steepest.learning.load` takes them (None: random ones).
    objective, objective_options
        "paper", "report" or "gap" (:mod:`steepest.learning.objectives`), and keyword arguments of
        it: ``{"tv_term": "mean", "alpha1": 0.1}``.
    data, validation_data
        Where images come from (:func:`~.data.open_data`): a folder, "skimage", "generated",
        "mixed", "food101:FOLDER", "stl10:FOLDER". Without ``validation_data`` a part of ``data``
        is held out.
    crop
        Side of the square crops in pixels; ``(low, high)``: another one in every step, uniform.
    images, epochs
        An epoch is so many random crops; how many epochs.
    batch, parts
        Images in a step, over all processes together; in how many parts one after the other (less
        memory, the same gradient up to rounding; processes share the parts).
    times, zero_time, t_min, t_max
        Every image is shown at so many times, uniform in ``[t_min, t_max]`` in the engine's units
        (0.2 is the paper's 1); with ``zero_time`` the first of them is 0.
    learning_rate, schedule, warmup, betas, clip, ema
        Adam: the rate grows linearly over the first ``warmup`` steps and is then constant or falls
        along a half cosine to 0 at the end; longer gradients than ``clip`` are shortened (0:
        never). ``ema > 0``: validate and save an exponential moving average of the weights, of
        that decay.
    seed
        Of the initial weights, the crops, the times and the objective.
    precision, channels_last, device
        "bfloat16" computes the network (not the loss) under autocast; "auto": CUDA where there is
        one.
    criterion
        What is smallest in the weights that are kept: the validation "loss"; "certificate", the
        guaranteed error; "psnr", the distance to the certified solver, which is not unsupervised.
    validate_every, validation_batches
        Validate after every so many epochs, on so many fixed batches.
    checkpoint_minutes, max_minutes, tensorboard
        Store a checkpoint that often (0: after every epoch); stop, resumably, after so long; also
        write a log for TensorBoard.

    Raises
    ------
    InputError
        A value is not allowed; the message names it.
    """

    network: str = "unet"
    network_config: Mapping[str, Any] = field(default_factory=dict)
    initial: str | None = None
    objective: str = "paper"
    objective_options: Mapping[str, Any] = field(default_factory=dict)
    data: str = "mixed"
    validation_data: str | None = None
    crop: int | tuple[int, int] = 32
    images: int = 625
    epochs: int = 750
    batch: int = 1
    parts: int = 1
    times: int = 50
    zero_time: bool = True
    t_min: float = 0.0
    t_max: float = 0.2
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
    validation_batches: int = 32
    checkpoint_minutes: float = 0.0
    max_minutes: float | None = None
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            _refuse(getattr(self, name) not in allowed, self, name, "one of " + ", ".join(allowed))
        for name in _AT_LEAST_ONE:
            _refuse(not _is_count(getattr(self, name), 1), self, name, "a whole number from 1")
        for name in ("warmup", "seed"):
            _refuse(not _is_count(getattr(self, name), 0), self, name, "a whole number from 0")
        low, high = self.crop_range
        sizes_fit = _is_count(low, 2) and _is_count(high, 2) and low <= high
        _refuse(not sizes_fit, self, "crop", "a whole number from 2, or (low, high)")
        _refuse(not 0 < self.learning_rate < math.inf, self, "learning_rate", "above 0")
        _refuse(not 0 <= self.clip < math.inf, self, "clip", "0 (off) or above")
        _refuse(not 0 <= self.ema < 1, self, "ema", "0 (off) or a decay below 1")
        betas = len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas)
        _refuse(not betas, self, "betas", "two numbers in [0, 1)")
        times = 0 <= self.t_min < self.t_max < math.inf
        _refuse(not times, self, "t_max", "finite and above t_min >= 0")
        _refuse(not self.checkpoint_minutes >= 0, self, "checkpoint_minutes", "0 or above")
        budget = self.max_minutes is None or self.max_minutes > 0
        _refuse(not budget, self, "max_minutes", "None or above 0")
        only_zero = self.zero_time and self.times == 1 and self.criterion != "loss"
        why = f"2 or more with zero_time: criterion={self.criterion!r} needs a time besides 0"
        _refuse(only_zero, self, "times", why)
        _refuse(self.batch % self.parts != 0, self, "parts", f"a divisor of batch={self.batch}")

    @property
    def crop_range(self) -> tuple[int, int]:
        """The smallest and the largest side of crops."""
        if isinstance(self.crop, int):
            return self.crop, self.crop
        low, high = self.crop
        return low, high

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
        for name in ("crop", "betas"):
            if isinstance(values[name], tuple):
                values[name] = list(values[name])
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """The configuration that :meth:`as_json` described.

        Raises
        ------
        InputError
            A name is unknown or a value not allowed.
        """
        names = {entry.name for entry in fields(cls)}
        unknown = sorted(set(values) - names)
        if unknown:
            raise InputError(f"unknown settings of a training: {', '.join(unknown)}")
        settings: dict[str, Any] = dict(values)
        for name in ("crop", "betas"):
            if isinstance(settings.get(name), list):
                settings[name] = tuple(settings[name])
        return cls(**settings)

    def differences(self, other: TrainingConfig) -> list[str]:
        """What the two differ in, as ``"name: this, other"``, without what may differ (FREE)."""
        mine, theirs = self.as_json(), other.as_json()
        return [
            f"{name}: {mine[name]!r}, not {theirs[name]!r}"
            for name in mine
            if name not in FREE and mine[name] != theirs[name]
        ]


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _refuse(bad: bool, config: TrainingConfig, name: str, allowed: str) -> None:
    if bad:
        raise InputError(f"{name}={getattr(config, name)!r}; allowed is {allowed}")
