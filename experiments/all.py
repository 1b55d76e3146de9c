"""Run all small experiments and write one table.

``python -m experiments.all`` takes about ten minutes of CPU time on one core, ``--quick`` fewer
samples and training steps. The table is ``experiments/results.md``, or ``results_quick.md``.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from pathlib import Path
from time import process_time

MODULES = (
    "transport.alignment", "transport.unpaired", "transport.ground_metric", "transport.clouds",
    "probability.lines", "probability.stein", "probability.sudoku", "probability.federated",
    "probability.dirichlet", "probability.densities", "probability.kac", "probability.tails",
    "probability.mixed_noise", "probability.conditional", "probability.envelopes",
    "probability.patterns", "probability.trains",
)  # fmt: skip
FOLDER = Path(__file__).parent


def main() -> None:
    """Run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples and training steps")
    parser.add_argument("modules", nargs="*", default=MODULES, help="such as transport.clouds")
    given = parser.parse_args()
    try:
        import torch

        torch.set_num_threads(1)  # waiting threads would count as processor time
    except ModuleNotFoundError:
        pass
    lines = [
        "| system | paper | known | first prototype | here | as good | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    failed = 0
    for name in given.modules:
        begin = process_time()
        try:
            rows = importlib.import_module(f"experiments.{name}").rows(given.quick)
        except ModuleNotFoundError as error:
            print(f"{name} is left out: {error}; pip install 'steepest[experiments]'")
            failed += 1
            continue
        except Exception:  # one experiment must not hide the others
            traceback.print_exc()
            failed += 1
            continue
        seconds = (process_time() - begin) / max(1, len(rows))
        for row in rows:
            cells = [row.system, row.paper, row.oracle, row.aim, row.ours,
                     "yes" if row.met else "no", f"{seconds:.0f}"]  # fmt: skip
            lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
            print(lines[-1], flush=True)
    if len(given.modules) == len(MODULES) and not failed:
        from benchmarks.startup import describe

        name = "results_quick.md" if given.quick else "results.md"
        (FOLDER / name).write_text("\n".join(lines) + f"\n\n{describe()}\n")
    if failed:
        sys.exit(f"{failed} of {len(given.modules)} experiments failed")


if __name__ == "__main__":
    main()
