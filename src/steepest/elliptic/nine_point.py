"""Anisotropic diffusion ``-div(D grad u)`` with a 3x3 stencil: from a tensor field to a system.

A cell lies between four pixels; cells over the image's border lie between mirrored pixels. With the
mean differences d_x, d_y of a cell and its twist s = u00 + u11 - u01 - u10, the energy is

    1/2 sum over cells of  a d_x^2 + 2 b d_x d_y + c d_y^2 + (a + c) s^2 / 4

for D = [[a, b], [b, c]]. It is positive unless all cells are constant, so its gradient is a
consistent, symmetric, positive semi-definite operator whose null space is the constants. (The first
three terms alone vanish on a checkerboard.) Per cell, it couples neighbours along x by a/2, along y
by c/2, and on the diagonals by b/2 and -b/2; because of the negative coupling there is no maximum
principle. For D = 1 it is the 5-point Laplacian. Weickert, Welk & Wickert (SSVM 2013) compare such
discretisations. With the smaller factor (a + c - 2 |b|) / 4 of the twist no diagonal coupling is
negative; it changes inpainting from random pixels by -0.1 to 0.05 dB and reduces the error of
slanted edges across holes by 11 to 27 %.
"""

from dataclasses import dataclass

import numpy as np

from ..core.compiled import exact_kernel
from .hierarchy import build
from .operator import Operator
from .preconditioned import Map, System, one_cycle


@dataclass(frozen=True, eq=False)
class Couplings:
    """Weights of ``sum over pairs of w (u_p - u_q)^2 / 2``, each (H, W).

    ``across[i, j]`` couples (i, j) with (i, j + 1), ``down[i, j]`` with (i + 1, j),
    ``falling[i, j]`` with (i + 1, j + 1), and ``rising[i, j]`` couples (i, j + 1) with (i + 1, j).
    A weight is zero if one of its pixels does not exist.
    """

    across: np.ndarray
    down: np.ndarray
    falling: np.ndarray
    rising: np.ndarray

    def apply(self, u: np.ndarray) -> np.ndarray:
        """``sum over the 8 neighbours of w (u_p - u_q)``, for an image (H, W)."""
        out = np.zeros(u.shape)
        _apply(out, u, self.across, self.down, self.falling, self.rising)
        return out


@exact_kernel
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
    """The weights of a tensor field on the cells, each (H + 1, W + 1), the outer ones half inside;
    x is last.
    """
    across, down = a / 2, c / 2
    parts = [np.zeros((len(a) - 1, a.shape[1] - 1)) for _ in range(4)]
    parts[0][:, :-1] = across[:-1, 1:-1] + across[1:, 1:-1]
    parts[1][:-1] = down[1:-1, :-1] + down[1:-1, 1:]
    parts[2][:-1, :-1] = b[1:-1, 1:-1] / 2
    parts[3][:-1, :-1] = -parts[2][:-1, :-1]
    return Couplings(*parts)


def system(a: np.ndarray, b: np.ndarray, c: np.ndarray, known: np.ndarray) -> System:
    """``-div(D grad u) = 0`` at unknown pixels, preconditioned by a 5-point multigrid cycle without
    b.
    """
    weights = couplings(a, b, c)
    hierarchy = build(Operator(np.where(known, np.inf, 0.0), (weights.down, weights.across)))

    def maps() -> tuple[Map, Map]:
        return weights.apply, one_cycle(hierarchy)

    return System(maps, ~known)
