"""An independent high-accuracy solver for small images, in plain NumPy and float64.

A primal-dual interior-point method on the dual of the ROF problem with dense matrices. It shares
nothing with the first-order methods of the library and knows its own error. Do not give it more
than a few hundred pixels: the cost grows with the cube of their number.

Functional: J(u) = sum over groups g of the largest <p_g, (K u)_g> - huber/2 |p_g|^2 over
|p_g| <= w_g, where K stacks forward differences (Neumann boundary, divided by the spacing) and a
group is what the norm couples: all axes (isotropic) and all channels (coupled) of a pixel, or
less of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .case import Array

MAX_NUM_ITER = 100
SHRINK = 0.05  # how much of the complementarity each Newton step aims to leave
TO_BOUNDARY = 0.995  # fraction of the way to the boundary of the feasible set a step may go


@dataclass(frozen=True)
class Answer:
    """A primal image, its feasible dual field, and the proven L2 distance to the exact answer."""

    image: Array
    gap: float
    bound: float


@dataclass(frozen=True)
class FlowAnswer:
    """Images (T, *shape) near the exact flow and the proven L2 distance at each time."""

    images: Array
    bound: Array


@dataclass(frozen=True)
class Functional:
    """A total variation on flattened (channels * pixels) images: matrix, groups, radii, Huber."""

    matrix: Array  # (rows, unknowns)
    group: NDArray[np.intp]  # (rows,) which group a row belongs to
    radius: Array  # (groups,)
    huber: float

    def norms(self, rows: Array) -> Array:
        return np.sqrt(np.bincount(self.group, rows * rows, minlength=self.radius.size))

    def value(self, flat: Array) -> float:
        norm = self.norms(self.matrix @ flat)
        if self.huber == 0.0:
            return float(np.sum(self.radius * norm))
        eps, radius = self.huber, self.radius
        curved = norm * norm / (2 * eps)
        straight = radius * norm - eps * radius * radius / 2
        return float(np.sum(np.where(norm <= eps * radius, curved, straight)))


@lru_cache(maxsize=64)
def _rows(
    shape: tuple[int, ...],
    channels: int,
    spacing: tuple[float, ...],
    isotropic: bool,
    coupled: bool,
) -> tuple[Array, NDArray[np.intp], NDArray[np.intp]]:
    """Difference matrix, group of each row, pixel of each group. Written out row by row."""
    pixels = int(np.prod(shape))
    rows: list[Array] = []
    keys: list[tuple[int, int, int]] = []
    for channel in range(channels):
        for pixel in range(pixels):
            index = np.unravel_index(pixel, shape)
            for axis in range(len(shape)):
                if index[axis] + 1 == shape[axis]:
                    continue
                ahead = list(index)
                ahead[axis] += 1
                row = np.zeros(channels * pixels)
                row[channel * pixels + int(np.ravel_multi_index(ahead, shape))] = 1 / spacing[axis]
                row[channel * pixels + pixel] = -1 / spacing[axis]
                rows.append(row)
                keys.append((pixel, 0 if isotropic else axis, 0 if coupled else channel))
    numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
    matrix = np.array(rows).reshape(len(rows), channels * pixels)
    group = np.array([numbers[key] for key in keys], dtype=np.intp)
    return matrix, group, np.array([key[0] for key in sorted(numbers)], dtype=np.intp)


def functional(
    shape: tuple[int, ...],
    *,
    isotropic: bool = True,
    huber: float = 0.0,
    weights: Array | None = None,
    spacing: Sequence[float] | float | None = None,
    channel_axis: int | None = None,
    coupled: bool = True,
) -> Functional:
    """The functional of the keywords of ``steepest.tv_flow``, for an image of this shape."""
    space = tuple(shape)
    channels = 1
    if channel_axis is not None:
        channels = shape[channel_axis]
        axis = channel_axis % len(shape)
        space = (*shape[:axis], *shape[axis + 1 :])
    steps = np.broadcast_to(1.0 if spacing is None else np.asarray(spacing, float), (len(space),))
    matrix, group, pixel = _rows(space, channels, tuple(map(float, steps)), isotropic, coupled)
    if weights is None:
        return Functional(matrix, group, np.ones(pixel.size), float(huber))
    radius = np.ravel(weights).astype(float)[pixel]
    used = radius[group] > 0  # a group of weight zero is no group
    _, renumbered = np.unique(group[used], return_inverse=True)
    return Functional(matrix[used], renumbered, radius[np.unique(group[used])], float(huber))


def _flatten(image: Array, channel_axis: int | None) -> Array:
    array = np.asarray(image, dtype=np.float64)
    return np.ravel(array if channel_axis is None else np.moveaxis(array, channel_axis, 0))


def _restore(flat: Array, shape: tuple[int, ...], channel_axis: int | None) -> Array:
    if channel_axis is None:
        return flat.reshape(shape)
    axis = channel_axis % len(shape)
    moved = (shape[axis], *shape[:axis], *shape[axis + 1 :])
    return np.moveaxis(flat.reshape(moved), 0, axis)


def duality_gap(flat: Array, dual: Array, strength: float, tv: Functional) -> float:
    """strength * (J(v) - <K v, p> + J*): the gap of the ROF problem when v = f - strength K^T p."""
    rows = tv.matrix @ flat
    radius, eps, norm = tv.radius, tv.huber, tv.norms(rows)
    inner = np.bincount(tv.group, rows * dual, minlength=radius.size)
    if eps == 0.0:
        return strength * float(np.sum(radius * norm - inner))
    straight = radius * norm - eps * radius * radius / 2
    each = np.where(norm <= eps * radius, norm * norm / (2 * eps), straight)
    return strength * float(np.sum(each - inner + eps / 2 * tv.norms(dual) ** 2))


def _newton_direction(
    dual: Array,
    multiplier: Array,
    slack: Array,
    target: float,
    stationarity: Array,
    gram: Array,
    tv: Functional,
    curvature: float,
) -> tuple[Array, Array]:
    """Newton step of: stationarity = 0, multiplier * slack = target."""
    group = tv.group
    system = gram.copy()
    same_group = group[:, None] == group[None, :]
    system += np.where(same_group, (multiplier / slack)[group] * np.outer(dual, dual), 0.0)
    system[np.diag_indices_from(system)] += multiplier[group] + curvature
    push = (target - multiplier * slack) / slack
    step: Array = np.linalg.solve(system, -stationarity - push[group] * dual).astype(np.float64)
    along = np.bincount(group, dual * step, minlength=multiplier.size)
    return step, push + multiplier * along / slack


def _largest_step(
    dual: Array, step: Array, multiplier: Array, change: Array, tv: Functional
) -> float:
    """The longest step in (0, 1] that keeps |p_g| < radius and the multipliers positive."""
    shrinking = change < 0
    length = min(
        1.0,
        TO_BOUNDARY * float(np.min(-multiplier[shrinking] / change[shrinking]))
        if shrinking.any()
        else 1.0,
    )
    while np.any(tv.norms(dual + length / TO_BOUNDARY * step) >= tv.radius):
        length *= 0.9
        if length < 1e-12:
            return 0.0
    return length


def _solve_dual(flat: Array, strength: float, tv: Functional, gap_tol: float) -> Array:
    """The dual field p, |p_g| < radius_g, of the ROF problem, to an absolute gap of gap_tol."""
    gram = strength**2 * (tv.matrix @ tv.matrix.T)
    curvature = strength * tv.huber
    dual = np.zeros(tv.group.size)
    multiplier = np.maximum(strength * tv.norms(tv.matrix @ flat) / tv.radius, 1e-3)
    best, best_gap = dual, np.inf
    for _ in range(MAX_NUM_ITER):
        primal = flat - strength * (tv.matrix.T @ dual)
        gap = duality_gap(primal, dual, strength, tv)
        if gap < best_gap:
            best, best_gap = dual, gap
        if gap <= gap_tol:
            break
        slack = (tv.radius**2 - tv.norms(dual) ** 2) / 2
        target = SHRINK * float(np.mean(multiplier * slack))
        stationarity = (
            -strength * (tv.matrix @ primal) + curvature * dual + multiplier[tv.group] * dual
        )
        step, change = _newton_direction(
            dual, multiplier, slack, target, stationarity, gram, tv, curvature
        )
        length = _largest_step(dual, step, multiplier, change, tv)
        if length == 0.0:
            break
        dual, multiplier = dual + length * step, multiplier + length * change
    return best


def solve_rof(image: Array, strength: float, *, rel_gap: float = 1e-12, **options: Any) -> Answer:
    """argmin_v 1/2 ||v - image||^2 + strength * J(v), with its own proven error bound.

    ``rel_gap`` is relative to strength * J(image). Both P(v) - P* and D* - D(p) are at least
    1/2 ||v - v*||^2 when v = image - strength K^T p, so ||v - v*|| <= sqrt(gap).
    """
    channel_axis = options.get("channel_axis")
    tv = functional(np.shape(image), **options)
    flat = _flatten(image, channel_axis)
    scale = float(np.ptp(flat)) if flat.size else 0.0
    if tv.group.size == 0 or scale == 0.0:
        return Answer(np.array(image, dtype=np.float64), 0.0, 0.0)
    mean = float(np.mean(flat))  # work on an image of unit contrast and zero mean
    tv_unit = Functional(tv.matrix, tv.group, tv.radius, tv.huber / scale)
    unit, unit_strength = (flat - mean) / scale, strength / scale
    dual = _solve_dual(unit, unit_strength, tv_unit, rel_gap * unit_strength * tv_unit.value(unit))
    primal = unit - unit_strength * (tv.matrix.T @ dual)
    gap = max(duality_gap(primal, dual, unit_strength, tv_unit), 0.0)
    rounding = 1e-13 * (1.0 + abs(mean) / scale) * np.sqrt(flat.size)
    restored = _restore(primal * scale + mean, np.shape(image), channel_axis)
    return Answer(restored, gap * scale**2, scale * float(np.sqrt(gap) + rounding))


def solve_flow(
    image: Array,
    times: Sequence[float] | Array,
    *,
    num_steps: int = 100,
    rel_gap: float = 1e-12,
    **options: Any,
) -> FlowAnswer:
    """The flow at the given times by about ``num_steps`` implicit Euler steps up to the last one.

    Steps are uniform between requested times. The bound is to the flow that is exact in time:
    on a step of length s from u to v with gap e, the squared distance grows by at most
    2 e + s (2 * mean of J over the segment - J(u) - J(v)) + s (J(u) - J(v)) - ||v - u||^2, and J is
    convex, so sampling it on the segment (trapezoids) bounds the mean from above.
    """
    channel_axis = options.get("channel_axis")
    tv = functional(np.shape(image), **options)
    current = np.array(image, dtype=np.float64)
    ends = np.asarray(times, dtype=np.float64)
    images, bounds, squared, rounding, now = [], [], 0.0, 0.0, 0.0
    for end in ends:
        count = max(1, round(num_steps * (end - now) / float(ends[-1])))
        step = (end - now) / count
        for _ in range(count):
            answer = solve_rof(current, step, rel_gap=rel_gap, **options)
            before, after = _flatten(current, channel_axis), _flatten(answer.image, channel_axis)
            along = [tv.value(before + s * (after - before)) for s in np.linspace(0, 1, 5)]
            mean = float(np.trapezoid(along, dx=0.25))
            squared += max(
                2 * answer.gap
                + 2 * step * (mean - along[-1])
                - float(np.sum((after - before) ** 2)),
                0.0,
            )
            rounding += 1e-13 * float(np.linalg.norm(after)) + 1e-15
            current = answer.image
        images.append(current)
        bounds.append(np.sqrt(squared) + rounding)
        now = float(end)
    return FlowAnswer(np.array(images), np.array(bounds))
