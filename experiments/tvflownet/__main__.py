"""``python -m experiments.tvflownet``: ``train`` a network of the paper, or compute ``tables``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from steepest.cli.parser import Command, make_program, run

from .command import tables
from .command_train import train

DESCRIPTION = """\
Train the networks of the TVflowNET paper, and reproduce its tables.

Examples
--------
python -m experiments.tvflownet train -o runs/unet --preset paper-short
python -m experiments.tvflownet tables --images photos/ --networks runs/unet/weights
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Train or evaluate, and return the exit code."""
    commands: dict[str, Command] = {"tables": tables, "train": train}
    return run(make_program("python -m experiments.tvflownet", commands, DESCRIPTION), argv)


if __name__ == "__main__":
    sys.exit(main())
