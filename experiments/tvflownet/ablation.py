"""Small trainings that each differ in one setting.

``python -m experiments.tvflownet.ablation PHOTOGRAPHS`` trains the Semi-ResNet with different
activations (in the paper, one ReLU followed by softplus; ReLU alone loses 2.4 dB) and with the
total variation term of the loss (12) squared as a sum or as a mean over pixels. Every variant is
trained with the preset "paper-short" for a quarter of its epochs (about five minutes on one core)
and evaluated by the paper's protocol on crops of the photographs in PHOTOGRAPHS. Trainings and
scores are stored in a folder and resumed from there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.startup import describe
from experiments.tvflownet import Evaluation, Still, TruthSource, load_method
from experiments.tvflownet.networks import PRESETS, train

EPOCHS = 10
COUNTS = (100, 32, 6)
SEMI = PRESETS["paper-short"].replace(network="semi-resnet", data="mixed", epochs=EPOCHS)
VARIANTS = {
    "ReLU first, then softplus (the paper's)": SEMI,
    "softplus only": SEMI.replace(network_config={"activations": "softplus"}),
    "ReLU only": SEMI.replace(network_config={"activations": "relu"}),
    "TV term: mean squared, alpha1 = 1e-4": SEMI.replace(objective_options={"tv_term": "mean"}),
    "TV term: mean squared, alpha1 = 1": SEMI.replace(
        objective_options={"tv_term": "mean", "alpha1": 1.0}
    ),
}


def main() -> None:
    """Train, evaluate, write ``results/ablation.md``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", help="folder of images to evaluate on")
    parser.add_argument("-o", "--output", type=Path, default=Path("ablation"))
    parser.add_argument("--truth", type=Path, help="folder to store the solver's flows in")
    arguments = parser.parse_args()
    rows = []
    truth = TruthSource(folder=arguments.truth) if arguments.truth else TruthSource()
    for number, (name, config) in enumerate({"u(t) = u0": None, **VARIANTS}.items()):
        run = arguments.output / f"variant-{number}"
        if config is not None:
            train(config, run)
        method = Still() if config is None else load_method(str(run / "weights"))
        evaluation = Evaluation(
            [method], arguments.photographs, COUNTS, truth=truth, store=run / "scores"
        )
        found = [evaluation.results("solution", size)[method.label] for size in ("32", "96", "256")]
        cells = [f"{sum(s['u'].psnr) / len(s['u'].psnr):.2f}" for s in found]
        rows.append(f"| {name} | {' | '.join(cells)} |")
        print(rows[-1], flush=True)
    lines = [
        "| variant | 32 | 96 | 256 |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        f"PSNR of u in dB, {' / '.join(map(str, COUNTS))} crops; {EPOCHS} epochs of 625 steps,",
        f"one seed. {describe()}",
        "",
    ]
    Path(__file__).with_name("results").joinpath("ablation.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
