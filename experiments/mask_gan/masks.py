"""Tables 3 and 4: masks of trained networks compared with other methods."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from benchmarks import sparse_masks
from steepest.cli.types import Count

from .options import Folder, Weights


def masks(
    folder: Folder,
    /,
    *weights: Weights,
    output: Annotated[Path, Parameter(alias="-o")],
    count: Count = 100,
    slow: Count = 10,
    old: Count = 2,
    report_only: bool = False,
) -> None:
    """Tables 3 and 4: compare masks of networks with those of other methods.

    Add trained networks to the tables of "python -m benchmarks.sparse_masks": their masks with
    their own inpainting, with diffusion, and with diffusion after one cycle of nonlocal pixel
    exchange. WEIGHTS are one network per density (5, 10 and 20 %). If the output is the folder of
    an earlier benchmark, only the networks are measured.

    Parameters
    ----------
    output
        folder of the measurements
    count
        number of crops for fast methods
    slow
        number of crops for PS + NLPE
    old
        number of crops for the paper's solver
    report_only
        only write the tables
    """
    from .learned_masks import choosers

    sparse_masks.compare(
        folder, output, count=count, slow=slow, old=old, report_only=report_only,
        more=choosers(list(weights)),
    )  # fmt: skip
