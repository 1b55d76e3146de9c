"""The joint optimisation (Table 1) with its default eps and with the paper's, image by image.

``python -m experiments.tvflownet.joint_eps PHOTOGRAPHS`` takes the first crops of Table 1 and
writes ``results/joint.json`` and ``results/joint.md``. An image that is in the JSON file already is
not measured again. On one core: about 10 s per image at 32x32, 40 s at 96x96.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.startup import describe
from experiments.tvflownet import Still, TruthSource
from experiments.tvflownet.networks.losses import TV_EPS

from .images import crops
from .joint import joint, run_joint
from .joint_optimisation import EPS
from .measurements import measure
from .store import to_text, write_texts

RESULTS = Path(__file__).with_name("results")
COUNTS = {32: 6, 96: 6}


def main() -> None:
    """Measure what is missing and write both files after every image."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", help="folder of images to evaluate on")
    photographs = parser.parse_args().photographs
    stored = RESULTS / "joint.json"
    rows = json.loads(stored.read_text("utf-8"))["rows"] if stored.is_file() else []
    done = {(row["eps"], row["size"], row["crop"]) for row in rows}
    for size, count in COUNTS.items():
        chosen = crops(photographs, size, count)
        for crop, image in zip(chosen.sources, chosen, strict=True):
            for eps in (EPS, TV_EPS):
                if (eps, size, crop) in done:
                    continue
                measurement = joint(TruthSource(), partial(run_joint, eps=eps))
                scores = measure(measurement, [Still()], [image])[Still().label]
                row: dict[str, Any] = {"eps": eps, "size": size, "crop": crop}
                for field, found in scores.items():
                    row[f"{field}, PSNR"], row[f"{field}, SSIM"] = found.psnr[0], found.ssim[0]
                rows.append(row)
                write(rows)


def write(rows: list[dict[str, Any]]) -> None:
    """Both files: every row as JSON, and the PSNR of u as Markdown."""
    head = f"| crop | size | eps = {EPS:g} | eps = {TV_EPS:g}, the paper's |"
    lines = [head, "| --- | --- | --- | --- |"]
    psnr = {(row["eps"], row["size"], row["crop"]): row["u, PSNR"] for row in rows}
    for size in COUNTS:
        both = [
            (crop, psnr[EPS, size, crop], psnr[TV_EPS, size, crop])
            for eps, side, crop in psnr
            if side == size and eps == EPS and (TV_EPS, size, crop) in psnr
        ]
        lines += [f"| {crop} | {size} | {ours:.2f} | {paper:.2f} |" for crop, ours, paper in both]
        if both:
            means = [mean(pair[column] for pair in both) for column in (1, 2)]
            lines.append(f"| mean | {size} | {means[0]:.2f} | {means[1]:.2f} |")
    command = "python -m experiments.tvflownet.joint_eps PHOTOGRAPHS"
    machine = describe()
    lines += ["", f"PSNR of u in dB after 2,000 iterations. `{command}`. {machine}", ""]
    document = {"command": command, "machine": machine, "rows": rows}
    write_texts({RESULTS / "joint.json": to_text(document), RESULTS / "joint.md": "\n".join(lines)})


if __name__ == "__main__":
    main()
