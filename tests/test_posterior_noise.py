"""Mixed noise and paths of posterior sampling: exact laws."""

import math

import numpy as np
import pytest
import torch

from steepest import InputError, posterior
from steepest.posterior.flow import Scale
from steepest.posterior.mixed_noise import update


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """The initial weights of networks do not depend on the tests before."""
    torch.manual_seed(0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("path", [posterior.Straight(), posterior.Diffusion()])
def test_velocities_are_derivatives_of_positions(path):
    x = torch.randn(5, 3, generator=seeded())
    z = path.start(5, (3,), seeded(1))
    t, h = torch.linspace(0.1, 0.9, 5), 1e-3
    ahead, back = (path.at(z, x, t + s * h, seeded())[0] for s in (1, -1))
    np.testing.assert_allclose((ahead - back) / (2 * h), path.at(z, x, t, seeded())[1], atol=2e-3)
    for end, points in ((0.0, z), (1.0, x)):
        found = path.at(z, x, torch.full((5,), end), seeded())[0]
        np.testing.assert_allclose(found, points, atol=1e-6)


@pytest.mark.parametrize("path", [posterior.Straight(), posterior.Diffusion()])
def test_the_exact_velocity_moves_noise_to_a_mixture(path):
    share, mean, var = (torch.tensor(v) for v in ([0.7, 0.3], [1.0, -2.0], [0.04, 0.25]))

    def velocity(t, x, y):
        one = torch.ones(1, 1)
        (a, da), (b, db) = (
            [float(v) for v in path.at(z, end, t[:1], seeded())]
            for z, end in ((0 * one, one), (one, 0 * one))
        )  # position and velocity are linear in noise and data
        spread = a * a * var + b * b
        off = x - a * mean
        weight = (share.log() - off**2 / (2 * spread) - spread.log() / 2).softmax(1)
        each = da * mean + (a * da * var + b * db) / spread * off
        return (weight * each).sum(1, keepdim=True)

    unit, none = ((torch.zeros(n), torch.ones(n)) for n in (1, 0))
    scales = [Scale(*one) for one in (unit, none)]
    flow = posterior.Flow(velocity, path, posterior.Independent(), *scales, 0, math.nan)
    x = flow.sample(count=20_000, num_steps=60).samples[0, :, 0]
    assert (x > -0.3).mean() == pytest.approx(0.7, abs=0.012)
    assert x[x > -0.3].std() == pytest.approx(0.2, rel=0.05)
    assert x[x < -0.3].mean() == pytest.approx(-2, abs=0.03)


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
    found = posterior.estimate_mixed_noise(
        y, forward, model, lambda x: -0.5 * (x**2).sum(1), num_draws=20, max_num_iter=12
    )
    f = forward(true_x).double()
    a2 = b2 = 0.01
    for _ in range(500):
        a2, b2 = update(f, y - f, a2, b2)
    assert found.relative == pytest.approx(math.sqrt(a2), rel=0.15)
    assert found.constant == pytest.approx(math.sqrt(b2), rel=0.3)
    with pytest.raises(InputError, match="log a, log b"):
        posterior.estimate_mixed_noise(y[:, :3], forward, model, lambda x: x.sum(1))
