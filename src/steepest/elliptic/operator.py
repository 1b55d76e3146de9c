"""The operator of the equation ``(excess - div(weights grad)) u = b`` on a grid."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Operator:
    """``(A u)_p = excess_p u_p + sum over neighbours q of w_pq (u_p - u_q)``, reflecting boundary.

    Pixels with infinite excess are not unknowns: u is 0 there and the equation is dropped. On the
    other pixels A is symmetric, and positive definite if each of their connected components has a
    pixel with positive excess or a neighbour with infinite excess.

    ``excess`` (\\*space) is float64, with two or three axes. ``weights`` are one number per axis,
    first axis first, or one array of ``excess.shape`` per axis, whose entry i couples the pixels i
    and i + 1 along that axis (the last entry is not used).
    """

    excess: np.ndarray
    weights: tuple[float, ...] | tuple[np.ndarray, ...]

    @property
    def active(self) -> np.ndarray:
        """Boolean array, True at the unknowns."""
        return np.isfinite(self.excess)

    @property
    def uniform(self) -> bool:
        """Whether the weights are one number per axis."""
        return not isinstance(self.weights[0], np.ndarray)

    def weight(self, axis: int) -> np.ndarray | float:
        """Couplings of neighbours along one axis, broadcastable to ``u[1:] - u[:-1]``."""
        w = self.weights[axis]
        return w[neighbours(axis, w.ndim)[0]] if isinstance(w, np.ndarray) else w

    def couple(self, u: np.ndarray) -> np.ndarray:
        """``sum over neighbours of w_pq u_q``, for (\\*leading, \\*space)."""
        out = np.zeros_like(u)
        for axis in range(self.excess.ndim):
            w, (head, tail) = self.weight(axis), neighbours(axis, self.excess.ndim)
            out[tail] += w * u[head]
            out[head] += w * u[tail]
        return out

    def diagonal(self) -> np.ndarray:
        """The diagonal of A; zero where u is held at zero."""
        total = self.couple(np.ones(self.excess.shape)) + np.where(self.active, self.excess, 0)
        return np.where(self.active, total, 0)

    def apply(self, u: np.ndarray) -> np.ndarray:
        """``A u`` for (\\*leading, \\*space); u must be zero where it is held at zero."""
        return np.where(self.active, self.diagonal() * u - self.couple(u), 0)


def neighbours(axis: int, ndim: int) -> tuple[Any, Any]:
    """Indices of all pixels but the last, and all but the first, along one of the last ``ndim``
    axes.
    """
    after = (slice(None),) * (ndim - axis - 1)
    before: tuple[Any, ...] = (..., *(slice(None),) * axis)
    return (*before, slice(None, -1), *after), (*before, slice(1, None), *after)
