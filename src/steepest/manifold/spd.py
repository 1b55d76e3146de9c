"""Symmetric positive definite matrices, such as diffusion and structure tensors."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_choice, check_count
from .compiled import spd as compiled
from .geometry import Curvature, Manifold, check_points, evaluate

_AFFINE, _LOG = "affine-invariant", "log-euclidean"
_WORST = 1e-12  # the smallest ratio of two eigenvalues of a matrix
_LARGEST = 1e100  # eigenvalue, and 1 / the smallest: squares must not overflow


@dataclass(frozen=True)
class SPD(Manifold):
    """Symmetric positive definite matrices. An image of them is (H, W, size, size).

    Parameters
    ----------
    size
        The number of rows, 3 by default.
    metric
        "affine-invariant": the distance is ``|log(x^-1/2 y x^-1/2)|`` (Frobenius); it does not
        change if both matrices become A x A^T. "log-euclidean": ``|log x - log y|``, which is flat,
        so results can be certified, and does not change if both are rotated or scaled.

    Notes
    -----
    Coordinates at ``x`` are those of a symmetric matrix: the diagonal and sqrt(2) times the lower
    triangle, row by row. For a tangent vector u, that matrix is L^-1 u L^-T with the Cholesky
    factor L of x. Embedded points are the coordinates of the matrix logarithm.
    """

    size: int = 3
    metric: str = _AFFINE

    def __post_init__(self) -> None:
        check_count(self.size, "size")
        check_choice(self.metric, "metric", (_AFFINE, _LOG))

    @property
    def dimension(self) -> int:
        return self.size * (self.size + 1) // 2

    @property
    def point_shape(self) -> tuple[int, ...]:
        return (self.size, self.size)

    @property
    def embedding_shape(self) -> tuple[int, ...]:
        return (self.dimension,)

    @property
    def curvature(self) -> Curvature:
        return "flat" if self.metric == _LOG else "nonpositive"

    def check(self, points: Any, name: str) -> np.ndarray:
        allowed = "symmetric positive definite matrices"
        array = check_points(points, name, self.point_shape, allowed)
        transposed = array.transpose(0, 2, 1)
        if not np.allclose(array, transposed, rtol=0, atol=1e-4 * np.abs(array).max(initial=0)):
            raise InputError(f"{name} holds a matrix that is not symmetric; allowed are {allowed}")
        array = (array + transposed) / 2
        least, largest = np.empty(len(array)), np.empty(len(array))
        compiled.extreme_eigenvalues(array, least, largest)
        if largest.max(initial=1) > _LARGEST or 0 < least.min(initial=1) < 1 / _LARGEST:
            raise InputError(
                f"{name} holds eigenvalues from {least.min():g} to {largest.max():g}; allowed are "
                f"{1 / _LARGEST:g} to {_LARGEST:g} (use other units)"
            )
        bad = ~((largest > 0) & (least >= _WORST * largest))
        if bad.any():
            first = int(np.argmax(bad))
            raise InputError(
                f"{name} holds {int(bad.sum())} matrices that are not positive definite or nearly "
                f"singular, the first with eigenvalues from {least[first]:g} to "
                f"{largest[first]:g}; allowed are {allowed} with a smallest eigenvalue of at "
                f"least {_WORST:g} of the largest (raise the small eigenvalues first)"
            )
        return array

    def embed(self, points: np.ndarray) -> np.ndarray:
        return evaluate(compiled.matrix_log, (len(points), self.dimension), points)

    def project(self, ambient: np.ndarray) -> np.ndarray:
        return evaluate(compiled.matrix_exp, (len(ambient), self.size, self.size), ambient)

    def log(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.metric == _LOG:
            return self.embed(y) - self.embed(x)
        return evaluate(compiled.log, (len(x), self.dimension), x, y)

    def exp(self, x: np.ndarray, xi: np.ndarray) -> np.ndarray:
        if self.metric == _LOG:
            return self.project(self.embed(x) + xi)
        return evaluate(compiled.exp, x.shape, x, xi)

    def transport(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.metric == _LOG:
            return super().transport(x, y)
        return evaluate(compiled.transport, (len(x), self.dimension, self.dimension), x, y)

    def halving(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        if self.metric == _LOG:
            return super().halving(x, z)
        return evaluate(compiled.halving, (len(x), self.dimension, self.dimension), x, z)

    def curvature_operator(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        if self.metric == _LOG:
            return super().curvature_operator(u, v)
        rows, columns = np.tril_indices(self.size)
        basis = np.zeros((self.dimension, self.size, self.size))
        entry = np.where(rows == columns, 1, 0.5**0.5)
        basis[range(self.dimension), rows, columns] = entry
        basis[range(self.dimension), columns, rows] = entry
        U, V = (np.einsum("np,pij->nij", w, basis)[:, None] for w in (u, v))
        inner = U @ basis - basis @ U
        return np.einsum("pij,nqij->npq", basis, V @ inner - inner @ V) / 4
