"""Compare the learned flux with the smoothed gradient of the learned image (section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from . import paper
from .measurements import Measurement, Pair
from .measures import psnr, ssim
from .methods import Learned, Method
from .table import Cell, Row, Scores, Table, make_rows, over_repeats
from .truth import TIMES
from .units import CONTRAST

GRADIENT_EPS = 1e-4
SIZE = "96"
NAME = "flux"
_ALL = "all networks of the paper"


def flux_against_gradient(
    method: Learned, image: np.ndarray, times: np.ndarray = TIMES, eps: float = GRADIENT_EPS
) -> tuple[float, float]:
    """PSNR and SSIM of the learned phi against ``grad u / sqrt(|grad u|^2 + eps)`` of its own u.

    The paper reports 10.98 dB and 0.107 (section 3.1): the network does not learn the smoothed
    gradient. Gradients are in the paper's units (of 5 u). All times and both components form one
    stack. The data range is 1 as everywhere in the paper; with the range of the components, which
    lie in [-1, 1], the PSNR would be 6.02 dB higher.
    """
    from steepest.grid.differences import gradient

    u, flux = method.fluxes(image, np.asarray(times))
    slopes = np.stack([gradient(CONTRAST * frame.astype(np.float64)) for frame in u])
    smoothed = slopes / np.sqrt(np.square(slopes).sum(1, keepdims=True) + eps)
    ours, theirs = (a.reshape(-1, *image.shape) for a in (flux, smoothed))
    return psnr(ours, theirs), ssim(ours, theirs)


def flux() -> Measurement:
    """`flux_against_gradient` in the column "flux", for networks; needs no ground truth."""

    def compare(method: Method, image: np.ndarray, nothing: Any) -> dict[str, Pair]:
        return {NAME: flux_against_gradient(method, image)} if isinstance(method, Learned) else {}

    return Measurement(NAME, lambda image: None, compare)


def flux_table(methods: Sequence[Method], scores: Mapping[str, Mapping[str, Scores]]) -> Table:
    """A row for every network, and the mean over the paper's networks with the paper's figure."""
    ours = {(label, SIZE): found[NAME].figure for label, found in scores.items() if NAME in found}
    trained = [method for method in methods if (method.label, SIZE) in ours]
    rows = make_rows(trained, (SIZE,), ours, {})
    known = {network for network, _, _ in paper.table(4)}
    of_paper = [row.cells[0].ours for row in rows if row.network in known]
    mean = over_repeats([replace(figure, spread=None) for figure in of_paper if figure])
    last = Row(_ALL, "", (Cell(mean, paper.FLUX_AGAINST_GRADIENT),))
    notes = (
        "PSNR (SSIM), data range 1, of the learned phi against grad u / sqrt(|grad u|^2 + eps) of "
        "the learned u, at 50 times: the networks do not learn the smoothed gradient. Last row: "
        "mean and standard deviation over the paper's networks.",
    )
    title = "Section 3.1: phi against the smoothed gradient"
    return Table("table-4-flux", title, "dB", (SIZE,), (*rows, last), notes)
