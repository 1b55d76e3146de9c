"""Posteriors by flows of particles, and of a stand-in for X-ray fluorescence.

Hagemann, Hertrich, Altekrueger, Beinert, Chemseddine & Steidl, *Posterior sampling based on
gradient flows of the MMD with negative distance kernel* (2023): particles (x, y) move in x only.
Andrle, Farchmin, Hagemann, Heidenreich, Soltwisch & Steidl, *Invertible neural networks versus MCMC
for posterior reconstruction in grazing incidence X-ray fluorescence* (2021): their forward model is
not public. The stand-in here has as many unknowns (3) and measurements (23), and a smooth nonlinear
dependence: intensities of interfering waves over the angle. It says nothing about X-rays.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from steepest import particles, posterior

from ..rows import Row

A, NOISE = np.array([[1.0, 0.5]]), 0.5


def pairs(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return x, two normal numbers, and the measured y."""
    x = rng.standard_normal((count, 2))
    return x, x @ A.T + NOISE * rng.standard_normal((count, 1))


class Cloud:
    """The particles as a sampler: those whose y is nearest."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y

    def sample(self, y: np.ndarray, count: int = 100, *, rng: int = 0) -> posterior.Draws:
        """Return the x of the nearest particles, moved along the line fitted through all."""
        gain = np.linalg.lstsq(self.y, self.x, rcond=None)[0]
        near = np.argsort(abs(self.y[:, 0] - y), axis=1)[:, :count]
        return posterior.Draws(self.x[near] + (y[:, None] - self.y[near]) @ gain)


def moved(num_steps: int, count: int = 2000) -> Cloud:
    """Return particles after the flow of the energy distance, sliced along random lines."""
    rng = np.random.default_rng(0)
    known_x, y = pairs(count, rng)
    known, x = np.hstack([known_x, y]), rng.standard_normal((count, 2))
    for step in range(num_steps):
        direction = rng.standard_normal(3)
        direction /= np.linalg.norm(direction)
        along = direction[:2]
        place = np.hstack([x, y]) @ direction
        time = 30 / (1 + step / (num_steps / 5)) * (along @ along)
        after = particles.flow(place, known @ direction, time).points[0]
        order = np.argsort(place)
        x[order] += np.outer(after - place[order], along / (along @ along))
    return Cloud(x, y)


def waves(x: torch.Tensor) -> torch.Tensor:
    """Return 23 intensities for 3 unknowns (k, 3) in about [-2, 2]."""
    angle = torch.linspace(0.1, 1.5, 23)
    height, width, phase = (x[:, i : i + 1] for i in range(3))
    return 1 + 0.5 * torch.tanh(height) * torch.cos(
        (6 + 1.5 * torch.tanh(width)) * angle + phase / 2
    )


def reference(y: np.ndarray, num_steps: int, deviation: float) -> np.ndarray:
    """Return samples (len(y), 500, 3) of the posterior by parallel Metropolis chains."""
    g = torch.Generator().manual_seed(0)
    data = torch.from_numpy(y).float().repeat_interleave(500, 0)
    # chains begin at draws of the prior, chosen by a tempered likelihood, in all modes
    many = torch.randn(20_000, 3, generator=g)
    signals = waves(many)
    starts = []
    for own in torch.from_numpy(y).float():
        fit = -0.5 * ((own - signals) ** 2).sum(1) / (3 * deviation) ** 2
        starts.append(many[torch.multinomial(fit.softmax(0), 500, replacement=True, generator=g)])
    x = torch.cat(starts)

    def log_joint(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return -0.5 * (x**2).sum(1) - 0.5 * ((y - waves(x)) ** 2).sum(1) / deviation**2

    sizes = (1.0, 0.3, 0.1, 0.03) * (num_steps // 4)
    x, _ = posterior.Metropolis(log_joint, sizes).forward(x, data, g)
    return x.reshape(len(y), 500, 3).numpy()


def rows(quick: bool = False) -> list[Row]:
    """Means, deviations and coverage."""
    rng = np.random.default_rng(5)
    gain = A.T @ np.linalg.inv(A @ A.T + NOISE**2)
    cloud = moved(300 if quick else 1500)
    fitted = np.linalg.lstsq(cloud.y, cloud.x, rcond=None)[0].T
    spread, exact = np.cov((cloud.x - cloud.y @ fitted.T).T), np.eye(2) - gain @ A
    report = posterior.check(cloud, *pairs(500, rng), count=100)
    mean_error = abs(fitted - gain).max()
    law_error = abs(spread - exact).max()

    deviation, g = 0.05, torch.Generator().manual_seed(1)

    def measure(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        return waves(x) + deviation * torch.from_numpy(rng.standard_normal((len(x), 23)))

    x = torch.randn(20_400, 3, generator=g)
    y = measure(x[:400], rng)
    model = posterior.learn(x[400:], measure, steps=4000)
    check = posterior.check(model, x[:200], y[:200])
    draws = np.asarray(model.sample(y[200:212], 500).samples)
    chains = reference(y[200:212].numpy(), 1000 if quick else 4000, deviation)
    off = np.abs(draws.mean(1) - chains.mean(1)).mean() / chains.std(1).mean()
    ratio = draws.std(1).mean() / chains.std(1).mean()
    return [
        Row("posterior by MMD flow of particles", "Hagemann, Hertrich, Altekrüger et al. 2023",
            "Gaussian posterior", "gallery page; no figure",
            f"error of mean's slope {mean_error:.3f}, of covariance {law_error:.3f}; {report}",
            mean_error < 0.1 and law_error < 0.1),
        Row("stand-in for X-ray fluorescence (3 unknowns, 23 values)",
            "Andrle, Farchmin, Hagemann et al. 2021", "Metropolis chains", "not measured",
            f"means differ by {off:.2f} deviations, deviations by a factor {ratio:.2f}; {check}",
            off < 0.25 and math.isfinite(check.factor)),
    ]  # fmt: skip
