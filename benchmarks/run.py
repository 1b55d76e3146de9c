"""Measure steepest against its peers: ``python -m benchmarks.run [--quick] [--only rof]``.

All solvers run in one process, in turn (A B C A B C ...), each with the least effort that reaches
the accuracy. The accuracy is the true one, measured against solutions of `benchmarks.reference`.
The peers run on one thread, set before they are imported; steepest runs on one and on two threads.
Results go to benchmarks/results (with ``--quick`` to benchmarks/.cache/quick).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from pathlib import Path

HERE = Path(__file__).parent
TASKS = ("rof", "flow", "scaling", "large", "threads", "accuracy")
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",  # spinning threads would disturb the next measurement
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, two or three minutes")
    parser.add_argument("--only", choices=TASKS, action="append", help="task; may be repeated")
    parser.add_argument("--output", type=Path, help="folder for the results")
    parser.add_argument("--repeats", type=int, help="rounds of timing (default 15, quick 3)")
    parser.add_argument("--peers", help="peers to run: comma-separated beginnings of their names")
    parser.add_argument("--sizes", type=int, nargs="+", help="sizes for scaling")
    parser.add_argument("--no-float64", action="store_true", help="do not run steepest in float64")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the requested tasks and return the exit code."""
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
    options = parse(arguments)
    if __package__ in (None, ""):
        sys.path.insert(0, str(HERE.parent))
    warnings.filterwarnings("ignore", category=DeprecationWarning)

    from dataclasses import replace

    import numpy as np

    from benchmarks import certified, growth, ours, peers, plots, race, report, settings

    chosen = settings.QUICK if options.quick else settings.FULL
    if options.repeats:
        chosen = replace(chosen, repeats=options.repeats)
    if options.sizes:
        chosen = replace(chosen, scaling_sizes=tuple(options.sizes))
    output = options.output or (HERE / ".cache" / "quick" if options.quick else HERE / "results")
    machine = report.describe_machine()
    contenders = [ours.steepest(threads) for threads in chosen.thread_counts]
    if not options.no_float64:
        contenders.append(ours.steepest(1, np.float64))
    found, notes = peers.installed_peers()
    if options.peers is not None:
        wanted = tuple(word.strip().lower() for word in options.peers.split(",") if word.strip())
        found = [peer for peer in found if peer.name.lower().startswith(wanted)]
    contenders += found
    for note in notes:
        print(note)
    print(f"first solves in this process: {growth.import_seconds():.2f} s")
    measure = {
        "rof": race.rof_rows,
        "flow": race.flow_rows,
        "scaling": growth.scaling_rows,
        "large": growth.large_rows,
        "threads": growth.thread_rows,
        "accuracy": certified.accuracy_rows,
    }
    for task in options.only or TASKS:
        began = time.perf_counter()
        print(f"== {report.TITLES[task]}", flush=True)
        rows = measure[task](contenders, chosen)
        report.write_task(output, task, rows, machine, notes)
        plots.plot_task(output, task, rows)
        seconds = time.perf_counter() - began
        print(f"   {seconds:.0f} s; {output / task}.md", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
