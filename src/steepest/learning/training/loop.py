"""Run a training from the first step, or from a checkpoint, to the weights on disk."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from torch import nn

from ...core.progress import Callback, asks_to_stop, check_callback
from .checkpoint import restore
from .distributed import Team, team
from .keeping import Setting, best_network, check_finite, store
from .learner import Learner, count_parts, learning_rate, make_learner, take_step
from .log import NAME as LOG_NAME
from .log import Log, read_log
from .recipe import Recipe
from .resuming import find_checkpoint
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


@dataclass(frozen=True)
class _Output:
    """The log and the callbacks, which belong to the first process only."""

    log: Log
    on_epoch: Callback | None
    on_step: Callback | None


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
        recipe = _share_batch(recipe, members)
        document = find_checkpoint(folder, recipe, resume)
        task = make_task(recipe, members)
        network = task.make_network(members.device, begin=document is None)
        task.rehearse(network)
        setting = Setting(recipe, folder, members, task)
        learner = make_learner(network, recipe)
        if document is not None:
            restore(folder, document, learner)
        size = document["log_bytes"] if document is not None else 0
        members.wait()  # the first process must not write while others still read
        stopped = _train(setting, learner, stop, size, (on_epoch, on_step))
        members.wait()
        if stopped == "interrupted":
            raise KeyboardInterrupt
        return TrainingResult(
            network=best_network(setting, learner),
            config=recipe,
            path=setting.weights.with_suffix(".safetensors"),
            stopped=stopped,
            step=learner.step,
            seconds=learner.seconds,
            best_score=learner.best_score,
            best_epoch=learner.best_epoch,
            history=tuple(read_log(folder)),
        )


def _share_batch(recipe: R, members: Team) -> R:
    """The recipe, its batch rounded up to one that the processes can share evenly."""
    parts = count_parts(recipe, members)
    return replace(recipe, batch=-(-recipe.batch // parts) * parts)


def _train(
    setting: Setting,
    learner: Learner,
    stop: Stop,
    log_bytes: int,
    callbacks: tuple[Callback | None, Callback | None],
) -> str:
    """Run the training and return why it ended; only the first process writes files."""
    if not setting.team.leads:
        return _run(setting, learner, stop, None)
    with (
        _no_empty_folder(setting.folder),
        closing(Log(setting.folder, log_bytes, tensorboard=setting.recipe.tensorboard)) as log,
    ):
        stopped = _run(setting, learner, stop, _Output(log, *callbacks))
        store(setting, learner, log.size)
    return stopped


@contextmanager
def _no_empty_folder(folder: Path) -> Iterator[None]:
    """Make the folder; where nothing was stored in it before an error, remove it again."""
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        log = folder / LOG_NAME
        if new and log.is_file() and not log.stat().st_size:
            log.unlink()
        with suppress(OSError):  # something is in it
            if new:
                folder.rmdir()
        raise


def _run(setting: Setting, learner: Learner, stop: Stop, output: _Output | None) -> str:
    """Take steps until the end or a request to stop; return why it ended."""
    recipe, begun, stored = setting.recipe, time.monotonic() - learner.seconds, time.monotonic()
    learner.network.train()
    while learner.step < recipe.num_steps:
        take_step(learner, setting.task, recipe, setting.team)
        learner.seconds = time.monotonic() - begun
        epoch_ends = learner.step % recipe.steps_per_epoch == 0
        row = _end_epoch(setting, learner) if epoch_ends else {}
        if output is not None:
            stop.told |= _tell(output, learner.step, recipe, row)
            minutes = (time.monotonic() - stored) / 60
            often = recipe.checkpoint_minutes
            if minutes >= often and (epoch_ends or often > 0):
                store(setting, learner, output.log.size)
                stored = time.monotonic()
        reason = stop.reason(setting.team)
        if reason and learner.step < recipe.num_steps:
            return reason
    return "finished"


def _tell(output: _Output, step: int, recipe: Recipe, row: Mapping[str, float]) -> bool:
    """Log the row of an epoch and call the callbacks; True if one of them asks to stop."""
    moment = Moment(step, recipe.num_steps, -(-step // recipe.steps_per_epoch), row)
    if row:
        output.log.add(row)
    stop = asks_to_stop(output.on_step, moment)
    return (bool(row) and asks_to_stop(output.on_epoch, moment)) or stop


def _end_epoch(setting: Setting, learner: Learner) -> dict[str, float]:
    """The epoch's row of the log: means over the epoch, and the validation (NaN if not due).

    Raises `NotConverged` if the loss or the weights are NaN or infinite.
    """
    check_finite(setting, learner)
    recipe = setting.recipe
    epoch = learner.step // recipe.steps_per_epoch
    means = {name: float(value) / recipe.steps_per_epoch for name, value in learner.sums.items()}
    learner.sums = {}
    row: dict[str, float] = {"epoch": epoch, "step": learner.step}
    row |= {"learning_rate": learning_rate(recipe, learner.step - 1), **means}
    terms = [name for name in means if name != "gradient"]
    found: Mapping[str, float] = dict.fromkeys(setting.task.validation_names(terms), math.nan)
    if epoch % recipe.validate_every == 0 or learner.step == recipe.num_steps:
        learner.candidate.eval()
        found = setting.task.validate(learner.candidate)
        learner.network.train()
        learner.keep_best(found["score"], epoch)
    checked = {f"validation_{name}": value for name, value in found.items()}
    return row | checked | {"seconds": learner.seconds}
