"""Lines and subspaces with the least sum of distances from points: robust principal components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.core.numbers import check_count, check_numbers
from steepest.core.status import Status

_SMOOTHING = 1e-2, 1e-4, 1e-7, 1e-10  # of the points' size; the last one is what is solved
_MAX_ITER = 300  # for each of them
_FINISHED = 2  # of the starts
_STATIONARY = 1e-6  # norm of the energy's gradient, relative to the energy of the zero subspace


@dataclass(frozen=True, eq=False)
class Subspace:
    """An affine subspace through points.

    Attributes
    ----------
    center : array (d,)
        A point of the subspace.
    components : array (k, d)
        Orthonormal directions, the most important one first.
    energy : float
        Sum of the Euclidean distances of the points from the subspace.
    iterations : int
        Iterations of the start that gave the result; 0 where the minimum was enumerated.
    status : Status
    """

    center: np.ndarray
    components: np.ndarray
    energy: float
    iterations: int
    status: Status

    def transform(self, points: Any) -> np.ndarray:
        """Return the coordinates (n, k) of points (n, d) along the components."""
        return (self._checked(points) - self.center) @ self.components.T

    def inverse_transform(self, scores: Any) -> np.ndarray:
        """Return the points (n, d) of the subspace with these coordinates (n, k)."""
        return np.asarray(scores, float) @ self.components + self.center

    def distances(self, points: Any) -> np.ndarray:
        """Return the distances (n,) of points (n, d) from the subspace."""
        return _norms(_rest(self._checked(points) - self.center, self.components.T))

    def _checked(self, points: Any) -> np.ndarray:
        points = np.asarray(points, float)
        if points.ndim != 2 or points.shape[1] != len(self.center):
            raise InputError(
                f"points must have the shape (n, {len(self.center)}), not {points.shape}"
            )
        return points


def principal_components(
    points: Any, n_components: int = 2, *, center: Any = "median", num_starts: int = 10,
    rng: Any = 0,
) -> Subspace:  # fmt: skip
    """Find the subspace with the least sum of distances from the points.

    Minimises ``sum_i |(I - U U^T) (x_i - c)|`` over the d x k matrices U with orthonormal columns:
    principal component analysis with distances in place of their squares, so that outliers
    weigh less (rotational-invariant L1 norm). Unlike the lines of `principal_lines`, all components
    are found together; for one component the two functions solve the same problem.

    Parameters
    ----------
    points : array (n, d)
        One point per row, finite.
    n_components : int
        Dimension k of the subspace, from 1 to d - 1 and at most n.
    center : "median" or array (d,)
        The point c in the subspace. "median" is the geometric median of the points, with the least
        sum of distances from them. Zeros give a subspace through the origin.
    num_starts : int
        The energy is not convex. Of this many starts (principal components, those of the points
        projected to a sphere, then random points), the best result is returned.
    rng : int or numpy.random.Generator
        For the random starts.

    Returns
    -------
    Subspace
        In float64. The components are the principal axes of the points in the subspace, each point
        weighted by the inverse of its distance from the center. The status is STATIONARY, since a
        lower minimum elsewhere is not excluded.

    Raises
    ------
    InputError
        If the points are not a finite matrix of the right size, all are equal, or the center has
        another dimension.

    Notes
    -----
    Each step takes the k leading eigenvectors of ``sum_i w_i x_i x_i^T`` with ``w_i = 1 /
    max(|r_i|, e)`` and the distances r_i, and lowers the energy in which distances below e are
    squared; e decreases to 1e-10 of the points' size. A step costs O(n d (d + k)) operations, with
    d replaced by n if that is smaller.

    References
    ----------
    Ding, Zhou, He & Zha, *R1-PCA*, ICML 2006. Neumayer, Nimmer, Setzer & Steidl, *On the rotational
    invariant L1-norm PCA*, Linear Algebra and its Applications 587 (2020).

    Examples
    --------
    >>> plane = principal_components(points, 2)          # doctest: +SKIP
    >>> outliers = plane.distances(points) > 3                           # doctest: +SKIP
    """
    points, c = _centered(points, center)
    k = check_count(n_components, "n_components", least=1, most=min(points.shape))
    if k == points.shape[1]:
        raise InputError(
            f"n_components must be less than the dimension of the points ({k}): "
            "the whole space has no distance from them"
        )
    basis, iterations, status = _best(points, k, check_count(num_starts, "num_starts"), rng)
    basis = basis @ _axes(points @ basis)
    return Subspace(c, basis.T, _energy(points, basis), iterations, status)


def principal_lines(
    points: Any, n_components: int = 1, *, center: Any = "median", num_starts: int = 10,
    rng: Any = 0,
) -> Subspace:  # fmt: skip
    """Find lines with the least sum of distances from the points, one after the other.

    The first direction minimises ``E(u) = sum_i |(I - u u^T) (x_i - c)|`` over unit vectors u.
    Each next one does the same for the points projected to the complement of those before.

    Parameters
    ----------
    points, center, num_starts, rng
        As in `principal_components`.
    n_components : int
        Number k of directions, from 1 to d and at most n.

    Returns
    -------
    Subspace
        In float64. The energy is the sum of distances from the span of the directions. In the
        plane, and wherever only two dimensions are left, the minimum is exact: E is concave between
        the directions of the points, so the best of these is a minimiser, found in O(n log n). If
        this holds for all components, the status is CONVERGED, otherwise STATIONARY.

    Raises
    ------
    InputError
        As in `principal_components`.

    Notes
    -----
    E is not differentiable at the directions of the points (anchors). An anchor u is a local
    minimiser if the gradient g of the other points' energy on the sphere has ``|g| < sum |x_k|``
    over the points on the line, since this is the one-sided derivative of their distances. If an
    anchor is not, the iteration leaves it along -g.

    References
    ----------
    Neumayer, Nimmer, Setzer & Steidl, *On the robust PCA and Weiszfeld's algorithm*, Applied
    Mathematics & Optimization 82 (2020).

    Examples
    --------
    >>> line = principal_lines(points)                   # doctest: +SKIP
    >>> line.components[0], line.center                                  # doctest: +SKIP
    """
    points, c = _centered(points, center)
    k = check_count(n_components, "n_components", least=1, most=min(points.shape))
    num_starts = check_count(num_starts, "num_starts")
    rng = np.random.default_rng(rng)
    basis = np.zeros((points.shape[1], 0))
    rest, iterations, statuses = points, 0, []
    for _ in range(k):
        line, steps, status = _best(rest, 1, num_starts, rng)
        line = line - basis @ (basis.T @ line)
        basis = np.hstack([basis, line / _norms(line.T)])
        rest = _rest(points, basis)
        iterations += steps
        statuses.append(status)
    return Subspace(c, basis.T, _energy(points, basis), iterations, Status.worst(statuses))


def _centered(points: Any, center: Any) -> tuple[np.ndarray, np.ndarray]:
    points = check_numbers(points, "points")
    if points.ndim != 2 or points.shape[1] < 2 or not len(points):
        raise InputError(f"points must have the shape (n, d) with d >= 2, not {points.shape}")
    if isinstance(center, str):
        if center != "median":
            raise InputError(f"center must be 'median' or an array, not {center!r}")
        c = geometric_median(points)
    else:
        c = check_numbers(center, "center")
        if c.shape != points.shape[1:]:
            raise InputError(
                f"center must have the shape {points.shape[1:]} of a point, not {c.shape}"
            )
    points = points - c
    if not points.any():
        raise InputError("points are all equal to the center: no direction is better than another")
    return points, c


def geometric_median(points: np.ndarray) -> np.ndarray:
    """The point with the least sum of distances from the rows of an (n, d) array.

    Weiszfeld's iteration, with shorter steps at data points as Vardi and Zhang (2000) showed.
    """
    y = np.median(points, axis=0)
    size = np.abs(points - y).max() or 1.0
    for _ in range(1000):
        apart = points - y
        r = _norms(apart)
        here = r <= 1e-12 * size
        w = np.where(here, 0.0, 1 / np.where(here, 1.0, r))
        if not w.any():
            return y
        pull = w @ apart
        length = np.linalg.norm(pull)
        step = pull / w.sum() * max(0.0, 1 - here.sum() / max(length, 1e-300))
        y = y + step
        if np.linalg.norm(step) <= 1e-12 * size:
            break
    return y


def _best(points: np.ndarray, k: int, num_starts: int, rng: Any) -> tuple[np.ndarray, int, Status]:
    """Return the best basis (d, k) of all starts, its iterations and its status."""
    size = _norms(points)
    kept = points[size > 1e-12 * size.max()]
    # the span of the points: all that follows has its dimension
    _, s, vt = np.linalg.svd(kept, full_matrices=False)
    span = vt[s > 1e-12 * s[0]].T
    if span.shape[1] <= k:
        return np.linalg.svd(span)[0][:, :k], 0, Status.CONVERGED
    x = kept @ span
    if k == 1 and x.shape[1] == 2:
        return span @ _enumerated(x)[:, None], 0, Status.CONVERGED
    rng = np.random.default_rng(rng)
    # most starts lead to the same few minima: only the best of the smooth problem go on
    rough = [_descend(x, start, _SMOOTHING[0]) for start in _starts(x, k, num_starts, rng)]
    rough.sort(key=lambda result: _energy(x, result[0]))
    found = [_finish(x, *result) for result in rough[:_FINISHED]]
    basis, iterations, status = min(found, key=lambda result: _energy(x, result[0]))
    return span @ basis, iterations, status


def _starts(x: np.ndarray, k: int, num_starts: int, rng: np.random.Generator) -> list[np.ndarray]:
    starts = [_leading(x.T @ x, k)]
    sphere = x / _norms(x)[:, None]
    starts.append(_leading(sphere.T @ sphere, k))
    while len(starts) < num_starts:
        chosen = sphere[rng.choice(len(x), k, replace=False)]
        q, r = np.linalg.qr(chosen.T)
        if np.abs(np.diag(r)).min() > 1e-8:
            starts.append(q)
        elif len(x) <= 2 * k:  # hardly any other choice
            break
    return starts[:num_starts]


def _descend(x: np.ndarray, basis: np.ndarray, smoothing: float) -> tuple[np.ndarray, int]:
    """Minimise the energy in which distances below ``smoothing`` (relative) are squared."""
    size = smoothing * float(np.median(_norms(x)))
    iteration = 0
    while iteration < _MAX_ITER:
        iteration += 1
        w = 1 / np.maximum(_norms(_rest(x, basis)), size)
        new = _leading(x.T @ (w[:, None] * x), basis.shape[1])
        moved = np.linalg.norm(_rest(new.T, basis))
        basis = new
        if moved <= 1e-3 * smoothing:
            break
    return basis, iteration


def _finish(x: np.ndarray, basis: np.ndarray, iterations: int) -> tuple[np.ndarray, int, Status]:
    """Go on with less and less smoothing."""
    for smoothing in _SMOOTHING[1:]:
        basis, more = _descend(x, basis, smoothing)
        iterations += more
    if basis.shape[1] == 1:
        return _settle(x, basis, iterations)
    w = 1 / np.maximum(_norms(_rest(x, basis)), _SMOOTHING[-1] * float(np.median(_norms(x))))
    gradient = _rest((x.T @ (w[:, None] * (x @ basis))).T, basis)
    ok = np.linalg.norm(gradient) <= _STATIONARY * _norms(x).sum()
    return basis, iterations, Status.STATIONARY if ok else Status.MAX_ITERATIONS


def _settle(x: np.ndarray, basis: np.ndarray, iterations: int) -> tuple[np.ndarray, int, Status]:
    """Take the nearest anchor where it is better, test it by one-sided derivatives, or leave it."""
    sizes = _norms(x)
    u = basis[:, 0]
    for _ in range(20):
        anchor = x[np.argmin(_norms(_rest(x, u[:, None])) / sizes)]
        anchor = anchor / np.linalg.norm(anchor)
        if _energy(x, anchor[:, None]) <= _energy(x, u[:, None]) * (1 + 1e-14):
            u = anchor
        rest = _rest(x, u[:, None])
        r = _norms(rest)
        on_line = r <= 1e-9 * sizes
        along = x @ u
        w = np.where(on_line, 0.0, along / np.where(on_line, 1.0, r))
        descent = w @ rest  # minus the gradient of the others' energy, in the tangent space
        length = np.linalg.norm(descent)
        excess = length - sizes[on_line].sum()  # rate at which the energy falls along `descent`
        if excess <= _STATIONARY * sizes.sum():
            return u[:, None], iterations, Status.STATIONARY
        before, angle = _energy(x, u[:, None]), 0.5
        while angle > 1e-12:
            new = np.cos(angle) * u + np.sin(angle) * descent / length
            if _energy(x, new[:, None]) < before:
                break
            angle /= 2
        else:
            break
        u, iterations = new, iterations + 1
        for _ in range(_MAX_ITER):  # Weiszfeld's steps from there
            r = np.maximum(_norms(_rest(x, u[:, None])), 1e-12 * sizes)
            new = (x @ u / r) @ x
            new /= np.linalg.norm(new)
            iterations += 1
            moved = np.linalg.norm(new - u)
            u = new
            if moved <= 1e-12:
                break
    return u[:, None], iterations, Status.MAX_ITERATIONS


def _enumerated(x: np.ndarray) -> np.ndarray:
    """Return the unit vector of least energy for points in the plane.

    Between two neighbouring directions of points, E is a sum of sines of angles in (0, pi), so it
    is concave: a minimum lies at a point's direction. With the points turned into one half plane
    and sorted by angle, the sum of distances from the line of point j is one cross product.
    """
    flip = (x[:, 1] < 0) | ((x[:, 1] == 0) & (x[:, 0] < 0))
    x = np.where(flip[:, None], -x, x)
    x = x[np.argsort(np.arctan2(x[:, 1], x[:, 0]))]
    unit = x / _norms(x)[:, None]
    before = np.cumsum(x, axis=0)
    difference = before[-1] - 2 * before
    energies = unit[:, 0] * difference[:, 1] - unit[:, 1] * difference[:, 0]
    return unit[np.argmin(energies)]


def _leading(matrix: np.ndarray, k: int) -> np.ndarray:
    """Return the k leading eigenvectors (d, k) of a symmetric matrix."""
    return np.linalg.eigh(matrix)[1][:, : -k - 1 : -1]


def _axes(scores: np.ndarray) -> np.ndarray:
    """Return the principal axes of coordinates (n, k), in which each point weighs by its norm."""
    sizes = _norms(scores)
    w = 1 / np.where(sizes > 0, sizes, 1.0)
    return _leading(scores.T @ (w[:, None] * scores), scores.shape[1])


def _energy(points: np.ndarray, basis: np.ndarray) -> float:
    return float(_norms(_rest(points, basis)).sum())


def _rest(points: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return what is left of the rows when their projections to the basis (d, k) are taken off."""
    return points - (points @ basis) @ basis.T


def _norms(rows: np.ndarray) -> np.ndarray:
    return np.sqrt((rows**2).sum(axis=1))
