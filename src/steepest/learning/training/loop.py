"""Run a training from the first step, or from a checkpoint, to the weights on disk."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from ...core.errors import NotConverged
from ...core.progress import Callback, asks_to_stop, check_callback
from .checkpoint import find_checkpoint, restore, save_checkpoint
from .distributed import Team, team
from .learner import Learner, count_parts, learning_rate, make_learner, take_step
from .log import Log, open_log, read_log
from .recipe import Recipe
from .stopping import Stop, watch
from .task import Task

R = TypeVar("R", bound=Recipe)


@dataclass(frozen=True)
class Moment:
    """The progress of a training.

    ``step`` counts from 1 to ``num_steps`` and ``epoch`` from 1. ``row`` is the epoch's row of the
    log; it is empty unless the step ends an epoch.
    """

    step: int
    num_steps: int
    epoch: int
    row: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class TrainingResult(Generic[R]):
    """The result of a training.

    Attributes
    ----------
    network : nn.Module
        The network with the best weights (before the first validation, with the present ones), on
        the CPU and in evaluation mode.
    config : Recipe
        The recipe, with the batch that was used.
    path : Path
        The safetensors file of the weights; before the first validation there is none yet.
    stopped : str
        "finished", "time" (``max_minutes`` were over) or "callback" (a callback returned True).
        After "time" or "callback", run the training again to continue it.
    step : int
        Number of steps taken.
    seconds : float
        Duration of the training, including earlier runs.
    best_score : float
        The smallest value of the criterion; infinite before the first validation.
    best_epoch : int
        The epoch of the smallest value; 0 before the first validation.
    history : tuple of mappings
        The rows of ``log.csv``.
    """

    network: nn.Module
    config: R
    path: Path
    stopped: str
    step: int
    seconds: float
    best_score: float
    best_epoch: int
    history: tuple[Mapping[str, float], ...]


def run_training(
    recipe: R,
    folder: str | os.PathLike[str],
    make_task: Callable[[R, Team], Task],
    *,
    on_epoch: Callback | None = None,
    on_step: Callback | None = None,
    resume: bool = True,
) -> TrainingResult[R]:
    """Train the network of a task. The ``train`` function of each subject calls this.

    Writes into ``folder``: ``log.csv`` (one row per epoch), ``checkpoint.json`` and a safetensors
    file, and, from the first validation on, the best network so far, which ``task.save`` writes to
    the path ``folder/weights``. A training that was stopped or killed resumes from its checkpoint,
    bit for bit on the same machine with the same number of threads. Processes started by
    ``torchrun`` share the batches.

    Parameters
    ----------
    recipe : Recipe
        How to train.
    folder : path
        Created if it does not exist.
    make_task : callable
        ``make_task(recipe, team)`` returns the :class:`.task.Task`. The batch of the recipe it gets
        is enlarged, if necessary, to one that the processes can share evenly.
    on_epoch, on_step : callable, optional
        Called in the first process with a :class:`Moment` after every epoch and every step. If one
        returns True, the training writes its checkpoint and stops, as after ``max_minutes``.
    resume : bool
        True: continue the training in ``folder``, if there is one. False: ``folder`` must not
        contain a checkpoint, weights or a log with rows. Weights without a checkpoint are never
        replaced.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InputError
        If a setting is wrong, or ``folder`` contains a training that is damaged or has other
        settings.
    NotConverged
        If the loss or the weights are no longer finite. The last checkpoint and the best weights so
        far are kept.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM, once the checkpoint is written. A second Ctrl-C interrupts
        immediately.
    """
    check_callback(on_epoch, "on_epoch")
    check_callback(on_step)
    folder = Path(folder)
    with team(recipe.device) as members, watch(recipe.max_minutes) as stop:
        parts = count_parts(recipe, members)
        recipe = replace(recipe, batch=-(-recipe.batch // parts) * parts)
        document = find_checkpoint(folder, recipe, resume)
        task = make_task(recipe, members)
        network = make_network(task, recipe, members.device, begin=document is None)
        task.rehearse(network)
        learner = make_learner(network, recipe)
        if document is not None:
            restore(folder, document, learner)
        training = _Training(recipe, folder, members, task, learner)
        members.wait()  # the first process must not write while others still read
        if members.leads:
            size = document["log_bytes"] if document is not None else 0
            with open_log(folder, size, tensorboard=recipe.tensorboard) as log:
                stopped = training.run(stop, log, on_epoch, on_step)
                training.store(log.size)
        else:
            stopped = training.run(stop)
        members.wait()
        if stopped == "interrupted":
            raise KeyboardInterrupt
        return TrainingResult(
            network=training.best_network(),
            config=recipe,
            path=folder / "weights.safetensors",
            stopped=stopped,
            step=learner.step,
            seconds=learner.seconds,
            best_score=learner.best_score,
            best_epoch=learner.best_epoch,
            history=tuple(read_log(folder)),
        )


def make_network(task: Task, recipe: Recipe, device: torch.device, *, begin: bool) -> nn.Module:
    """The task's network on ``device``; the global random state is not changed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = task.build()
    network = task.prepare(network, begin=begin)
    if recipe.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(device)


@dataclass(frozen=True, eq=False)
class _Training:
    """A training in progress; only the first process has a log and writes files."""

    recipe: Recipe
    folder: Path
    team: Team
    task: Task
    learner: Learner

    def run(
        self,
        stop: Stop,
        log: Log | None = None,
        on_epoch: Callback | None = None,
        on_step: Callback | None = None,
    ) -> str:
        """Take steps until the end or a request to stop; return why it ended."""
        recipe, learner = self.recipe, self.learner
        begun, stored = time.monotonic() - learner.seconds, time.monotonic()
        learner.network.train()
        while learner.step < recipe.num_steps:
            take_step(learner, self.task, recipe, self.team)
            learner.seconds = time.monotonic() - begun
            epoch_ends = learner.step % recipe.steps_per_epoch == 0
            row = self.end_epoch() if epoch_ends else {}
            if log is not None:
                epoch = -(-learner.step // recipe.steps_per_epoch)
                moment = Moment(learner.step, recipe.num_steps, epoch, row)
                if row:
                    log.add(row)
                stop.told |= asks_to_stop(on_step, moment)
                stop.told |= bool(row) and asks_to_stop(on_epoch, moment)
                minutes = (time.monotonic() - stored) / 60
                often = recipe.checkpoint_minutes
                if minutes >= often and (epoch_ends or often > 0):
                    self.store(log.size)
                    stored = time.monotonic()
            reason = stop.reason(self.team)
            if reason and learner.step < recipe.num_steps:
                return reason
        return "finished"

    def end_epoch(self) -> dict[str, float]:
        """The epoch's row of the log: means over the epoch, and the validation (NaN if not due).

        Raises `NotConverged` if the loss or the weights are NaN or infinite.
        """
        self.check_finite()
        recipe, learner = self.recipe, self.learner
        epoch = learner.step // recipe.steps_per_epoch
        means = {
            name: float(value) / recipe.steps_per_epoch for name, value in learner.sums.items()
        }
        learner.sums = {}
        row: dict[str, float] = {"epoch": epoch, "step": learner.step}
        row |= {"learning_rate": learning_rate(recipe, learner.step - 1), **means}
        terms = [name for name in means if name != "gradient"]
        found: Mapping[str, float] = dict.fromkeys(self.task.validation_names(terms), math.nan)
        if epoch % recipe.validate_every == 0 or learner.step == recipe.num_steps:
            learner.candidate.eval()
            found = self.task.validate(learner.candidate)
            learner.network.train()
            learner.keep_best(found["score"], epoch)
        checked = {f"validation_{name}": value for name, value in found.items()}
        return row | checked | {"seconds": learner.seconds}

    def store(self, log_bytes: int) -> None:
        """Save a checkpoint and the best network so far; there is none before the first validation.

        Raises `NotConverged` if the loss or the weights are not finite. The last checkpoint is
        kept.
        """
        self.check_finite()
        save_checkpoint(self.folder, self.learner, self.recipe, log_bytes)
        self.save_best()

    def check_finite(self) -> None:
        """Stop if the loss or the weights are NaN or infinite; first save the best weights so far.

        Raises `NotConverged` if the loss of this epoch or the weights are not finite. The message
        gives the task's hint, if it has one.
        """
        recipe, learner = self.recipe, self.learner
        total = float(learner.sums.get("total", 0.0))
        finite = all(bool(torch.isfinite(p).all()) for p in learner.network.parameters())
        if math.isfinite(total) and finite:
            return
        if self.team.leads:
            self.save_best()
        what = "weights are not finite" if math.isfinite(total) else f"loss is {total}"
        kept = "no weights had been validated before"
        if learner.best:
            kept = f"the best weights so far, from epoch {learner.best_epoch}, are in {self.folder}"
        rate = f"try a smaller learning rate than {recipe.learning_rate:g}"
        hint = self.task.hint(learner.network)
        advice = "; ".join(text for text in (hint, rate, kept) if text)
        epoch = -(-learner.step // recipe.steps_per_epoch)
        raise NotConverged(f"the {what} in epoch {epoch}: {advice}")

    def best_network(self) -> nn.Module:
        """A copy of the best network so far (before the first validation, of the present one).

        It is on the CPU and in evaluation mode.
        """
        network = self.task.build()
        network.load_state_dict(self.learner.best or self.learner.candidate.state_dict())
        return network.eval()

    def save_best(self) -> None:
        """Save the best network with the facts of its training, if anything was validated."""
        if self.learner.best:
            self.task.save(self.best_network(), self.folder / "weights", self.metadata())

    def metadata(self) -> dict[str, Any]:
        """The facts of the training that are saved with its weights."""
        import steepest

        device, learner = self.team.device, self.learner
        return {
            "steepest": steepest.__version__,
            "torch": torch.__version__,
            "training": self.recipe.as_json(),
            "steps": learner.step,
            "seconds": round(learner.seconds, 1),
            "processes": self.team.size,
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            "best_epoch": learner.best_epoch,
            "best_score": learner.best_score,
        }
