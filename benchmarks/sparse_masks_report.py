"""Write the tables of ``benchmarks.sparse_masks`` from the measurements in a folder."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.startup import describe
from benchmarks.tables import markdown

RESULTS = Path("benchmarks/results/inpainting")
DENSITIES = (0.05, 0.1, 0.2)
KINDS = ("own", "tonal")
PAPER = {  # Tables 3 and 4: MAE, SSIM, seconds at 5, 10 and 20 %
    "paper: PS": ((13.98, 9.08, 5.19), (0.69, 0.80, 0.90), (58.84, 33.89, 18.86)),
    "paper: PS + NLPE": ((10.98, 7.51, 4.31), (0.70, 0.81, 0.91), (251.28, 340.61, 389.34)),
    "paper: mask GAN": ((11.19, 8.87, 6.70), (0.71, 0.79, 0.85), (0.93, 0.93, 0.93)),
}
HEAD = ("method", "crops", "MAE 5 %", "10 %", "20 %", "SSIM 5 %", "10 %", "20 %", "PSNR 5 %",
        "10 %", "20 %", "s at 5 %", "10 %", "20 %")  # fmt: skip
Records = dict[str, dict[float, dict[str, dict[str, Any]]]]


def collect(place: Path) -> Records:
    """Measurements by method, density and image."""
    found: Records = defaultdict(lambda: defaultdict(dict))
    for path in sorted(place.glob("*.json")):
        record = json.loads(path.read_text())
        found[record["method"]][record["density"]][record["image"]] = record
    return found


def _row(
    name: str, records: dict[float, dict[str, dict[str, Any]]], images: list[str], kind: str
) -> tuple[str, ...] | None:
    """Means over the images; None if a measurement is missing."""
    densities = list(DENSITIES)
    if any(image not in records.get(d, {}) for d in densities for image in images):
        return None

    def means(value: Callable[[dict[str, Any]], float], digits: int) -> list[str]:
        return [f"{mean(value(records[d][i]) for i in images):.{digits}f}" for d in densities]

    def seconds(record: dict[str, Any]) -> float:
        return record["seconds"] + (record["tonal_seconds"] if kind == "tonal" else 0.0)

    return (
        name,
        str(len(images)),
        *means(lambda record: record[kind]["mae"], 2),
        *means(lambda record: record[kind]["ssim"], 3),
        *means(lambda record: record[kind]["psnr"], 2),
        *means(seconds, 2),
    )


def _compact(found: Records) -> str:
    """All measurements with few digits, one line per method and density."""
    lines = []
    for name, records in found.items():
        for density, images in records.items():
            short = {
                image: {
                    "seconds": round(record["seconds"], 3),
                    **{
                        kind: {k: round(v, 4) for k, v in record[kind].items()}
                        for kind in KINDS
                        if kind in record
                    },
                }
                for image, record in images.items()
            }
            row = {"method": name, "density": density, "images": short}
            lines.append(json.dumps(row, separators=(",", ":")))
    return "[\n" + ",\n".join(lines) + "\n]"


def write(place: Path, images: list[str]) -> None:
    """Write ``masks.md`` and ``masks.json``, for all crops and for those of the slow methods."""
    found = collect(place)
    groups: dict[int, list[str]] = defaultdict(list)
    for name, records in found.items():
        common = min(sum(i in records.get(d, {}) for i in images) for d in DENSITIES)
        if common:
            groups[common].append(name)
    parts = []
    for number in sorted(groups, reverse=True):
        chosen, rows = images[:number], []
        for name in found:
            rows.append(_row(name, found[name], chosen, "own"))
            if name.startswith("echo"):
                rows.append(_row(f"{name}, tonal", found[name], chosen, "tonal"))
        ordered = sorted((row for row in rows if row), key=lambda row: -float(row[2]))
        parts.append(f"#### {number} crops\n\n{markdown(HEAD, ordered)}")
    paper = [
        (name, "200", *map(str, mae), *map(str, ssim), "", "", "", *map(str, seconds))
        for name, (mae, ssim, seconds) in PAPER.items()
    ]
    parts.append(f"#### The paper's Tables 3 and 4\n\n{markdown(HEAD, paper)}")
    parts.append(NOTE)
    parts.append(describe())
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "masks.md").write_text("\n\n".join(parts) + "\n")
    (RESULTS / "masks.json").write_text(_compact(found) + "\n")


NOTE = """Means over centre crops of 128 x 128 in colour; MAE on a scale to 255, SSIM with Gaussian
windows, reconstructions by homogeneous diffusion. "tonal": with optimal values instead of the
image's own. Seconds are the CPU time of one thread to find the mask (and the values). The paper
states BSDS500 and 128 x 128, but neither which crops nor how many; its times were measured on an
Intel i5-6660K."""
