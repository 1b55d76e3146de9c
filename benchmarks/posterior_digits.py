"""Samples of digits from coarse or cut pictures: tables of docs/posterior.

``python -m benchmarks.posterior_digits digits|simulated|coverage`` (default: all), as
`benchmarks.posterior`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from time import process_time

import numpy as np

from steepest import posterior
from steepest.core.conformal import smallest_factor

from .posterior_tables import SEEDS, kept, run, spread, write


def digits(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images 8 x 8 in [0, 1]: 1000 for training, 200 to calibrate, 200 to test."""
    from sklearn.datasets import load_digits

    images = load_digits().images / 16
    images = images[np.random.default_rng(seed).permutation(len(images))]
    return images[:1000], images[1000:1200], images[1200:1400]


def halve(images: np.ndarray) -> np.ndarray:
    """Return means of 2 x 2 pixels."""
    n = len(images)
    return images.reshape(n, 4, 2, 4, 2).mean((2, 4))


def cut(images: np.ndarray) -> np.ndarray:
    """Return the upper half."""
    return images[:, :4]


def digit_table() -> None:
    """PSNR of the mean, CRPS, and coverage before and after the factor, over seeds."""
    half = {
        "mixture": (100, 300, 1000), "Gaussian": (1000,), "flow": (100, 300, 1000),
        "flow, 2000 steps": (100,),
    }  # fmt: skip
    missing: dict[str, tuple[int, ...]] = {"mixture": (1000,), "flow": (1000,)}
    rows = digit_rows("digits", half, "half size", halve)
    write("digits", [*rows, *digit_rows("digits", missing, "half missing", cut)[2:]])


def simulated() -> None:
    """The same for flows that see each image with a new measurement in every batch."""
    methods = {"flow, measured anew": (100, 300, 1000), "flow, measured anew, 2000 steps": (100,)}
    write("simulated", digit_rows("simulated", methods, "half size", halve))


def digit_rows(
    table: str, methods: dict[str, tuple[int, ...]], task: str,
    forward: Callable[[np.ndarray], np.ndarray],
) -> list[str]:  # fmt: skip
    """Return the table of some methods."""
    head = "| | training images | CPU s | PSNR | CRPS | 90 %: raw | factor | after |"
    lines = [head, "|---" * 8 + "|"]
    for method, sizes in methods.items():
        for size in sizes:
            found = [
                kept(table, f"{task}, {method}, {size}, seed {seed}",
                     partial(digit, method, size, forward, seed))
                for seed in SEEDS
            ]  # fmt: skip
            columns = zip(zip(*found, strict=True), (0, 2, 3, 3, 2, 3), strict=True)
            cells = [spread(column, digits) for column, digits in columns]
            lines.append(f"| {task}: {method} | {size} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    return lines


def digit(
    method: str, size: int, forward: Callable[[np.ndarray], np.ndarray], seed: int
) -> tuple[float, ...]:
    """Return seconds, PSNR, CRPS, raw coverage, factor and repaired coverage."""
    train, calibration, test = digits(seed)
    rng = np.random.default_rng(seed)

    def measure(images: np.ndarray) -> np.ndarray:
        y = forward(images)
        return y + 0.1 * rng.standard_normal(y.shape)

    def simulate(images: np.ndarray, own: np.random.Generator) -> np.ndarray:
        y = forward(images)
        return y + 0.1 * own.standard_normal(y.shape)

    x = train[:size]
    begin = process_time()
    model: posterior.Flow | posterior.MixturePosterior
    if method.startswith("flow"):
        steps = 2000 if "2000" in method else None
        measured = simulate if "anew" in method else measure(x)
        model = posterior.learn(x, measured, steps=steps, rng=seed)
    else:
        prior = posterior.fit_mixture(x, 1 if method == "Gaussian" else None, rng=seed)
        model = prior.given(lambda image: forward(image[None])[0], 0.01)
    seconds = process_time() - begin
    report = posterior.check(model, calibration, measure(calibration), rng=seed)
    y = measure(test)
    draws = model.sample(y, 100, rng=seed)
    low, high = draws.interval(0.9, factor=report.factor)
    after = float(((test >= low - 1e-6) & (test <= high + 1e-6)).mean())
    final = posterior.check(model, test, y, rng=seed)
    psnr = -20 * math.log10(final.rmse)
    return seconds, psnr, final.crps, report.coverage, report.factor, after


def coverage() -> None:
    """Mean coverage after the factor over 150 splits, for the mixture of 100 images."""
    train, calibration, test = digits(0)
    rng = np.random.default_rng(0)
    x = np.concatenate([calibration, test])
    y = halve(x) + 0.1 * rng.standard_normal((len(x), 4, 4))
    law = posterior.fit_mixture(train[:100]).given(lambda image: halve(image[None])[0], 0.01)
    lines = ["| calibration images | 10 | 20 | 50 | 200 |", "|---|---|---|---|---|"]
    for name, wrong in (("mixture", 1.0), ("deviations divided by 3", 1 / 3)):
        draws = law.sample(y, 100)
        half = wrong * draws.half_width(0.9)
        ratios = (np.abs(x - draws.mean) / half).reshape(len(x), -1)
        cells = []
        for n in (10, 20, 50, 200):
            covered = []
            for _ in range(150):
                order = rng.permutation(len(x))
                factor = smallest_factor(list(ratios[order[:n]]), 0.9)
                covered.append((ratios[order[n : n + 200]] <= factor).mean())
            cells.append(f"{np.mean(covered):.3f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    write("coverage", lines)


TABLES = {"digits": digit_table, "simulated": simulated, "coverage": coverage}

if __name__ == "__main__":
    run(TABLES)
