"""Independent high-accuracy solutions in float64; no code is shared with steepest.

The ROF problem min_v 1/2 ||v - f||^2 + strength * TV(v) with isotropic forward-difference TV and
Neumann boundary is solved by its dual, min_{|p| <= 1} 1/2 ||f + strength * div p||^2, with FISTA
(Beck and Teboulle, IEEE TIP 18(11), 2009; step 1/(8 strength^2)) and the gradient restart of
O'Donoghue and Candes (Found. Comput. Math. 15, 2015). The stopping criterion is the relative
duality gap

    [P(u) - D(p)] / P(u),  u = f + strength * div p,  P - D = strength * (TV(u) - <p, grad u>),

which bounds the relative suboptimality of u from above. Results are cached in ``.cache``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks.images import Image

CACHE = Path(__file__).parent / ".cache"
MAX_ITERATIONS = 400_000
CHECK_EVERY = 50

Fields = tuple[Image, Image]

_compile = numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz", "arcp"})


@_compile
def _primal(f: Image, strength: float, p: Image, q: Image, out: Image) -> None:
    """out = f + strength * div (p, q); p vanishes on the last row, q on the last column."""
    rows, columns = f.shape
    for i in range(rows):
        above = p[i - 1] if i > 0 else np.zeros_like(p[0])
        out[i, 0] = f[i, 0] + strength * (p[i, 0] - above[0] + q[i, 0])
        for j in range(1, columns):
            divergence = p[i, j] - above[j] + q[i, j] - q[i, j - 1]
            out[i, j] = f[i, j] + strength * divergence


@_compile
def _ascend(u: Image, step: float, y: Image, z: Image, p: Image, q: Image) -> None:
    """(p, q) = projection of (y, z) + step * grad u onto the pointwise unit disc."""
    rows, columns = u.shape
    for i in range(rows):
        here, below = u[i], u[min(i + 1, rows - 1)]
        yi, zi, pi, qi = y[i], z[i], p[i], q[i]
        for j in range(columns - 1):
            a = yi[j] + step * (below[j] - here[j])
            b = zi[j] + step * (here[j + 1] - here[j])
            scale = 1.0 / np.sqrt(max(a * a + b * b, 1.0))
            pi[j] = a * scale
            qi[j] = b * scale
        last = columns - 1
        a = yi[last] + step * (below[last] - here[last])
        pi[last] = min(max(a, -1.0), 1.0)
        qi[last] = 0.0


@_compile
def _gap_and_tv(u: Image, p: Image, q: Image) -> tuple[float, float]:
    """(TV(u) - <p, grad u>, TV(u)), summed pixel by pixel so that no large numbers cancel."""
    rows, columns = u.shape
    gap = 0.0
    tv = 0.0
    for i in range(rows):
        below = u[min(i + 1, rows - 1)]
        for j in range(columns):
            a = below[j] - u[i, j]
            b = u[i, min(j + 1, columns - 1)] - u[i, j]
            norm = np.sqrt(a * a + b * b)
            tv += norm
            gap += norm - p[i, j] * a - q[i, j] * b
    return gap, tv


@_compile
def _correlation(p: Image, p_old: Image, y: Image) -> float:
    """<y - p, p - p_old>: positive when the momentum points uphill."""
    total = 0.0
    for k in range(p.size):
        total += (y[k] - p[k]) * (p[k] - p_old[k])
    return total


@_compile
def _extrapolate(p: Image, p_old: Image, momentum: float, y: Image) -> None:
    for k in range(p.size):
        y[k] = p[k] + momentum * (p[k] - p_old[k])


def _momentum(new: Fields, old: Fields, ahead: Fields, t: float) -> float:
    """FISTA's extrapolation, written into ``ahead``, with gradient restart; the next t."""
    flat = [tuple(a.ravel() for a in three) for three in zip(new, old, ahead, strict=True)]
    restart = sum(_correlation(*three) for three in flat) > 0.0
    t_next = 1.0 if restart else 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
    for p, p_old, y in flat:
        _extrapolate(p, p_old, 0.0 if restart else (t - 1.0) / t_next, y)
    return float(t_next)


def total_variation(u: NDArray[Any]) -> float:
    """Isotropic TV(u) = sum sqrt((u_{i+1,j} - u_ij)^2 + (u_{i,j+1} - u_ij)^2), in float64."""
    u = np.ascontiguousarray(u, np.float64)
    zero = np.zeros_like(u)
    return float(_gap_and_tv(u, zero, zero)[1])


def rof_energy(u: NDArray[Any], image: Image, strength: float) -> float:
    """P(u) = 1/2 ||u - image||^2 + strength * TV(u), in float64."""
    difference = np.asarray(u, np.float64) - image
    return 0.5 * float(np.vdot(difference, difference)) + strength * total_variation(u)


def relative_gap(
    image: NDArray[Any], u: NDArray[Any], flux: NDArray[Any], strength: float
) -> float:
    """The relative duality gap [P(u) - D(flux)] / P(u) of a given solution, in float64.

    ``flux`` (2, rows, columns) is first projected to the unit ball. D(p) = 1/2||f||^2 -
    1/2||f + strength div p||^2, and P(u) - D(p) = strength (TV(u) - <p, grad u>) +
    1/2||u - f - strength div p||^2.
    """
    f, u64 = np.ascontiguousarray(image, np.float64), np.ascontiguousarray(u, np.float64)
    p, q = np.ascontiguousarray(flux, np.float64)
    norm = np.maximum(1.0, np.hypot(p, q))
    p, q = p / norm, q / norm
    p[-1], q[:, -1] = 0.0, 0.0
    residual = np.empty_like(f)
    _primal(f, strength, p, q, residual)
    residual = u64 - residual
    gap, _ = _gap_and_tv(u64, p, q)
    absolute = strength * gap + 0.5 * float(np.vdot(residual, residual))
    return absolute / rof_energy(u64, f, strength)


def solve_rof(
    image: Image, strength: float, rtol: float, start: Fields | None = None
) -> tuple[Image, Fields, float]:
    """The solution u, the dual field and the relative gap; RuntimeError if rtol is not reached."""
    p, q = (a.copy() for a in start) if start else (np.zeros_like(image), np.zeros_like(image))
    y, z, p_new, q_new, u = p.copy(), q.copy(), p.copy(), q.copy(), np.empty_like(image)
    t = 1.0
    relative = np.inf
    for k in range(1, MAX_ITERATIONS + 1):
        _primal(image, strength, y, z, u)
        _ascend(u, 1.0 / (8.0 * strength), y, z, p_new, q_new)
        t = _momentum((p_new, q_new), (p, q), (y, z), t)
        p, p_new, q, q_new = p_new, p, q_new, q
        if k % CHECK_EVERY == 0:
            _primal(image, strength, p, q, u)
            gap, tv = _gap_and_tv(u, p, q)
            energy = 0.5 * float(np.vdot(u - image, u - image)) + strength * tv
            relative = strength * gap / energy if energy > 0.0 else 0.0
            if relative <= rtol:
                return u, (p, q), relative
    raise RuntimeError(f"the reference reached a relative gap of {relative:.1e}, not {rtol:.1e}")


def solve_flow(
    image: Image,
    tau: float,
    num_steps: int,
    rtol: float,
    on_step: Callable[[int], None] | None = None,
) -> Image:
    """Frames u_1 .. u_N of implicit Euler, u_n = argmin 1/2||v-u_{n-1}||^2 + tau TV(v)."""
    frames = np.empty((num_steps, *image.shape))
    u, start = image, None
    for n in range(num_steps):
        u, start, _ = solve_rof(u, tau, rtol, start)
        frames[n] = u
        if on_step:
            on_step(n + 1)
    return frames


def cached(name: str, image: Image, compute: Callable[[], Image]) -> Image:
    """Return ``compute()`` for this image from the cache, or compute and store it."""
    digest = hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()[:12]
    path = CACHE / f"{name}-{digest}.npy"
    if path.exists():
        return np.asarray(np.load(path))
    print(f"  computing the reference {name} (cached afterwards)", flush=True)
    result = compute()
    CACHE.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial.npy")
    np.save(partial, result)
    partial.replace(path)
    return result


def rof_reference(image: Image, strength: float, rtol: float = 1e-9) -> Image:
    """Cached solution of the ROF problem to a relative duality gap of ``rtol``."""
    name = f"rof-{image.shape[0]}-{strength:g}-{rtol:g}"
    return cached(name, image, lambda: solve_rof(image, strength, rtol)[0])


def flow_reference(image: Image, tau: float, num_steps: int, rtol: float = 1e-8) -> Image:
    """Cached frames (num_steps, rows, columns) of the implicit Euler flow."""
    name = f"flow-{image.shape[0]}-{tau:g}x{num_steps}-{rtol:g}"
    return cached(name, image, lambda: solve_flow(image, tau, num_steps, rtol))


def final_frame_reference(image: Image, time: float, num_steps: int, rtol: float = 1e-7) -> Image:
    """Cached last frame of a flow with many small steps, which approximates the exact flow."""
    name = f"last-{image.shape[0]}-{time:g}x{num_steps}-{rtol:g}"
    return cached(name, image, lambda: solve_flow(image, time / num_steps, num_steps, rtol)[-1])
