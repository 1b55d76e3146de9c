"""The arguments that all functions of segmentation share, and their checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..convex.crofton import CroftonTotalVariation
from ..convex.total_variation import TotalVariation
from ..core.arrays import check_spacing, own_channel_axis, prepare_image
from ..core.errors import InputError
from ..core.namespace import detached
from ..core.progress import Callback, Reporter
from ..core.solver import Limits, Solver, limits
from ..core.status import Status
from .rof import Rof


@dataclass(frozen=True, eq=False)
class Inputs:
    """A checked image (channels, \\*space) in float64, its energy, and how hard to solve it."""

    image: np.ndarray
    energy: Any
    limits: Limits
    reporter: Reporter

    @property
    def space(self) -> tuple[int, ...]:
        """The shape of the labels."""
        return self.image.shape[1:]

    def rof(self, f: np.ndarray) -> Rof:
        """The ROF problem of an image (\\*space)."""
        return Rof(f, self.energy, self.limits)

    def report(self, gap: float, length: float) -> bool:
        """Report the gap relative to the length; True if ``on_step`` asks to stop."""
        return self.reporter.residual(gap / length if length > 0 else 0.0)

    def within_tol(self, gap: float, length: float) -> bool:
        """Whether a gap meets the tolerance."""
        return gap <= self.limits.tol * length

    def status(self, found: Status, proven: bool) -> Status:
        """The status of a segmentation, from that of its solver and whether labels are proven."""
        if proven:
            return Status.CONVERGED
        if self.reporter.stopped:
            return Status.STOPPED
        return Status.ACCURACY_NOT_MET if found.ok else found


def check_inputs(
    image: Any,
    energy: Any = None,
    channel_axis: int | None = None,
    *,
    name: str = "image",
    spacing: float | Sequence[float] | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> Inputs:
    """Check the arguments that all functions of segmentation share."""
    axis = own_channel_axis(image, channel_axis)
    array, _ = prepare_image(detached(image), axis, name, double=True)
    energy = contour_length(energy, array.ndim - 1)
    energy = energy.on(array, check_spacing(spacing, array.ndim - 1))
    return Inputs(array, energy, limits_of(solver), Reporter(on_step))


def limits_of(solver: Solver | None) -> Limits:
    """How hard to solve, with the defaults of segmentation."""
    return limits(solver, tol=1e-9, max_num_iter=5000)


def contour_length(energy: Any, ndim: int) -> Any:
    """An energy that measures the length of contours exactly (by a coarea formula), else
    `InputError`.
    """
    if energy is None:
        return TotalVariation(norm="anisotropic")
    along_axes = (
        isinstance(energy, TotalVariation)
        and not energy.isotropic
        and energy.huber == 0
        and energy.boundary == "neumann"
    )
    diagonal = isinstance(energy, CroftonTotalVariation) and not energy.huber
    if not (along_axes or diagonal):
        raise InputError(
            f"energy={energy!r} does not measure contours exactly; allowed are "
            'TotalVariation(norm="anisotropic") and, in 2-D, CroftonTotalVariation()'
        )
    if diagonal and ndim != 2:
        raise InputError(f"energy=CroftonTotalVariation() with {ndim} spatial axes; allowed are 2")
    return energy


def only_channel(inputs: Inputs, name: str, instead: str) -> np.ndarray:
    """The only channel of an image; raises `InputError`, which says what to do ``instead``."""
    if len(inputs.image) > 1:
        raise InputError(f"{name} has {len(inputs.image)} channels; one is allowed ({instead})")
    return inputs.image[0]
