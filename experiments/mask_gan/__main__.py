"""``python -m experiments.mask_gan``: reproduce the tables of the mask GAN paper."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App

from steepest.cli.parser import make_program, run

from .echo_densities import densities
from .masks import masks
from .operators import operators
from .sizes import sizes

DESCRIPTION = """\
Reproduce the tables of Peter, "A Wasserstein GAN for joint learning of inpainting and spatial
optimisation" (2022).
"""


def make_parser() -> App:
    """The parser of all commands."""
    commands = {each.__name__: each for each in (operators, masks, sizes, densities)}
    return make_program("python -m experiments.mask_gan", commands, DESCRIPTION)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    return run(make_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
