"""The result of every segmentation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.result import Result
from ..core.status import Status, finished
from .inputs import Inputs
from .proof import ProvenSet


@dataclass(frozen=True, eq=False)
class Segmentation(Result):
    """Labels with a proof.

    By tiles, ``labels`` is ``out``, and what would be another array of the size of the image is
    None.

    Grey values (``values``, ``thresholds``, ``image``) are on the scale from 0 to 1 for uint8 and
    uint16 images, and on that of the image otherwise.

    Attributes
    ----------
    labels : unsigned integer array (\\*space)
        The class of each pixel, from 0, in the order of the thresholds.
    values : float64 array (K,), or (K, channels)
        The value of each class.
    thresholds : float64 array (K - 1,)
        ``labels`` is the number of thresholds that are below the exact ``image``.
    image : float64 array (\\*space)
        The denoised image that is compared with the thresholds. It is less exact than the labels.
    energy : float
        The energy of the labels. Each function says which.
    gap : float
        The most by which ``energy`` may exceed the least energy. Zero: the labels are a global
        minimiser.
    certain : Boolean array (\\*space)
        Where every minimiser has this label: ``lowest == highest``.
    lowest, highest : unsigned integer arrays (\\*space)
        The labels of all minimisers lie between the two.
    num_doubtful : int
        The number of labels that are not certain.
    doubtful_bound : int
        The most of these labels that may be wrong at once.
    areas : integer array (K, 3)
        For each class, the number of its pixels, of its certain pixels, and of the pixels that may
        belong to it. The area in the exact solution lies between the last two.
    iterations : int
        Number of iterations of the solver.
    status : Status
    spacing : tuple of floats
        The pixel spacing.
    doubt : array-like of uint8, or None
        By tiles, 255 where the label is not certain, and else 0, if ``out`` is a pair.
    """

    labels: Any
    values: np.ndarray
    thresholds: np.ndarray
    energy: float
    gap: float
    num_doubtful: int
    doubtful_bound: int
    areas: np.ndarray
    iterations: int
    status: Status
    spacing: tuple[float, ...]
    image: Any = None
    certain: Any = None
    lowest: Any = None
    highest: Any = None
    doubt: Any = None

    def __repr__(self) -> str:
        share = 100 * (1 - self.num_doubtful / math.prod(self.labels.shape))
        certain = f"{share:.4g} % of the labels certain"
        classes = f"{self.thresholds.size + 1} class" + ("es" if self.thresholds.size else "")
        return f"<{type(self).__name__}: {classes}, {certain}, {self.status}>"


@dataclass(frozen=True, eq=False)
class Found:
    """Proven sets of a state, each inside the one before it, and what is known of their labels."""

    state: Any
    levels: Sequence[ProvenSet]
    status: Status
    iterations: int
    values: np.ndarray
    energy: float
    gap: float
    proven: bool
    wanted: int = 2


def finish(
    inputs: Inputs,
    found: Found,
    shift: float = 0.0,
    divisor: float = 1.0,
    kind: type[Segmentation] = Segmentation,
    **more: np.ndarray,
) -> Any:
    """The result of sets in memory, for the image less ``shift`` over ``divisor``."""
    shape, bound = inputs.space, 0
    lowest, highest, labels = (np.zeros(shape, np.uint8) for _ in range(3))
    for level in found.levels:
        inside, doubtful = level.inside, level.doubtful  # type: ignore[attr-defined]
        labels += inside.reshape(shape)
        lowest += (inside & ~doubtful).reshape(shape)
        highest += (inside | doubtful).reshape(shape)
        bound += level.doubt[2]
    certain = lowest == highest
    number = int(np.count_nonzero(~certain))
    every = range(len(found.levels) + 1)
    masks = [(labels == k, (lowest <= k) & (k <= highest)) for k in every]
    areas = [[np.count_nonzero(m) for m in (own, own & certain, may)] for own, may in masks]
    result = with_labels(
        inputs, found, shift, divisor, kind, labels=labels, areas=np.array(areas),
        num_doubtful=number, doubtful_bound=min(bound, number), certain=certain, lowest=lowest,
        highest=highest, image=found.state.u.reshape(shape) * divisor + shift, **more,
    )  # fmt: skip
    return finished(result, inputs.limits.raise_on_failure)


def with_labels(
    inputs: Inputs,
    found: Found,
    shift: float,
    divisor: float,
    kind: type[Segmentation],
    **more: Any,
) -> Segmentation:
    """The result of sets, with their labels and all else that is counted over pixels."""
    status = inputs.status(found.status, found.proven)
    if status.ok and np.count_nonzero(more["areas"][:, 0]) < found.wanted:
        status = Status.EMPTY_CLASS
    return kind(
        values=found.values,
        thresholds=np.array([level.level for level in found.levels]) * divisor + shift,
        energy=found.energy,
        gap=found.gap,
        iterations=found.iterations,
        status=status,
        spacing=inputs.energy.spacing,
        **more,
    )
