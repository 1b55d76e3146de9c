"""Small plots of the results (PNG)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Row = dict[str, Any]

OURS = "#c1272d"
THEIRS = "#5b7fa6"


def plot_task(folder: Path, task: str, rows: list[Row]) -> None:
    """Write ``<task>*.png`` into ``folder`` for the tasks that have a plot."""
    import matplotlib

    matplotlib.use("Agg")
    if task == "rof":
        _race(folder / "rof.png", rows, ("size", "accuracy"), "{0}², suboptimality {1:g}")
    elif task == "flow":
        _race(folder / "flow.png", rows, ("size", "T", "accuracy"), "{0}², T = {1:g}, {2:g} dB")
    elif task == "scaling":
        _scaling(folder / "scaling.png", rows)
    elif task == "accuracy":
        _accuracy(folder / "accuracy.png", rows)


def _race(path: Path, rows: list[Row], keys: tuple[str, ...], title: str) -> None:
    from matplotlib import pyplot as plt

    cases = list(dict.fromkeys(tuple(row[key] for key in keys) for row in rows))
    columns = min(3, len(cases))
    lines = -(-len(cases) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(4.6 * columns, 3.4 * lines), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(cases) :]:
        axis.set_visible(False)
    for axis, case in zip(axes.flat, cases, strict=False):
        group = [r for r in rows if tuple(r[k] for k in keys) == case and r["seconds"]]
        group.sort(key=lambda row: -row["seconds"]["median"])
        names = [row["contender"] for row in group]
        medians = [row["seconds"]["median"] for row in group]
        spread = [
            [max(0.0, row["seconds"]["median"] - row["seconds"]["least"]) for row in group],
            [max(0.0, row["seconds"]["largest"] - row["seconds"]["median"]) for row in group],
        ]
        colours = [OURS if name.startswith("steepest") else THEIRS for name in names]
        axis.barh(names, medians, xerr=spread, color=colours, error_kw={"linewidth": 0.8})
        axis.set_xscale("log")
        axis.set_xlim(left=0.5 * min(medians, default=1.0))
        axis.set_title(title.format(*case), fontsize=9)
        axis.set_xlabel("seconds (median; least to largest)", fontsize=8)
        axis.tick_params(labelsize=7)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _scaling(path: Path, rows: list[Row]) -> None:
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for name in dict.fromkeys(row["contender"] for row in rows):
        group = [row for row in rows if row["contender"] == name]
        style = "-" if name.startswith("steepest") else "--"
        values = [max(row["ns_per_pixel_iteration"], 1e-3) for row in group]
        axis.plot([row["size"] for row in group], values, style, marker="o", ms=3, label=name)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xlabel("image side (pixels)")
    axis.set_ylabel("ns per pixel and iteration")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _accuracy(path: Path, rows: list[Row]) -> None:
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for name in dict.fromkeys(row["contender"] for row in rows):
        group = [r for r in rows if r["contender"] == name and r["setting"].startswith("accuracy")]
        seconds = [row["seconds"]["median"] for row in group]
        (line,) = axis.plot(
            seconds, [r["certified_db"] for r in group], marker="o", label=f"{name}: certified"
        )
        axis.plot(
            seconds,
            [r["true_db"] for r in group],
            "--",
            marker="o",
            color=line.get_color(),
            label=f"{name}: true",
        )
    axis.set_xscale("log")
    axis.set_xlabel("seconds")
    axis.set_ylabel("PSNR to the exact flow (dB)")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7)
    figure.savefig(path, dpi=90)
    plt.close(figure)
