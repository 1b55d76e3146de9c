"""Checks of the arguments that the functions of this room share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..convex.crofton import CroftonTotalVariation
from ..convex.total_variation import TotalVariation
from ..core.arrays import check_spacing, own_channel_axis, prepare_image
from ..core.errors import InputError
from ..core.namespace import detached
from ..core.numbers import check_count, check_number
from ..core.progress import Callback, Progress, Reporter
from ..core.status import Status
from ..core.threads import resolve_num_threads
from .rof import Rof


@dataclass(frozen=True, eq=False)
class Inputs:
    """A checked image (channels, \\*space) in float64, its energy, and how to solve it."""

    image: np.ndarray
    energy: Any
    tol: float
    max_num_iter: int
    num_threads: int
    tell: Reporter

    @property
    def space(self) -> tuple[int, ...]:
        """The shape of the labels."""
        return self.image.shape[1:]

    def rof(self, f: np.ndarray) -> Rof:
        """The ROF problem of an image (\\*space)."""
        return Rof(f, self.energy, max_num_iter=self.max_num_iter, num_threads=self.num_threads)

    def report(self, gap: float, length: float) -> bool:
        """Tell ``on_step`` the gap relative to the length; True where it asks to stop."""
        return self.tell(Progress(0, 0, gap / length if length > 0 else 0.0))

    def done(self, gap: float, length: float) -> bool:
        """Whether a gap meets the tolerance."""
        return gap <= self.tol * length

    def status(self, found: Status, proven: bool) -> Status:
        """The status of a result from that of the solver."""
        if proven:
            return Status.CONVERGED
        if self.tell.stopped:
            return Status.STOPPED
        return Status.ACCURACY_NOT_MET if found.ok else found


def inputs_of(
    image: Any,
    channel_axis: int | None = None,
    *,
    name: str = "image",
    tol: Any = 1e-9,
    connectivity: Any = 1,
    spacing: float | Sequence[float] | None = None,
    weights: Any = None,
    max_num_iter: Any = 5000,
    on_step: Callback | None = None,
    num_threads: Any = None,
) -> Inputs:
    """Check the arguments; the names are those of the functions that users call."""
    axis = own_channel_axis(image, channel_axis)
    array, _ = prepare_image(detached(image), axis, name, double=True)
    if check_count(connectivity, "connectivity", most=2) == 1:
        energy: Any = TotalVariation(norm="anisotropic", weights=weights)
    elif array.ndim == 3:
        energy = CroftonTotalVariation(weights=weights)
    else:
        raise InputError(
            f"connectivity=2 with {array.ndim - 1} spatial axes of {name}; allowed for 2-D images"
        )
    return Inputs(
        image=array,
        energy=energy.on(array, check_spacing(spacing, array.ndim - 1)),
        tol=check_number(tol, "tol"),
        max_num_iter=check_count(max_num_iter, "max_num_iter"),
        num_threads=resolve_num_threads(num_threads),
        tell=Reporter(on_step),
    )


def grey(inputs: Inputs, name: str, instead: str) -> np.ndarray:
    """The only channel of an image.

    Raises
    ------
    InputError
        If there are several.
    """
    if len(inputs.image) > 1:
        raise InputError(f"{name} has {len(inputs.image)} channels; one is allowed ({instead})")
    return inputs.image[0]
