"""Train the paper's networks without ground truth, by its loss: settings, task, presets."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import numpy as np
from torch import Generator, Tensor, nn

from steepest.core.errors import InputError
from steepest.core.numbers import check_count, check_number
from steepest.learning.flows.training.config import TrainingConfig
from steepest.learning.flows.training.task import FlowTask, make_task
from steepest.learning.training import Recipe, TrainingResult, run_training
from steepest.learning.weight_files import Registry

from .losses import paper_loss, weighted_sum
from .weights import REGISTRY

_RECIPE = Recipe(images=625, epochs=750)


@dataclass(frozen=True, kw_only=True)
class PaperConfig(TrainingConfig):
    """The settings of a training of one of the paper's networks.

    Those of `TrainingConfig`, whose defaults are the paper's here (section 4.2, and its authors'
    code), and:

    Parameters
    ----------
    network : str
        "semi-resnet", "unet" or "lgd".
    objective_options : mapping
        Keyword arguments of `paper_loss`, such as ``{"tv_term": "mean", "alpha1": 0.1}``.
    times : int
        Number of times at which each crop is shown. The first is 0, where the loss tests the
        initial condition.
    time_exponent : float
        The times are ``t_max r**time_exponent`` with uniform ``r``: above 1, early ones come more
        often.
    """

    network: str = "unet"
    objective_options: Mapping[str, Any] = field(default_factory=dict)
    times: int = 50
    time_exponent: float = 1.0
    crop: int | tuple[int, int] = 32
    t_min: float = 0.0
    t_max: float = 0.2
    recipe: Recipe = _RECIPE

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.times, "times")
        check_number(self.time_exponent, "time_exponent", positive=True)
        parameters = inspect.signature(weighted_sum).parameters.values()
        allowed = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
        unknown = sorted(set(self.objective_options) - set(allowed))
        if unknown:
            raise InputError(
                f"objective_options: the loss has no {', '.join(unknown)}; "
                f"allowed are {', '.join(allowed)}"
            )

    @property
    def network_name(self) -> str:
        """The configured network."""
        return self.network

    def random_times(self, rng: np.random.Generator) -> np.ndarray:
        """The times of one crop, float32 (times,)."""
        uniform = rng.uniform(0, 1, self.times) ** self.time_exponent
        times = (self.t_min + (self.t_max - self.t_min) * uniform).astype(np.float32)
        times[0] = 0
        return times


@dataclass(frozen=True, eq=False)
class PaperTask(FlowTask):
    """The task of the paper's networks: `FlowTask` with the paper's loss."""

    config: PaperConfig
    registry: ClassVar[Registry] = REGISTRY

    def objective(
        self, network: nn.Module, u0: Tensor, t: Tensor, generator: Generator
    ) -> Mapping[str, Tensor]:
        """`paper_loss`, with the configured options."""
        return paper_loss(network, u0, t, **self.config.objective_options)


def train(
    config: PaperConfig, folder: str | os.PathLike[str], **options: Any
) -> TrainingResult[PaperConfig]:
    """Train a network, or continue a training; see `steepest.learning.training.run_training`."""
    return run_training(config, folder, partial(make_task, kind=PaperTask), **options)


PRESETS: dict[str, PaperConfig] = {
    # Section 4.2 of the paper: 625 images, 750 epochs, Adam at 3e-4.
    "paper": PaperConfig(),
    # The same objective in hours on a CPU: fewer times per step, a larger rate that decays to 0.
    "paper-short": PaperConfig().replace(
        epochs=40,
        times=8,
        learning_rate=1e-3,
        schedule="cosine",
        ema=0.999,
        precision="bfloat16",
        validate_every=4,
    ),
    # The preliminary report: its loss, Eq. (9), has no smoothing and no term of minimal norm.
    "report": PaperConfig().replace(
        objective_options={"alpha1": 1.0, "alpha2": 0.0, "eps": 0.0},
        epochs=55,
        learning_rate=5e-4,
    ),
    # Takes seconds: checks that everything works.
    "smoke": PaperConfig().replace(
        network="semi-resnet", data="generated", crop=16, images=4, epochs=2, times=4
    ),
}
