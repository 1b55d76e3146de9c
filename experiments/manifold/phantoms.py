"""Phantoms of the papers, from their published formulas, with noise of our own.

The formulas are those of ManoptExamples.jl (MIT licence), which took them from the papers named in
the docstrings. MVIRT's files hold the same pictures with stored noise, so figures measured here
cannot be compared with MVIRT's digit by digit.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def wrap(angles: np.ndarray) -> np.ndarray:
    """Angles in (-pi, pi]."""
    return np.pi - np.mod(np.pi - angles, 2 * np.pi)


def sar_phase(size: int = 256) -> np.ndarray:
    """Interferometric phase of an ellipse, a paraboloid and stairs, (size, size).

    Bergmann, Laus, Steidl & Weinmann, SIAM J. Imaging Sci. 7 (2014) 2916-2953.
    """
    x, y = np.meshgrid(*[np.linspace(-0.5, 0.5, size)] * 2, indexing="ij")

    def turned(degrees: float) -> tuple[np.ndarray, np.ndarray]:
        c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        return c * x - s * y, c * y + s * x

    a, b = turned(35.0)
    phase = np.where(6 * a**2 + 25 * b**2 <= 1, 10 * np.pi * b, 0)
    a, b = turned(45.0)
    v = ((a - 0.275) ** 2 + (b - 0.275) ** 2) / 0.18**2
    phase += np.where(v <= 1, 4 * np.pi * (1 - v), 0)
    a, b = turned(60.0)
    for m in range(1, 9):
        inside = np.abs(a - 0.475 + 0.075 * m) + np.abs(b - 0.0625 + 0.075 * m) <= 0.075
        phase += np.where(inside, 2 * np.pi * m / 8, 0)
    return wrap(phase)


def whirls(size: int = 64) -> np.ndarray:
    """Unit vectors that turn across the image, with twelve whirls, (size, size, 3).

    Laus, Nikolova, Persch & Steidl, SIAM J. Imaging Sci. 10 (2017) 416-448.
    """
    i, j = np.meshgrid(*[np.arange(1, size + 1) * np.pi / size] * 2, indexing="ij")
    turn, tilt = i + j, i - j
    image = np.stack(
        [-np.cos(turn) * np.sin(tilt), -np.sin(turn) * np.sin(tilt), np.cos(tilt)], axis=-1
    )
    widths = [9, 9, 9, 9, 11, 11, 11, 15, 15, 15, 17, 21]
    centres = [(35, 7), (25, 41), (32, 25), (7, 60), (10, 5), (41, 58), (11, 41), (23, 56)]
    centres += [(38, 45), (16, 28), (55, 42), (51, 16)]
    signs = [1, 1, -1, 1, -1, -1, 1, 1, -1, -1, 1, -1]
    for width, centre, sign in zip(widths, centres, signs, strict=True):
        half = int(width * size / 64) // 2
        begin = [max(int(c * size / 64) - 1 - half, 0) for c in centre]
        patch = image[begin[0] : begin[0] + 2 * half + 1, begin[1] : begin[1] + 2 * half + 1]
        patch[:] = sign * _whirl(half)[: patch.shape[0], : patch.shape[1]]
    return image


def _whirl(half: int) -> np.ndarray:
    """One whirl, (2 half + 1, 2 half + 1, 3); -z in the middle."""
    p, q = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    angle, lift = np.arctan2(q, p), np.hypot(p, q) * np.pi / (3 * np.sqrt(2) * half)
    vectors = np.stack(
        [np.sin(angle) * np.cos(lift), -np.cos(angle) * np.cos(lift), np.sin(lift)], axis=-1
    )
    vectors[half, half] = (0.0, 0.0, -1.0)
    return vectors


def lemniscate(size: int = 512) -> np.ndarray:
    """Bernoulli's lemniscate of half-width pi/2 on the sphere, (size, 3).

    Bacak, Bergmann, Steidl & Weinmann, SIAM J. Sci. Comput. 38 (2016) A567-A597.
    """
    t = np.linspace(0, 2 * np.pi, size)
    v = np.stack([np.cos(t), np.cos(t) * np.sin(t)]) * (np.pi / 2) / (1 + np.sin(t) ** 2)
    length = np.hypot(*v)
    flat = v * np.sinc(length / np.pi)
    return np.stack([*flat, np.cos(length)], axis=-1)


def tensors(size: int = 25, jump: float = 1.5) -> np.ndarray:
    """Positive definite matrices that turn and jump, (size, size, 3, 3).

    Bacak, Bergmann, Steidl & Weinmann, SIAM J. Sci. Comput. 38 (2016) A567-A597.
    """
    row, column = np.mgrid[1 : size + 1, 1 : size + 1]
    angle = np.abs(2 * np.pi * np.arange(size) / size - np.pi)
    a = _turned(0, 1, angle[column - 1])
    b = _turned(1, 2, np.pi * (row - 1) / size)
    c = _turned(0, 2, angle[np.mod(column - row, size)])
    slope = 3 * (1 - 1 / size) * (row + column - 1) / (2 * size - 1)
    values = np.stack(
        [
            1 + jump / 2 * (row + column > size),
            1 + slope - jump * (column > size / 2),
            4 - slope + jump * (row > size / 2),
        ],
        axis=-1,
    )
    axes = a @ b @ c
    return (axes * values[..., None, :]) @ np.swapaxes(axes, -1, -2)


def _turned(p: int, q: int, angle: np.ndarray) -> np.ndarray:
    """Rotation matrices in the plane of two axes."""
    matrices = np.zeros((*angle.shape, 3, 3)) + np.eye(3)
    matrices[..., p, p] = matrices[..., q, q] = np.cos(angle)
    matrices[..., q, p] = np.sin(angle)
    matrices[..., p, q] = -np.sin(angle)
    return matrices


def grains(size: int = 128, count: int = 40, bend: float = 0.02, seed: int = 0) -> np.ndarray:
    """Unit quaternions (scalar last) of random grains that bend slightly, (size, size, 4).

    Inside a grain, the rotation vector changes by ``bend`` (radians) over the image.
    """
    rng = np.random.default_rng(seed)
    places = np.moveaxis(np.mgrid[:size, :size], 0, -1) / size
    seeds = rng.random((count, 2))
    label = ((places[:, :, None] - seeds) ** 2).sum(-1).argmin(-1)
    whole = rng.standard_normal((count, 4))
    vector = np.einsum("nva,xya->xynv", bend * rng.standard_normal((count, 3, 2)), places)
    vector = np.take_along_axis(vector, label[..., None, None], axis=2)[:, :, 0]
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    small = np.concatenate([vector * np.sinc(angle / (2 * np.pi)) / 2, np.cos(angle / 2)], -1)
    return _product((whole / np.linalg.norm(whole, axis=-1, keepdims=True))[label], small)


def _product(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Products of quaternions, scalar last."""
    u, a, v, b = p[..., :3], p[..., 3:], q[..., :3], q[..., 3:]
    scalar = a * b - (u * v).sum(-1, keepdims=True)
    return np.concatenate([a * v + b * u + np.cross(u, v), scalar], axis=-1)


def noisy(manifold: Any, image: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    """``exp_x(sigma n)``, with standard normal n in an orthonormal frame at each point."""
    points = manifold.check(image.reshape(-1, *manifold.point_shape), "image")
    n = np.random.default_rng(seed).standard_normal((len(points), manifold.dimension))
    return np.asarray(manifold.exp(points, sigma * n)).reshape(image.shape)
