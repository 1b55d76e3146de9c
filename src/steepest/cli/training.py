"""Shared parts of the commands that train networks: options, resuming, progress, report."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from steepest.core.errors import InputError
from steepest.io import check_writable

from .certificates import finite
from .choices import Reporting
from .outcome import INTERRUPTED, OK, say_interrupted
from .progress import progress
from .types import Count, FromZero, Number, Positive

Callback = Callable[[Any], None]
RECIPE = Group("Recipe", sort_key=1)
FOLDER = Parameter(name=["--output", "-o"], metavar="FOLDER", required=True)


@Parameter(name="*", group=RECIPE)
@dataclass(frozen=True)
class RecipeChoice:
    """How a network is trained; options that are not given are those of the recipe."""

    epochs: Count | None = None
    """number of epochs"""
    batch: Count | None = None
    """images per step"""
    learning_rate: Positive | None = None
    """learning rate of Adam"""
    schedule: Literal["constant", "cosine"] | None = None
    """schedule of the learning rate"""
    warmup: FromZero | None = None
    """steps in which the learning rate rises first"""
    clip: Number | None = None
    """clip gradients to this norm; 0: do not"""
    ema: Number | None = None
    """average the weights with this decay; 0: do not"""
    seed: FromZero | None = None
    """seed of all random numbers"""
    validate_every: Count | None = None
    """epochs between validations"""


@Parameter(name="*", group=Group("Running", sort_key=2))
@dataclass(frozen=True)
class MachineChoice:
    """Where and for how long a network is trained."""

    device: Annotated[str | None, Parameter(metavar="NAME")] = None
    """cpu, cuda, cuda:1, or auto (default)"""
    precision: Literal["float32", "bfloat16"] | None = None
    """precision of the convolutions"""
    parts: Count | None = None
    """compute each batch in N parts, which needs less memory"""
    max_minutes: Positive | None = None
    """stop after so many minutes; --resume continues"""
    checkpoint_minutes: Number | None = None
    """minutes between checkpoints; 0: one after every epoch"""
    tensorboard: bool | None = None
    """also write a log for TensorBoard"""


@dataclass(frozen=True)
class Subject:
    """The training run by a command.

    ``command`` is the command typed by the user, and ``train`` is the function that trains.
    ``measures(row, config)`` describes an epoch in addition to its loss. ``best(result)`` describes
    the best epoch. ``summary(result)`` returns additional values for JSON. ``advice(result)``
    returns a last line to print, or "".
    """

    command: str
    train: Callable[..., Any]
    measures: Callable[[Mapping[str, float], Any], Sequence[str]]
    best: Callable[[Any], str]
    summary: Callable[[Any], Mapping[str, Any]] = lambda result: {}
    advice: Callable[[Any], str] = lambda result: ""


def settings_of(*choices: Any, **options: Any) -> dict[str, Any]:
    """The settings given by options that have their names."""
    every = {key: value for choice in choices for key, value in vars(choice).items()} | options
    return {key: value for key, value in every.items() if value is not None}


def stored(folder: Path, kind: type, otherwise: str) -> Any:
    """Return the recipe of the training in this folder.

    ``otherwise`` ends the error message and tells the user how to begin a training.

    Raises `InputError` if the folder holds no training, or a training of another kind.
    """
    from steepest.learning.training.checkpoint import has_checkpoint, stored_recipe

    if not has_checkpoint(folder):
        raise InputError(f"{folder}: holds no training; {otherwise}")
    return stored_recipe(folder, kind)


def run(
    subject: Subject,
    config: Any,
    output: str,
    reporting: Reporting,
    *,
    resume: bool,
    threads: int | None,
) -> int:
    """Train the network, report the result and return the exit code."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    lead = leads()
    quiet = reporting.quiet or reporting.json or not lead
    if lead:
        check_writable(output)
    try:
        with _warnings_in_one_line(), _display(subject, config, quiet) as (on_epoch, on_step):
            result = subject.train(
                config, output, on_epoch=on_epoch, on_step=on_step, resume=resume
            )
    except KeyboardInterrupt:
        if lead:
            say_interrupted(_how_to_go_on(subject.command, output))
        return INTERRUPTED
    if lead:
        _report(subject, result, reporting)
    return OK


def leads() -> bool:
    """Whether this is the process, among those started by torchrun, that prints messages."""
    return os.environ.get("RANK", "0") == "0"


def _how_to_go_on(command: str, output: str) -> str:
    """Describe how to continue, if a checkpoint was written before the interruption."""
    from steepest.learning.training.checkpoint import has_checkpoint

    if not has_checkpoint(Path(output)):
        return " before the first checkpoint: nothing to go on with"
    again = f"{command} -o {shlex.quote(output)} --resume"
    validated = any(Path(output).glob("weights.*"))
    none_yet = "" if validated else " before the first validation, so there are no weights yet"
    return f"{none_yet}; go on with: {again}"


@contextmanager
def _display(
    subject: Subject, config: Any, quiet: bool
) -> Iterator[tuple[Callback | None, Callback | None]]:
    """Provide callbacks that print a line per epoch on stdout and show progress on stderr."""
    with progress("training", enabled=not quiet) as line:

        def on_epoch(moment: Any) -> None:
            row = moment.row
            words = [f"epoch {moment.epoch}/{config.epochs}", f"loss {row['total']:.4g}"]
            if not math.isnan(row.get("validation_score", math.nan)):
                words += subject.measures(row, config)
            text = "  ".join([*words, f"{row['seconds']:.0f} s"])
            if line is None:
                print(text, flush=True)
            else:
                line.say(text)

        yield None if quiet else on_epoch, line


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Print warnings of this library in the style of the command, and leave others unchanged."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def brief(message: Any, category: type[Warning], *rest: Any, **more: Any) -> None:
            if category.__module__.startswith("steepest."):
                text = " ".join(str(message).split())
                print(f"steepest: warning: {text}", file=sys.stderr)
            else:
                show(message, category, *rest, **more)

        warnings.showwarning = brief  # type: ignore[assignment]
        yield


def _report(subject: Subject, result: Any, reporting: Reporting) -> None:
    validated = result.best_epoch > 0
    values = {
        "network": result.config.network,
        "weights": str(result.path) if validated else None,
        "log": str(result.path.with_name("log.csv")),
        "stopped": result.stopped,
        "steps": result.step,
        "num_steps": result.config.num_steps,
        "seconds": result.seconds,
        "criterion": result.config.criterion,
        "best_score": result.best_score,
        "best_epoch": result.best_epoch,
        **(subject.summary(result) if validated else {}),
    }
    if reporting.json:
        document = {"command": subject.command.split()[-1], **finite(values)}
        print(json.dumps(document, indent=2, allow_nan=False))
    elif not reporting.quiet:
        rest = ", time is up: go on with --resume" if result.stopped == "time" else ""
        print(f"{values['steps']} of {values['num_steps']} steps in {result.seconds:.0f} s{rest}")
        if not validated:
            print(
                "  best         none yet: stopped before the first validation, no weights written"
            )
            print(f"  checkpoint   {result.path.parent}")
            return
        print(f"  best         epoch {result.best_epoch}, {subject.best(result)}")
        print(f"  written      {result.path}")
        if advice := subject.advice(result):
            print(f"  {advice}")
