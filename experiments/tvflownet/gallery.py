"""The standard set of pictures of an evaluation, as PNG files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from steepest.io import OutputSet

from . import pictures
from .methods import Learned
from .runner import Evaluation
from .shapes import disk_layout


def write_gallery(
    evaluation: Evaluation, methods: Sequence[Learned], folder: str | os.PathLike[str]
) -> list[Path]:
    """Write pictures in the style of Figures 2 to 8, and the certificate over time.

    Existing files are replaced. Each picture shows at most two networks, the first and the last.

    Raises
    ------
    InputError
        If images are missing.
    """
    shown = list(dict.fromkeys([methods[0], methods[-1]]))
    with OutputSet(overwrite=True) as outputs:
        for name, draw in _drawings(evaluation, shown).items():
            with outputs.open(Path(folder) / f"{name}.png") as file:
                file.write(_png(draw()))
        return list(outputs.paths)


def _drawings(evaluation: Evaluation, shown: list[Learned]) -> dict[str, Callable[[], Any]]:
    truth, last = evaluation.truth, shown[-1]
    sets = {name: evaluation.image_set(name) for name in ("256", "disks", "ellipses", "medical")}
    photo = sets["256"].images[0]
    points = [(round(row), round(column)) for row, column, *_ in _two_disks(evaluation.seed)]
    flows = {"flow": "256", "disks": "disks", "ellipses": "ellipses", "medical": "medical"}
    drawings: dict[str, Callable[[], Any]] = {
        name: partial(pictures.flow_comparison, shown, sets[images].images[0], truth)
        for name, images in flows.items()
    }
    drawings["divergence"] = partial(pictures.divergence_comparison, shown, photo, truth)
    drawings["decay"] = partial(
        pictures.decay_figure, shown, sets["disks"].images[0], points, truth
    )
    drawings["homogeneity"] = partial(pictures.homogeneity_comparison, last, photo, truth)
    drawings["certificate"] = partial(pictures.certificate_figure, last, photo, truth)
    return drawings


def _two_disks(seed: int) -> list[tuple[float, float, float, float]]:
    """The disks of lowest and highest contrast in the first image of disks."""
    placed = sorted(disk_layout(seed), key=lambda disk: float(np.abs(disk[3])))
    return [placed[0], placed[-1]]


def _png(figure: Any) -> bytes:
    from steepest.plot import figure_png

    return figure_png(figure, dpi=110)
