"""Coverage of the intervals of `steepest.patches.posterior` on images that no model has seen.

``python -m benchmarks.patch_coverage TRAIN TEST`` takes two folders of photographs and writes
``results/patches/coverage.md``. A model is fitted to 20 images of the first folder. Twenty images of
the second get noise; the factor comes from ten of them and is tried on the other ten, and the other
way round. Time is processor time.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from platform import processor
from time import process_time

import numpy as np

from steepest import io, patches
from steepest.core.grey import to_grey

OUTPUT = Path(__file__).parent / "results" / "patches" / "coverage.md"
LEVELS = (0.5, 0.8, 0.9, 0.95)
COUNT, CROP = 20, (slice(60, 220), slice(60, 220))


def grey(path: Path) -> np.ndarray:
    """Return an image as float64 (H, W) in [0, 1]."""
    return to_grey(np.asarray(io.read_image(path).array)).astype(np.float64)


def inside(own: patches.Posterior, truth: np.ndarray, level: float, factor: float = 1.0) -> float:
    """Return the share of pixels within their intervals."""
    low, high = own.intervals(level, factor)
    return float(np.mean((truth >= low) & (truth <= high)))


def main(train: str, test: str) -> None:
    """Write the table."""
    model = patches.fit(
        [grey(path) for path in io.image_files(train)[:COUNT]], 8, 50, 24, num_patches=60_000
    )
    truths = [grey(path)[CROP] for path in io.image_files(test)[:COUNT]]
    lines = [
        "| sigma x 255 | level | held | least to most of an image | factor | held with factor | "
        "CPU s an image |",
        "|---|---|---|---|---|---|---|",
    ]
    for sigma in (15, 25, 50):
        start, found = process_time(), []
        for k, truth in enumerate(truths):
            noise = np.random.default_rng(k).standard_normal(truth.shape)
            found.append(patches.posterior(truth + sigma / 255 * noise, model, sigma / 255))
        seconds = (process_time() - start) / len(truths)
        for level in LEVELS:
            shares = [inside(f, t, level) for f, t in zip(found, truths, strict=True)]
            after, factors = [], []
            for first in (0, 1):
                one, other = slice(first, None, 2), slice(1 - first, None, 2)
                if len(truths[one]) < level / (1 - level) - 1e-9:
                    continue
                factor = patches.interval_factor(found[one], truths[one], level)
                factors.append(factor)
                pairs = zip(found[other], truths[other], strict=True)
                after += [inside(f, t, level, factor) for f, t in pairs]
            lines.append(
                f"| {sigma} | {level:.0%} | {np.mean(shares):.1%} | {min(shares):.0%} to "
                f"{max(shares):.0%} | {' and '.join(f'{f:.2f}' for f in factors) or 'too few'} | "
                f"{f'{np.mean(after):.1%}' if after else ''} | {seconds:.1f} |"
            )
            print(lines[-1], flush=True)
    lines += ["", f"{model}; {date.today()}, {processor() or 'x86_64'}."]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
