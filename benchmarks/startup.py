"""Time of the import, the first call and usual commands: ``python -m benchmarks.startup``.

Starts new processes with an empty and with a filled numba cache. steepest must be importable; its
byte code is compiled before, as by an installation. All times are processor time, so that other
work on the machine counts little, of the commands on one thread; where a second process compiles
ahead, on two threads, too, without that process. ``python -m benchmarks.startup commands`` runs the
commands alone and only prints.
"""

from __future__ import annotations

import compileall
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import steepest
from benchmarks.report import describe_machine
from steepest.cli.ahead import JOBS

_WARM_RUNS = 5
_PAUSE = 8  # seconds until the second process has ended
_PROBE = """
import json, time
start = time.process_time()
import steepest
imported = time.process_time()
import numpy as np
image = np.linspace(0, 1, 65536, dtype=np.float32).reshape(256, 256) ** 2
begin = time.process_time()
steepest.tv_flow(image, [0.1])
first = time.process_time()
print(json.dumps({"import": imported - start, "first call": first - begin}))
"""


_COMMANDS = (
    "decompose sample:camera -o {}/bands",
    "denoise sample:camera -o {}/denoised.png",
    "flow sample:camera --times 0.02,0.1,0.5 -o {}/flow",
    "mask sample:coffee --density 0.05 -o {}/mask.png",
    "inpaint sample:coffee --known {}/mask.png -o {}/filled.png",
    "compress sample:coffee {}/coffee.stp --density 0.05",
    "decompress {}/coffee.stp {}/back.png",
    "segment sample:camera --classes 3 -o {}/classes.png",
    "phase sample:interferogram --strength 0.35 -o {}/phase.npy",
    "orientations sample:nickel --strength 0.1 -o {}/nickel.npy",
)


def commands() -> list[tuple[str, float, float, float | None]]:
    """The commands, with their seconds at the first and at the second run on one thread, and at the
    first run on two, with a second process.
    """
    rows: list[tuple[str, float, float, float | None]] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for number, command in enumerate(_COMMANDS):
            words = command.replace("{}", folder).split()
            first, second = (_seconds(words, f"{folder}/cache{number}", 1) for _ in range(2))
            ahead = None
            if words[0] in JOBS:
                ahead = _seconds(words, f"{folder}/shared{number}", 2)
                time.sleep(_PAUSE)
            rows.append((command.replace("{}/", ""), first, second, ahead))
            print(rows[-1], flush=True)
    return rows


def _seconds(words: list[str], cache: str, threads: int) -> float:
    """Processor time of a command, without that of a second process."""
    environment = {
        **os.environ, "NUMBA_CACHE_DIR": cache, "STEEPEST_NUM_THREADS": str(threads),
    }  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "steepest.cli", *words, "--overwrite", "-q"],
        env=environment,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
    compileall.compile_dir(Path(steepest.__file__).parent, quiet=1)
    timed = commands()
    if sys.argv[1:] == ["commands"]:
        return
    with tempfile.TemporaryDirectory() as cache:
        cold = probe(cache)
        warm = [probe(cache) for _ in range(_WARM_RUNS)]
    first = statistics.median(run["first call"] for run in warm)
    rows = [
        ("import steepest", statistics.median(run["import"] for run in warm)),
        ("first `tv_flow` (256 x 256, float32), kernels cached", first),
        ("first `tv_flow` on a new installation, kernels compiled", cold["first call"]),
    ]
    lines = [
        "| | seconds of processor time |",
        "|---|---|",
        *(f"| {name} | {value:.2f} |" for name, value in rows),
    ]
    text = "\n".join(["# First calls", "", "`python -m benchmarks.startup`", "", *lines, ""])
    text += (
        "\nCommands, each with a cache of its own: seconds of processor time. At the first run\n"
    )
    text += "on two threads, a second process compiles ahead; its time is not counted.\n\n"
    text += "| | first run | second run | compiling | first run, two processes |\n"
    text += "|---|---|---|---|---|\n"
    for name, first_run, second, ahead in timed:
        text += f"| `{name}` | {first_run:.1f} | {second:.1f} | {first_run - second:.1f} |"
        text += f" {'' if ahead is None else f'{ahead:.1f}'} |\n"
    text += f"\n{describe()}\n"
    print(text)
    results = Path(__file__).with_name("results")
    results.mkdir(exist_ok=True)
    (results / "startup.md").write_text(text)
    found = {"machine": describe_machine(), "calls": dict(rows), "commands": timed}
    (results / "startup.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
