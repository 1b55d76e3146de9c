"""The dual problem of one time step on tiles, with the interface of the solvers in memory.

Everything is decided globally, by the same code as in memory (`convex.solve`): step size, restarts,
momentum, and when the gap is measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..convex.certificate import StepTerms
from ..convex.compiled.terms import exact_terms, single_terms
from .passes import Passes
from .task import Piece

_SAFE = {"float32": 1 - 1e-6, "float64": 1 - 1e-14}  # a projected flux times this is feasible
_EPS = float(np.finfo(np.float64).eps)


class TiledDual:
    """`Dual` of an image on tiles. Iterations are collected, and done when the gap is measured."""

    patience = 400
    correction_cost = math.inf

    def __init__(self, passes: Passes, halo: int) -> None:
        picture = passes.picture
        self._passes, self._halo = passes, halo
        self._shape = (picture.channels, *picture.space)
        self._single = picture.dtype == np.float32 and passes.energy.huber == 0
        self._safe = _SAFE[picture.dtype.name]
        self._pending: list[Piece] = []
        self._restart, self._shrink = False, 1.0
        self.tau = self._relaxation = 1.0

    def set_step(self, tau: float, relaxation: float = 1.0) -> None:
        """Set the step length and the relaxation of the dual step."""
        self.tau, self._relaxation = tau, relaxation

    def restart(self) -> None:
        """Reset the momentum."""
        self._restart = True

    def shrink_flux(self, factor: float) -> None:
        """Multiply the flux by a number in [0, 1] and reset the momentum."""
        self._shrink *= factor
        self._restart = True

    def iterate(self, betas: Sequence[float]) -> None:
        """Collect one iteration for each momentum factor."""
        room = self._halo - 2
        for begin in range(0, len(betas), room):
            self._collect(tuple(betas[begin : begin + room]))

    def _collect(self, betas: tuple[float, ...], **more: Any) -> None:
        piece = Piece(
            self.tau, self._relaxation, betas, restart=self._restart, shrink=self._shrink, **more
        )
        self._pending.append(piece)
        self._restart, self._shrink = False, 1.0

    def measure(self) -> StepTerms:
        """Do what was collected, and evaluate gap and certificate."""
        *before, last = self._pending or [Piece(self.tau, self._relaxation)]
        self._pending = []
        for piece in before:
            self._passes.run((piece,), None)
            self._passes.commit()
        return self.measured((self._measuring(last),))[0]

    def _measuring(self, piece: Piece) -> Piece:
        return Piece(piece.tau, piece.relaxation, piece.betas, piece.restart, piece.shrink, True)

    def measured(self, pieces: tuple[Piece, ...], commit: bool = True) -> list[StepTerms]:
        """Do ``pieces`` in one pass; return the terms of every measurement.

        The pass is done again in float64 where sums in float32 are too coarse.
        """
        energy, shape = self._passes.energy, self._shape
        steps = [piece.tau for piece in pieces if piece.measure]
        found: list[StepTerms | None] = [None]
        if self._single:
            total = self._passes.run(pieces, None)
            found = [
                single_terms(energy, shape, tau, row, shape[-1])
                for tau, row in zip(steps, total, strict=True)
            ]
        if any(terms is None for terms in found):
            self._single = False
            total = self._passes.run(pieces, self._safe)
            largest = float(total[:, 0].max())
            if largest * self._safe > 1 - 2 * _EPS:  # a first flux that was not projected
                total = self._passes.run(pieces, self._safe / max(largest, 1.0))
            found = [
                exact_terms(energy, shape, tau, row) for tau, row in zip(steps, total, strict=True)
            ]
        if commit:
            self._passes.commit()
        return [terms for terms in found if terms is not None]
