"""Shared parts of the commands that train networks: options, progress, report."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from steepest.io import check_writable

from .certificates import finite
from .choices import Reporting
from .outcome import INTERRUPTED, OK, say_interrupted
from .progress import progress
from .types import Count, FromZero, Number, Positive

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
    """learning rate of the optimiser"""
    optimizer: Literal["adam", "muon"] | None = None
    """what takes the steps; muon needs fewer"""
    schedule: Literal["constant", "cosine"] | None = None
    """schedule of the learning rate"""
    clip: Number | None = None
    """clip gradients to this norm; 0: do not"""
    ema: Number | None = None
    """average the weights with this decay; 0: do not"""
    seed: FromZero | None = None
    """seed of all random numbers"""
    precision: Literal["float32", "bfloat16"] | None = None
    """precision of the convolutions"""
    validate_every: Count | None = None
    """epochs between validations"""


@Parameter(name="*", group=Group("Running", sort_key=2))
@dataclass(frozen=True)
class MachineChoice:
    """Where and for how long a network is trained."""

    device: Annotated[str | None, Parameter(metavar="NAME")] = None
    """cpu, cuda, cuda:1, or auto (default)"""
    threads: Count | None = None
    """processors to use (default all)"""
    max_minutes: Positive | None = None
    """stop after so many minutes; --resume continues"""
    checkpoint_minutes: Number | None = None
    """minutes between checkpoints (default 2)"""


def settings_of(*choices: Any, **options: Any) -> dict[str, Any]:
    """The settings given by options that have their names."""
    every = {key: value for choice in choices for key, value in vars(choice).items()} | options
    return {key: value for key, value in every.items() if value is not None}


def run(
    train: Callable[..., Any],
    config: Any,
    output: str,
    machine: MachineChoice,
    reporting: Reporting,
    *,
    command: str,
    measures: Callable[[Mapping[str, float]], Sequence[str]],
    best: Callable[[Mapping[str, float]], str],
    summary: Callable[[Any], Mapping[str, Any]] = lambda result: {},
    advice: Callable[[Any], str] = lambda result: "",
) -> int:
    """Train the network, report the result and return the exit code.

    ``measures(row)`` describes the validation in a row of the log, ``best(row)`` that of the best
    epoch. ``summary(result)`` are values for JSON, ``advice(result)`` a last line to print, or "".
    """
    import torch

    if machine.threads:
        torch.set_num_threads(machine.threads)
    quiet = reporting.quiet or reporting.json
    check_writable(output)
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

            own = {name: n for name, n in vars(machine).items() if name != "threads"}
            result = train(config, output, on_step=on_step, **settings_of(**own))
    except KeyboardInterrupt:
        say_interrupted(_how_to_go_on(command, output))
        return INTERRUPTED
    row = next((r for r in result.history if r["epoch"] == result.best_epoch), None)
    steps, num_steps = result.step, result.config.recipe.num_steps
    if reporting.json:
        same = ("stopped", "seconds", "best_score", "best_epoch")
        values = {
            "command": command.split()[-1],
            "weights": str(result.path) if row else None,
            "log": str(result.path.with_name("log.csv")), "steps": steps, "num_steps": num_steps,
            "criterion": getattr(result.config, "criterion", "loss"),
            **{name: getattr(result, name) for name in same}, **(summary(result) if row else {}),
        }  # fmt: skip
        print(json.dumps(finite(values), indent=2, allow_nan=False))
    elif not reporting.quiet:
        rest = ", time is up: go on with --resume" if result.stopped == "time" else ""
        print(f"{steps} of {num_steps} steps in {result.seconds:.0f} s{rest}")
        if row:
            print(f"  {'best':12} epoch {result.best_epoch}, {best(row)}")
            print(f"  {'written':12} {result.path}")
        else:
            none = "none yet: stopped before the first validation, no weights written"
            print(f"  {'best':12} {none}\n  {'checkpoint':12} {result.path.parent}")
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
