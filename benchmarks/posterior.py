"""Posterior samplers against exact answers: tables of docs/posterior.

``python -m benchmarks.posterior couplings|flows|gap|bridge|kernels|steps`` (default: all) writes
``results/posterior/*.md``. One thread; seconds are processor time. What was measured is kept in
``*.jsonl``, a line for each seed, so that a run that was cut off goes on; remove these files to
measure again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import process_time

import numpy as np
import torch

from experiments.probability.markov import GaussianPair, langevin
from experiments.transport.clouds import wasserstein
from steepest import posterior

from .posterior_tables import SEEDS, kept, known, run, spread, write

Draw = Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray]]
Exact = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]

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


PLANS = {
    "independent": posterior.Independent(), "x only (beta = 0)": posterior.Conditional(0.0),
    "beta = 10": posterior.Conditional(10.0), "beta = 30": posterior.Conditional(30.0),
    "beta = 100": posterior.Conditional(100.0),
}  # fmt: skip
CASES = ((linear, linear_exact), (modes, modes_exact))


def coupling(draw: Draw, exact: Exact, plan: posterior.Coupling, seed: int) -> list[float]:
    """Return seconds to learn, and distances to exact posteriors for 1, 5 and 20 Euler steps."""
    rng = np.random.default_rng(seed)
    x, y = draw(4000, rng)
    begin = process_time()
    model = posterior.learn(x, y, coupling=plan, steps=2000, rng=seed)
    found = [process_time() - begin]
    y_new = draw(12, rng)[1]
    truth = exact(y_new, 500, rng)
    for steps in (1, 5, 20):
        samples = euler(model, y_new, 500, steps)
        found.append(np.mean([wasserstein(a, b) for a, b in zip(samples, truth, strict=True)]))
    return found


def couplings() -> None:
    """Couplings on two problems; the table shows all seeds that were measured for every row."""
    keys = {
        (name, draw.__name__): [f"{name}, {draw.__name__}, seed {seed}" for seed in SEEDS]
        for name in PLANS for draw, _ in CASES
    }  # fmt: skip
    for seed in SEEDS:
        for name, plan in PLANS.items():
            for draw, exact in CASES:
                key = keys[name, draw.__name__][seed]
                kept("couplings", key, partial(coupling, draw, exact, plan, seed))
        coupling_table(keys)


def coupling_table(keys: Mapping[tuple[str, str], Sequence[str]]) -> None:
    """Write the table of what was measured so far."""
    before = known("couplings")
    lines = ["| coupling | linear | six modes | CPU s | seeds |", "|---|---|---|---|---|"]
    for name in PLANS:
        cells, seconds, seeds = [], [], []
        for draw, _ in CASES:
            found = np.array([before[key] for key in keys[name, draw.__name__] if key in before])
            seconds.append(found[:, 0].mean())
            cells.append(" / ".join(spread(column) for column in found.T[1:]))
            seeds.append(str(len(found)))
        number = " / ".join(dict.fromkeys(seeds))
        lines.append(f"| {name} | {' | '.join(cells)} | {np.mean(seconds):.1f} | {number} |")
    floors = []
    for draw, exact in CASES:
        rng = np.random.default_rng(9)
        y_new = draw(12, rng)[1]
        pairs = zip(exact(y_new, 500, rng), exact(y_new, 500, rng), strict=True)
        floors.append(f"{np.mean([wasserstein(a, b) for a, b in pairs]):.2f}")
    lines.append(f"| exact samples | {floors[0]} | {floors[1]} | | |")
    write("couplings", lines)


def six(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return log p(x, y) of `modes`, up to a constant."""
    off = ((x[:, None] - torch.from_numpy(CENTERS).float()) ** 2).sum(2)
    return torch.logsumexp(-off / 0.02, 1) - ((y - x[:, :1]) ** 2).sum(1) / 0.08


def flows() -> None:
    """Distances, sensitivity (.8 is exact) and gap at the default number of time steps."""

    def measure(plan: posterior.Coupling, seed: int) -> list[float]:
        rng = np.random.default_rng(seed)
        found = []
        for draw, exact in CASES:
            x, y = draw(4000, rng)
            model = posterior.learn(x, y, coupling=plan, steps=2000, rng=seed)
            new, data = draw(500, rng)
            draws, truth = model.sample(data[:12], 500).samples, exact(data[:12], 500, rng)
            pairs = zip(draws, truth, strict=True)
            found.append(np.mean([wasserstein(a, b) for a, b in pairs]))
            found.append(
                posterior.sensitivity(model, data[:50]).mean() if draw is linear
                else posterior.gap(model, six, new, data, rng=seed).value
            )  # fmt: skip
        return found

    head = "| coupling | linear: distance | sensitivity | six modes: distance | gap |"
    lines = [head, "|---" * 5 + "|"]
    for name in ("independent", "beta = 30"):
        rows = [
            kept("flows", f"{name}, seed {seed}", partial(measure, PLANS[name], seed))
            for seed in SEEDS
        ]
        lines.append(f"| {name} | {' | '.join(spread(column) for column in np.transpose(rows))} |")
    write("flows", lines)


def euler(model: posterior.Flow, y: np.ndarray, count: int, steps: int) -> np.ndarray:
    """Return samples by Euler's method, as flow matching is usually compared."""
    g = torch.Generator().manual_seed(0)
    u = model.path.start(len(y) * count, model.shape, g)
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
        k: posterior.Chain([langevin(level((i + 1) / k), 0.1) for i in range(k)], (1,))
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

    def pair(mean: float) -> GaussianPair:
        return GaussianPair(
            lambda x, y: (x + beta / 2 * x + beta * (mean - x), math.sqrt(beta)),
            lambda x, y: (math.sqrt(1 - beta) * x, math.sqrt(beta)),
        )

    times = duration * (1 - np.arange(count) / count)
    return posterior.Chain([pair(2 * math.exp(-t / 2)) for t in times], (1,))


def kernels() -> None:
    """The gap of diffusion steps and of layers of autoencoders; time steps of flows."""

    def target(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return -0.5 * ((x - 2) ** 2).sum(1)

    def shifted(seed: int) -> tuple[np.ndarray, np.ndarray]:
        return 2 + np.random.default_rng(seed).standard_normal((5000, 1)), np.zeros((5000, 1))

    def diffused(count: int, seed: int) -> list[float]:
        return [posterior.gap(diffusion(count), target, *shifted(seed), rng=seed).value, 0.0]

    def encoded(modal: bool, layers: int, both: bool, seed: int) -> list[float]:
        torch.manual_seed(seed)
        x, y = modes(5000, np.random.default_rng(seed)) if modal else shifted(seed)
        log_joint, d = (six, 2) if modal else (target, 1)
        pairs = [GaussianPair(Layer(d, 1), Layer(d, 1)) for _ in range(layers)]
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

    law = modes_law(width, noise)

    def measure(seed: int) -> list[float]:
        rng = np.random.default_rng(seed)
        x = CENTERS[rng.integers(6, size=9000)] + width * rng.standard_normal((9000, 2))
        y = x[:, :1] + noise * rng.standard_normal((9000, 1))
        new, data = x[8000:], y[8000:]
        torch.manual_seed(seed)
        flow = zuko.flows.RealNVP(2, 1, transforms=8, hidden_features=(64, 64))
        start = posterior.Chain([posterior.Map(Inverse(flow))], (2,))
        begin = process_time()
        fitted = posterior.fit_chain(
            start, None, x[:8000], y[:8000], steps=1500, learning_rate=3e-3, rng=seed
        )
        found = [process_time() - begin]
        draws = fitted.sample(data, 1, rng=seed).samples[:, 0]
        # both divergences with the exact posterior, and what draws off the modes contribute
        ahead = log_density(fitted, draws, data) - law.log_density(draws, data)
        back = law.log_density(new, data) - log_density(fitted, new, data)
        found += [back.mean(), ahead.mean(), ahead[away(draws) > 3 * width].sum() / len(ahead)]
        for k in levels:
            chain = posterior.bridge(fitted, log_joint, levels=k) if k else fitted
            found.append(posterior.gap(chain, log_joint, new, data, rng=seed).value)
            draws = chain.sample(data[:200], 20, rng=seed).samples.reshape(-1, 2)
            found.append(float((away(draws) > 4 * width).mean()))
        return found

    found = np.array([kept("bridge", f"seed {seed}", partial(measure, seed)) for seed in SEEDS])
    shares, exact = found[:, 5::2], math.exp(-8)  # outside of four deviations
    least = (shares - exact) * (np.log(shares / exact) + np.log((1 - exact) / (1 - shares)))
    parts = [spread(column) for column in found.T[1:4]]
    best = found[found[:, 1].argmin()]  # by the likelihood of new pairs
    lines = [
        f"| levels | {' | '.join(map(str, levels))} |", "|---" * (len(levels) + 1) + "|",
        f"| gap | {' | '.join(spread(column) for column in found.T[4::2])} |",
        f"| gap, the best start of five | {' | '.join(f'{v:.2f}' for v in best[4::2])} |",
        f"| draws off the modes | {' | '.join(spread(column, 3) for column in shares.T)} |",
        f"| least gap with as many | {' | '.join(spread(column) for column in least.T)} |",
        "", f"Training of the couplings: {found[:, 0].mean():.0f} s. Without levels, KL(p, q) is "
        f"{parts[0]} and KL(q, p) {parts[1]}, of which {parts[2]} by draws that are more than "
        "three deviations off the modes.",
    ]  # fmt: skip
    write("bridge", lines)


def away(draws: np.ndarray) -> np.ndarray:
    """Return the distance of each draw to the nearest centre."""
    return np.linalg.norm(draws[:, None] - CENTERS, axis=2).min(1)


def log_density(chain: posterior.Chain, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the log-density of a chain of maps."""
    with torch.no_grad():
        return chain.log_density(torch.from_numpy(x).float(), torch.from_numpy(y).float()).numpy()


class Inverse(torch.nn.Module):
    """The map from noise to data of a conditional flow of zuko."""

    def __init__(self, flow: torch.nn.Module) -> None:
        super().__init__()
        self.flow = flow

    def forward(self, y: torch.Tensor) -> object:
        """Return the transform for measurements y."""
        return self.flow(y).transform.inv


TABLES = {
    "couplings": couplings, "flows": flows, "gap": gap, "bridge": bridge, "kernels": kernels,
    "steps": steps,
}  # fmt: skip

if __name__ == "__main__":
    run(TABLES)
