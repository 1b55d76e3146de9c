"""Dots for a photograph: the flow against Lloyd's method, error diffusion and random dots.

``python -m benchmarks.particles`` writes ``results/particles/stippling.md``. Each row has the
discrepancy over that of a locally hexagonal pattern, the PSNR of the grey tones of dots after
a Gaussian blur of 2, 4 and 8 pixels, as an eye sees them from afar, and the seconds of all
processors together, as the least of several runs.

``python -m benchmarks.particles summation`` needs ``geomloss`` and ``pykeops`` as well. It writes
``summation.md``: the seconds of one value of the energy distance and its gradient.

``python -m benchmarks.particles distances`` needs ``geomloss``. It writes ``distances.md``: the
energy distance of two sets of points, with its gradient in both for tensors.

``python -m benchmarks.particles colours`` writes ``colours.md``: how far the colours of a
photograph are from those of another one after some steps, as the sliced Wasserstein distance along
512 directions, in units of the range of a channel; the spread is over five seeds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from steepest import io, particles
from steepest.grid.dithering import dither
from steepest.particles.attraction import attract
from steepest.particles.descent import Functional

RESULTS = Path(__file__).parent / "results" / "particles"
BLURS = (2, 4, 8)


def flow(ink: np.ndarray, count: int) -> np.ndarray:
    """The flow, with its default settings."""
    return particles.stipple(1 - ink, count).points


def diffused(ink: np.ndarray, count: int) -> np.ndarray:
    """Floyd and Steinberg's error diffusion."""
    return np.argwhere(dither(ink, count)).astype(float)


def scattered(ink: np.ndarray, count: int) -> np.ndarray:
    """Independent random dots."""
    rng = np.random.default_rng(0)
    pixels = rng.choice(ink.size, count, p=(ink / ink.sum()).ravel())
    return np.stack(np.unravel_index(pixels, ink.shape), 1) + rng.uniform(-0.5, 0.5, (count, 2))


def lloyd(ink: np.ndarray, count: int, iterations: int = 100) -> np.ndarray:
    """Weighted Voronoi stippling (Secord 2002): dots move to the centres of mass of their cells.

    It starts from an error diffusion, as the flow does: from random dots, clumps stayed.
    """
    pixels = np.argwhere(ink >= 0).astype(float)
    weights, points = ink.ravel(), diffused(ink, count)
    for _ in range(iterations):
        owner = cKDTree(points).query(pixels)[1]
        mass = np.bincount(owner, weights, count)
        for axis in range(2):
            moment = np.bincount(owner, weights * pixels[:, axis], count)
            points[:, axis] = np.where(mass > 0, moment / np.maximum(mass, 1e-12), points[:, axis])
    return points


def grey_tones(points: np.ndarray, areas: np.ndarray | float, shape: tuple[int, int]) -> np.ndarray:
    """Return an image on which each dot's area is shared by the four pixels around it.

    What falls off the edge is lost, as it is from the paper.
    """
    seen = np.zeros(np.add(shape, 2))
    corner = np.floor(points).astype(int)
    part = points - corner
    for down in range(2):
        for right in range(2):
            weight = areas * abs(1 - down - part[:, 0]) * abs(1 - right - part[:, 1])
            np.add.at(seen, (corner[:, 0] + down + 1, corner[:, 1] + right + 1), weight)
    return seen


def tones(points: np.ndarray, ink: np.ndarray) -> list[float]:
    """PSNR of the blurred dots against the blurred ink, for each blur."""
    error = grey_tones(points, ink.sum() / len(points), ink.shape) - np.pad(ink, 1)
    blurred = (gaussian_filter(error, blur, mode="constant") for blur in BLURS)
    return [-10 * np.log10(np.mean(each**2)) for each in blurred]


def least_time(call: Callable, runs: int) -> tuple[float, Any]:
    """Return the seconds of all processors together, the least of several runs, and the result."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        result = call()
        times.append(time.process_time() - start)
    return min(times), result


def row(name: str, method: Callable, ink: np.ndarray, count: int, runs: int) -> str:
    """Run a method and return its line of the table."""
    seconds, points = least_time(lambda: method(ink, count), runs)
    copies = 2 if count > ink.size / 8 else 1
    fine = np.repeat(np.repeat(ink, copies, 0), copies, 1)
    functional = Functional(attract(fine / fine.sum()), count, 2)
    energy = functional(functional.inside((points + 0.5) * copies - 0.5))[0]
    quality = energy / functional.attraction.hexagonal(count)
    psnr = " / ".join(f"{value:.1f}" for value in tones(points, ink))
    line = f"| {name} | {count:,} | {quality:.3g} | {psnr} | {seconds:.2g} |"
    print(line, flush=True)
    return line


def stippling() -> list[str]:
    """Return the table of all methods."""
    ink = 1 - io.sample("camera") / 255
    flow(ink, 100)  # compiles
    return [
        "| method | dots | discrepancy / hexagonal | PSNR (dB), blur 2 / 4 / 8 px | CPU s |",
        "|---|---|---|---|---|",
        row("**flow**", flow, ink, 10_000, 7),
        row("weighted Voronoi (Lloyd), 100 iterations", lloyd, ink, 10_000, 1),
        row("error diffusion (Floyd-Steinberg)", diffused, ink, 10_000, 5),
        row("random", scattered, ink, 10_000, 5),
        row("**flow**", flow, ink, 100_000, 2),
        row("error diffusion (Floyd-Steinberg)", diffused, ink, 100_000, 5),
    ]


def summation() -> list[str]:
    """Return the table of one value and gradient, against geomloss with its two backends.

    Ours is against the 262,144 pixels of a photograph, geomloss against as many points as dots.
    """
    import torch
    from geomloss import SamplesLoss

    torch.set_num_threads(2)
    ink = 1 - io.sample("camera") / 255
    lines = ["| method | dots | against | CPU s | times ours |", "|---|---|---|---|---|"]
    for count, backends in ((10_000, ("online", "tensorized")), (100_000, ("online",))):
        functional = Functional(attract(ink / ink.sum()), count, 2)
        points = scattered(ink, count)
        functional(points)  # compiles
        ours, _ = least_time(lambda f=functional, x=points: f(x), 20)  # type: ignore[misc]
        lines.append(f"| **steepest** | {count:,} | 262,144 pixels | {ours:.2g} | 1 |")
        x = torch.tensor(points, dtype=torch.float32, requires_grad=True)
        y = torch.tensor(diffused(ink, count), dtype=torch.float32)
        for backend in backends:
            loss = SamplesLoss("energy", backend=backend)

            def once(loss: Any = loss, x: Any = x, y: Any = y) -> Any:
                return torch.autograd.grad(loss(x, y), x)

            if count == 10_000:
                once()  # KeOps compiles
            taken, _ = least_time(once, 2 if count == 10_000 else 1)
            name = "geomloss, " + ("KeOps" if backend == "online" else "dense")
            lines.append(
                f"| {name} | {count:,} | {count:,} points | {taken:.3g} | {taken / ours:.0f} |"
            )
        print("\n".join(lines), flush=True)
    return lines


def distances() -> list[str]:
    """Return the table of the energy distance of two sets, against torch and geomloss."""
    import torch
    from geomloss import SamplesLoss

    torch.set_num_threads(2)

    def cdist(x: Any, y: Any, mode: str = "use_mm_for_euclid_dist_if_necessary") -> Any:
        pairs = (x, y), (x, x), (y, y)
        across, own, other = (torch.cdist(a, b, compute_mode=mode).mean() for a, b in pairs)
        return across - own / 2 - other / 2

    losses = {
        "**steepest**": particles.energy_distance,
        "torch.cdist": cdist,
        "geomloss, dense": SamplesLoss("energy", backend="tensorized"),
    }
    lines = ["| dimension | points in each set | method | CPU s | error |", "|---|---|---|---|---|"]
    for dimension, count in ((2, 100_000), (3, 10_000), (2, 10_000)):
        rng = np.random.default_rng(0)
        sets = rng.random((count, dimension)), rng.random((count, dimension)) ** 1.1
        tensors = [torch.tensor(each, requires_grad=True) for each in sets]
        dense = (dimension, count) == (2, 10_000)
        with torch.no_grad():
            exact = float(cdist(*tensors, "donot_use_mm_for_euclid_dist")) if dense else np.nan

        def value(x: Any = sets) -> Any:
            return particles.energy_distance(*x, num_threads=2)

        methods: dict[str, Callable[[], Any]] = {"**steepest**, value only": value}
        for name, loss in losses.items():

            def both(loss: Any = loss, tensors: list = tensors) -> Any:
                total = loss(*tensors)
                torch.autograd.grad(total, tensors)
                return total.detach()

            if dense or loss is particles.energy_distance:
                methods[name] = both
        for name, method in methods.items():
            own = "steepest" in name
            if own:
                method()  # compiles
            seconds, total = least_time(method, 3 if own else 1)
            error = f"{abs(float(total) / exact - 1):.0e}" if dense else ""
            lines.append(f"| {dimension} | {count:,} | {name} | {seconds:.2g} | {error} |")
            print(lines[-1], flush=True)
    return lines


def colours() -> list[str]:
    """Return the table of the colours of a photograph, transferred to another one."""
    from skimage.data import chelsea
    from skimage.exposure import match_histograms

    image, reference = io.sample("coffee"), chelsea()
    lines = [
        "| `coffee` with the colours of `chelsea` | sliced W2 | over five seeds | CPU s |",
        "|---|---|---|---|",
        f"| before | {apart(image, reference):.4f} | | |",
    ]
    seconds, matched = least_time(lambda: match_histograms(image, reference, channel_axis=-1), 3)
    distance = apart(matched, reference)
    lines.append(f"| scikit-image's match_histograms | {distance:.4f} | | {seconds:.2g} |")
    particles.transfer_colours(image, reference, num_iter=1)  # compiles
    for steps in (10, 30, 60):
        seconds, found = 0.0, []
        for seed in range(5):
            start = time.process_time()
            graded = particles.transfer_colours(image, reference, num_iter=steps, rng=seed)
            seconds = time.process_time() - start
            found.append(apart(graded, reference))
        spread = f"{min(found):.5f} to {max(found):.5f}"
        lines.append(f"| **steepest**, {steps} steps | {found[0]:.5f} | {spread} | {seconds:.2g} |")
    print("\n".join(lines))
    return lines


def apart(image: np.ndarray, reference: np.ndarray) -> float:
    """The sliced Wasserstein distance of the colours of two images."""
    axes = np.random.default_rng(1).normal(size=(512, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    levels = (np.arange(4096) + 0.5) / 4096
    squares = []
    for axis in axes:
        lines = [
            np.quantile(each.reshape(-1, 3) @ axis / 255, levels) for each in (image, reference)
        ]
        squares.append(np.mean((lines[0] - lines[1]) ** 2))
    return float(np.sqrt(np.mean(squares)))


TABLES = {
    "stippling": stippling,
    "summation": summation,
    "distances": distances,
    "colours": colours,
}


def main(tables: list[str]) -> None:
    """Write the tables of these names."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in tables:
        lines = TABLES[name]()
        (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:] or ["stippling"])
