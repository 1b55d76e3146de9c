"""Noisy labels: ``python -m experiments.inverse_layers.noisy_labels wbc FOLDER -o RUNS``.

The experiments of the inverse-evolution-layers paper, with further comparisons: a U-Net alone,
followed by heat layers (the paper's, those of its code, ours with a capped gain), with a gradient
penalty, label smoothing or generalised cross-entropy, and early stopping of each by noisy
validation labels. Every training is stored in the folder RUNS and resumed from there; run the
command again with more methods, noises or seeds to extend the tables.

FOLDER contains the pairs ("wbc": NNN.bmp and NNN.png in one folder; "dsb": in its subfolders images
and labels).
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import torch

from experiments.inverse_layers import SegmentationConfig, train
from experiments.inverse_layers.noise import KINDS
from experiments.inverse_layers.noisy_labels_report import write
from steepest.core.errors import NotConverged

PAIRS_OF = {
    "wbc": lambda folder: {"data": folder},
    "dsb": lambda folder: {"data": f"{folder}/images", "masks": f"{folder}/labels"},
}
COMMON = {"precision": "bfloat16", "batch": 2}
EXPERIMENTS: dict[str, dict[str, Any]] = {
    # Paper, section 3.2.1: 270 and 30 images, 20 epochs, 2x2 windows on a tenth of the area.
    "wbc": {"pairs": "wbc", "window": 2, "layers": 20, "fit": "pad", "size": (120, 120)},
    # Few images, many epochs: wrong labels are memorised. All methods at several strengths.
    "wbc-few": {
        "pairs": "wbc", "window": 2, "fit": "pad", "size": (120, 120),
        "num_training": 40, "epochs": 100, "validate_every": 5, "learning_rate": 3e-4,
    },
    # Section 3.2.2: 3x3 windows. Random crops in training, whole images in validation.
    "dsb": {
        "pairs": "dsb", "window": 3, "layers": 30, "instances": True, "channels": 3,
        "num_validation": 67, "validate_every": 2,
    },
}  # fmt: skip
NOISES = ("none", "independent", "shared")
AREAS = {"flip": 0.4, "sparse": 0.99}
WINDOWS = {"coarse": 12}


def methods(name: str) -> dict[str, dict[str, Any]]:
    """The methods compared: changes of the configuration, by the names in the tables."""
    if name.endswith("-few"):
        return strengths()
    pairs, layers = name, EXPERIMENTS[name]["layers"]
    heat = {"evolution": "heat", "steps": layers}
    return {
        "plain": {},
        "layers, paper": {
            # In float32, because such a gain amplifies rounding of bfloat16 above the logits.
            "layer": {"preset": f"paper-{pairs}"},
            "gain_limit": None,
            "precision": "float32",
        },
        "layers, code": {"layer": {"preset": f"code-{pairs}"}, "gain_limit": None},
        "layers, DCT": {"layer": {**heat, "dt": 0.025}},
        "layers, DCT, paper's dt": {"layer": {**heat, "dt": 0.1}},
        "gradient penalty": {"loss": "gradient-penalty", "loss_options": {"weight": 0.1}},
        "label smoothing": {"loss": "label-smoothing", "loss_options": {"smoothing": 0.1}},
        "generalised CE": {"loss": "generalised-cross-entropy", "loss_options": {"q": 0.7}},
    }


def strengths() -> dict[str, dict[str, Any]]:
    """Heat layers by their total time ``dt * steps``, and other methods at several strengths."""
    heat = {
        f"heat, time {t:g}": {"layer": {"evolution": "heat", "steps": 20, "dt": t / 20}}
        for t in (0.5, 1, 2, 4)
    }
    penalty = {
        f"gradient penalty {w:g}": {"loss": "gradient-penalty", "loss_options": {"weight": w}}
        for w in (0.03, 0.1, 0.3, 1)
    }
    others = {
        f"generalised CE {q:g}": {"loss": "generalised-cross-entropy", "loss_options": {"q": q}}
        for q in (0.4, 0.7)
    }
    return {"plain": {}, **heat, **penalty, **others}


def configure(name: str, folder: str, base: int, epochs: int | None) -> SegmentationConfig:
    """The configuration that all methods and noises of an experiment share."""
    chosen = dict(EXPERIMENTS[name])
    for key in ("window", "layers"):
        chosen.pop(key, None)
    pairs = PAIRS_OF[chosen.pop("pairs")](folder)
    config = SegmentationConfig(**pairs).replace(**{**COMMON, **chosen})
    config = config.replace(network_config={"base": base})
    return config if epochs is None else config.replace(epochs=epochs)


def run_one(config: SegmentationConfig, folder: Path) -> dict[str, Any]:
    """Train, or read an earlier result: the log, and the epoch in which it diverged (0: none)."""
    summary = folder / "summary.json"
    if summary.is_file():
        known = dict(json.loads(summary.read_text()))
        before = SegmentationConfig.from_json(known["config"])
        asked = config.replace(images=before.recipe.images, pairs=before.pairs)
        if differences := asked.differences(before):
            raise SystemExit(
                f"{folder}: the training there has other settings ({'; '.join(differences)})"
            )
        return known
    diverged = 0
    try:
        train(config, folder, checkpoint_minutes=1)
    except NotConverged as error:
        print(f"  {error}")
        diverged = len(_read_log(folder)) + 1
    result = {"diverged": diverged, "log": _read_log(folder), "config": config.as_json()}
    summary.write_text(json.dumps(result))
    return result


def _read_log(folder: Path) -> list[dict[str, float]]:
    """The rows of ``log.csv`` without empty cells; none if the first epoch diverged."""
    path = folder / "log.csv"
    lines = path.read_text().splitlines() if path.exists() else []
    return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(lines)]


def main() -> None:
    """Run the requested trainings and write the tables of all stored ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("folder")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", help="default: all")
    parser.add_argument("--noises", nargs="+", choices=KINDS, default=NOISES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--base", type=int, default=8, help="channels of the U-Net; the paper: 64")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--report-only", action="store_true", help="do not train")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    name = arguments.experiment
    all_methods = methods(name)
    config = configure(name, arguments.folder, arguments.base, arguments.epochs)
    place = arguments.output / name
    for seed in [] if arguments.report_only else arguments.seeds:
        for kind in arguments.noises:
            for method in arguments.methods or all_methods:
                window = WINDOWS.get(kind, EXPERIMENTS[name]["window"])
                area = AREAS.get(kind, 0.1)
                noise = {"kind": kind, "area": area, "window": window, "seed": seed}
                changed = config.replace(seed=seed, noise=noise, **all_methods[method])
                run = place / f"{kind}/{method.replace(' ', '-')}/{seed}"
                log = run_one(changed, run)["log"]
                dice = f"{log[-1]['validation_dice']:.4f}" if log else "diverged"
                print(f"{name} {kind} {method} {seed}: {dice}", flush=True)
    write(name, place, list(all_methods))


if __name__ == "__main__":
    main()
