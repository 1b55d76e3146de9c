"""Tables of measurements over seeds that are kept, so that a run that was cut off goes on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from .startup import describe

OUTPUT = Path(__file__).parent / "results" / "posterior"
SEEDS = range(5)


def write(name: str, lines: Sequence[str]) -> None:
    """Print a table, and write it with the machine and the date."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines) + f"\n\n{describe()}\n"
    (OUTPUT / f"{name}.md").write_text(text)
    print(text, flush=True)


def known(table: str) -> dict[str, list[float]]:
    """Return what was measured before for a table."""
    path = OUTPUT / f"{table}.jsonl"
    return dict(map(json.loads, path.read_text().splitlines())) if path.exists() else {}


def kept(table: str, key: str, measure: Callable[[], Sequence[float]]) -> list[float]:
    """Return what was measured before under this key, or measure it and keep it."""
    found = known(table).get(key)
    if found is None:
        found = [round(float(value), 6) for value in measure()]
        OUTPUT.mkdir(parents=True, exist_ok=True)
        with (OUTPUT / f"{table}.jsonl").open("a") as file:
            file.write(json.dumps([key, found]) + "\n")
    return found


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return mean and, of several seeds, the standard deviation."""
    mean = f"{np.mean(values):.{digits}f}"
    return f"{mean} ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else mean


def run(tables: Mapping[str, Callable[[], None]]) -> None:
    """Run the tables that are named on the command line, or all, in one thread."""
    torch.set_num_threads(1)
    for name in sys.argv[1:] or tables:
        tables[name]()
