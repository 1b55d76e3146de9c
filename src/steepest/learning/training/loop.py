"""Run a training from the first step, or from a checkpoint, to the weights on disk."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import nn

from ...core.errors import NotConverged
from ...core.numbers import check_number
from ...core.progress import Callback, asks_to_stop, check_callback
from ..device import find_device
from .files import can_resume, load_checkpoint, save_checkpoint, save_weights, write_log
from .learner import Learner
from .settings import Settings
from .task import Task

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class TrainingProgress:
    """The progress of a training: ``step`` of ``num_steps`` and ``epoch``, both from 1.

    ``row`` is the epoch's row of the log; it is empty unless the step ends an epoch.
    """

    step: int
    num_steps: int
    epoch: int
    row: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class TrainingResult(Generic[S]):
    """The result of a training.

    Attributes
    ----------
    network : nn.Module
        The network with the best weights, on the CPU and in evaluation mode. Before the first
        validation, its present weights.
    config : Settings
        The settings.
    path : Path
        The safetensors file of the weights; before the first validation there is none yet.
    stopped : str
        "finished", "time" (``max_minutes`` were over) or "callback" (``on_step`` returned True).
        After "time" or "callback", run the training again to continue it.
    step, seconds
        Number of steps and duration, including earlier runs.
    best_score, best_epoch
        The smallest score and its epoch; infinity and 0 before the first validation.
    history : sequence of mappings
        The rows of ``log.csv``, without empty cells.
    """

    network: nn.Module
    config: S
    path: Path
    stopped: str
    step: int
    seconds: float
    best_score: float
    best_epoch: int
    history: Sequence[Mapping[str, float]]


def run_training(
    config: S,
    folder: str | os.PathLike[str],
    make_task: Callable[[S, torch.device], Task],
    *,
    device: str = "auto",
    max_minutes: float | None = None,
    checkpoint_minutes: float = 2.0,
    on_step: Callback | None = None,
) -> TrainingResult[S]:
    """Train the network of a task. The ``train`` function of each subject calls this.

    Writes into ``folder``: ``log.csv`` (one row per epoch), ``checkpoint.safetensors`` and, from
    the first validation on, the best network so far, which ``task.save`` writes to the path
    ``folder/weights``. Nothing is written before the first step is done. A training that was
    stopped or killed resumes from its checkpoint, bit for bit on the same machine with the same
    number of threads.

    Parameters
    ----------
    config : Settings
        What to train and how.
    folder : path
        Created if it does not exist. If it contains a training with these settings, that is
        continued. Weights without a checkpoint are never replaced.
    make_task : callable
        ``make_task(config, device)`` opens the data and returns the `Task`.
    device : str
        A torch device; "auto" is CUDA if it is available, else the CPU.
    max_minutes : float, optional
        Stop after this time.
    checkpoint_minutes : float
        Minutes between checkpoints; 0: one after every step.
    on_step : callable, optional
        Called with a `TrainingProgress` after every step. If it returns True, the training writes
        its checkpoint and stops, as after ``max_minutes``.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InputError
        If a setting is wrong, or ``folder`` contains a training that is damaged or has others.
    NotConverged
        If the loss or the weights are no longer finite. The last checkpoint and the best weights so
        far are kept.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM, once the checkpoint is written; after a second Ctrl-C, at once.
    """
    check_callback(on_step)
    interval = 60 * check_number(checkpoint_minutes, "checkpoint_minutes")
    limit = math.inf
    if max_minutes is not None:
        limit = 60 * check_number(max_minutes, "max_minutes", positive=True)
    folder, place = Path(folder), find_device(device)
    resumed = can_resume(folder, config)
    learner = Learner(config, make_task(config, place), place, begin=not resumed)
    if resumed:
        load_checkpoint(folder, learner)
    with _collect_signals() as signals:
        stopped = _run(learner, folder, signals, limit, interval, on_step)
    if stopped == "interrupted":
        raise KeyboardInterrupt
    numbers = {name: value for name, value in learner.numbers().items() if name != "sums"}
    weights = folder / "weights.safetensors"
    return TrainingResult(learner.best_network(), config, weights, stopped, **numbers)


@contextmanager
def _collect_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list; a second Ctrl-C interrupts immediately."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return

    def collect(number: int, frame: object) -> None:
        if number == signal.SIGINT and number in seen:
            raise KeyboardInterrupt
        seen.append(number)

    previous = {
        number: signal.signal(number, collect) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield seen
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _run(
    learner: Learner,
    folder: Path,
    signals: list[int],
    limit: float,
    interval: float,
    on_step: Callback | None,
) -> str:
    """Train until the end or a request to stop; return "finished", or why it stopped.

    ``signals`` fills up with those received; ``limit`` of the run and ``interval`` between
    checkpoints are in seconds.
    """
    recipe = learner.config.recipe
    started = saved = time.monotonic()
    before, stopped = learner.seconds, ""
    learner.network.train()
    try:
        while learner.step < recipe.num_steps and not stopped:
            learner.train_on_batch()
            learner.seconds = before + time.monotonic() - started
            epoch, rest = divmod(learner.step, recipe.steps_per_epoch)
            row = {} if rest else learner.end_epoch()
            if row:
                write_log(folder, learner.history)
            progress = TrainingProgress(learner.step, recipe.num_steps, epoch + bool(rest), row)
            by_callback, now = asks_to_stop(on_step, progress), time.monotonic()
            if now - saved >= interval:
                save_checkpoint(folder, learner)
                saved = now
            late = now - started >= limit
            reasons = {"interrupted": bool(signals), "callback": by_callback, "time": late}
            stopped = next((reason for reason, holds in reasons.items() if holds), "")
        save_checkpoint(folder, learner)
    except NotConverged:
        save_weights(folder, learner)
        raise
    return stopped if learner.step < recipe.num_steps else "finished"
