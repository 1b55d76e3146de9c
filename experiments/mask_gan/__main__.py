"""``python -m experiments.mask_gan``: reproduce the tables of the mask GAN paper."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from steepest.cli.main import Parser, add_commands, run

from . import echo_densities, masks, operators, sizes

DESCRIPTION = """\
Reproduce the tables of Peter, "A Wasserstein GAN for joint learning of inpainting and spatial
optimisation" (2022).
"""


def make_parser() -> Parser:
    """The parser of all commands."""
    name = "python -m experiments.mask_gan"
    parser = Parser(prog=name, usage=f"{name} COMMAND ...", description=DESCRIPTION)
    modules = {
        "operators": operators,
        "masks": masks,
        "sizes": sizes,
        "densities": echo_densities,
    }
    add_commands(parser, modules, metavar="COMMAND", required=True)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    return run(make_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
