"""The cost of truncating echoes: ``python -m benchmarks.echo_limits FOLDER``.

MAE (range 0 to 255) and CPU time of echo sparsification to 5 % on centre crops of 128 x 128, with
limits that differ from the library's: where echoes are truncated, which flows are dropped, how
large windows may be, how many pixels a round removes, whether echoes are relaxed; and the effect of
cycles of exchanges.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import mean
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.crops import crops, diffuse, measure
from benchmarks.echo_exchange import echo_exchange
from benchmarks.inpainting_solvers import RESULTS
from benchmarks.tables import line, write
from steepest.inpainting import masks
from steepest.inpainting.echoes import thinning

CASES: dict[str, dict[str, Any]] = {
    "as shipped (0.005, 0.002, 24, 20 %)": {},
    **{f"cut off below {x:g}": {"tolerance": x} for x in (0.02, 0.01, 0.002)},
    **{f"flows dropped below {x:g}": {"share": x} for x in (0.01, 0.0005)},
    **{f"windows to {x} pixels": {"radius": x} for x in (12, 40)},
    **{f"rounds of {x:.0%}": {"round": x} for x in (0.4, 0.03, 0.01)},
    "echoes never relaxed": {"drifted": 0},
    **{f"{x} cycles of exchange": {"cycles": x} for x in (1, 2, 5, 10)},
}


def limits(
    tolerance: float = thinning.TOLERANCE,
    share: float = thinning.SHARE,
    radius: int = thinning.RADIUS,
    **others: float,
) -> dict[str, Any]:
    """The constants to replace in `thinning`."""
    found: dict[str, Any] = {
        "LIMITS": (np.float32(tolerance), np.float32(share), radius),
        "RADIUS": radius,
    }
    if "round" in others:
        found["_SHARE"] = others["round"]
    if "drifted" in others:
        found["_DRIFTED"] = others["drifted"]
    return found


def main() -> None:
    """Measure all cases and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=10)
    arguments = parser.parse_args()
    options: Any = {"channel_axis": -1, "rng": 0, "num_threads": 1}
    chosen = [image for _, image in crops(arguments.folder, arguments.count)]
    warm = chosen[0][:70, :70]  # compile
    echo_exchange(warm, masks.echo(warm, 0.2, **options), cycles=1, **options)
    rows = []
    for name, changed in CASES.items():
        cycles = changed.get("cycles", 0)
        errors, times = [], []
        with mock.patch.multiple(thinning, **limits(**changed)):
            for image in chosen:
                begin = time.thread_time()
                mask = masks.echo(image, 0.05, **options)
                if cycles:
                    mask = echo_exchange(image, mask, cycles=cycles, **options)
                times.append(time.thread_time() - begin)
                errors.append(measure(image, diffuse(image, mask))["mae"])
        rows.append((name, f"{mean(errors):.3f}", f"{mean(times):.3f}"))
        print(line(rows[-1]), flush=True)
    text = f"Echo sparsification to 5 %, means over {len(chosen)} crops of 128 x 128 in colour."
    write(RESULTS / "echoes.md", ("limits", "MAE", "seconds"), rows, text)


if __name__ == "__main__":
    main()
