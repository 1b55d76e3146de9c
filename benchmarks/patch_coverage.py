"""Coverage of the intervals of `steepest.patches.posterior` on images that no model has seen.

``python -m benchmarks.patch_coverage TRAIN TEST`` takes two folders of photographs and writes
``results/patches/coverage.md``. A model is fitted to 20 images of the first folder. 100 images of
the second get noise; the factor comes from 10 or from 50 of them and is tried on the other half,
and the other way round. Time is processor time.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from platform import machine
from time import process_time

import numpy as np

from steepest import io, patches
from steepest.core.grey import to_grey

OUTPUT = Path(__file__).parent / "results" / "patches" / "coverage.md"
LEVELS = (0.5, 0.8, 0.9, 0.95)
SIGMAS = (15, 25)
TRAIN, TEST = 20, 100
CROP = (slice(60, 188), slice(60, 188))


def grey(path: Path) -> np.ndarray:
    """Return an image as float64 (H, W) in [0, 1]."""
    return to_grey(np.asarray(io.read_image(path))).astype(np.float64)


def inside(own: patches.Posterior, truth: np.ndarray, level: float, factor: float = 1.0) -> float:
    """Return the share of pixels within their intervals."""
    low, high = own.interval(level, factor)
    return float(np.mean((truth >= low) & (truth <= high)))


def crossed(
    found: Sequence[patches.Posterior], truths: Sequence[np.ndarray], level: float, count: int
) -> str:
    """Return the factors from ``count`` images of each half, and what they hold on the other."""
    if count < level / (1 - level) - 1e-9:
        return "too few images"
    factors, shares = [], []
    for first in (0, 1):
        one, other = slice(first, 2 * count, 2), slice(1 - first, None, 2)
        factors.append(patches.interval_factor(found[one], truths[one], level))
        pairs = zip(found[other], truths[other], strict=True)
        shares += [inside(f, t, level, factors[-1]) for f, t in pairs]
    return f"{np.mean(shares):.1%} ({' and '.join(f'{f:.2f}' for f in factors)})"


def main(train: str, test: str) -> None:
    """Write the table."""
    model = patches.fit(
        [grey(path) for path in io.image_files(train)[:TRAIN]], 8, 50, 24, num_patches=60_000
    )
    truths = [grey(path)[CROP] for path in io.image_files(test)[:TEST]]
    half = len(truths) // 2
    lines = [
        "| sigma x 255 | level | held | of one image | with the factor of 10 images | with that "
        f"of {half} | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    for sigma in SIGMAS:
        start, found = process_time(), []
        for k, truth in enumerate(truths):
            noise = np.random.default_rng(k).standard_normal(truth.shape)
            found.append(patches.posterior(truth + sigma / 255 * noise, model, sigma / 255))
        seconds = (process_time() - start) / len(truths)
        for level in LEVELS:
            shares = [inside(f, t, level) for f, t in zip(found, truths, strict=True)]
            cells = [
                str(sigma),
                f"{level:.0%}",
                f"{np.mean(shares):.1%}",
                f"{min(shares):.0%} to {max(shares):.0%}",
                crossed(found, truths, level, 10),
                crossed(found, truths, level, half),
                f"{seconds:.1f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    size = " x ".join(str(part.stop - part.start) for part in CROP)
    lines += ["", f"{model}; {len(truths)} crops of {size} pixels; {date.today()}, {machine()}."]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
