"""Save checkpoints and the best network of a training, never with NaN or infinity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...core.errors import NotConverged
from .checkpoint import save_checkpoint
from .distributed import Team
from .learner import Learner
from .recipe import Recipe
from .task import Task


@dataclass(frozen=True, eq=False)
class Setting:
    """The fixed parts of a training."""

    recipe: Recipe
    folder: Path
    team: Team
    task: Task

    @property
    def weights(self) -> Path:
        """The path of the best network's files, without their suffix."""
        return self.folder / "weights"


def store(setting: Setting, learner: Learner, log_bytes: int) -> None:
    """Save a checkpoint and the best network so far; there is none before the first validation.

    Raises `NotConverged` if the loss or the weights are not finite. The last checkpoint is kept.
    """
    check_finite(setting, learner)
    save_checkpoint(setting.folder, learner, setting.recipe, log_bytes)
    if learner.best:
        _save_best(setting, learner)


def check_finite(setting: Setting, learner: Learner) -> None:
    """Stop if the loss or the weights are NaN or infinite; first save the best weights so far.

    Raises `NotConverged` if the loss of this epoch or the weights are not finite. The message gives
    the task's hint, if it has one.
    """
    total = float(learner.sums.get("total", 0.0))
    finite = all(bool(torch.isfinite(p).all()) for p in learner.network.parameters())
    if math.isfinite(total) and finite:
        return
    what = "weights are not finite" if math.isfinite(total) else f"loss is {total}"
    kept = "no weights had been validated before"
    if learner.best:
        if setting.team.leads:
            _save_best(setting, learner)
        kept = f"the best weights so far, from epoch {learner.best_epoch}, are in {setting.folder}"
    recipe, hint = setting.recipe, setting.task.hint(learner.network)
    rate = f"try a smaller learning rate than {recipe.learning_rate:g}"
    advice = "; ".join(text for text in (hint, rate, kept) if text)
    epoch = -(-learner.step // recipe.steps_per_epoch)
    raise NotConverged(f"the {what} in epoch {epoch}: {advice}")


def best_network(setting: Setting, learner: Learner) -> nn.Module:
    """A copy of the best network so far (before the first validation, of the present one).

    It is on the CPU and in evaluation mode.
    """
    network = setting.task.build()
    network.load_state_dict(learner.best or learner.candidate.state_dict())
    return network.eval()


def _save_best(setting: Setting, learner: Learner) -> None:
    network = best_network(setting, learner)
    setting.task.save(network, setting.weights, _metadata(setting, learner))


def _metadata(setting: Setting, learner: Learner) -> dict[str, Any]:
    import steepest

    device = setting.team.device
    return {
        "steepest": steepest.__version__,
        "torch": torch.__version__,
        "training": setting.recipe.as_json(),
        "steps": learner.step,
        "seconds": round(learner.seconds, 1),
        "processes": setting.team.size,
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "best_epoch": learner.best_epoch,
        "best_score": learner.best_score,
        **setting.task.metadata(),
    }
