"""Shared parts of the commands that train networks: options, progress, report."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from steepest.io import check_writable
from steepest.learning.training.settings import Settings

from .certificates import finite
from .options import count, from_zero, number, positive
from .outcome import INTERRUPTED, OK, say_interrupted
from .progress import progress

S = TypeVar("S", bound=Settings)


def add_recipe(group: Any) -> None:
    """Add the options for how a network is trained."""
    add = group.add_argument
    add("--epochs", type=count, metavar="N", help="number of epochs")
    add("--batch", type=count, metavar="N", help="images per step")
    add("--learning-rate", type=positive, metavar="X", help="learning rate of Adam")
    add("--schedule", choices=("constant", "cosine"), help="schedule of the learning rate")
    add("--warmup", type=from_zero, metavar="N", help="steps in which the rate rises first")
    add("--clip", type=number, metavar="X", help="clip gradients to this norm; 0: do not")
    add("--ema", type=number, metavar="X", help="average the weights with this decay; 0: do not")
    add("--seed", type=from_zero, metavar="N", help="seed of all random numbers")
    add("--precision", choices=("float32", "bfloat16"), help="precision of the convolutions")
    add("--validate-every", type=count, metavar="N", help="epochs between validations")


def add_machine(group: Any) -> None:
    """Add the options for where and for how long a network is trained."""
    add = group.add_argument
    add("--device", metavar="NAME", help="cpu, cuda, cuda:1, or auto (default)")
    add("--threads", type=count, metavar="N", help="processors to use (default all)")
    add("--max-minutes", type=positive, metavar="X", help="stop after X minutes; see --resume")
    add("--checkpoint-minutes", type=number, metavar="X", help="between checkpoints (default 2)")


def json_object(text: str) -> dict[str, Any]:
    """Parse a JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object")
    return value


def given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options of these names that were given on the command line."""
    values = {name: getattr(arguments, name, None) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def with_options(config: S, arguments: argparse.Namespace, **more: Any) -> S:
    """The settings with those given on the command line, under the same name, and ``more``."""
    names = [each.name for each in (*fields(config), *fields(config.recipe))]
    return config.replace(**{**given(arguments, *names), **more})


def run(
    train: Callable[..., Any],
    config: Any,
    arguments: argparse.Namespace,
    *,
    command: str,
    measures: Callable[[Mapping[str, float]], Sequence[str]],
    best: Callable[[Mapping[str, float]], str],
    summary: Callable[[Any], Mapping[str, Any]] = lambda result: {},
    advice: Callable[[Any], str] = lambda result: "",
) -> int:
    """Train the network, report the result and return the exit code.

    ``command`` is what the user typed, without options. ``measures(row)`` describes the validation
    in a row of the log, ``best(row)`` that of the best epoch. ``summary(result)`` returns
    additional values for JSON, ``advice(result)`` a last line to print, or "".
    """
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    quiet = arguments.quiet or arguments.json
    check_writable(arguments.output)
    try:
        with progress("training", enabled=not quiet) as line:

            def on_step(moment: Any) -> None:
                if line is not None:
                    line(moment)
                if moment.row and not quiet:
                    row, checked = moment.row, "validation_score" in moment.row
                    words = [f"epoch {moment.epoch}/{config.recipe.epochs}"]
                    words += [f"loss {row['total']:.4g}", *(measures(row) if checked else ())]
                    text = "  ".join([*words, f"{row['seconds']:.0f} s"])
                    print(text, flush=True) if line is None else line.say(text)

            machine = given(arguments, "device", "max_minutes", "checkpoint_minutes")
            result = train(config, arguments.output, on_step=on_step, **machine)
    except KeyboardInterrupt:
        say_interrupted(_how_to_go_on(command, arguments.output))
        return INTERRUPTED
    row = next((r for r in result.history if r["epoch"] == result.best_epoch), None)
    if arguments.json:
        values = {
            "command": arguments.command,
            "network": result.config.network,
            "weights": str(result.path) if row else None,
            "log": str(result.path.with_name("log.csv")),
            "stopped": result.stopped,
            "steps": result.step,
            "num_steps": result.config.recipe.num_steps,
            "seconds": result.seconds,
            "criterion": getattr(result.config, "criterion", "loss"),
            "best_score": result.best_score,
            "best_epoch": result.best_epoch,
            **(summary(result) if row else {}),
        }
        print(json.dumps(finite(values), indent=2, allow_nan=False))
    elif not arguments.quiet:
        rest = ", time is up: go on with --resume" if result.stopped == "time" else ""
        steps = f"{result.step} of {result.config.recipe.num_steps} steps"
        print(f"{steps} in {result.seconds:.0f} s{rest}")
        told = [
            ("best", "none yet: stopped before the first validation, no weights written"),
            ("checkpoint", result.path.parent),
        ]
        if row:
            told = [("best", f"epoch {result.best_epoch}, {best(row)}"), ("written", result.path)]
        for word, value in told:
            print(f"  {word:12} {value}")
        if row and advice(result):
            print(f"  {advice(result)}")
    return OK


def _how_to_go_on(command: str, output: str) -> str:
    """Describe how to continue, if a checkpoint was written before the interruption."""
    from steepest.learning.training.files import has_checkpoint

    if not has_checkpoint(Path(output)):
        return " before the first checkpoint: nothing to go on with"
    validated = any(Path(output).glob("weights.*"))
    none_yet = "" if validated else " before the first validation, so there are no weights yet"
    return f"{none_yet}; go on with: {command} -o {shlex.quote(output)} --resume"
