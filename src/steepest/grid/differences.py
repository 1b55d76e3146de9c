"""Finite differences along the axes of a grid, for the whole library.

For the conventions see docs/conventions. ``boundary`` defines the pixel outside the image:
"neumann" repeats the border pixel, "zero" is 0 (as the padding of a convolution), and "periodic" is
the pixel at the other end. All functions are linear, accept NumPy arrays and torch tensors, and
keep dtype and device. Tensors support autograd (both modes, any order), vmap and export.

Axes are counted from the front. Arguments are not checked, because solvers call these functions
thousands of times; `steepest.gradient` and `steepest.divergence` are the checked versions
(`checked`).
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add

import numpy as np

from ..core.namespace import Array, is_torch, namespace
from ..core.numbers import check_choice

BOUNDARIES = ("neumann", "zero", "periodic")
FLUX_BOUNDARIES = ("neumann", "periodic")  # for which gradient and divergence are adjoint

Index = tuple[slice, ...]


def check_boundary(boundary: str) -> str:
    """``boundary``, if it is one of `BOUNDARIES`; otherwise raise `InputError`."""
    return check_choice(boundary, "boundary", BOUNDARIES)


def part(axis: int, start: int | None, stop: int | None) -> Index:
    """The index of the pixels from ``start`` to ``stop`` along ``axis``."""
    return (slice(None),) * axis + (slice(start, stop),)


def outside(u: Array, axis: int, boundary: str) -> tuple[Array, Array]:
    """The pixels before the first and after the last along ``axis``."""
    size = u.shape[axis]
    first, last = u[part(axis, 0, 1)], u[part(axis, size - 1, size)]
    if boundary == "zero":
        zeros = namespace(u).zeros_like(first)
        return zeros, zeros
    return (last, first) if boundary == "periodic" else (first, last)


def extend(u: Array, axis: int, boundary: str) -> Array:
    """``u`` extended by one pixel at both ends of ``axis``."""
    before, after = outside(u, axis, boundary)
    return namespace(u).concatenate((before, u, after), axis)


def forward_difference(
    u: Array, axis: int, boundary: str = "neumann", out: np.ndarray | None = None
) -> Array:
    """``u_{i+1} - u_i`` along ``axis``; zero at the last pixel for "neumann"."""
    size, (_, after) = u.shape[axis], outside(u, axis, boundary)
    if is_torch(u):  # without slices of size - 1, which make exported graphs refuse two pixels
        return namespace(u).concatenate((u, after), axis)[part(axis, 1, size + 1)] - u
    out = np.empty_like(u) if out is None else out
    head, last = part(axis, 0, size - 1), part(axis, size - 1, size)
    np.subtract(u[part(axis, 1, size)], u[head], out=out[head])
    np.subtract(after, u[last], out=out[last])
    return out


def backward_difference(u: Array, axis: int, boundary: str = "neumann") -> Array:
    """``u_i - u_{i-1}`` along ``axis``; zero at the first pixel for "neumann"."""
    size, (before, _) = u.shape[axis], outside(u, axis, boundary)
    if is_torch(u):
        return u - namespace(u).concatenate((before, u), axis)[part(axis, 0, size)]
    out = np.empty_like(u)
    tail, first = part(axis, 1, size), part(axis, 0, 1)
    np.subtract(u[tail], u[part(axis, 0, size - 1)], out=out[tail])
    np.subtract(u[first], before, out=out[first])
    return out


def central_difference(u: Array, axis: int, boundary: str = "neumann") -> Array:
    """``(u_{i+1} - u_{i-1}) / 2`` along ``axis``."""
    wide, size = extend(u, axis, boundary), u.shape[axis]
    return (wide[part(axis, 2, size + 2)] - wide[part(axis, 0, size)]) / 2


def second_difference(u: Array, axis: int, boundary: str = "neumann") -> Array:
    """``u_{i+1} - 2 u_i + u_{i-1}`` along ``axis``."""
    wide, size = extend(u, axis, boundary), u.shape[axis]
    slopes = wide[part(axis, 1, size + 2)] - wide[part(axis, 0, size + 1)]
    return slopes[part(axis, 1, size + 1)] - slopes[part(axis, 0, size)]


def laplacian(u: Array, axes: Iterable[int], boundary: str = "neumann") -> Array:
    """``sum_a u_{i+a} - 2 u_i + u_{i-a}``: the 5-point stencil in 2-D, the 7-point stencil in 3-D.

    Symmetric and negative semi-definite, with eigenvalues in ``[-4 d, 0]`` for ``d`` axes.
    """
    return reduce(add, (second_difference(u, axis, boundary) for axis in axes))


def gradient(u: Array, spacing: Sequence[float] | None = None, boundary: str = "neumann") -> Array:
    """Forward differences ``(u_{i+1} - u_i) / h_a`` along the last ``len(spacing)`` axes.

    Maps (\\*batch, \\*space) to (d, \\*batch, \\*space). Without ``spacing`` all axes are spatial,
    with spacing 1. At the last pixel the difference is zero for "neumann"; for "periodic" the first
    pixel follows the last.
    """
    steps = (1.0,) * u.ndim if spacing is None else spacing
    ahead = u.ndim - len(steps)
    if is_torch(u):
        parts = (forward_difference(u, ahead + a, boundary) for a in range(len(steps)))
        return namespace(u).stack([over(v, h) for v, h in zip(parts, steps, strict=True)])
    out = np.empty((len(steps), *u.shape), u.dtype)
    for a, h in enumerate(steps):
        over(forward_difference(u, ahead + a, boundary, out[a]), h)
    return out


def divergence(
    p: Array, spacing: Sequence[float] | None = None, boundary: str = "neumann"
) -> Array:
    """The exact negative adjoint of `gradient`, (d, \\*batch, \\*space) to (\\*batch, \\*space).

    For "neumann", component ``a`` is not used at the last pixel of axis ``a``. The sum over pixels
    is zero up to rounding.
    """
    ndim, periodic = p.shape[0], boundary == "periodic"
    steps = (1.0,) * ndim if spacing is None else spacing
    ahead = p.ndim - 1 - ndim
    if is_torch(p):
        terms = [_closed_difference(p[a], ahead + a, boundary) for a in range(ndim)]
        return reduce(add, (over(v, h) for v, h in zip(terms, steps, strict=True)))
    out = np.zeros_like(p[0])
    for a, h in enumerate(steps):
        axis, size = ahead + a, p.shape[1 + ahead + a]
        flux = p[a] if h == 1 else p[a] / h
        head, last = part(axis, 0, size - 1), part(axis, size - 1, size)
        used = ... if periodic else head
        out[used] += flux[used]
        out[part(axis, 1, size)] -= flux[head]
        if periodic:
            out[part(axis, 0, 1)] -= flux[last]
    return out


def _closed_difference(v: Array, axis: int, boundary: str) -> Array:
    """``v_i - v_{i-1}`` of a tensor; for "neumann" with zero flux through the outer faces."""
    if boundary == "periodic":
        return backward_difference(v, axis, boundary)
    entering = shift(v, axis, 1)
    return shift(entering, axis, -1) - entering


def gradient_norm_squared(spacing: Sequence[float], shape: Sequence[int]) -> float:
    """The sum of ``4 / h_a^2`` over axes longer than one pixel: a bound of ``||gradient||^2``."""
    return sum(4.0 / h**2 for h, n in zip(spacing, shape, strict=True) if n > 1)


def over(v: Array, h: float) -> Array:
    """``v / h``; NumPy arrays in place."""
    if h == 1:
        return v
    return v / h if is_torch(v) else np.divide(v, h, out=v)


def without_last(v: Array, axis: int) -> Array:
    """``v`` with zeros at the last pixel of ``axis``; NumPy arrays in place."""
    if is_torch(v):
        return shift(shift(v, axis, 1), axis, -1)
    v[part(axis, v.shape[axis] - 1, None)] = 0
    return v


def without_first(v: Array, axis: int) -> Array:
    """``v`` with zeros at the first pixel of ``axis``; NumPy arrays in place."""
    if is_torch(v):
        return shift(shift(v, axis, -1), axis, 1)
    v[part(axis, 0, 1)] = 0
    return v


def shift(v: Array, axis: int, step: int) -> Array:
    """A tensor shifted by ``step`` = 1 or -1 pixels along ``axis`` and filled with zeros.

    Avoids slices of size - 1 and negative padding, which exporters do not support.
    """
    size, zero = v.shape[axis], namespace(v).zeros_like(v[part(axis, 0, 1)])
    parts, start = ((zero, v), 0) if step == 1 else ((v, zero), 1)
    return namespace(v).concatenate(parts, axis)[part(axis, start, start + size)]
