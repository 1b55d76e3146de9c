"""Shared parts of the commands that train networks: options, resuming, progress, report."""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from steepest.core.errors import InputError
from steepest.io import check_writable
from steepest.learning.training.recipe import Recipe

from .certificates import finite
from .options import count, from_zero, number, positive
from .outcome import INTERRUPTED, OK, say_interrupted
from .progress import progress

Callback = Callable[[Any], None]

_FIXED = ("images", "betas", "channels_last")  # settings without an option
SETTINGS = {each.name: each.name for each in fields(Recipe) if each.name not in _FIXED}
"""The setting of a Recipe that each option sets."""


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


def add_recipe(group: Any) -> None:
    """Add the options for how a network is trained."""
    add = group.add_argument
    add("--epochs", type=count, metavar="N", help="number of epochs")
    add("--batch", type=count, metavar="N", help="images per step")
    add("--learning-rate", type=positive, metavar="X", help="learning rate of Adam")
    add("--schedule", choices=("constant", "cosine"), help="schedule of the learning rate")
    add(
        "--warmup", type=from_zero, metavar="N", help="steps in which the learning rate rises first"
    )
    add("--clip", type=number, metavar="X", help="clip gradients to this norm; 0: do not")
    add("--ema", type=number, metavar="X", help="average the weights with this decay; 0: do not")
    add("--seed", type=from_zero, metavar="N", help="seed of all random numbers")
    add("--validate-every", type=count, metavar="N", help="epochs between validations")


def add_machine(group: Any) -> None:
    """Add the options for where and for how long a network is trained."""
    add = group.add_argument
    add("--device", metavar="NAME", help="cpu, cuda, cuda:1, or auto (default)")
    add("--precision", choices=("float32", "bfloat16"), help="precision of the convolutions")
    add(
        "--parts",
        type=count,
        metavar="N",
        help="compute each batch in N parts, which needs less memory",
    )
    add("--threads", type=count, metavar="N", help="processors to use (default all)")
    add(
        "--max-minutes",
        type=positive,
        metavar="X",
        help="stop after so many minutes; --resume continues",
    )
    add(
        "--checkpoint-minutes",
        type=number,
        metavar="X",
        help="minutes between checkpoints; 0: one after every epoch",
    )
    add("--tensorboard", action="store_true", default=None, help="also write a log for TensorBoard")


def json_object(text: str) -> dict[str, Any]:
    """Parse a JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object")
    return value


def given(arguments: argparse.Namespace, settings: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings given on the command line; ``settings`` maps options to settings."""
    return {
        setting: getattr(arguments, option)
        for option, setting in settings.items()
        if getattr(arguments, option) is not None
    }


def stored(folder: Path, kind: type, otherwise: str) -> Any:
    """Return the recipe of the training in this folder.

    ``otherwise`` ends the error message and tells the user how to begin a training.

    Raises `InputError` if the folder holds no training, or a training of another kind.
    """
    from steepest.learning.training.checkpoint import has_checkpoint, stored_recipe

    if not has_checkpoint(folder):
        raise InputError(f"{folder}: holds no training; {otherwise}")
    return stored_recipe(folder, kind)


def run(subject: Subject, config: Any, arguments: argparse.Namespace) -> int:
    """Train the network, report the result and return the exit code."""
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    lead = leads()
    quiet = arguments.quiet or arguments.json or not lead
    if lead:
        check_writable(arguments.output)
    try:
        with _warnings_in_one_line(), _display(subject, config, quiet) as (on_epoch, on_step):
            result = subject.train(
                config,
                arguments.output,
                on_epoch=on_epoch,
                on_step=on_step,
                resume=arguments.resume,
            )
    except KeyboardInterrupt:
        if lead:
            say_interrupted(_how_to_go_on(subject, arguments))
        return INTERRUPTED
    if lead:
        _report(subject, result, arguments)
    return OK


def leads() -> bool:
    """Whether this is the process, among those started by torchrun, that prints messages."""
    return os.environ.get("RANK", "0") == "0"


def _how_to_go_on(subject: Subject, arguments: argparse.Namespace) -> str:
    """Describe how to continue, if a checkpoint was written before the interruption."""
    from steepest.learning.training.checkpoint import has_checkpoint

    if not has_checkpoint(Path(arguments.output)):
        return " before the first checkpoint: nothing to go on with"
    again = f"{subject.command} -o {shlex.quote(arguments.output)} --resume"
    validated = any(Path(arguments.output).glob("weights.*"))
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


def _report(subject: Subject, result: Any, arguments: argparse.Namespace) -> None:
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
    if arguments.json:
        document = {"command": arguments.command, **finite(values)}
        print(json.dumps(document, indent=2, allow_nan=False))
    elif not arguments.quiet:
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
