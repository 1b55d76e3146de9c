"""``python -m experiments.inverse_layers``: train a network on images with masks, and use it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App

from steepest.cli.parser import Command, make_program, run

from .command_predict import predict
from .command_train import train

DESCRIPTION = """\
Train a segmentation network on images with masks, and use it.

Examples
--------
python -m experiments.inverse_layers train images/ masks/ -o runs/cells
python -m experiments.inverse_layers predict runs/cells/weights.safetensors photos/ -o results
"""


def make_parser() -> App:
    """The parser of ``train`` and ``predict``."""
    commands: dict[str, Command] = {"train": train, "predict": predict}
    return make_program("python -m experiments.inverse_layers", commands, DESCRIPTION)


def main(argv: Sequence[str] | None = None) -> int:
    """Train or predict, and return the exit code."""
    return run(make_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
