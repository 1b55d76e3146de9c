"""Compare variants of the solver by their iterations.

    python -m benchmarks.variants rof          # one ROF problem: iterations to an accuracy
    python -m benchmarks.variants flow         # 50 steps: worst frame at a fixed effort
    python -m benchmarks.variants certificate  # gain of each improvement of the bound
    python -m benchmarks.variants --size 64    # a smaller crop, for a quick look

These development measurements use plain float64 code that shares nothing with the library, except
for the last table of ``certificate``. They count iterations, which do not depend on the machine;
`benchmarks.run` measures times. Tables are printed as Markdown.

Protocol: central crop of `skimage.data.camera()` / 255. ROF: strength 0.1, accuracy (P(u) - P*)/P*
evaluated every 5 iterations, with P* from `benchmarks.reference` (relative gap 1e-9). Flow: 50
steps of 0.004; the accuracy is the PSNR (range 1) of the worst frame against the same steps solved
to 1e-8.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np

from benchmarks.images import Image, camera_crop
from benchmarks.reference import flow_reference, rof_energy, rof_reference, total_variation

STRENGTH, TAU, NUM_STEPS = 0.1, 0.004, 50
ACCURACIES = (1e-3, 1e-4, 1e-5, 1e-6)
EFFORTS = (5, 8, 11, 16)  # iterations per step
LOOK_EVERY, MOST_ITERATIONS = 5, 4000

_compile = numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz", "arcp"})


@_compile
def _primal(f, tau, p, u):
    """u = f + tau div p; p[0] along rows, p[1] along columns."""
    for i in range(f.shape[0]):
        for j in range(f.shape[1]):
            d = p[0, i, j] + p[1, i, j]
            if i > 0:
                d -= p[0, i - 1, j]
            if j > 0:
                d -= p[1, i, j - 1]
            u[i, j] = f[i, j] + tau * d


@_compile
def _ascend(u, step, beta, p, y):
    """p+ = project(y + step grad u), y+ = p+ + beta (p+ - p); returns <y - p+, p+ - p>."""
    rows, columns = u.shape
    uphill = 0.0
    for i in range(rows):
        for j in range(columns):
            a, b = y[0, i, j], y[1, i, j]
            c = a + step * (u[i + 1, j] - u[i, j]) if i + 1 < rows else 0.0
            d = b + step * (u[i, j + 1] - u[i, j]) if j + 1 < columns else 0.0
            scale = 1 / np.sqrt(max(c * c + d * d, 1.0))
            c, d = c * scale, d * scale
            dc, dd = c - p[0, i, j], d - p[1, i, j]
            uphill += (a - c) * dc + (b - d) * dd
            p[0, i, j], p[1, i, j] = c, d
            y[0, i, j], y[1, i, j] = c + beta * dc, d + beta * dd
    return uphill


@dataclass(frozen=True)
class Method:
    """Accelerated projected gradient on the dual.

    ``relaxation``: dual step in units of 1/L, L = 8 tau. ``beta``: a constant extrapolation
    factor; None for Nesterov's sequence (t - 1)/t+. ``restart``: reset the momentum if the last
    step went uphill. ``levels``: number of coarser grids for the first flux.
    """

    name: str
    relaxation: float = 1.0
    beta: float | None = None
    restart: bool = True
    levels: int = 0


@dataclass
class Dual:
    """Flux, extrapolated flux and Nesterov's t of one ROF problem."""

    p: Image
    y: Image
    t: float = 1.0

    @classmethod
    def zero(cls, shape: tuple[int, int]) -> Dual:
        return cls(np.zeros((2, *shape)), np.zeros((2, *shape)))

    def iterate(self, f: Image, tau: float, method: Method, count: int) -> Image:
        """Do ``count`` iterations and return the primal image."""
        u, step = np.empty_like(f), method.relaxation / (8 * tau)
        for _ in range(count):
            following = 0.5 * (1 + math.sqrt(1 + 4 * self.t**2))
            beta = (self.t - 1) / following if method.beta is None else method.beta
            self.t = following
            _primal(f, tau, self.y, u)
            if _ascend(u, step, beta, self.p, self.y) > 0 and method.restart:
                self.t, self.y = 1.0, self.p.copy()
        _primal(f, tau, self.p, u)
        return u


def coarse_start(f: Image, tau: float, levels: int) -> Dual:
    """A flux from ``levels`` coarser grids (2 x 2 means), 100 iterations on each."""
    if levels == 0 or min(f.shape) < 32 or any(n % 2 for n in f.shape):
        return Dual.zero(f.shape)  # type: ignore[arg-type]
    coarse = 0.25 * (f[::2, ::2] + f[1::2, ::2] + f[::2, 1::2] + f[1::2, 1::2])
    dual = coarse_start(coarse, tau / 2, levels - 1)
    dual.iterate(coarse, tau / 2, Method("", 4 / 3), 100)
    p = np.zeros((2, *f.shape))
    for axis in (0, 1):
        faces = np.repeat(dual.p[axis], 2, 1 - axis)
        before = np.roll(faces, 1, axis)  # the last face, which wraps around, is closed: 0
        fine = np.moveaxis(p[axis], axis, 0)
        fine[1::2] = np.moveaxis(faces, axis, 0)
        fine[0::2] = np.moveaxis(0.5 * (faces + before), axis, 0)
    p /= np.maximum(1.0, np.hypot(p[0], p[1]))
    return Dual(p, p.copy())


def accelerated(f: Image, method: Method) -> Iterator[Image]:
    """Primal images after every `LOOK_EVERY` iterations on the ROF problem."""
    dual = coarse_start(f, STRENGTH, method.levels)
    while True:
        yield dual.iterate(f, STRENGTH, method, LOOK_EVERY)


def primal_dual(f: Image, gamma: float, levels: int) -> Iterator[Image]:
    """Accelerated primal-dual steps (Chambolle & Pock 2011, Alg. 2), first primal step 1."""
    p, u, moved = coarse_start(f, STRENGTH, levels).p, np.empty_like(f), np.empty_like(f)
    _primal(f, STRENGTH, p, u)
    primal_step, dual_step, ahead = 1.0, 1 / 8, u.copy()
    while True:
        for _ in range(LOOK_EVERY):
            _ascend(ahead, dual_step / STRENGTH, 0.0, p, p)
            _primal(u + primal_step * f, primal_step * STRENGTH, p, moved)
            moved /= 1 + primal_step
            theta = 1 / math.sqrt(1 + 2 * gamma * primal_step)
            ahead = moved + theta * (moved - u)
            u, moved = moved, u
            primal_step, dual_step = theta * primal_step, dual_step / theta
        yield u


METHODS = (
    Method("FISTA, step 1/L, no restart", restart=False),
    Method("FISTA, step 1/L, gradient restart"),
    Method("FISTA, step 4/3 of 1/L, gradient restart", 4 / 3),
    Method("constant momentum 0.95, step 1/L", beta=0.95, restart=False),
    Method("greedy FISTA (momentum 1, gradient restart), step 1/L", beta=1.0),
    Method("greedy FISTA, step 4/3 of 1/L", 4 / 3, beta=1.0),
    Method("coarse start (3 levels), step 4/3 of 1/L, gradient restart", 4 / 3, levels=3),
)
PRIMAL_DUAL = ((0.2, 0), (0.5, 0), (0.5, 3))  # gamma, levels of the coarse start


def rof(size: int) -> None:
    """Iterations to each accuracy on one ROF problem."""
    f = camera_crop(size)
    best = rof_energy(rof_reference(f, STRENGTH), f, STRENGTH)
    row("iterations to (P - P*)/P* of", *(f"{a:g}" for a in ACCURACIES), header=True)
    runs = {method.name: accelerated(f, method) for method in METHODS}
    for gamma, levels in PRIMAL_DUAL:
        name = f"accelerated primal-dual, gamma {gamma}"
        runs[name + ", coarse start" * (levels > 0)] = primal_dual(f, gamma, levels)
    for name, images in runs.items():
        found: list[str] = []
        for k, u in enumerate(images, 1):
            error = (rof_energy(u, f, STRENGTH) - best) / best
            while len(found) < len(ACCURACIES) and error <= ACCURACIES[len(found)]:
                found.append(str(k * LOOK_EVERY))
            if len(found) == len(ACCURACIES) or k * LOOK_EVERY >= MOST_ITERATIONS:
                break
        row(name, *found, *["-"] * (len(ACCURACIES) - len(found)))


def flow_psnr(f: Image, frames: Image, method: Method, count: int, start: str) -> float:
    """PSNR of the worst frame with ``count`` iterations in each step.

    ``start`` is how a step starts: "flux" (from the last flux), "extrapolated" (plus 0.7 of its
    last change), or "carried" (with momentum; Nesterov's t is at most the number of iterations).
    """
    dual, u, before, worst = Dual.zero(f.shape), f, np.zeros((2, *f.shape)), 0.0  # type: ignore[arg-type]
    for frame in frames:
        previous = dual.p.copy()
        if start == "carried":
            dual.t = min(dual.t, max(1.0, count))
        elif start == "extrapolated":
            p = dual.p + 0.7 * (dual.p - before)
            p /= np.maximum(1.0, np.hypot(p[0], p[1]))
            dual = Dual(p, p.copy())
        else:
            dual = Dual(dual.p, dual.p.copy())
        before = previous
        u = dual.iterate(u, TAU, method, count)
        worst = max(worst, float(np.mean((u - frame) ** 2)))
    return -10 * math.log10(worst)


def flow(size: int) -> None:
    """Worst-frame PSNR of the 50-step flow at a fixed number of iterations per step."""
    f = camera_crop(size)
    frames = flow_reference(f, TAU, NUM_STEPS)
    row("dB after this number of iterations", *(n * NUM_STEPS for n in EFFORTS), header=True)
    slow, fast = Method("step 1/L"), Method("step 4/3 of 1/L", 4 / 3)
    for method, start in (
        (slow, "flux"), (fast, "flux"), (fast, "extrapolated"), (fast, "carried")
    ):  # fmt: skip
        values = (flow_psnr(f, frames, method, n, start) for n in EFFORTS)
        row(f"{method.name}, start: {start}", *(f"{v:.1f}" for v in values))


def certificate(size: int) -> None:
    """The bound on exact implicit Euler frames, with ever sharper bounds of the TV integral."""
    import steepest

    f, last = camera_crop(size), TAU * NUM_STEPS
    graded = steepest.TimeGrid.graded(NUM_STEPS).through([last])
    by_grading = steepest.tv_flow(
        f, graded, steps=steepest.TimeGrid(tuple(graded)), solver=steepest.Solver(tol=1e-8)
    ).images
    even = TAU * np.arange(NUM_STEPS + 1)
    _chords("uniform", f, even, flow_reference(f, TAU, NUM_STEPS))
    _chords("graded", f, np.array([0.0, *graded]), by_grading)
    print()
    row("share of E^2 from the length of the steps, library", "time_error", "order q", header=True)
    before = math.nan
    for steps in (6, 12, 25, 50, 100, 200):
        result = steepest.tv_flow(
            f, last, steps=steepest.TimeGrid.uniform(steps), solver=steepest.Solver(tol=1e-4)
        )
        share = float(result.time_error[-1])
        row(f"{steps} steps", f"{share:.4g}", f"{1 + math.log2(before / share):.2f}")
        before = share


def _chords(name: str, f: np.ndarray, nodes: np.ndarray, frames: np.ndarray) -> None:
    u = np.concatenate([f[None], frames])
    title = f"certified after {NUM_STEPS} {name} steps to {nodes[-1]:g}"
    row(title, "dB", "first step's share of E^2", header=True)
    for name, parts in (("trapezoid", 1), ("midpoint", 2), ("eight parts", 8), ("64 parts", 64)):
        terms = []
        for a, b, tau in zip(u[:-1], u[1:], np.diff(nodes), strict=True):
            tv = [total_variation(a + (b - a) * k / parts) for k in range(parts + 1)]
            mean = (sum(tv) - 0.5 * (tv[0] + tv[-1])) / parts
            terms.append(2 * tau * mean + float(np.vdot(b, b) - np.vdot(a, a)))
        total = sum(terms)
        row(name, f"{10 * math.log10(f.size / total):.2f}", f"{terms[0] / total:.0%}")
    print()


def row(*cells: object, header: bool = False) -> None:
    """One row of a Markdown table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)
    if header:
        print("|" + " --- |" * len(cells))


def main() -> None:
    """Print the requested tables."""
    tasks = {"rof": rof, "flow": flow, "certificate": certificate}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tasks", nargs="*", choices=[*tasks, []], help="default: all")
    parser.add_argument("--size", type=int, default=256, help="edge of the crop")
    options = parser.parse_args()
    for name in options.tasks or tasks:
        print(f"\n{name}, {options.size} x {options.size}\n")
        tasks[name](options.size)


if __name__ == "__main__":
    main()
