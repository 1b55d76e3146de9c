"""Tables 3 and 4: masks of trained networks compared with other methods."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import sparse_masks
from steepest.cli.outcome import OK

HELP = "Tables 3 and 4: compare masks of networks with those of other methods"
USAGE = "FOLDER WEIGHTS [WEIGHTS ...] -o RUNS [options]"
DESCRIPTION = """\
Add trained networks to the tables of "python -m benchmarks.sparse_masks": their masks with their
own inpainting, with diffusion, and with diffusion after one cycle of nonlocal pixel exchange.
WEIGHTS are one network per density (5, 10 and 20 %). If RUNS is the folder of an earlier benchmark,
only the networks are measured.
"""
EPILOG = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the benchmark, and the networks."""
    sparse_masks.add_arguments(parser)
    parser.add_argument("weights", type=Path, nargs="+")


def run(arguments: argparse.Namespace) -> int:
    """Do the missing measurements and write the tables."""
    from .learned_masks import choosers

    sparse_masks.compare(arguments, choosers(arguments.weights))
    return OK
