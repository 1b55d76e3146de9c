"""``python -m experiments.tvflownet``; see `command`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from steepest.cli.parser import make_program, run

from .command import PROGRAM, tvflownet


def main(argv: Sequence[str] | None = None) -> int:
    """Run the evaluation and return the exit code."""
    return run(make_program(PROGRAM, tvflownet), argv)


if __name__ == "__main__":
    sys.exit(main())
