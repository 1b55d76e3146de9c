"""One row of the table of all experiments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What a small experiment shows, beside a figure that is known.

    Attributes
    ----------
    system, paper : str
        What is computed, and the authors of the paper.
    oracle : str
        The closed form, exact answer or baseline.
    aim : str
        The figure of our first prototype, which this version should reach.
    ours : str
    met : bool
        If `ours` reaches the aim.
    """

    system: str
    paper: str
    oracle: str
    aim: str
    ours: str
    met: bool
