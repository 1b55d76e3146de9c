"""Write the tables, curves and pictures of `noisy_labels` from the runs in a folder."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.startup import describe
from experiments.inverse_layers.noise import KINDS
from experiments.inverse_layers.noisy_labels_pictures import pictures
from steepest.plot.canvas import FAINT, HAIR, INK, figure_png

PICTURED = {"wbc": ("shared",)}  # kinds of noise whose segmentations are drawn
_FAILED = 0.5  # trainings below this dice learned nothing; they do not set the scale
RESULTS = Path(__file__).with_name("results")
COLOURS = (
    "#20262e",
    "#bf4a36",
    "#e3993f",
    "#27407a",
    "#2f7fa3",
    "#54a58c",
    "#8a6fa8",
    "#b9b553",
    "#7d4e57",
    "#9aa5b1",
    "#c98bb9",
)
HEAD = ("method", "seeds", "last epoch", "best epoch*", "stopped early", "mean IoU", "failed")
NOTE = """Dice of the validation images after the last epoch, in the best epoch (*: chosen by the
figure shown, which is not possible in practice), and in the epoch whose predictions agree best with
*noisy* labels of the same images ("stopped early"). Mean IoU after the last epoch. Mean and
standard deviation over seeds, which draw weights, order and noise; the split is the same."""
Runs = dict[tuple[str, str], list[dict[str, Any]]]


def collect(place: Path) -> Runs:
    """All finished runs, by noise and method."""
    found: Runs = defaultdict(list)
    for path in sorted(place.glob("*/*/*/summary.json")):
        kind, method = path.parts[-4], path.parts[-3]
        found[kind, method].append(json.loads(path.read_text()))
    return found


def validated(run: dict[str, Any]) -> list[dict[str, float]]:
    """The rows of a log that have a validation."""
    return [row for row in run["log"] if "validation_dice" in row]


def figures(run: dict[str, Any]) -> dict[str, float] | None:
    """Dice in the last epoch, in the best, and in the one chosen by noisy labels; mean IoU."""
    rows = validated(run)
    if not rows or run["diverged"]:
        return None
    chosen = max(rows, key=lambda row: row.get("validation_noisy_dice", 0.0))
    return {
        "last epoch": rows[-1]["validation_dice"],
        "best epoch*": max(row["validation_dice"] for row in rows),
        "stopped early": chosen["validation_dice"],
        "mean IoU": rows[-1]["validation_mean_iou"],
    }


def write(name: str, place: Path, methods: list[str]) -> None:
    """Write ``<name>.md`` and ``<name>.json`` with the tables, ``<name>.png`` with the curves."""
    runs = collect(place)
    kinds = [kind for kind in KINDS if (kind, "plain") in runs]
    text, values = [], {}
    for kind in kinds:
        text += [f"#### {name}, noise: {kind}", "", _line(HEAD), _line(["---"] * len(HEAD))]
        for method in methods:
            group = runs.get((kind, method.replace(" ", "-")), [])
            if not group:
                continue
            known = [found for run in group if (found := figures(run))]
            failed = len(group) - sum(found["last epoch"] > _FAILED for found in known)
            cells = [_figure([found[key] for found in known]) for key in HEAD[2:6]]
            text.append(_line([method, str(len(known)), *cells, str(failed or "-")]))
            values[f"{kind}, {method}"] = known
        text.append("")
    text += [NOTE, "", _recipe(runs), "", describe(), ""]
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.md").write_text("\n".join(text))
    (RESULTS / f"{name}.json").write_text(json.dumps(values, indent=1))
    for kind in PICTURED.get(name, ()):
        picture = pictures(place, kind, methods)
        if picture is not None:
            (RESULTS / f"{name}_{kind}.png").write_bytes(picture)
    if kinds:
        (RESULTS / f"{name}.png").write_bytes(_curves(runs, kinds, methods))


def _recipe(runs: Runs) -> str:
    """The settings that all runs share, in words."""
    run = next(iter(runs.values()))[0]
    config = {**run["config"], **run["config"].get("recipe", {})}
    steps = run["log"][-1]["step"] / config["epochs"]
    return (
        f"U-Net of base {config['network_config']['base']}, {config['epochs']} epochs of "
        f"{steps:.0f} steps, batch {config['batch']}, rate {config['learning_rate']:g}, "
        f"{config['precision']} (layers as in the paper: float32), {config['fit']} to "
        f"{'x'.join(map(str, config['size']))}, {config['num_validation']} images held out."
    )


def _line(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def _figure(values: list[float]) -> str:
    if not values:
        return "-"
    spread = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
    return f"{mean(values):.3f}{spread}"


def _curves(runs: Runs, kinds: list[str], methods: list[str]) -> bytes:
    """Validation dice over epochs, averaged over seeds, with one panel per kind of noise."""
    figure = Figure(figsize=(4.4 * len(kinds) + 1.9, 3.6))
    axes = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    lowest = 1.0
    for axis, kind in zip(axes, kinds, strict=True):
        for method, colour in zip(methods, COLOURS, strict=False):
            group = [
                run for run in runs.get((kind, method.replace(" ", "-")), []) if not run["diverged"]
            ]
            series: dict[float, list[float]] = defaultdict(list)
            for run in group:
                for row in validated(run):
                    series[row["epoch"]].append(row["validation_dice"])
            if series:
                means = [mean(v) for v in series.values()]
                if means[-1] > _FAILED:
                    lowest = min([lowest, *means[len(means) // 4 :]])
                axis.plot(list(series), means, color=colour, lw=1.6, label=method)
        axis.set_title(f"noise: {kind}", fontsize=10, color=INK, loc="left")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_xlabel("epoch", fontsize=9, color=FAINT)
        axis.tick_params(colors=FAINT, labelsize=8)
        axis.grid(color=HAIR, lw=0.4)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    axes[0].set_ylim(math.floor(20 * lowest) / 20, 1)
    axes[0].set_ylabel("dice on the validation images", fontsize=9, color=FAINT)
    handles = {h.get_label(): h for axis in axes for h in axis.get_lines()}
    figure.legend(handles.values(), handles.keys(), loc="center right", fontsize=8, frameon=False)
    figure.subplots_adjust(
        left=0.7 / figure.get_figwidth(),
        right=1 - 2.0 / figure.get_figwidth(),
        bottom=0.15,
        top=0.9,
    )
    return figure_png(figure)
