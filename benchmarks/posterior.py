"""Posterior samplers against exact answers: the tables of docs/posterior.

``python -m benchmarks.posterior couplings|gap|bridge|kernels|steps|digits|simulated|coverage``
(default: all) writes ``results/posterior/*.md``. One thread; seconds are processor time. What was
measured is kept in ``*.jsonl``, a line for each seed, so that a run that was cut off goes on;
remove these files to measure again.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np
import torch

from experiments.transport.clouds import wasserstein
from steepest import posterior

from .startup import describe

OUTPUT = Path(__file__).parent / "results" / "posterior"
SEEDS = range(5)


def write(name: str, lines: Sequence[str]) -> None:
    """Print a table, and write it with the machine and the date."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines) + f"\n\n{describe()}\n"
    (OUTPUT / f"{name}.md").write_text(text)
    print(text, flush=True)


def known(table: str) -> dict[str, list[float]]:
    """Return what was measured before for a table."""
    path = OUTPUT / f"{table}.jsonl"
    return dict(map(json.loads, path.read_text().splitlines())) if path.exists() else {}


def kept(table: str, key: str, measure: Callable[[], Sequence[float]]) -> list[float]:
    """Return what was measured before under this key, or measure it and keep it."""
    found = known(table).get(key)
    if found is None:
        found = [round(float(value), 6) for value in measure()]
        OUTPUT.mkdir(parents=True, exist_ok=True)
        with (OUTPUT / f"{table}.jsonl").open("a") as file:
            file.write(json.dumps([key, found]) + "\n")
    return found


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return mean and standard deviation over the seeds."""
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


# couplings --------------------------------------------------------------------------------------


def linear(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs with x given y from N(0.8 y, 0.36)."""
    y = rng.standard_normal((n, 1))
    return 0.8 * y + 0.6 * rng.standard_normal((n, 1)), y


def linear_exact(y: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return exact samples (n, count, 1) of the posterior."""
    return 0.8 * y[:, None] + 0.6 * rng.standard_normal((len(y), count, 1))


CENTERS = np.array([[np.cos(a), np.sin(a)] for a in 2 * np.pi * np.arange(6) / 6 + 0.3])


def modes(n: int, rng: np.random.Generator, width: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Return points of six modes in the plane, and their noisy first coordinate."""
    x = CENTERS[rng.integers(6, size=n)] + width * rng.standard_normal((n, 2))
    return x, x[:, :1] + 0.2 * rng.standard_normal((n, 1))


def modes_law(width: float, noise: float) -> posterior.MixturePosterior:
    """Return the exact posterior of `modes`."""
    covariances = np.repeat(width**2 * np.eye(2)[None], 6, 0)
    prior = posterior.Mixture(np.full(6, 1 / 6), CENTERS, covariances, (2,))
    return prior.given(np.array([[1.0, 0.0]]), noise**2)


def modes_exact(y: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return exact samples of the posterior of the modes."""
    return modes_law(0.1, 0.2).sample(y, count, rng=rng).samples


def couplings() -> None:
    """Distances to exact posteriors for 1, 5 and 20 Euler steps."""
    plans = {
        "independent": posterior.Independent(), "x only (beta = 0)": posterior.Conditional(0.0),
        "beta = 10": posterior.Conditional(10.0), "beta = 30": posterior.Conditional(30.0),
        "beta = 100": posterior.Conditional(100.0),
    }  # fmt: skip
    lines = ["| coupling | linear | six modes | CPU s |", "|---|---|---|---|"]
    cases = ((linear, linear_exact), (modes, modes_exact))
    for name, plan in plans.items():
        cells, seconds = [], []
        for draw, exact in cases:

            def measure(seed: int) -> list[float]:
                rng = np.random.default_rng(seed)
                x, y = draw(4000, rng)  # noqa: B023
                begin = process_time()
                model = posterior.learn(x, y, coupling=plan, steps=2000, rng=seed)  # noqa: B023
                found = [process_time() - begin]
                y_new = draw(12, rng)[1]  # noqa: B023
                truth = exact(y_new, 500, rng)  # noqa: B023
                for steps in (1, 5, 20):
                    samples = euler(model, y_new, 500, steps)
                    each = [wasserstein(a, b) for a, b in zip(samples, truth, strict=True)]
                    found.append(float(np.mean(each)))
                return found

            found = np.array([
                kept("couplings", f"{name}, {draw.__name__}, seed {seed}", partial(measure, seed))
                for seed in SEEDS
            ])  # fmt: skip
            seconds.append(found[:, 0].mean())
            cells.append(" / ".join(spread(column) for column in found.T[1:]))
        lines.append(f"| {name} | {' | '.join(cells)} | {np.mean(seconds):.1f} |")
        print(lines[-1], flush=True)
    floors = []
    for draw, exact in cases:
        rng = np.random.default_rng(9)
        y_new = draw(12, rng)[1]
        pairs = zip(exact(y_new, 500, rng), exact(y_new, 500, rng), strict=True)
        floors.append(f"{np.mean([wasserstein(a, b) for a, b in pairs]):.2f}")
    lines.append(f"| exact samples | {floors[0]} | {floors[1]} | |")
    write("couplings", lines)


def euler(model: posterior.Flow, y: np.ndarray, count: int, steps: int) -> np.ndarray:
    """Return samples by Euler's method, as flow matching is usually compared."""
    g = torch.Generator().manual_seed(0)
    u = model.path.start(len(y) * count, model.shape, g)
    assert model.y_scale is not None
    condition = model.y_scale.inward(torch.from_numpy(y).float()).repeat_interleave(count, 0)
    with torch.no_grad():
        for i in range(steps):
            u = u + model.velocity(torch.full((len(u),), i / steps), u, condition) / steps
    return model.x_scale.outward(u).reshape(len(y), count, -1).numpy()


# certificates -----------------------------------------------------------------------------------


def gap() -> None:
    """The gap of chains from N(0, 1) to N(2, 1), where 4 is exact without a chain."""

    def target(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return -0.5 * ((x - 2) ** 2).sum(1)

    def level(share: float) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        return lambda x, y: (1 - share) * -0.5 * (x**2).sum(1) + share * target(x, y)

    rng = np.random.default_rng(0)
    x, y = 2 + rng.standard_normal((20000, 1)), np.zeros((20000, 1))
    empty = posterior.Chain([], (1,))
    langevin = {
        k: posterior.Chain([posterior.langevin(level((i + 1) / k), 0.1) for i in range(k)], (1,))
        for k in (16, 64)
    }
    chains = {
        "none (exact: 4)": empty,
        "4 Metropolis levels": posterior.bridge(empty, target, levels=4, sizes=(0.5, 1, 2)),
        "16 Metropolis levels": posterior.bridge(empty, target, levels=16, sizes=(0.5, 1, 2)),
        "16 Langevin pairs": langevin[16],
        "64 Langevin pairs": langevin[64],
    }
    lines = ["| steps | gap |", "|---|---|"]
    for name, chain in chains.items():
        found = posterior.gap(chain, target, x, y)
        lines.append(f"| {name} | {found.value:.2f} ± {found.error:.2f} |")
    write("gap", lines)


class Layer(torch.nn.Module):
    """One side of a layer of an autoencoder: mean and deviation from a small network."""

    def __init__(self, size: int, size_y: int) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(size + size_y, 64), torch.nn.SiLU(),
            torch.nn.Linear(64, 64), torch.nn.SiLU(), torch.nn.Linear(64, 2 * size),
        )  # fmt: skip

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and deviation."""
        mean, log = self.net(torch.cat([x, y], 1)).chunk(2, 1)
        return mean, (log / 2).exp()


def diffusion(count: int, duration: float = 6.0) -> posterior.Chain:
    """Return Euler steps of the reversed diffusion of N(2, 1), whose score is known."""
    beta = 1 - math.exp(-duration / count)

    def pair(mean: float) -> posterior.GaussianPair:
        return posterior.GaussianPair(
            lambda x, y: (x + beta / 2 * x + beta * (mean - x), math.sqrt(beta)),
            lambda x, y: (math.sqrt(1 - beta) * x, math.sqrt(beta)),
        )

    times = duration * (1 - np.arange(count) / count)
    return posterior.Chain([pair(2 * math.exp(-t / 2)) for t in times], (1,))


def kernels() -> None:
    """The gap of diffusion steps and of layers of autoencoders; time steps of flows."""

    def target(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return -0.5 * ((x - 2) ** 2).sum(1)

    def six(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        off = ((x[:, None] - torch.from_numpy(CENTERS).float()) ** 2).sum(2)
        return torch.logsumexp(-off / 0.02, 1) - ((y - x[:, :1]) ** 2).sum(1) / 0.08

    def shifted(seed: int) -> tuple[np.ndarray, np.ndarray]:
        return 2 + np.random.default_rng(seed).standard_normal((5000, 1)), np.zeros((5000, 1))

    def diffused(count: int, seed: int) -> list[float]:
        return [posterior.gap(diffusion(count), target, *shifted(seed), rng=seed).value, 0.0]

    def encoded(modal: bool, layers: int, both: bool, seed: int) -> list[float]:
        torch.manual_seed(seed)
        x, y = modes(5000, np.random.default_rng(seed)) if modal else shifted(seed)
        log_joint, d = (six, 2) if modal else (target, 1)
        pairs = [posterior.GaussianPair(Layer(d, 1), Layer(d, 1)) for _ in range(layers)]
        begin = process_time()
        chain = posterior.fit_chain(
            posterior.Chain(pairs, (d,)), log_joint if both else None, x, y, steps=500,
            learning_rate=3e-3, rng=seed,
        )  # fmt: skip
        seconds = process_time() - begin
        return [posterior.gap(chain, log_joint, x[:2000], y[:2000], rng=seed).value, seconds]

    rows = {
        "N(2, 1), 16 diffusion steps": partial(diffused, 16),
        "N(2, 1), 64 diffusion steps": partial(diffused, 64),
        "N(2, 1), one autoencoder layer, from pairs": partial(encoded, False, 1, False),
        "N(2, 1), one autoencoder layer, with the density": partial(encoded, False, 1, True),
        "six modes, three autoencoder layers, with the density": partial(encoded, True, 3, True),
    }
    lines = ["| kernels | gap | CPU s to learn |", "|---|---|---|"]
    for name, measure in rows.items():
        found = [kept("kernels", f"{name}, seed {k}", partial(measure, k)) for k in SEEDS]
        gaps, seconds = zip(*found, strict=True)
        lines.append(f"| {name} | {spread(gaps)} | {np.mean(seconds):.0f} |")
        print(lines[-1], flush=True)
    write("kernels", lines)


def steps() -> None:
    """The error of time steps that doubling estimates, and the difference from 256 steps."""

    def measure(seed: int) -> list[float]:
        rng = np.random.default_rng(seed)
        model = posterior.learn(*modes(4000, rng), steps=400, learning_rate=3e-3, rng=seed)
        y = modes(50, rng)[1]
        exact = model.sample(y, 40, rng=seed, num_steps=256).samples
        found = []
        for count in (2, 4, 8, 16):
            draws = model.sample(y, 40, rng=seed, num_steps=count)
            found += [draws.time_error, float(np.sqrt(((draws.samples - exact) ** 2).mean()))]
        return found

    columns = np.array([kept("steps", f"seed {k}", partial(measure, k)) for k in SEEDS]).T
    lines = [
        "| Heun steps | 2 | 4 | 8 | 16 |", "|---|---|---|---|---|",
        f"| estimated | {' | '.join(spread(c, 4) for c in columns[::2])} |",
        f"| from 256 steps | {' | '.join(spread(c, 4) for c in columns[1::2])} |",
    ]  # fmt: skip
    write("steps", lines)


def bridge() -> None:
    """Affine couplings on six narrow modes, and annealed steps after them."""
    import zuko

    width, noise, levels = 0.05, 0.1, (0, 5, 20, 60)

    def log_joint(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        off = ((x[:, None] - torch.from_numpy(CENTERS).float()) ** 2).sum(2)
        return (
            torch.logsumexp(-off / (2 * width**2), 1)
            - ((y - x[:, :1]) ** 2).sum(1) / (2 * noise**2)
        )  # fmt: skip

    def measure(seed: int) -> list[float]:
        rng = np.random.default_rng(seed)
        x = CENTERS[rng.integers(6, size=8000)] + width * rng.standard_normal((8000, 2))
        y = x[:, :1] + noise * rng.standard_normal((8000, 1))
        torch.manual_seed(seed)
        flow = zuko.flows.RealNVP(2, 1, transforms=8, hidden_features=(64, 64))
        start = posterior.Chain([posterior.Map(Inverse(flow))], (2,))
        begin = process_time()
        fitted = posterior.fit_chain(start, None, x, y, steps=1500, learning_rate=3e-3, rng=seed)
        found = [process_time() - begin]
        for k in levels:
            chain = posterior.bridge(fitted, log_joint, levels=k) if k else fitted
            found.append(posterior.gap(chain, log_joint, x[:1000], y[:1000], rng=seed).value)
            draws = chain.sample(y[:200], 20, rng=seed).samples.reshape(-1, 2)
            nearest = np.linalg.norm(draws[:, None] - CENTERS, axis=2).min(1)
            found.append(float((nearest > 4 * width).mean()))
        return found

    found = np.array([kept("bridge", f"seed {seed}", partial(measure, seed)) for seed in range(3)])
    lines = [
        f"| levels | {' | '.join(map(str, levels))} |", "|---" * (len(levels) + 1) + "|",
        f"| gap | {' | '.join(spread(column) for column in found.T[1::2])} |",
        f"| draws off the modes | {' | '.join(spread(column, 3) for column in found.T[2::2])} |",
        "", f"Training of the couplings: {found[:, 0].mean():.0f} s.",
    ]  # fmt: skip
    write("bridge", lines)


class Inverse(torch.nn.Module):
    """The map from noise to data of a conditional flow of zuko."""

    def __init__(self, flow: torch.nn.Module) -> None:
        super().__init__()
        self.flow = flow

    def forward(self, y: torch.Tensor) -> object:
        """Return the transform for measurements y."""
        return self.flow(y).transform.inv


# digits -----------------------------------------------------------------------------------------


def digits(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images 8 x 8 in [0, 1]: 1000 for training, 200 to calibrate, 200 to test."""
    from sklearn.datasets import load_digits

    images = load_digits().images / 16
    images = images[np.random.default_rng(seed).permutation(len(images))]
    return images[:1000], images[1000:1200], images[1200:1400]


def halve(images: np.ndarray) -> np.ndarray:
    """Return means of 2 x 2 pixels."""
    n = len(images)
    return images.reshape(n, 4, 2, 4, 2).mean((2, 4))


def cut(images: np.ndarray) -> np.ndarray:
    """Return the upper half."""
    return images[:, :4]


def digit_table() -> None:
    """PSNR of the mean, CRPS, and coverage before and after the factor, over seeds."""
    half = {
        "mixture": (100, 300, 1000), "Gaussian": (1000,), "flow": (100, 300, 1000),
        "flow, 2000 steps": (100,),
    }  # fmt: skip
    missing: dict[str, tuple[int, ...]] = {"mixture": (1000,), "flow": (1000,)}
    rows = digit_rows("digits", half, "half size", halve)
    write("digits", [*rows, *digit_rows("digits", missing, "half missing", cut)[2:]])


def simulated() -> None:
    """The same for flows that see each image with a new measurement in every batch."""
    methods = {"flow, measured anew": (100, 300, 1000), "flow, measured anew, 2000 steps": (100,)}
    write("simulated", digit_rows("simulated", methods, "half size", halve))


def digit_rows(
    table: str, methods: dict[str, tuple[int, ...]], task: str,
    forward: Callable[[np.ndarray], np.ndarray],
) -> list[str]:  # fmt: skip
    """Return the table of some methods."""
    head = "| | training images | CPU s | PSNR | CRPS | 90 %: raw | factor | after |"
    lines = [head, "|---" * 8 + "|"]
    for method, sizes in methods.items():
        for size in sizes:
            found = [
                kept(table, f"{task}, {method}, {size}, seed {seed}",
                     partial(digit, method, size, forward, seed))
                for seed in SEEDS
            ]  # fmt: skip
            columns = zip(zip(*found, strict=True), (0, 2, 3, 3, 2, 3), strict=True)
            cells = [spread(column, digits) for column, digits in columns]
            lines.append(f"| {task}: {method} | {size} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    return lines


def digit(
    method: str, size: int, forward: Callable[[np.ndarray], np.ndarray], seed: int
) -> tuple[float, ...]:
    """Return seconds, PSNR, CRPS, raw coverage, factor and repaired coverage."""
    train, calibration, test = digits(seed)
    rng = np.random.default_rng(seed)

    def measure(images: np.ndarray) -> np.ndarray:
        y = forward(images)
        return y + 0.1 * rng.standard_normal(y.shape)

    def simulate(images: np.ndarray, own: np.random.Generator) -> np.ndarray:
        y = forward(images)
        return y + 0.1 * own.standard_normal(y.shape)

    x = train[:size]
    begin = process_time()
    model: posterior.Flow | posterior.MixturePosterior
    if method.startswith("flow"):
        steps = 2000 if "2000" in method else None
        measured = simulate if "anew" in method else measure(x)
        model = posterior.learn(x, measured, steps=steps, rng=seed)
    else:
        prior = posterior.fit_mixture(x, 1 if method == "Gaussian" else None, rng=seed)
        model = prior.given(lambda image: forward(image[None])[0], 0.01)
    seconds = process_time() - begin
    report = posterior.check(model, calibration, measure(calibration), rng=seed)
    y = measure(test)
    draws = model.sample(y, 100, rng=seed)
    low, high = draws.interval(0.9, factor=report.factor)
    after = float(((test >= low - 1e-6) & (test <= high + 1e-6)).mean())
    final = posterior.check(model, test, y, rng=seed)
    psnr = -20 * math.log10(final.rmse)
    return seconds, psnr, final.crps, report.coverage, report.factor, after


def coverage() -> None:
    """Mean coverage after the factor over 150 splits, for the mixture of 100 images."""
    train, calibration, test = digits(0)
    rng = np.random.default_rng(0)
    x = np.concatenate([calibration, test])
    y = halve(x) + 0.1 * rng.standard_normal((len(x), 4, 4))
    law = posterior.fit_mixture(train[:100]).given(lambda image: halve(image[None])[0], 0.01)
    from steepest.core.conformal import smallest_factor

    lines = ["| calibration images | 10 | 20 | 50 | 200 |", "|---|---|---|---|---|"]
    for name, wrong in (("mixture", 1.0), ("deviations divided by 3", 1 / 3)):
        draws = law.sample(y, 100)
        half = wrong * draws.half_width(0.9)
        ratios = (np.abs(x - draws.mean) / half).reshape(len(x), -1)
        cells = []
        for n in (10, 20, 50, 200):
            covered = []
            for _ in range(150):
                order = rng.permutation(len(x))
                factor = smallest_factor(list(ratios[order[:n]]), 0.9)
                covered.append((ratios[order[n : n + 200]] <= factor).mean())
            cells.append(f"{np.mean(covered):.3f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    write("coverage", lines)


TABLES = {
    "couplings": couplings, "gap": gap, "bridge": bridge, "digits": digit_table,
    "coverage": coverage, "simulated": simulated, "kernels": kernels, "steps": steps,
}  # fmt: skip


def main() -> None:
    """Run the tables that are named."""
    torch.set_num_threads(1)
    for name in sys.argv[1:] or TABLES:
        TABLES[name]()


if __name__ == "__main__":
    main()
