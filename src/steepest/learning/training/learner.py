"""The state of a training, and one step of it."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .distributed import Team
from .recipe import Recipe
from .streams import global_stream
from .task import Task


@dataclass
class Learner:
    """Network, optimiser, averaged weights (None without averaging), and progress."""

    network: nn.Module
    optimizer: torch.optim.Adam
    average: nn.Module | None
    step: int = 0
    seconds: float = 0.0
    sums: dict[str, Tensor] = field(default_factory=dict)  # float64, of the steps of this epoch
    best: dict[str, Tensor] = field(default_factory=dict)  # weights, on the CPU
    best_score: float = math.inf
    best_epoch: int = 0

    @property
    def candidate(self) -> nn.Module:
        """The network that is validated and kept: the average if there is one."""
        return self.network if self.average is None else self.average

    def keep_best(self, score: float, epoch: int) -> None:
        """Remember the candidate if its score is the smallest so far."""
        if score < self.best_score:
            self.best_score, self.best_epoch = score, epoch
            self.best = snapshot(self.candidate)


def make_learner(network: nn.Module, recipe: Recipe) -> Learner:
    """A learner at step 0."""
    optimizer = torch.optim.Adam(
        network.parameters(), recipe.learning_rate, betas=recipe.betas, foreach=True
    )
    average = copy.deepcopy(network).requires_grad_(False) if recipe.ema else None
    return Learner(network, optimizer, average)


def snapshot(network: nn.Module) -> dict[str, Tensor]:
    """A copy of the weights, contiguous, on the CPU."""
    return {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in network.state_dict().items()
    }


def learning_rate(recipe: Recipe, step: int) -> float:
    """The rate at ``step`` (from 0): a linear warm-up times a constant or a half cosine."""
    rate = recipe.learning_rate * min(1.0, (step + 1) / max(1, recipe.warmup))
    if recipe.schedule == "cosine":
        rate *= 0.5 * (1 + math.cos(math.pi * step / recipe.num_steps))
    return rate


def take_step(learner: Learner, task: Task, recipe: Recipe, team: Team) -> None:
    """Take one step of Adam on the next batch.

    The batch is divided into ``recipe.parts`` parts, or the next multiple of it that the processes
    can share. Each part has its own random numbers. Gradients are averaged over parts and
    processes, so it does not matter which process computes which part. Running statistics of batch
    normalisation are averaged over the processes, whereas a single process updates them part by
    part.
    """
    num_parts = count_parts(recipe, team)
    each = recipe.batch // num_parts
    terms: dict[str, Tensor] = {}
    for part in team.share(num_parts):
        images = range(part * each, (part + 1) * each)
        with global_stream(team.device, recipe.seed, learner.step, part):
            values = task.loss(learner.network, learner.step, part, images)
        (values["total"] / num_parts).backward()
        _add(terms, values, 1 / num_parts)
    parameters = [p for p in learner.network.parameters() if p.requires_grad]
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    team.add_up([*(p.grad for p in parameters if p.grad is not None), *terms.values()])
    norm = nn.utils.clip_grad_norm_(parameters, recipe.clip or math.inf)
    _add(terms, {"gradient": norm})
    for group in learner.optimizer.param_groups:
        group["lr"] = learning_rate(recipe, learner.step)
    learner.optimizer.step()
    learner.optimizer.zero_grad(set_to_none=True)
    share_buffers(learner.network, team)
    _follow(learner, recipe.ema)
    _add(learner.sums, terms)
    learner.step += 1


@torch.no_grad()
def share_buffers(network: nn.Module, team: Team) -> None:
    """Average the network's floating-point buffers over the processes, in place."""
    if team.size == 1:
        return
    kept = network.state_dict(keep_vars=True).values()
    buffers = [b for b in kept if b.is_floating_point() and not isinstance(b, nn.Parameter)]
    if buffers:
        team.add_up(buffers)
        for buffer in buffers:
            buffer /= team.size


def count_parts(recipe: Recipe, team: Team) -> int:
    """The number of parts of a batch: a multiple of ``recipe.parts`` and of the team's size."""
    return recipe.parts * team.size // math.gcd(recipe.parts, team.size)


def _add(sums: dict[str, Tensor], values: Mapping[str, Any], weight: float = 1.0) -> None:
    for name, value in values.items():
        term = torch.as_tensor(value).detach().double() * weight
        sums[name] = sums[name] + term if name in sums else term


@torch.no_grad()
def _follow(learner: Learner, decay: float) -> None:
    """Move the average towards the weights, with a smaller decay in the first steps."""
    if learner.average is None:
        return
    decay = min(decay, (1 + learner.step) / (10 + learner.step))
    averages, values = learner.average.state_dict(), learner.network.state_dict()
    for name, value in values.items():
        if value.is_floating_point():
            averages[name].lerp_(value, 1 - decay)
        else:
            averages[name].copy_(value)
