"""Dynamic optimal transport of colour images, with a periodic third axis.

Least ``sum |m|^2 / (2 f)`` over densities f(t, y, x, c) and momenta m with ``df/dt + div m = 0``
and given first and last densities (Benamou & Brenier 2000), on staggered grids by Douglas-Rachford
iterations, as Papadakis, Peyré & Oudet (SIAM J. Imaging Sci. 7, 2014) do in grey. Fitschen, Laus &
Steidl (Transport between RGB images motivated by dynamic optimal transport, J. Math. Imaging Vis.
56, 2016) make the three channels the positions of a third, periodic axis. Pixels have spacing 1,
channels have spacing ``hue``, and time goes from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import dct, fft, idct, ifft

_STEP, _RELAXATION = 0.3, 1.9  # of Douglas-Rachford, for densities of mean one
_NEWTON = 25
CHANNEL = 3  # the periodic axis of (t, y, x, c)


@dataclass(frozen=True)
class Transport:
    """Densities (T + 1, H, W, C) from the first to the last, and twice the energy: W_2^2."""

    frames: np.ndarray
    squared_distance: float
    change: float  # of the last iteration, relative


def transport(
    first: np.ndarray, last: np.ndarray, *, num_times: int = 32, hue: float = 1.0,
    num_iter: int = 300,
) -> Transport:  # fmt: skip
    """The geodesic between two non-negative images (H, W, C) of equal sum."""
    if first.shape != last.shape or min(first.min(), last.min()) < 0:
        raise ValueError("the images must have one shape and no negative values")
    if not np.isclose(first.sum(), last.sum(), rtol=1e-9):
        raise ValueError(
            f"the images have sums {first.sum():g} and {last.sum():g}; make them equal"
        )
    scale = float(first.mean())
    ends = (first / scale, last / scale)
    grid = (num_times, *first.shape)
    widths = (1 / num_times, 1.0, 1.0, hue)
    averages = [_Average(n, axis == CHANNEL) for axis, n in enumerate(grid)]
    z = _start(ends, grid)
    w = [a.apply(part, k) for k, (a, part) in enumerate(zip(averages, z, strict=True))]
    change = np.inf
    for _ in range(num_iter):
        u = _without_divergence(z, ends, widths)
        v = _kinetic(w, _STEP)
        reflected_u = [2 * a - b for a, b in zip(u, z, strict=True)]
        reflected_v = [2 * a - b for a, b in zip(v, w, strict=True)]
        total = norm = 0.0
        for k, average in enumerate(averages):
            joint = average.project(reflected_u[k], reflected_v[k], k)
            step = joint - u[k]
            z[k] = z[k] + _RELAXATION * step
            w[k] = w[k] + _RELAXATION * (average.apply(joint, k) - v[k])
            total += float((step**2).sum())
            norm += float((u[k] ** 2).sum())
        change = np.sqrt(total / norm)
    u = _without_divergence(z, ends, widths)
    inside = [a.apply(part, k) for k, (a, part) in enumerate(zip(averages, u, strict=True))]
    density = np.maximum(inside[0], 1e-3)
    energy = sum(float((m**2 / density).sum()) for m in inside[1:]) / num_times
    return Transport(scale * u[0], scale * energy, float(change))


def _start(ends: tuple[np.ndarray, np.ndarray], grid: tuple[int, ...]) -> list[np.ndarray]:
    """Densities that fade, and no momentum, on the faces of the cells; channels have no ends."""
    t = np.linspace(0, 1, grid[0] + 1)[:, None, None, None]
    faces = [
        tuple(n + (k == axis and axis != CHANNEL) for k, n in enumerate(grid)) for axis in range(4)
    ]
    return [(1 - t) * ends[0] + t * ends[1], *(np.zeros(shape) for shape in faces[1:])]


class _Average:
    """The mean of both faces of each cell along one axis, and the projection on its graph."""

    def __init__(self, size: int, periodic: bool) -> None:
        faces = size if periodic else size + 1
        self.matrix = np.zeros((size, faces))
        for k in range(size):
            self.matrix[k, k] += 0.5
            self.matrix[k, (k + 1) % faces] += 0.5
        self.inverse = np.linalg.inv(np.eye(faces) + self.matrix.T @ self.matrix)

    def apply(self, u: np.ndarray, axis: int) -> np.ndarray:
        return _along(self.matrix, u, axis)

    def project(self, u: np.ndarray, v: np.ndarray, axis: int) -> np.ndarray:
        """u of the nearest pair (u, A u)."""
        return _along(self.inverse, u + _along(self.matrix.T, v, axis), axis)


def _along(matrix: np.ndarray, u: np.ndarray, axis: int) -> np.ndarray:
    return np.moveaxis(np.tensordot(matrix, u, (1, axis)), 0, axis)


def _kinetic(v: list[np.ndarray], step: float) -> list[np.ndarray]:
    """The proximal map of ``step |m|^2 / (2 f)``: f is the largest root of a cubic polynomial."""
    f, *m = v
    square = sum(part**2 for part in m)
    # (x - f) (x + step)^2 = step |m|^2 / 2, from above the root, where it is convex and increasing
    x = np.maximum(f, 0) + np.cbrt(step * square / 2) + 1e-9
    for _ in range(_NEWTON):
        g = (x - f) * (x + step) ** 2 - step * square / 2
        x = np.maximum(x - g / ((x + step) * (3 * x + step - 2 * f)), 0)
    return [x, *(np.where(x > 0, x / (x + step), 0) * part for part in m)]


def divergence(u: list[np.ndarray], widths: tuple[float, ...]) -> np.ndarray:
    """``df/dt + div m`` in the cells."""
    parts = [np.diff(part, axis=k) / widths[k] for k, part in enumerate(u[:CHANNEL])]
    hue = u[CHANNEL]
    return np.asarray(sum(parts) + (np.roll(hue, -1, CHANNEL) - hue) / widths[CHANNEL])


def _without_divergence(
    z: list[np.ndarray], ends: tuple[np.ndarray, np.ndarray], widths: tuple[float, ...]
) -> list[np.ndarray]:
    """The nearest fields that keep the mass, with the given ends and no flow out of the image."""
    u = [part.copy() for part in z]
    u[0][0], u[0][-1] = ends
    for axis in (1, 2):
        u[axis][(slice(None),) * axis + ([0, -1],)] = 0
    potential = _poisson(divergence(u, widths), widths)
    for axis in range(CHANNEL):
        inside = (slice(None),) * axis + (slice(1, -1),)
        u[axis][inside] += np.diff(potential, axis=axis) / widths[axis]
    u[CHANNEL] += (potential - np.roll(potential, 1, CHANNEL)) / widths[CHANNEL]
    return u


def _poisson(right: np.ndarray, widths: tuple[float, ...]) -> np.ndarray:
    """``-Laplace p = right``: cosine transforms, and Fourier's along the periodic axis."""
    values = right
    for axis in range(CHANNEL):
        values = dct(values, axis=axis, norm="ortho")
    spectrum = fft(values, axis=CHANNEL)
    total = np.zeros((1,) * 4)
    for axis, n in enumerate(right.shape):
        turns = 2 * np.pi / n if axis == CHANNEL else np.pi / n
        eigenvalues = (2 - 2 * np.cos(turns * np.arange(n))) / widths[axis] ** 2
        total = total + eigenvalues.reshape([-1 if k == axis else 1 for k in range(4)])
    total[0, 0, 0, 0] = 1
    spectrum /= total
    spectrum[0, 0, 0, 0] = 0
    values = ifft(spectrum, axis=CHANNEL).real
    for axis in range(CHANNEL):
        values = idct(values, axis=axis, norm="ortho")
    return np.asarray(values)
