"""``python -m experiments.inverse_layers``: train a network on images with masks, and use it."""

from __future__ import annotations

import argparse
from typing import Any

from steepest.cli.options import HelpFormatter

from . import segment_predict, segment_train

HELP = "learn from images with masks, and segment others"
USAGE = "train|predict ... [options]"
DESCRIPTION = """\
Segment images by a network that learned from images with masks:

  train    images and their masks -> weights of a network
  predict  weights and images -> a label image for each, and pictures to look at
"""
EPILOG = """\
examples:
  python -m experiments.inverse_layers train images/ masks/ -o runs/cells
  python -m experiments.inverse_layers predict runs/cells/weights.safetensors photos/ -o results --overlay

"python -m experiments.inverse_layers train --help" and "python -m experiments.inverse_layers predict --help" explain both.
"""
_ACTIONS: dict[str, Any] = {"train": segment_train, "predict": segment_predict}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``python -m experiments.inverse_layers train`` and ``python -m experiments.inverse_layers predict``."""
    actions = parser.add_subparsers(
        metavar="train|predict",
        dest="action",
        prog="python -m experiments.inverse_layers",
        required=True,
        help=argparse.SUPPRESS,
    )
    for name, module in _ACTIONS.items():
        action = actions.add_parser(
            name,
            usage=f"python -m experiments.inverse_layers {name} {module.USAGE}",
            description=module.DESCRIPTION,
            epilog=module.EPILOG,
            formatter_class=HelpFormatter,
            allow_abbrev=False,
        )
        module.add_arguments(action)
        action.add_argument(  # main.py gives it to "segment" itself, with its default
            "--traceback",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show where an error arose (for bug reports)",
        )


def run(arguments: argparse.Namespace) -> int:
    """Train or predict."""
    code: int = _ACTIONS[arguments.action].run(arguments)
    return code
