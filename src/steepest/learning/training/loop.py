"""Run a training from the first step, or from a checkpoint, to the weights on disk."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
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
from .files import check_folder, restore, save_checkpoint, write_log
from .learner import Learner
from .settings import Settings
from .task import Task

S = TypeVar("S", bound=Settings)


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
class TrainingResult(Generic[S]):
    """The result of a training.

    Attributes
    ----------
    network : nn.Module
        The network with the best weights (before the first validation, with the present ones), on
        the CPU and in evaluation mode.
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
    history : tuple of mappings
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
    history: tuple[Mapping[str, float], ...]


def run_training(
    config: S,
    folder: str | os.PathLike[str],
    make_task: Callable[[S, torch.device], Task],
    *,
    device: str = "auto",
    max_minutes: float | None = None,
    checkpoint_minutes: float = 2.0,
    on_step: Callback | None = None,
    resume: bool = True,
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
        Created if it does not exist.
    make_task : callable
        ``make_task(config, device)`` returns the `Task`: it opens the data.
    device : str
        A torch device; "auto" is CUDA if it is available, else the CPU.
    max_minutes : float, optional
        Stop after this time.
    checkpoint_minutes : float
        Minutes between checkpoints; 0: one after every step.
    on_step : callable, optional
        Called with a `Moment` after every step. If it returns True, the training writes its
        checkpoint and stops, as after ``max_minutes``.
    resume : bool
        True: continue the training in ``folder``, if there is one. False: ``folder`` must not
        contain a checkpoint, weights or a log. Weights without a checkpoint are never replaced.

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
    check_callback(on_step)
    often = 60 * check_number(checkpoint_minutes, "checkpoint_minutes")
    limit = math.inf
    if max_minutes is not None:
        limit = 60 * check_number(max_minutes, "max_minutes", positive=True)
    folder, place = Path(folder), find_device(device)
    resumed = check_folder(folder, config, resume)
    task = make_task(config, place)
    network = make_network(task, config, place, begin=not resumed)
    training = _Training(config, folder, task, Learner(config.recipe, task, network))
    if resumed:
        restore(folder, training.learner)
    with _interrupts() as signals:
        stopped = training.run(signals, limit, often, on_step)
    if stopped == "interrupted":
        raise KeyboardInterrupt
    learner = training.learner
    return TrainingResult(
        network=training.best_network(),
        config=config,
        path=folder / "weights.safetensors",
        stopped=stopped,
        step=learner.step,
        seconds=learner.seconds,
        best_score=learner.best_score,
        best_epoch=learner.best_epoch,
        history=tuple(learner.history),
    )


def make_network(task: Task, config: Settings, device: torch.device, *, begin: bool) -> nn.Module:
    """The task's network on ``device``; the global random state is not changed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.recipe.seed)
        network = task.build()
    network = task.prepare(network, begin=begin)
    if config.recipe.precision == "bfloat16":
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(device)


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list; a second Ctrl-C interrupts immediately."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return

    def note(number: int, frame: object) -> None:
        if number == signal.SIGINT and number in seen:
            raise KeyboardInterrupt
        seen.append(number)

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@dataclass(frozen=True, eq=False)
class _Training:
    """A training in progress."""

    config: Settings
    folder: Path
    task: Task
    learner: Learner

    def run(self, signals: list[int], limit: float, often: float, on_step: Callback | None) -> str:
        """Take steps until the end or a request to stop; return why it ended.

        ``signals`` fills up with requests; ``limit`` and ``often`` are seconds. The last checkpoint
        and the best weights are kept if the loss or the weights are no longer finite.
        """
        recipe, learner = self.config.recipe, self.learner
        begun = stored = time.monotonic()
        before, stopped = learner.seconds, ""
        learner.network.train()
        try:
            while learner.step < recipe.num_steps and not stopped:
                learner.take_step()
                learner.seconds = before + time.monotonic() - begun
                epoch, rest = divmod(learner.step, recipe.steps_per_epoch)
                row = {} if rest else learner.end_epoch()
                if row:
                    write_log(self.folder, learner.history)
                moment = Moment(learner.step, recipe.num_steps, epoch + bool(rest), row)
                told, now = asks_to_stop(on_step, moment), time.monotonic()
                if now - stored >= often:
                    self.store()
                    stored = now
                late = now - begun >= limit
                reasons = {"interrupted": bool(signals), "callback": told, "time": late}
                stopped = next((reason for reason, wish in reasons.items() if wish), "")
            self.store()
        except NotConverged:
            self.save_best()
            raise
        return stopped if learner.step < recipe.num_steps else "finished"

    def store(self) -> None:
        """Save a checkpoint and the best network so far.

        Raises `NotConverged` if the loss or the weights are not finite.
        """
        self.learner.check_finite()
        save_checkpoint(self.folder, self.learner, self.config)
        self.save_best()

    def best_network(self) -> nn.Module:
        """A copy of the best network so far (before the first validation, of the present one).

        It is on the CPU and in evaluation mode.
        """
        with torch.random.fork_rng(devices=[]):
            network = self.task.build()
        network.load_state_dict(self.learner.best or self.learner.candidate.state_dict())
        return network.eval()

    def save_best(self) -> None:
        """Save the best network with the facts of its training, if anything was validated."""
        if not self.learner.best:
            return
        import steepest

        device, learner = self.learner.device, self.learner
        facts = {
            "steepest": steepest.__version__,
            "torch": torch.__version__,
            "training": self.config.as_json(),
            "steps": learner.step,
            "seconds": round(learner.seconds, 1),
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            "best_epoch": learner.best_epoch,
            "best_score": learner.best_score,
        }
        self.task.save(self.best_network(), self.folder / "weights", facts)
