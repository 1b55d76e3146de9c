"""Error bounds on nasty images, against an independent solver: none may ever be too small."""

import math
from typing import Any

import numpy as np
import pytest

import steepest
from cases.arguments import arguments

Array = np.ndarray
KINDS = {
    "noise": lambda rng, shape: rng.normal(size=shape),
    "checkerboard": lambda rng, shape: np.indices(shape).sum(0) % 2.0,
    "spikes": lambda rng, shape: (rng.random(shape) < 0.05) * rng.normal(size=shape) * 10,
    "steps": lambda rng, shape: np.indices(shape)[-1] // 3 * rng.random(),
    "far from zero": lambda rng, shape: 1e3 + rng.normal(size=shape),
    "almost constant": lambda rng, shape: np.ones(shape) + (np.indices(shape)[-1] == 0) * 1e-3,
}


def gradient(u: Array, spacing: tuple[float, ...]) -> Array:
    parts = []
    for axis, h in enumerate(spacing, 1):
        last = [(0, 0)] * u.ndim
        last[axis] = (0, 1)
        parts.append(np.pad(np.diff(u, axis=axis) / h, last))
    return np.stack(parts)


def transposed(p: Array, spacing: tuple[float, ...]) -> Array:
    out = np.zeros(p.shape[1:])
    for axis, h in enumerate(spacing, 1):
        flow = np.take(p[axis - 1], range(p.shape[axis + 1] - 1), axis) / h
        zero = [(0, 0)] * out.ndim
        zero[axis] = (1, 1)
        out -= np.diff(np.pad(flow, zero), axis=axis)
    return out


def solved(
    f: Array, strength: float, spacing: tuple[float, ...], weights: Any, isotropic: bool
) -> tuple[Array, float]:
    """The image and its duality gap, by plain FISTA on the dual in float64."""
    axes = (0, 1) if isotropic else (1,)  # of the norm: components and channels, or channels
    bound = strength * sum(4 / h**2 for h in spacing)
    p = y = np.zeros((len(spacing), *f.shape))
    t, gap = 1.0, math.inf
    for k in range(1, 3001):
        step = y + gradient(f - strength * transposed(y, spacing), spacing) / bound
        norm = np.sqrt((step**2).sum(axes, keepdims=True))
        q = step * np.where(norm > weights, weights / np.maximum(norm, 1e-300), 1.0)
        following = (1 + math.sqrt(1 + 4 * t * t)) / 2
        y, p, t = q + (t - 1) / following * (q - p), q, following
        if k % 300 == 0:
            u = f - strength * transposed(p, spacing)
            g = gradient(u, spacing)
            value = (weights * np.sqrt((g**2).sum(axes, keepdims=True))).sum()
            gap = max(strength * float(value - (p * g).sum()), 0.0)
            if gap < 1e-13 * float((f**2).sum()):
                break
    return u, gap


@pytest.mark.parametrize(
    "seed", [*range(20), *(pytest.param(k, marks=pytest.mark.slow) for k in range(20, 600))]
)
def test_error_bounds(seed: int) -> None:
    """One random problem: ``||u - u*|| <= error_bound``, up to the gap of the reference."""
    rng = np.random.default_rng(seed)
    ndim = int(rng.integers(1, 4))
    space = tuple(int(n) for n in rng.integers(1, (40, 24, 9)[ndim - 1] + 1, ndim))
    channels = int(rng.integers(1, 4)) if rng.random() < 0.4 else 0
    shape = ((channels,) if channels else ()) + space
    kind = str(rng.choice(sorted(KINDS)))
    dtype = np.float32 if rng.random() < 0.6 else np.float64
    image = (KINDS[kind](rng, shape) * 10 ** rng.uniform(-3, 3)).astype(dtype)
    isotropic = bool(rng.random() < 0.6)
    spacing = (1.0,) * ndim
    if rng.random() < 0.4:
        spacing = tuple(float(h) for h in 10 ** rng.uniform(-0.7, 0.7, ndim))
    weights = rng.random(space) * (rng.random(space) < 0.8) if rng.random() < 0.3 else None
    contrast = float(np.ptp(image)) or 1.0
    strength = contrast * 10 ** rng.uniform(-3, 1.5)
    tol = 10 ** rng.uniform(-6, -1)
    result = steepest.denoise(
        image,
        strength,
        spacing=spacing,
        channel_axis=0 if channels else None,
        **arguments(
            isotropic=isotropic, weights=weights, tol=tol, num_threads=int(rng.integers(1, 3))
        ),
    )
    f = image.astype(np.float64).reshape(channels or 1, *space)
    radius = 1.0 if weights is None else weights.astype(dtype).astype(np.float64)
    reference, gap = solved(f, strength, spacing, radius, isotropic)
    distance = np.linalg.norm(result.image.astype(np.float64).reshape(f.shape) - reference)
    room = math.sqrt(gap) + 1e-12 * np.linalg.norm(f)
    assert distance <= result.error_bound + room, (seed, kind, shape, dtype.__name__, strength, tol)
