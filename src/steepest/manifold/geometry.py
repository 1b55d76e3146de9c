"""The interface of manifolds, manifolds by name, and checks of points."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from ..core.arrays import as_array
from ..core.errors import InputError

Curvature = Literal["flat", "nonpositive", "positive"]
_NAMED = {"circle": "Circle", "sphere": "Sphere", "rotations": "Rotations", "spd": "SPD"}


@runtime_checkable
class Manifold(Protocol):
    """A Riemannian manifold of ``dimension`` d, as functions of n points or pairs of points.

    Points are C-contiguous float64 arrays ``(n, *point_shape)``. A tangent vector at ``x`` is given
    by its d coordinates in an orthonormal frame, which depends on ``x`` alone; so the norm of the
    coordinates is the length of the vector. All functions treat each of the n pairs by itself, and
    the GIL is released where they are compiled: a caller with several threads splits the points.
    """

    @property
    def dimension(self) -> int:
        """Dimension d of the manifold."""

    @property
    def point_shape(self) -> tuple[int, ...]:
        """Shape of the array that represents one point."""

    @property
    def embedding_shape(self) -> tuple[int, ...]:
        """Shape of one embedded point."""

    @property
    def curvature(self) -> Curvature:
        """Sign of the sectional curvatures, which decides what can be certified."""

    def check(self, points: Any, name: str) -> np.ndarray:
        """Return points of a caller, ``(n, *point_shape)``, as exact points in float64.

        Raises `InputError`, which names the argument ``name``, if they are no points.
        """

    def embed(self, points: np.ndarray) -> np.ndarray:
        """Return the points in a Euclidean space, ``(n, *embedding_shape)``."""

    def project(self, ambient: np.ndarray) -> np.ndarray:
        """Return the points embedded nearest to ``ambient``, ``(n, *embedding_shape)``."""

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the geodesic distances (n,)."""
        log = self.log(x, y)
        return np.sqrt(np.einsum("nd,nd->n", log, log))

    def log(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the initial velocities (n, d) at ``x`` of shortest geodesics that reach ``y``.

        Where there are several, one is chosen; the result is always finite.
        """

    def exp(self, x: np.ndarray, xi: np.ndarray) -> np.ndarray:
        """Return where geodesics from ``x`` with initial velocities ``xi`` (n, d) are at time 1."""

    def transport(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return orthogonal matrices (n, d, d) that carry coordinates at ``y`` to those at ``x``.

        It is parallel transport along the geodesic of ``log(x, y)``; by default the identity, as on
        flat manifolds.
        """
        return np.tile(np.eye(self.dimension), (len(x), 1, 1))

    def halving(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the derivative of the midpoint of ``x`` and ``z`` by ``x``, in the frame at ``x``.

        It is the symmetric matrix (n, d, d) with the eigenvalues sin(l/2) / sin(l) for
        l = distance * sqrt(curvature), sinh for negative curvature, along the eigenvectors of the
        curvature along the geodesic, by default those of flat manifolds. Transport to the midpoint
        completes it.
        """
        return np.tile(0.5 * np.eye(self.dimension), (len(x), 1, 1))

    def curvature_operator(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the matrices (n, d, d) of ``w -> R(u, w) v``, of tangent vectors at one point.

        R is the Riemann curvature tensor, with ``<R(u, w) w, u>`` positive on spheres. Only total
        generalised variation needs it; the default is that of flat manifolds.
        """
        return np.zeros((*u.shape, u.shape[1]))

    def midpoint(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the middle of the geodesic of ``log(x, z)``."""
        return self.exp(x, 0.5 * self.log(x, z))

    def midpoint_differential(self, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives (n, d, d) of the midpoint c by ``x`` and by ``z``.

        They carry coordinates at ``x`` and ``z`` to coordinates at c.
        """
        c = self.midpoint(x, z)
        return (
            self.transport(c, x) @ self.halving(x, z),
            self.transport(c, z) @ self.halving(z, x),
        )


def as_manifold(manifold: str | Manifold, shape: Sequence[int] = ()) -> Manifold:
    """Return a manifold given by itself or by name: circle, sphere, rotations or spd.

    ``shape`` is that of the image. Its last axis decides the dimension of the sphere and the size
    of the matrices; without it, the sphere is in three dimensions and matrices are 3 x 3.
    """
    if not isinstance(manifold, str):
        if isinstance(manifold, Manifold) and not isinstance(manifold, type):
            return manifold
        raise InputError(f"manifold={manifold!r}; allowed are {_allowed()}")
    if manifold not in _NAMED:
        raise InputError(f"manifold={manifold!r}; allowed are {_allowed()}")
    kind = getattr(import_module(f".{manifold}", __package__), _NAMED[manifold])
    if manifold == "sphere" and len(shape) > 1:
        return kind(shape[-1] - 1)
    if manifold == "spd" and len(shape) > 2:
        return kind(shape[-1])
    return kind()


def _allowed() -> str:
    names = ", ".join(repr(name) for name in _NAMED)
    return f"{names} and manifolds such as steepest.manifold.Rotations(symmetry='m-3m')"


def check_points(
    points: Any, name: str, point_shape: tuple[int, ...], kind: str, most: float = np.inf
) -> np.ndarray:
    """Return finite numbers ``(n, *point_shape)`` in float64; ``kind`` says what they represent."""
    array = as_array(points, name)
    if array.dtype.kind not in "fiu" or array.shape[1:] != point_shape or not array.ndim:
        raise InputError(
            f"{name} with {array.dtype} values of shape {array.shape}; allowed are {kind}: real "
            f"numbers of shape (n{''.join(f', {size}' for size in point_shape)})"
        )
    array = np.require(array, np.float64, ["C", "W"])
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds NaN or infinite values; every value must be finite")
    if (np.abs(array) > most).any():
        raise InputError(
            f"{name} holds {array.flat[np.abs(array).argmax()]:g}; allowed are {kind} of at most "
            f"{most:g} (mark pixels without data by known=)"
        )
    return array


def check_unit(points: Any, name: str, size: int, kind: str) -> np.ndarray:
    """Return vectors (n, size) divided by their norms, which must be 1 up to rounding of data."""
    array = check_points(points, name, (size,), kind)
    norm = np.linalg.norm(array, axis=-1, keepdims=True)
    if not (np.abs(norm - 1) <= 0.01).all():
        worst = norm.flat[np.argmax(np.abs(norm - 1))]
        raise InputError(
            f"{name} holds a vector of length {worst:g}; allowed are {kind}, of length 1 "
            "(divide each by its length)"
        )
    return array / norm


def evaluate(kernel: Callable[..., None], shape: Any, *arrays: np.ndarray) -> np.ndarray:
    """Call a kernel of `compiled` with a new array (float64) as its last argument; return it."""
    out = np.empty(shape)
    kernel(*arrays, out)
    return out


def constant_curvature(u: np.ndarray, v: np.ndarray, curvature: float) -> np.ndarray:
    """Return the matrices of ``w -> curvature (<w, v> u - <u, v> w)``."""
    inner = np.einsum("nd,nd->n", u, v)[:, None, None]
    return curvature * (u[:, :, None] * v[:, None, :] - inner * np.eye(u.shape[1]))
