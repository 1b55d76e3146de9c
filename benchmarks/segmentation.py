"""Segmentation: time and energy beside scikit-image and maximum flows.

``python -m benchmarks.segmentation`` needs scikit-image and PyMaxflow (GPL-3; not a dependency of
steepest). Times are process times of one thread, the least of several runs, all in one process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import maxflow
import numpy as np
from skimage import data, filters, segmentation

import steepest
from benchmarks.report import describe_machine
from steepest.segmentation import bias_corrected, chan_vese, threshold_rof

_MU = 0.25
_STRENGTH = 0.1
_RUNS = 5
RESULTS = Path(__file__).parent / "results" / "segmentation.md"


def least(call: Callable[[], Any], runs: int = _RUNS) -> tuple[float, Any]:
    """The least process time of several runs, and the result."""
    best = np.inf
    for _ in range(runs):
        start = time.process_time()
        result = call()
        best = min(best, time.process_time() - start)
    return best, result


def cut(unary: np.ndarray, length: float) -> np.ndarray:
    """The minimal cut of PyMaxflow, as a Boolean array."""
    graph = maxflow.Graph[float](unary.size, unary.size * unary.ndim)
    nodes = graph.add_grid_nodes(unary.shape)
    for axis in range(unary.ndim):
        structure = np.zeros((3,) * unary.ndim)
        structure[tuple(2 if a == axis else 1 for a in range(unary.ndim))] = 1
        graph.add_grid_edges(nodes, length, structure=structure, symmetric=True)
    graph.add_grid_tedges(nodes, np.maximum(-unary, 0), np.maximum(unary, 0))
    graph.maxflow()
    return ~graph.get_grid_segments(nodes)


def alternate(f: np.ndarray, mu: float) -> np.ndarray:
    """Chan-Vese by alternating maximum flows and means, from the pixels above the mean."""
    inside = f > f.mean()
    while True:
        low, high = f[~inside].mean(), f[inside].mean()
        new = cut((f - high) ** 2 - (f - low) ** 2, mu)
        if np.array_equal(new, inside):
            return inside
        inside = new


def energy(f: np.ndarray, inside: np.ndarray, mu: float, isotropic: bool = False) -> float:
    """The energy of Chan and Vese with the means of the labels."""
    if not (inside.any() and not inside.all()):
        return float(((f - f.mean()) ** 2).sum())
    data_term = sum(((f[part] - f[part].mean()) ** 2).sum() for part in (inside, ~inside))
    return mu * steepest.total_variation(inside.astype(float), isotropic=isotropic) + data_term


def two_classes() -> list[str]:
    """The table of Chan and Vese's model."""
    rows = [
        "| image | method | time [s] | energy | energy, isotropic length | labels proven |",
        "|---|---|---|---|---|---|",
    ]
    for name in ("coins", "camera", "brick"):
        f = getattr(data, name)().astype(float)
        f = (f - f.min()) / np.ptp(f)
        ours, result = least(lambda f=f: chan_vese(f, _MU, solver=steepest.Solver(num_threads=1)))
        flow, cuts = least(lambda f=f: alternate(f, _MU), 2)
        eight, smooth = least(
            lambda f=f: chan_vese(
                f,
                _MU,
                energy=steepest.CroftonTotalVariation(),
                solver=steepest.Solver(num_threads=1),
            ),
            2,
        )
        early, first = least(lambda f=f: segmentation.chan_vese(f, mu=_MU), 1)
        peer, contour = least(lambda f=f: segmentation.chan_vese(f, mu=_MU, tol=0), 1)
        labels = result.labels > 0
        assert np.array_equal(labels, cuts), f"{name}: other labels than maximum flow"
        for method, seconds, inside, proven in (
            ("steepest `chan_vese`", ours, labels, f"{100 * result.certain.mean():.4g} %"),
            ("PyMaxflow, alternating", flow, cuts, "100 % (of each cut)"),
            ("scikit-image `chan_vese`, defaults", early, first, "-"),
            ("scikit-image `chan_vese`, 500 iterations", peer, contour, "-"),
            (
                "steepest `chan_vese`, `connectivity=2`",
                eight,
                smooth.labels > 0,
                f"{100 * smooth.certain.mean():.4g} %",
            ),
        ):
            energies = [f"{energy(f, inside, _MU, iso):.4f}" for iso in (False, True)]
            rows.append(
                f"| {name} | {method} | {seconds:.3f} | {' | '.join(energies)} | {proven} |"
            )
        rows.append(
            f"| | ratio to steepest | {flow / ours:.1f} (PyMaxflow), {early / ours:.0f} "
            f"and {peer / ours:.0f} (scikit-image) | | | |"
        )
    return rows


def volume(size: int = 128) -> np.ndarray:
    """Random balls in noise."""
    random = np.random.default_rng(0)
    places = np.mgrid[:size, :size, :size]
    f = np.zeros((size,) * 3)
    for _ in range(40):
        centre, radius = random.uniform(0, size, 3), random.uniform(6, 20)
        f[sum((p - c) ** 2 for p, c in zip(places, centre, strict=True)) < radius**2] = 1
    return f + 0.4 * random.standard_normal(f.shape)


def several_classes() -> list[str]:
    """The table of thresholded ROF: one solve, against one cut for each threshold."""
    rows = [
        "| image | classes | steepest [s] | steepest, thresholds known [s] | PyMaxflow, thresholds "
        "known [s] | labels proven | other labels |",
        "|---|---|---|---|---|---|---|",
    ]
    camera = data.camera() / 255
    cases = [("camera", camera, _STRENGTH, k, 3) for k in (2, 3, 4, 6, 8)]
    cases.append(("balls 128^3", volume(), 0.3, 2, 1))
    for name, f, strength, classes, runs in cases:
        ours, result = least(
            lambda f=f, s=strength, k=classes: threshold_rof(
                f, s, k, solver=steepest.Solver(num_threads=1)
            ),
            runs + 1,
        )
        flow, sets = least(
            lambda f=f, s=strength, r=result: [cut(t - f, s) for t in r.thresholds], runs
        )
        known, _ = least(
            lambda f=f, s=strength, r=result: threshold_rof(
                f, s, thresholds=r.thresholds, solver=steepest.Solver(num_threads=1)
            ),
            runs,
        )
        other = np.count_nonzero(np.sum(sets, axis=0) != result.labels)
        rows.append(
            f"| {name} | {classes} | {ours:.3f} | {known:.3f} | {flow:.3f} "
            f"| {100 * result.certain.mean():.4g} % | {other} |"
        )
    return rows


def phantom() -> tuple[np.ndarray, np.ndarray]:
    """Five discs (1 on 0.5) under light that varies by 50 %, with noise; and the discs."""
    y, x = np.mgrid[:256, :256] / 256
    inside = np.zeros((256, 256), bool)
    places = (
        (0.25, 0.25, 0.12),
        (0.3, 0.7, 0.1),
        (0.7, 0.3, 0.1),
        (0.72, 0.75, 0.13),
        (0.5, 0.5, 0.07),
    )
    for cy, cx, radius in places:
        inside |= np.hypot(y - cy, x - cx) < radius
    light = np.sin(np.pi * (x - 0.5)) * np.cos(np.pi * (y - 0.2))
    light = 0.5 + (light - light.min()) / np.ptp(light)
    noise = 0.05 * np.random.default_rng(0).standard_normal(light.shape)
    return light * np.where(inside, 0.8, 0.5) + noise, inside


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Dice's coefficient of two sets."""
    return float(2 * np.count_nonzero(a & b) / max(np.count_nonzero(a) + np.count_nonzero(b), 1))


def uneven_light() -> list[str]:
    """The table of the phantom under uneven light."""
    f, inside = phantom()
    seconds, corrected = least(
        lambda: bias_corrected(f, 0.05, 300.0, solver=steepest.Solver(num_threads=1)), 2
    )
    contour = segmentation.chan_vese(f, mu=_MU)
    if f[contour].mean() < f[~contour].mean():
        contour = ~contour
    results = {
        f"steepest `bias_corrected` ({seconds:.2f} s)": corrected.labels > 0,
        "steepest `chan_vese`": chan_vese(f, _MU).labels > 0,
        "scikit-image `chan_vese`": contour,
        "local threshold (scikit-image, window 101)": f > filters.threshold_local(f, 101),
        "Otsu": f > filters.threshold_otsu(f),
    }
    rows = ["| method | Dice |", "|---|---|"]
    return rows + [f"| {name} | {dice(found, inside):.4f} |" for name, found in results.items()]


def main() -> None:
    """Measure, print and store as Markdown."""
    machine = describe_machine()
    chan_vese(np.random.default_rng(0).random((64, 64)))  # compiles
    chan_vese(np.random.default_rng(0).random((64, 64)), energy=steepest.CroftonTotalVariation())
    threshold_rof(np.random.default_rng(0).random((20, 20, 20)), 0.1)
    text = "\n".join(
        [
            "# Segmentation",
            "",
            f"{machine['date']}, {machine['processor']}, one thread, process time. "
            "`python -m benchmarks.segmentation`.",
            "",
            f"## Two classes with free means, mu = {_MU}, image scaled to [0, 1]",
            "",
            *two_classes(),
            "",
            f"## Thresholds of one ROF solve, strength {_STRENGTH} (volume: 0.3)",
            "",
            *several_classes(),
            "",
            "## Uneven light: 256 x 256, five discs",
            "",
            *uneven_light(),
            "",
        ]
    )
    print(text)
    RESULTS.write_text(text)


if __name__ == "__main__":
    main()
