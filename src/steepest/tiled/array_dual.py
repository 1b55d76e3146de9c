"""The array code's iteration on a window, for energies without a compiled solver."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..convex.certificate import step_sums
from ..convex.compiled.dual import CompiledDual
from ..convex.pointwise import PointwiseEnergy
from ..convex.reference import ReferenceDual
from ..convex.registry import is_compiled
from ..core.namespace import sum64

_WIDE = 17  # pixels of the grid on which the reach is found


class ArrayDual(ReferenceDual):
    """`ReferenceDual` on a window, with the step size of the whole image and sums over a part."""

    energy: PointwiseEnergy

    def __init__(self, f: np.ndarray, energy: PointwiseEnergy, space: tuple[int, ...]) -> None:
        super().__init__(f, energy)
        self._norm = energy.norm_squared(space)

    def sums_within(self, window: Sequence[tuple[int, int]], feasible: float | None) -> list[float]:
        """The sums of `exact_terms` over a part of the window."""
        self._image = self.f - self.tau * self.energy.adjoint(self.p)
        core: Any = (..., *(slice(*ends) for ends in window))
        return step_sums(
            self.energy, self.f, self._image, self.p, self.tau, lambda array: sum64(array[core])
        )

    def warm_parts(self, cut: Any) -> Iterator[np.ndarray]:
        """The components of the flux and of the extrapolated one, cut."""
        return (component[cut] for field in self.warm for component in field)

    def set_warm_parts(self, parts: Iterable[np.ndarray]) -> None:
        """Set both from their components, one after the other, which may share memory."""
        fields = np.empty((2, *self.p.shape), self.p.dtype)
        for target, part in zip(fields.reshape(-1, *self.f.shape), parts, strict=True):
            target[:] = part
        self.warm = (fields[0], fields[1])


def window_dual(
    f: np.ndarray, energy: Any, space: tuple[int, ...], num_threads: int
) -> CompiledDual | ArrayDual:
    """The solver of a window of an image of ``space`` pixels."""
    if is_compiled(energy):
        return CompiledDual(f, energy, num_threads)
    return ArrayDual(f, energy, space)


def reach_of(energy: Any, steps: tuple[float, ...]) -> int:
    """How many pixels further one iteration reaches: the radius of the stencil of ``A* A``."""
    middle = _WIDE // 2
    delta = np.zeros((1, *(_WIDE,) * len(steps)))
    delta[(0, *(middle,) * len(steps))] = 1.0
    own = energy.on(delta, steps)
    places = np.nonzero(own.adjoint(own.operator(delta)))[1:]
    return max((int(np.abs(each - middle).max(initial=0)) for each in places), default=0) or 1
