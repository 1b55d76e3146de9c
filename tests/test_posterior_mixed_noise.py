"""Noise with a relative and a constant part: the closed update, and the fit without signals."""

import math

import numpy as np
import pytest
import torch

from steepest import InputError, posterior
from steepest.posterior import estimate_mixed_noise
from steepest.posterior.mixed_noise import update


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def log_likelihood(f, r, a2, b2):
    v = a2 * f**2 + b2
    return float((-0.5 * r**2 / v - 0.5 * np.log(v)).sum())


def test_the_closed_update_never_lowers_the_likelihood_and_finds_the_noise():
    rng = np.random.default_rng(0)
    f = rng.uniform(0.2, 2, 20000)
    r = 0.1 * f * rng.standard_normal(f.shape) + 0.05 * rng.standard_normal(f.shape)
    a2, b2, before = 1.0, 1.0, -np.inf
    for _ in range(300):
        value = log_likelihood(f, r, a2, b2)
        assert value >= before - 1e-7
        a2, b2, before = *update(f, r, a2, b2), value
    assert math.sqrt(a2) == pytest.approx(0.1, rel=0.04)
    assert math.sqrt(b2) == pytest.approx(0.05, rel=0.08)


def test_mixed_noise_is_found_without_the_signals():
    torch.manual_seed(0)

    def forward(x):
        return torch.cat([x, 2 * x + 1, x**2 / 2, 2 - x], 1)

    def pairs(n, a, b, g):
        x = torch.randn(n, 1, generator=g)
        f = forward(x)
        noise = a * f * torch.randn(f.shape, generator=g) + b * torch.randn(f.shape, generator=g)
        return x, f + noise

    g = seeded()
    logs = torch.log(torch.tensor([0.02, 0.02])) + 2.5 * torch.rand(3000, 2, generator=g)
    x, y = pairs(3000, *logs.exp().T[:, :, None], g)
    model = posterior.learn(
        x, torch.cat([y, logs], 1), steps=400,
        velocity=posterior.Dense((1,), (6,), width=64, depth=2), learning_rate=3e-3,
    )  # fmt: skip
    true_x, y = pairs(64, 0.1, 0.05, seeded(1))
    found = estimate_mixed_noise(
        y, forward, model, lambda x: -0.5 * (x**2).sum(1), num_draws=20, max_num_iter=12
    )
    f = forward(true_x).double()
    a2 = b2 = 0.01
    for _ in range(500):
        a2, b2 = update(f, y - f, a2, b2)
    assert found.relative == pytest.approx(math.sqrt(a2), rel=0.15)
    assert found.constant == pytest.approx(math.sqrt(b2), rel=0.3)


@pytest.mark.parametrize(
    ("message", "given"),
    [
        ("log a, log b", {"y": np.ones((5, 3))}),
        ("model of type str", {"model": "flow"}),
        ("start=0.1", {"start": 0.1}),
        ("num_draws=1", {"num_draws": 1}),
        ("log_prior returns NaN", {"log_prior": lambda x: x[:, 0] * math.nan}),
        ("forward returns NaN", {"forward": lambda x: x * math.nan}),
        ("forward must return", {"forward": lambda x: x[:, 0]}),
        ("signals of forward are zero", {"forward": lambda x: 0 * x}),
    ],
)
def test_bad_input_is_named(message, given):
    x = torch.linspace(-1, 1, 12)[:, None]
    right = {
        "y": x[:5], "forward": lambda x: x, "log_prior": lambda x: -(x**2).sum(1),
        "model": posterior.learn(x, x * torch.ones(3), steps=1), "max_num_iter": 3,
    }  # fmt: skip
    with pytest.raises(InputError, match=message):
        estimate_mixed_noise(**{**right, **given})
