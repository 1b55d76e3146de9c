"""``python -m experiments.tvflownet``; see `command`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from steepest.cli.main import make_program, run

from . import command


def main(argv: Sequence[str] | None = None) -> int:
    """Run the evaluation and return the exit code."""
    return run(make_program(command.PROGRAM, command), argv)


if __name__ == "__main__":
    sys.exit(main())
