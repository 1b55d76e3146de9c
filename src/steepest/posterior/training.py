"""Networks, and their training in memory, for seconds, by the trainer of `steepest.learning`."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..learning.training.learner import Learner
from ..learning.training.settings import Recipe, Settings
from ..learning.training.task import Task
from .draws import as_pairs, check_function

_EVERY, _PATIENCE, _MOST_STEPS = 50, 400, 20_000


class Dense(nn.Module):
    """A fully connected network for velocities of vectors and small images.

    Parameters
    ----------
    shape : sequence of int
        Shape of a data point.
    shape_y : sequence of int, optional
        Shape of a measurement.
    width, depth : int
        Units of a hidden layer, and number of hidden layers.
    """

    def __init__(
        self, shape: Sequence[int], shape_y: Sequence[int] | None = None, *,
        width: int = 256, depth: int = 3,
    ) -> None:  # fmt: skip
        super().__init__()
        size = math.prod(shape)
        inputs = size + (0 if shape_y is None else math.prod(shape_y)) + 5
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers += [nn.Linear(inputs, width), nn.SiLU()]
            inputs = width
        self.layers = nn.Sequential(*layers, nn.Linear(inputs, size))

    def forward(self, t: Tensor, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return velocities (n, \\*shape) at times t (n,) in [0, 1]."""
        angle = math.pi * t[:, None] * torch.tensor([1.0, 2.0], dtype=x.dtype)
        parts = [x.flatten(1), t[:, None], angle.cos(), angle.sin()]
        if y is not None:
            parts.append(y.flatten(1))
        return self.layers(torch.cat(parts, 1)).reshape(x.shape)


def torch_generator(random: np.random.Generator) -> torch.Generator:
    """Return a generator of torch, seeded from one of NumPy."""
    return torch.Generator().manual_seed(int(random.integers(2**63 - 1)))


def as_tensor(values: np.ndarray, name: str, least: float = 0.0) -> Tensor:
    """Return finite values in float32, if they and their squares are in its range.

    The largest, if it is not 0, must be at least ``least``: values to learn from show their unit.
    """
    largest = float(np.abs(values).max(initial=0))
    if largest and not least <= largest <= 1e18:
        raise InputError(
            f"{name} has values up to {largest:g}; allowed in float32 are magnitudes from "
            f"{least:g} to 1e18: choose another unit"
        )
    return torch.from_numpy(values).float()


def as_tensors(x: Any, y: Any, *names: str, shape: tuple[int, ...]) -> list[Tensor]:
    """Return pairs of data of a shape and measurements as tensors (n, d) and (n, m)."""
    pairs = zip(as_pairs(x, y, *names, shape=shape), names, strict=True)
    return [as_tensor(own, name).flatten(1) for own, name in pairs]


def checked(
    function: Any, name: str, takes: str, width: int | None = None
) -> Callable[..., Tensor]:
    """Return a function on tensors whose values must be tensors (n,) or (n, width), not NaN."""
    check_function(function, name, takes)

    def own(x: Tensor, *others: Tensor) -> Tensor:
        found = function(x, *others)
        wanted = (len(x),) if width is None else (len(x), width)
        shape = tuple(getattr(found, "shape", ()))
        if not isinstance(found, Tensor) or shape != wanted:
            given = f"{type(found).__name__} of shape {shape}"
            raise InputError(f"{name} must return the shape {wanted} as a tensor, not {given}")
        if found.isnan().any() and x.isfinite().all():
            raise InputError(f"{name} returns NaN")
        return found

    return own


@dataclass(frozen=True, eq=False)
class InMemory(Task):
    """A training that writes no files; without a held-out loss, the last weights are the best."""

    network: nn.Module
    batch_loss: Callable[[nn.Module], Tensor]
    held_loss: Callable[[nn.Module], float] = lambda network: 0.0

    def build(self) -> nn.Module:
        return copy.deepcopy(self.network)

    def loss(self, network: nn.Module, step: int) -> Mapping[str, Tensor]:
        return {"total": self.batch_loss(network)}

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        return {"score": self.held_loss(network)}


def descend(
    task: InMemory, steps: int | None, rate: float, *, average: float = 0.0,
    schedule: Literal["constant", "cosine"] = "constant",
) -> Learner:  # fmt: skip
    """Take steps of Adam; without their number, until the held-out loss has not fallen for 400."""
    if not any(p.requires_grad for p in task.network.parameters()):
        raise InputError(f"{type(task.network).__name__} has no weights to train")
    images, epochs = (_EVERY, _MOST_STEPS // _EVERY) if steps is None else (steps, 1)
    recipe = Recipe(
        images=images, epochs=epochs, learning_rate=rate, schedule=schedule, clip=0, ema=average
    )
    learner = Learner(Settings(recipe=recipe), task, torch.device("cpu"), begin=True)
    while learner.step < recipe.num_steps:
        learner.train_on_batch()
        if learner.step % images == 0:
            learner.end_epoch()
            if learner.step - images * learner.best_epoch >= _PATIENCE:
                break
        elif learner.step % _EVERY == 0:
            learner.check_finite()
    return learner
