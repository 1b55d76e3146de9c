"""Anisotropic diffusion ``-div(D grad u)`` on 3x3 pixels: from a tensor field to a system.

Cells lie between four pixels; those over the image's border lie between mirrored ones. With the
mean differences d_x, d_y of a cell and its twist s = u00 + u11 - u01 - u10, the energy is

    1/2 sum over cells of  a d_x^2 + 2 b d_x d_y + c d_y^2 + (a + c) s^2 / 4

for D = [[a, b], [b, c]], positive unless all cells are constant, so that its gradient is a
consistent, symmetric, positive semi-definite operator of which the constants are the null space.
(The first three terms alone do not see a checkerboard.) It joins neighbours along x by a/2 a cell,
along y by c/2, on the diagonals by b/2 and -b/2, so that there is no maximum principle; for D = 1
it is the 5-point Laplacian. Weickert, Welk & Wickert (SSVM 2013) compare such discretisations. The
smaller factor of the twist that leaves no diagonal negative, (a + c - 2 |b|) / 4, inpaints random
pixels by 0.1 dB worse to 0.05 dB better, and slanted edges across holes with 11 to 27 % less error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np

from .hierarchy import build
from .operator import Operator
from .preconditioned import Map, System, one_cycle


@dataclass(frozen=True, eq=False)
class Couplings:
    """Weights of ``sum over pairs of w (u_p - u_q)^2 / 2``, each (H, W).

    ``across[i, j]`` joins (i, j) with (i, j + 1), ``down`` with (i + 1, j), ``falling`` with
    (i + 1, j + 1), and ``rising[i, j]`` joins (i, j + 1) with (i + 1, j). Zero where there is no
    such pixel.
    """

    across: np.ndarray
    down: np.ndarray
    falling: np.ndarray
    rising: np.ndarray

    def apply(self, u: np.ndarray) -> np.ndarray:
        """``sum over the 8 neighbours of w (u_p - u_q)`` for (H, W)."""
        out = np.zeros(u.shape)
        _apply(out, u, self.across, self.down, self.falling, self.rising)
        return out


@nb.njit(cache=True, nogil=True)
def _apply(
    out: np.ndarray,
    u: np.ndarray,
    across: np.ndarray,
    down: np.ndarray,
    falling: np.ndarray,
    rising: np.ndarray,
) -> None:
    height, width = u.shape
    for i in range(height):
        for j in range(width - 1):
            flux = across[i, j] * (u[i, j] - u[i, j + 1])
            out[i, j] += flux
            out[i, j + 1] -= flux
        if i + 1 < height:
            for j in range(width):
                flux = down[i, j] * (u[i, j] - u[i + 1, j])
                out[i, j] += flux
                out[i + 1, j] -= flux
            for j in range(width - 1):
                flux = falling[i, j] * (u[i, j] - u[i + 1, j + 1])
                out[i, j] += flux
                out[i + 1, j + 1] -= flux
                flux = rising[i, j] * (u[i, j + 1] - u[i + 1, j])
                out[i, j + 1] += flux
                out[i + 1, j] -= flux


def couplings(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> Couplings:
    """The weights of a tensor field on the cells, each (H + 1, W + 1); x is the last axis.

    The outer cells are those over the border; of them half lies in the image.
    """
    across, down = a / 2, c / 2
    parts = [np.zeros((len(a) - 1, a.shape[1] - 1)) for _ in range(4)]
    parts[0][:, :-1] = across[:-1, 1:-1] + across[1:, 1:-1]
    parts[1][:-1] = down[1:-1, :-1] + down[1:-1, 1:]
    parts[2][:-1, :-1] = b[1:-1, 1:-1] / 2
    parts[3][:-1, :-1] = -parts[2][:-1, :-1]
    return Couplings(*parts)


def system(a: np.ndarray, b: np.ndarray, c: np.ndarray, known: np.ndarray) -> System:
    """``-div(D grad u) = 0`` at unknown pixels, preconditioned by one 5-point multigrid cycle.

    The cycle is that of the same energy without b, whose pixels are joined along the axes.
    """
    weights = couplings(a, b, c)
    hierarchy = build(Operator(np.where(known, np.inf, 0.0), (weights.down, weights.across)))

    def maps() -> tuple[Map, Map]:
        return weights.apply, one_cycle(hierarchy)

    return System(maps, ~known)
