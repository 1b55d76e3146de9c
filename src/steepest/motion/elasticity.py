"""Registration of pairs of images by linear elasticity."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.threads import share_out
from ..elliptic.hierarchy import build
from ..elliptic.operator import Operator
from ..elliptic.preconditioned import Map, System, one_cycle, solve_for
from ..grid.differences import divergence, gradient
from .warping import Spline

_DIVERGENCE = 2.0  # of (|grad v|^2 + 2 |div v|^2) / 2: Lamé's constants are both 1
_ACCURACY, _MOST = 1e-2, 30  # relative residual and iterations of the linear systems
_HALVINGS = 4
_STEPS = (1.0, 1.0)


def elastic(v: np.ndarray) -> np.ndarray:
    """``A v`` for (2, H, W), with ``v.A v = |grad v|^2 + 2 |div v|^2`` by forward differences."""
    slopes = gradient(v, _STEPS)
    more = _DIVERGENCE * (slopes[0, 0] + slopes[1, 1])
    slopes[0, 0] += more
    slopes[1, 1] += more
    return np.asarray(-divergence(slopes, _STEPS))


def splines(image: np.ndarray) -> list[Spline]:
    """A spline for each channel of (C, H, W)."""
    return [Spline(each, 1) for each in image]


@dataclass(frozen=True)
class Registration:
    """The energy ``1/2 |f_1(x + v) - f_0|^2 + stiffness (|grad v|^2 + 2 |div v|^2) / 2``."""

    stiffness: float
    num_threads: int

    def energy(self, residual: np.ndarray, v: np.ndarray) -> float:
        """The energy for ``residual = f_1(x + v) - f_0``, (C, H, W)."""
        return 0.5 * float((residual**2).sum() + self.stiffness * (v * elastic(v)).sum())

    def total(
        self, images: np.ndarray, of: Sequence[Sequence[Spline]], displacements: np.ndarray
    ) -> float:
        """The sum of the energies of the neighbouring pairs of (K + 1, C, H, W), with splines."""
        sum_of_pairs = 0.0
        for before, after, v in zip(images[:-1], of[1:], displacements, strict=True):
            moved = np.stack([each.at(v)[0] for each in after])
            sum_of_pairs += self.energy(moved - before, v)
        return sum_of_pairs

    def improve(
        self, target: Sequence[Spline], there: Sequence[Spline], v: np.ndarray
    ) -> np.ndarray:
        """One Gauss-Newton step from v, by the mean gradient, shortened until the energy falls."""
        here = np.stack([each.at(0 * v) for each in target])
        moved = np.stack([each.at(v) for each in there])
        residual, g = moved[:, 0] - here[:, 0], (moved[:, 1:] + here[:, 1:]) / 2
        inside = np.zeros(v.shape[1:], bool)
        inside[1:-1, 1:-1] = True
        slope = (g * residual[:, None]).sum(0) + self.stiffness * elastic(v)
        step = self._solve(g, np.where(inside, -slope, 0), inside)
        before = self.energy(residual, v)
        for _ in range(_HALVINGS):
            new = v + step
            values = np.stack([each.at(new)[0] for each in there])
            if self.energy(values - here[:, 0], new) <= before:
                return new
            step /= 2
        return v

    def _solve(self, g: np.ndarray, right: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """``(stiffness A + sum over channels of g g^T)^-1 right`` where ``inside``, else 0."""
        s, across, squares = self.stiffness, (g[:, 0] * g[:, 1]).sum(0), (g**2).sum(0)
        weights = ((1 + _DIVERGENCE) * s, s)

        def multiply(x: np.ndarray) -> np.ndarray:
            return np.asarray(s * elastic(x) + squares * x + across * x[::-1])

        def maps() -> tuple[Map, Map]:
            """The operator, and a multigrid cycle for each component."""
            parts = zip(squares, (weights, weights[::-1]), strict=True)
            cycles = [one_cycle(build(Operator(np.where(inside, e, np.inf), w))) for e, w in parts]
            return multiply, lambda r: np.stack([c(x) for c, x in zip(cycles, r, strict=True)])

        return solve_for(System(maps, inside), right, _ACCURACY, _MOST)

    def improve_all(self, of: Sequence[Sequence[Spline]], displacements: np.ndarray) -> np.ndarray:
        """One step for each neighbouring pair of K + 1 images, given by their splines."""

        def work(k: int) -> np.ndarray:
            return self.improve(of[k], of[k + 1], displacements[k])

        return np.stack(share_out(lambda: work, range(len(displacements)), self.num_threads))
