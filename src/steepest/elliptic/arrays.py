"""The solver in plain array code for NumPy and torch: the reference, and the solver on a GPU.

All right-hand sides are iterated together, each with its own step lengths. The preconditioner is
one V cycle in float32, with the couplings, scaling and smoother of the compiled one. (A W cycle
would leave a GPU idle on small grids.)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..core.namespace import Array, cast, namespace
from .cycle import OMEGAS, SCALE
from .hierarchy import build, plan, typical_couplings
from .operator import Operator, couple, neighbours
from .solve import Solution, solve
from .watching import Watch

_COARSEST_SWEEPS = 8
_LOOK_EVERY = 2  # iterations between tests of the norm, each of which makes a GPU wait


@dataclass(frozen=True, eq=False)
class Grid:
    """One level: couplings between active neighbours along each axis, diagonal and its inverse."""

    weights: tuple[Array, ...]
    diagonal: Array
    inverse: Array
    factors: tuple[int, ...]

    def apply(self, u: Array) -> Array:
        """``A u``, where u is zero at inactive pixels."""
        return self.diagonal * u - couple(u, self.weights)


def sum_blocks(array: Array, factors: tuple[int, ...]) -> Array:
    """Sums over blocks of ``factors`` pixels of the last axes; the last blocks may be smaller."""
    ahead = array.ndim - len(factors)
    shape = (
        *array.shape[:ahead],
        *(-(-n // f) for n, f in zip(array.shape[ahead:], factors, strict=True)),
    )
    out = namespace(array).zeros_like(array[(..., *(slice(0, n) for n in shape[ahead:]))])
    for first in product(*(range(f) for f in factors)):
        part = array[(..., *(slice(o, None, f) for o, f in zip(first, factors, strict=True)))]
        out[(..., *(slice(0, n) for n in part.shape[ahead:]))] += part
    return out


def repeat_blocks(array: Array, factors: tuple[int, ...], like: Array) -> Array:
    """The transpose of `sum_blocks`, with the shape of ``like``."""
    out = namespace(like).zeros_like(like)
    for first in product(*(range(f) for f in factors)):
        place = (..., *(slice(o, None, f) for o, f in zip(first, factors, strict=True)))
        size = out[place].shape[-len(factors) :]
        out[place] = array[(..., *(slice(0, n) for n in size))]
    return out


def finest_grid(operator: Operator, like: Array, factors: tuple[int, ...]) -> Grid:
    """The finest level: the operator in float64 on the device of ``like``."""
    active = operator.active
    weights = []
    for axis in range(active.ndim):
        head, tail = neighbours(axis, active.ndim)
        weights.append(operator.weight(axis) * (active[head] & active[tail]))
    diagonal = operator.diagonal()
    inverse = np.divide(1, diagonal, out=np.zeros_like(diagonal), where=diagonal > 0)
    moved = [_near(like, array) for array in (*weights, diagonal, inverse)]
    return Grid(tuple(moved[:-2]), moved[-2], moved[-1], factors)


def coarser(grid: Grid, factors: tuple[int, ...]) -> Grid:
    """The next coarser level: sums of couplings (scaled along coarsened axes) and of excesses."""
    ndim = len(grid.weights)
    ones = cast(grid.inverse > 0, grid.inverse.dtype)
    excess = sum_blocks(grid.diagonal * ones - couple(ones, grid.weights) * ones, grid.factors)
    weights = []
    for axis, w in enumerate(grid.weights):
        f = grid.factors[axis]
        crossing = (*(slice(None),) * axis, slice(f - 1, None, f))
        block = tuple(1 if a == axis else grid.factors[a] for a in range(ndim))
        weights.append(sum_blocks(w[crossing], block) * float(SCALE if f == 2 else 1))
    xp = namespace(excess)
    diagonal = excess + couple(xp.ones_like(excess), tuple(weights))
    safe = xp.where(diagonal > 0, diagonal, xp.ones_like(diagonal))
    inverse = xp.where(diagonal > 0, 1 / safe, xp.zeros_like(diagonal))
    return Grid(tuple(weights), diagonal, inverse, factors)


def build_grids(operator: Operator, like: Array) -> list[Grid]:
    """All levels, finest first, in float64 on the device of ``like``."""
    table, _, _ = plan(operator.excess.shape, typical_couplings(operator), operator.uniform)
    ndim = operator.excess.ndim
    factors = [tuple(int(f) for f in row[7 - ndim : 7]) for row in table]
    grids = [finest_grid(operator, like, factors[0])]
    for own in factors[1:]:
        grids.append(coarser(grids[-1], own))
    return grids


def single(grid: Grid, dtype: Any) -> Grid:
    """The grid converted to another dtype."""
    weights = tuple(cast(w, dtype) for w in grid.weights)
    return Grid(weights, cast(grid.diagonal, dtype), cast(grid.inverse, dtype), grid.factors)


def cycle(grids: list[Grid], r: Array) -> Array:
    """One symmetric V cycle from zero."""
    grid, (one, two) = grids[0], (float(omega) for omega in OMEGAS)
    if len(grids) == 1:
        u = one * grid.inverse * r
        for omega in (two, *(two, one, one, two) * _COARSEST_SWEEPS, two, one):
            u = u + omega * grid.inverse * (r - grid.apply(u))
        return u
    u = one * grid.inverse * r
    u = u + two * grid.inverse * (r - grid.apply(u))
    active = cast(grid.inverse > 0, u.dtype)
    coarse = sum_blocks((r - grid.apply(u)) * active, grid.factors)
    u = u + repeat_blocks(cycle(grids[1:], coarse), grid.factors, u) * active
    u = u + two * grid.inverse * (r - grid.apply(u))
    return u + one * grid.inverse * (r - grid.apply(u))


def solve_arrays(
    operator: Operator,
    start: Array,
    right: Array | None = None,
    *,
    scale: Array | None = None,
    tol: float = 1e-6,
    max_num_iter: int = 100,
    watch: Watch | None = None,
) -> tuple[Array, Array, int]:
    """`steepest.elliptic.solve.solve` for (C, \\*space) float64 arrays or tensors.

    Returns the solutions, the relative residuals (C,) and the number of iterations. ``watch`` makes
    every iteration wait for a GPU to compute its residual.
    """
    xp = namespace(start)
    grids = build_grids(operator, start)
    finest = grids[0]
    half = [single(grid, xp.float32) for grid in grids]
    active = cast(finest.inverse > 0, start.dtype)
    held = start * (1 - active)
    full = _all_couplings(operator, start)
    b = couple(held, full) * active + (0 if right is None else right * active)
    x = start * active
    r = b - finest.apply(x)
    axes = tuple(range(1, start.ndim))
    shape = (-1, *(1,) * (start.ndim - 1))

    def square(a: Array) -> Array:
        return (a * a).sum(axes).reshape(shape)

    weight = 1.0 if scale is None else scale
    reference = square(weight * b)
    target, one = tol * tol * reference, xp.ones_like(reference)

    def relative(r: Array) -> Array:
        return (square(weight * r) / xp.where(reference > 0, reference, one / tol**2)) ** 0.5

    size = square(b)
    unit = xp.where(size > 0, size, one) ** -0.5
    p, before = xp.zeros_like(x), one
    count = 0
    for count in range(max_num_iter + 1):
        done = square(weight * r) <= target
        if count == max_num_iter or (count % _LOOK_EVERY == 0 and bool(done.all())):
            break
        z = cast(cycle(half, cast(unit * r, xp.float32)), start.dtype)
        now = (z * r).sum(axes).reshape(shape)
        p = z + (now / before if count else 0) * p
        q = finest.apply(p)
        curvature = (p * q).sum(axes).reshape(shape)
        going = (curvature > 0) & (now > 0)
        step = xp.where(going, now / xp.where(going, curvature, one), 0 * now)
        x, r = x + step * p, r - step * q
        before = xp.where(now > 0, now, one)
        if watch is not None and watch(float(relative(r).max())):
            count += 1
            break
    return x + held, relative(b - finest.apply(x)).reshape(-1), count


def on_processor(near: Array) -> bool:
    """Whether a tensor (or None) is where the compiled code runs."""
    return near is None or near.device.type == "cpu"


def solve_near(
    near: Array,
    operator: Operator,
    start: np.ndarray,
    right: np.ndarray | None = None,
    scale: np.ndarray | None = None,
    *,
    tol: float,
    max_num_iter: int,
    num_threads: int = 1,
    watch: Watch | None = None,
) -> Solution:
    """`solve` on the device of the tensor ``near``: compiled on a CPU or for None, else as arrays.

    Arguments and results are NumPy arrays; their transfer takes little time compared with the
    iterations.
    """
    if on_processor(near):
        return solve(
            build(operator), start, right, scale=scale, tol=tol, max_num_iter=max_num_iter,
            num_threads=num_threads, watch=watch,
        )  # fmt: skip
    u, residual, count = solve_arrays(
        operator, _near(near, start), _near(near, right), scale=_near(near, scale), tol=tol,
        max_num_iter=max_num_iter, watch=watch,
    )  # fmt: skip
    left, unit = residual.cpu().numpy(), np.ones(len(start))
    return Solution(u.cpu().numpy(), left, unit, np.full(len(start), count))


def _near(like: Array, array: np.ndarray | None) -> Array:
    """An array (or None) where ``like`` is: a tensor on its device, or itself."""
    if array is None or isinstance(like, np.ndarray):
        return array
    return namespace(like).as_tensor(array, device=like.device)


def _all_couplings(operator: Operator, like: Array) -> tuple[Array, ...]:
    """Couplings along each axis, including those to inactive pixels."""
    ndim = operator.excess.ndim
    out = []
    for axis in range(ndim):
        shape = operator.excess[neighbours(axis, ndim)[0]].shape
        w = np.broadcast_to(np.asarray(operator.weight(axis), np.float64), shape).copy()
        out.append(_near(like, w))
    return tuple(out)
