"""``python -m experiments.inverse_layers``: train a network on images with masks, and use it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from steepest.cli.main import Parser, add_commands, run

from . import command_predict, command_train

DESCRIPTION = "Train a segmentation network on images with masks, and use it."
EPILOG = """\
examples:
  python -m experiments.inverse_layers train images/ masks/ -o runs/cells
  python -m experiments.inverse_layers predict runs/cells/weights.safetensors photos/ -o results

"python -m experiments.inverse_layers COMMAND --help" explains each command with examples.
"""


def make_parser() -> Parser:
    """The parser of ``train`` and ``predict``."""
    name = "python -m experiments.inverse_layers"
    parser = Parser(
        prog=name, usage=f"{name} train|predict ...", description=DESCRIPTION, epilog=EPILOG
    )
    modules = {"train": command_train, "predict": command_predict}
    add_commands(parser, modules, metavar="train|predict", required=True)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Train or predict, and return the exit code."""
    return run(make_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
