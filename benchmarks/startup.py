"""Time of the import and the first call: ``python -m benchmarks.startup``.

Starts new processes with an empty and with a filled numba cache. steepest must be importable.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.report import describe_machine

_WARM_RUNS = 5
_PROBE = """
import json, time
start = time.perf_counter()
import steepest
imported = time.perf_counter()
import numpy as np
image = np.linspace(0, 1, 65536, dtype=np.float32).reshape(256, 256) ** 2
begin = time.perf_counter()
steepest.tv_flow(image, [0.1])
first = time.perf_counter()
print(json.dumps({"import": imported - start, "first call": first - begin}))
"""


def probe(cache: str) -> dict[str, float]:
    """Seconds of import and first call in a new process."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    done = subprocess.run(
        [sys.executable, "-c", _PROBE], env=environment, check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout))


def describe() -> str:
    """One line that describes the machine and the versions."""
    machine = describe_machine()
    packages = machine["packages"]
    return (
        f"{machine['date']}, {machine['processor']}, {machine['cores']} cores, "
        f"{machine['system']}, Python {machine['python']}, numba {packages['numba']}"
    )


def main() -> None:
    """Measure, print and store as Markdown."""
    with tempfile.TemporaryDirectory() as cache:
        cold = probe(cache)
        warm = [probe(cache) for _ in range(_WARM_RUNS)]
    first = statistics.median(run["first call"] for run in warm)
    rows = [
        ("import steepest", statistics.median(run["import"] for run in warm)),
        ("first `tv_flow` (256 x 256, float32), kernels cached", first),
        ("first `tv_flow` on a new installation, kernels compiled", cold["first call"]),
    ]
    lines = ["| | seconds |", "|---|---|", *(f"| {name} | {value:.2f} |" for name, value in rows)]
    text = "\n".join(["# First calls", "", "`python -m benchmarks.startup`", "", *lines, ""])
    text += f"\n{describe()}\n"
    print(text)
    Path(__file__).with_name("results").mkdir(exist_ok=True)
    (Path(__file__).with_name("results") / "startup.md").write_text(text)


if __name__ == "__main__":
    main()
