"""The dual problem of one time step on tiles, with the interface of the solvers in memory.

Everything is decided globally, by the same code as in memory (`convex.solve`): step size, restarts,
momentum, and when the gap is measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from ..convex.certificate import StepTerms, exact_terms, single_terms
from ..convex.compiled.dual import SMOOTHING
from ..convex.compiled.kernels_measure import MOST_COMPONENTS, WIDEST
from ..convex.dual import NO_PAUSE
from ..convex.registry import is_compiled
from ..convex.solve import Momentum
from .pass_job import Iterations, halo_of
from .passes import Passes

Terms = list[StepTerms]
Accepts = Callable[[Terms], bool]
_SAFE = {"float32": 1 - 1e-6, "float64": 1 - 1e-15}  # a projected flux times this is feasible
_AFTER = 52  # pixels that the iterations after a correction reach
_FEWEST, _ENOUGH = 8, 30  # iterations on each grid; measured: more do not pay off
_EPS = float(np.finfo(np.float64).eps)


class TiledDual:
    """The dual problem of an image on tiles. Iterations are collected, and done by `measure`.

    ``depth`` is the halo in units of what one iteration reaches. Sums are in float64 if ``exact``,
    or once float32 turns out to be too coarse.
    """

    patience = 400
    pause = NO_PAUSE
    correction_cost = 100.0
    chunk = 24

    def __init__(
        self, passes: Passes, depth: int, keep: int | None = None, exact: bool = False
    ) -> None:
        picture, tiled = passes.picture, passes.tiled
        self._passes, self._halo, self._keep = passes, depth, keep
        self._shape = (picture.channels, *picture.space)
        few = picture.channels * len(picture.space) <= MOST_COMPONENTS
        self._width = min(tiled.tiling.size[-1], self._shape[-1])
        plain = is_compiled(tiled.energy) and tiled.energy.huber == 0
        self._single = (
            plain
            and tiled.weights is None
            and not exact
            and few
            and picture.dtype == np.float32
            and self._width <= WIDEST
        )
        self._pending: list[Iterations] = []
        self._restart = False
        self._uncorrected: float | None = None  # dual energy before a correction, to be improved
        self._known = False  # whether the last pass has stored what a correction needs
        self.tau = self._relaxation = 1.0

    def set_step(self, tau: float, relaxation: float = 1.0) -> None:
        """Set the step length and the relaxation of the dual step."""
        self.tau, self._relaxation = tau, relaxation

    def restart(self) -> None:
        """Reset the momentum."""
        self._restart = True

    def iterate(self, betas: Sequence[float]) -> None:
        """Collect one iteration for each momentum factor."""
        room = self._halo - 2
        for begin in range(0, len(betas), room):
            self._collect(tuple(betas[begin : begin + room]))

    def advance(self, keep: int | None = None) -> None:
        """Collect: make the measured image the data of the next step, and store it as a frame."""
        self._collect((), advance=True, keep=keep)

    def _collect(self, betas: tuple[float, ...], **more: Any) -> None:
        self._pending.append(
            Iterations(self.tau, self._relaxation, betas, restart=self._restart, **more)
        )
        self._restart = False

    def correct(self, energy: float) -> bool:
        """Correct the flux, just measured, on coarser grids, and reset the momentum.

        If the dual ``energy`` has not fallen in the next pass, the correction is halved, then
        omitted.
        """
        if self._passes.correction_grid is None:
            return False
        if not self._known:
            self._do([(Iterations(self.tau, self._relaxation, blocks=True),)])
        self._passes.correct(self.tau)
        self._uncorrected = energy
        refining = refining_of(self._passes.correction_grid.levels, self._halo)
        self._collect(tuple(Momentum().factors(SMOOTHING)[0]), measure=True, refining=refining)
        return True

    def measure(self) -> StepTerms:
        """Do what was collected, and evaluate gap and certificate."""
        nothing = Iterations(self.tau, self._relaxation)
        *before, last = self._pending or [nothing]
        if last.advance or last.measure:  # what is measured is the next step
            before, last = [*before, last], nothing
        self._pending, look = before, not last.betas
        last = replace(
            last,
            measure=True,
            keep=self._keep,
            blocks=look and self._passes.correction_grid is not None,
        )
        found = self.measure_pieces((last,))[0]
        self._known = look
        return found

    def measure_pieces(
        self, pieces: tuple[Iterations, ...], accepts: Accepts | None = None
    ) -> Terms:
        """Do what was collected and ``pieces`` in one pass; forget what ``accepts`` refuses."""
        *before, last = split_into_passes(self._pending, self._halo) or [()]
        if halo_of((*last, *pieces)) > self._halo:
            before, last = [*before, last], ()
        self._do(before)
        self._pending = list(last)
        found = self._run((*last, *pieces))
        if accepts is None or accepts(found):
            self._commit()
            self._pending = []
        return found

    def _commit(self) -> None:
        self._passes.commit()
        self._uncorrected, self._known = None, False

    @property
    def _safe(self) -> float:
        return _SAFE[self._passes.picture.dtype.name]

    @property
    def _feasible(self) -> float | None:
        return None if self._single else self._safe

    def _run(self, pieces: tuple[Iterations, ...]) -> Terms:
        """Do a pass. If it begins with a correction, its first measurement is of that."""
        found = self._evaluate(pieces)
        if self._uncorrected is None:
            return found
        for share in (0.5, 0.0):
            if found[0].dual_energy < self._uncorrected:
                break
            self._passes.share_correction(share)
            found = self._evaluate(pieces)
        return found[1:]

    def _evaluate(self, pieces: tuple[Iterations, ...]) -> Terms:
        energy, shape = self._passes.tiled.energy, self._shape
        steps = [piece.tau for piece in pieces if piece.measure]
        if not steps:
            self._passes.run(pieces, self._feasible)
            return []
        if self._single:
            total = self._passes.run(pieces, None)
            found = [
                single_terms(energy, shape, tau, row, self._width)
                for tau, row in zip(steps, total, strict=True)
            ]
            if not any(terms is None for terms in found):
                return [terms for terms in found if terms is not None]
            self._single = False
        total = self._passes.run(pieces, self._safe)
        largest = float(total[:, 0].max())
        if largest * self._safe > 1 - 2 * _EPS:  # a first flux that was not projected
            total = self._passes.run(pieces, self._safe / largest)
        return [exact_terms(energy, shape, tau, row) for tau, row in zip(steps, total, strict=True)]

    def finish(self) -> None:
        """Do what was collected, for the last time."""
        self._do(split_into_passes(self._pending, self._halo))
        self._pending = []

    def _do(self, groups: Sequence[tuple[Iterations, ...]]) -> None:
        for group in groups:
            if group:
                self._run(group)
                self._commit()


def refining_of(levels: int, halo: int) -> tuple[int, ...]:
    """How often tiles iterate on the grids between that of a correction and the image.

    On as many as the ``halo`` allows, if possible with a step's iterations after the correction.
    """
    for count, after in product(range(levels - 1, 0, -1), (_AFTER, SMOOTHING + 2)):
        most = (halo - after) // (2 ** (count + 1) - 2) - 2
        if most >= _FEWEST:
            return (min(most, _ENOUGH),) * count
    return ()


def split_into_passes(pieces: Sequence[Iterations], halo: int) -> list[tuple[Iterations, ...]]:
    """Divide pieces into passes that need no more than this halo."""
    groups: list[tuple[Iterations, ...]] = []
    for piece in pieces:
        if groups and halo_of((*groups[-1], piece)) <= halo:
            groups[-1] = (*groups[-1], piece)
        else:
            groups.append((piece,))
    return groups
