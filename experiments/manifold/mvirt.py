"""Cyclic proximal points and `denoise` on MVIRT's own data, beside MVIRT's logs.

MVIRT (https://github.com/kellertuer/MVIRT) is GPL-licensed; its files are read, never copied here.
Its logs are those in the folders of its examples.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from steepest import Solver, TotalVariation, manifold

from .cyclic import cyclic_points
from .model import energy, groups


@dataclass(frozen=True)
class Example:
    """A file, its variables (noisy, true), MVIRT's settings, and the energy in its log."""

    title: str
    file: str
    names: tuple[str, str]
    manifold: Any
    alpha: tuple[float, ...]
    first: float
    sweeps: int
    logged: float


EXAMPLES = [
    Example("S¹, SAR 256²", "S1/syntheticSARImage/S1-syntheticSARImageN256.mat", ("Zn", "Z"),
            manifold.Circle(), (3 / 8, 1 / 4), np.pi, 4000, 4868.1078),
    Example("S², image 64²", "S2/S2Image/S2Image-data.mat", ("fn", "f"),
            manifold.Sphere(), (1 / 3, 1 / 3), np.pi / 2, 800, 797.7114),
    Example("S², lemniscate 512", "S2/Lemniscate/Lemniscate-data.mat", ("fn", "f"),
            manifold.Sphere(), (1 / 4,), np.pi / 2, 4000, 6.1183),
    Example("SPD(3), 25²", "SPD/SPDImage/SPDImage-data.mat", ("fn", "f"),
            manifold.SPD(), (0.1, 0.1), 0.1, 100, 89.0699),
]  # fmt: skip


def compare(folder: Path) -> list[str]:
    """A Markdown table; ``folder`` is a checkout of MVIRT."""
    lines = [
        "| MVIRT's data | strength | sweeps | F in its log | F, ours by cyclic proximal points | "
        "F of `denoise` | certificate | their error | ours | CPU time of ours |",
        "|---" * 10 + "|",
    ]
    for example in EXAMPLES:
        found = loadmat(folder / "examples" / example.file)
        own = len(example.manifold.point_shape)
        noisy, true = (
            np.ascontiguousarray(np.moveaxis(found[name], range(own), range(-own, 0)), np.float64)
            for name in example.names
        )
        lines.append(_row(example, noisy, true))
    return lines


def _row(example: Example, noisy: np.ndarray, true: np.ndarray) -> str:
    space, kind = noisy.shape[: len(example.alpha)], example.manifold
    f, wanted = (kind.check(x.reshape(-1, *kind.point_shape), "image") for x in (noisy, true))
    x = cyclic_points(kind, f, space, example.alpha, sweeps=example.sweeps, first=example.first)
    theirs = energy(kind, x, f, groups(space, example.alpha))
    begin = time.process_time()
    result = manifold.denoise(
        noisy, example.alpha[0], kind, TotalVariation(norm="anisotropic"),
        spacing=[example.alpha[0] / each for each in example.alpha],
        solver=Solver(tol=1e-8, num_threads=1),
    )  # fmt: skip
    taken = time.process_time() - begin
    ours = result.image.reshape(f.shape)
    proved = "stationary"
    if result.gap is not None:
        proved = f"gap {result.gap:.1e}"
    elif result.error_bound is not None:
        proved = f"distance <= {result.error_bound:.1e}"
    power = 2 if isinstance(kind, manifold.Circle) else 1  # as in MVIRT's scripts
    errors = [float(np.mean(kind.distance(points, wanted) ** power)) for points in (x, ours)]
    alpha = ", ".join(f"{each:.4g}" for each in example.alpha)
    return (
        f"| {example.title} | {alpha} | {example.sweeps} | {example.logged:.7g} | {theirs:.8g} | "
        f"{result.energy:.9g} | {proved} | {errors[0]:.4g} | {errors[1]:.4g} | {taken:.2f} s |"
    )
