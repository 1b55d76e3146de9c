"""Write results as JSON and Markdown tables."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.peers import PACKAGES, package_version

Row = dict[str, Any]
Result = dict[str, Any]

TITLES = {
    "rof": "One ROF problem, time to a relative primal suboptimality",
    "flow": "Implicit Euler flow, time to a PSNR in the worst frame",
    "scaling": "Cost per pixel and iteration by image size",
    "large": "Large image",
    "threads": "Threads",
    "accuracy": "The cost of a certified accuracy",
}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS", "XLA_FLAGS")


def describe_machine() -> Result:
    """Processor, cores, memory, system, versions, thread settings, date (UTC) and command."""
    packages = {name: package_version(name) for name in PACKAGES}
    for name in ("numpy", "scipy", "numba"):
        packages[name] = package_version(name)
    try:
        packages["steepest"] = version("steepest")
    except PackageNotFoundError:
        packages["steepest"] = "from the source tree"
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["python -m benchmarks.run", *sys.argv[1:]]),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": packages,
        "environment": {name: os.environ.get(name, "") for name in THREAD_VARIABLES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    stripped = {key.strip(): value.strip() for key, value in fields.items()}
    return f"{stripped.get('model name', platform.machine())}, {stripped.get('cpu MHz', '?')} MHz"


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError):
        return None


def write_task(folder: Path, task: str, rows: list[Row], machine: Result, notes: list[str]) -> None:
    """Write ``<task>.json`` and ``<task>.md`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    result = {"task": task, "machine": machine, "notes": notes, "rows": rows}
    text = json.dumps(result, indent=1)
    (folder / f"{task}.json").write_text(text + "\n", encoding="utf-8")
    (folder / f"{task}.md").write_text(to_markdown(result), encoding="utf-8")


def to_markdown(result: Result) -> str:
    """The Markdown page of one task."""
    machine = result["machine"]
    packages = ", ".join(
        f"{name} {number}"
        for name, number in machine["packages"].items()
        if number != "not installed"
    )
    lines = [
        f"# {TITLES[result['task']]}",
        "",
        f"{machine['date']}, {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}; "
        f"`{machine['command']}`.",
        "",
        f"Versions: {packages}.",
        "",
        *_tables(result),
    ]
    if result["notes"]:
        lines += ["", *(f"- {note}" for note in result["notes"])]
    return "\n".join(lines) + "\n"


def _tables(result: Result) -> list[str]:
    task, rows = result["task"], result["rows"]
    if task in ("rof", "flow"):
        return _race_tables(task, rows)
    if task == "scaling":
        return _scaling_table(rows)
    if task == "large":
        head = ["solver", "tol", "time", "iterations", "ns / pixel / iteration", "gap recomputed"]
        body = [
            [
                row["contender"],
                f"{row['tol']:g}",
                _spread(row["seconds"]),
                str(row["iterations"]),
                f"{row['ns_per_pixel_iteration_with_overhead']:.2f}",
                f"{row['gap_recomputed']:.2e}",
            ]
            for row in rows
        ]
        size = rows[0]["size"] if rows else "?"
        return [f"ROF at strength 0.1 on {size} x {size}, float32.", "", *_table(head, body)]
    if task == "threads":
        head = ["size", "solver", "time", "us / iteration"]
        body = [
            [
                f"{row['size']}²",
                row["contender"],
                _spread(row["seconds"]),
                f"{row['microseconds_per_iteration']:.1f}",
            ]
            for row in rows
        ]
        return _table(head, body)
    head = ["solver", "asked for", "time", "steps", "iterations", "certified dB", "true dB"]
    body = [
        [
            row["contender"],
            row["setting"],
            _spread(row["seconds"]),
            str(row["steps"]),
            str(row["iterations"]),
            f"{row['certified_db']:.1f}",
            f"{row['true_db']:.1f}",
        ]
        for row in rows
    ]
    return _table(head, body)


def _race_tables(task: str, rows: list[Row]) -> list[str]:
    lines: list[str] = []
    keys = ("size", "accuracy") if task == "rof" else ("size", "T", "num_steps", "accuracy")
    for case in dict.fromkeys(tuple(row[key] for key in keys) for row in rows):
        group = [row for row in rows if tuple(row[key] for key in keys) == case]
        timed = [row for row in group if row["seconds"]]
        best = min(
            (row["seconds"]["median"] for row in timed if row["contender"].startswith("steepest")),
            default=None,
        )
        if task == "rof":
            title = f"{case[0]}x{case[0]}, suboptimality {case[1]:g}"
        else:
            title = f"{case[0]}x{case[0]}, T = {case[1]:g}, {case[2]} steps, {case[3]:g} dB"
        head = ["solver", "median (min - max)", "n", "iterations", "setting", "reached", "ratio"]
        body = []
        for row in sorted(group, key=_median):
            if not row["seconds"]:
                body.append([row["contender"], "not in the budget", "", "", "", "", ""])
                continue
            ratio = f"{row['seconds']['median'] / best:.1f}" if best else ""
            body.append(
                [
                    row["contender"],
                    _spread(row["seconds"]),
                    str(row["seconds"]["count"]),
                    str(row["iterations"]),
                    row["setting"],
                    f"{row['reached']:.3g}",
                    ratio,
                ]
            )
        lines += [f"## {title}", "", *_table(head, body), ""]
    return lines


def _median(row: Row) -> float:
    return float(row["seconds"]["median"]) if row["seconds"] else float("inf")


def _scaling_table(rows: list[Row]) -> list[str]:
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    head = ["ns per pixel and iteration", *(f"{size}²" for size in sizes)]
    body = []
    for name in dict.fromkeys(row["contender"] for row in rows):
        values = {r["size"]: r["ns_per_pixel_iteration"] for r in rows if r["contender"] == name}
        body.append([name, *(f"{values[s]:.2f}" if s in values else "" for s in sizes)])
    return _table(head, body)


def _spread(seconds: dict[str, Any]) -> str:
    return (
        f"{_duration(seconds['median'])} "
        f"({_duration(seconds['least'])} - {_duration(seconds['largest'])})"
    )


def _duration(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms" if seconds < 1.0 else f"{seconds:.3g} s"


def _table(head: list[str], body: list[list[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + " --- |" * len(head),
        *("| " + " | ".join(cells) + " |" for cells in body),
    ]
