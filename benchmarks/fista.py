"""steepest beside a plain FISTA to the same duality gap: colour, volumes, decompositions.

``python -m benchmarks.fista``. The plain solver is FISTA (Beck and Teboulle 2009) with the step
1/L, without restarts, in float32: loops over pixels compiled by numba on one thread, not
vectorised by hand. Its gap is evaluated in float64 every 10 iterations (as the library's, this is
timed). A decomposition takes the same steps, each from the flux of the one before, and at most 5000
iterations each. Both run in turn in one process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np

import steepest
from benchmarks.tables import write
from steepest import io

RESULTS = Path(__file__).parent / "results"
EVERY, MOST = 10, 5000
TOL = 1e-3
LONG_S = 10.0  # a call that takes longer is timed once


@nb.njit(fastmath=True)
def primal(f: np.ndarray, y: np.ndarray, tau: float, u: np.ndarray) -> None:
    """``u = f + tau div y``; y is (3, C, D, H, W), zero at the last faces."""
    channels, depth, height, width = f.shape
    for c in range(channels):
        for d in range(depth):
            for r in range(height):
                for j in range(width):
                    div = y[2, c, d, r, j] + y[1, c, d, r, j] + y[0, c, d, r, j]
                    if j > 0:
                        div -= y[2, c, d, r, j - 1]
                    if r > 0:
                        div -= y[1, c, d, r - 1, j]
                    if d > 0:
                        div -= y[0, c, d - 1, r, j]
                    u[c, d, r, j] = f[c, d, r, j] + tau * div


@nb.njit(fastmath=True)
def ascend(
    u: np.ndarray, y: np.ndarray, p: np.ndarray, step: float, beta: float, g: np.ndarray
) -> None:
    """Project ``y + step grad u`` to the ball of all channels together; extrapolate."""
    channels, depth, height, width = u.shape
    for d in range(depth):
        for r in range(height):
            for j in range(width):
                norm = np.float32(0)
                for c in range(channels):
                    here = u[c, d, r, j]
                    g[2, c] = u[c, d, r, j + 1] - here if j + 1 < width else 0
                    g[1, c] = u[c, d, r + 1, j] - here if r + 1 < height else 0
                    g[0, c] = u[c, d + 1, r, j] - here if d + 1 < depth else 0
                    for a in range(3):
                        g[a, c] = y[a, c, d, r, j] + step * g[a, c]
                        norm += g[a, c] * g[a, c]
                scale = np.float32(1) / math.sqrt(max(norm, np.float32(1)))
                for c in range(channels):
                    for a in range(3):
                        new = scale * g[a, c]
                        y[a, c, d, r, j] = new + beta * (new - p[a, c, d, r, j])
                        p[a, c, d, r, j] = new


@nb.njit
def relative_gap(f: np.ndarray, u: np.ndarray, p: np.ndarray, tau: float) -> float:
    """The gap of ``1/2||v - f||^2 + tau J(v)`` at u, relative to the energy, in float64."""
    channels, depth, height, width = u.shape
    value, inner, change = 0.0, 0.0, 0.0
    for d in range(depth):
        for r in range(height):
            for j in range(width):
                square = 0.0
                for c in range(channels):
                    here = np.float64(u[c, d, r, j])
                    x = u[c, d, r, j + 1] - here if j + 1 < width else 0.0
                    y = u[c, d, r + 1, j] - here if r + 1 < height else 0.0
                    z = u[c, d + 1, r, j] - here if d + 1 < depth else 0.0
                    square += x * x + y * y + z * z
                    inner += p[2, c, d, r, j] * x + p[1, c, d, r, j] * y + p[0, c, d, r, j] * z
                    change += (here - f[c, d, r, j]) ** 2
                value += math.sqrt(square)
    energy = 0.5 * change + tau * value
    return tau * (value - inner) / energy if energy > 0 else 0.0


def plain(f: np.ndarray, taus: list[float], tol: float) -> tuple[np.ndarray, int]:
    """Implicit Euler steps of (C, D, H, W) by FISTA; the last image and all iterations."""
    f = np.array(f, np.float32)
    u, total = np.empty_like(f), 0
    y, p = np.zeros((2, 3, *f.shape), np.float32)
    g = np.empty((3, f.shape[0]), np.float32)
    contrast = 0.5 * float(((f - f.mean((1, 2, 3), keepdims=True)) ** 2).sum())
    axes = 3 if f.shape[1] > 1 else 2
    for tau in taus:
        t, done, step = 1.0, 0, np.float32(1 / (4 * axes * tau))
        y[:] = p
        while True:
            for _ in range(EVERY):
                following = (1 + math.sqrt(1 + 4 * t * t)) / 2
                primal(f, y, np.float32(tau), u)
                ascend(u, y, p, step, np.float32((t - 1) / following), g)
                t, done = following, done + 1
            primal(f, p, np.float32(tau), u)
            flat = float(((u - u.mean((1, 2, 3), keepdims=True)) ** 2).sum()) < 1e-8 * contrast
            if relative_gap(f, u, p, tau) <= tol or flat or done >= MOST:
                break
        f[:], total = u, total + done
    return u, total


def cases() -> dict[str, tuple[Callable[[], Any], Callable[[], tuple[np.ndarray, int]]]]:
    """Named pairs of calls: steepest on one thread, and the plain solver."""
    camera = io.sample("camera").astype(np.float32) / np.float32(255)
    crop = np.ascontiguousarray(camera[128:384, 128:384])
    colour = (io.sample("coffee")[:256, :256] / np.float32(255)).astype(np.float32)
    channels = np.ascontiguousarray(np.moveaxis(colour, -1, 0))[:, None]
    volume = np.stack([crop[k : k + 64, k : k + 64] for k in range(64)])
    nodes = steepest.spectral.decompose(crop, solver=steepest.Solver(num_threads=1)).nodes
    steps = [float(x) for x in np.diff(nodes)]
    one = {"solver": steepest.Solver(tol=TOL, num_threads=1)}
    return {
        "ROF, 256 x 256 RGB, strength 0.1": (
            lambda: steepest.denoise_tv(colour, 0.1, channel_axis=-1, **one),
            lambda: plain(channels, [0.1], TOL),
        ),
        "ROF, 64 x 64 x 64, strength 0.1": (
            lambda: steepest.denoise_tv(volume, 0.1, **one),
            lambda: plain(volume[None], [0.1], TOL),
        ),
        "decompose, 256 x 256 (gap 1e-2)": (
            lambda: steepest.spectral.decompose(crop, solver=steepest.Solver(num_threads=1)),
            lambda: plain(crop[None, None], steps, 1e-2),
        ),
    }


def main() -> None:
    """Time all cases and write the table."""
    rows = []
    for name, calls in cases().items():
        results, seconds = [], [[], []]
        for k in range(4):
            for call, taken in zip(calls, seconds, strict=True):
                if k > 0 and taken[0] > LONG_S:
                    continue
                began = time.thread_time()
                result = call()
                taken.append(time.thread_time() - began)
                if k == 0:
                    results.append(result)
        ours, theirs = (min(taken) for taken in seconds)
        found = getattr(results[0], "flow", results[0])
        rows.append(
            [
                name, f"{1e3 * ours:.0f}", f"{1e3 * theirs:.0f}", f"{theirs / ours:.1f}",
                str(found.iterations), str(results[1][1]),
            ]
        )  # fmt: skip
        print(rows[-1], flush=True)
    head = (
        f"to a gap of {TOL:g}", "steepest [ms]", "plain FISTA [ms]", "ratio", "iterations", "plain"
    )  # fmt: skip
    write(RESULTS / "fista.md", head, rows, "`python -m benchmarks.fista`")


if __name__ == "__main__":
    main()
