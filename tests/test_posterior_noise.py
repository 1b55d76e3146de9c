"""Noises, paths and mixed noise of posterior sampling: exact laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from steepest import InputError, posterior
from steepest.posterior.mixed_noise import update


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """The initial weights of networks do not depend on the tests before."""
    torch.manual_seed(0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_field_is_the_same_on_every_grid():
    field = posterior.Field(1.5, 4.0)
    coarse, fine = (field.draw(3, (2, size, size), seeded()) for size in (16, 32))
    waves = torch.arange(-7, 8)

    def low(values):
        spectrum = torch.fft.fftn(values, dim=(2, 3), norm="forward")
        return spectrum[..., waves, :][..., waves]

    np.testing.assert_allclose(low(coarse), low(fine), atol=1e-5)


def test_the_mean_square_of_a_field_is_the_sum_of_its_variances():
    found = float((posterior.Field(1.5, 4.0).draw(2000, (9, 9), seeded()) ** 2).mean())
    k = np.arange(-4, 5)
    exact = ((1 + (k[:, None] ** 2 + k**2) / 16) ** -1.5).sum()
    assert found == pytest.approx(exact, rel=0.02)


def test_quantile_noise_has_the_tails_of_the_examples():
    rng = np.random.default_rng(0)
    x = np.stack([rng.standard_t(3, 20000), rng.uniform(-1, 1, 20000)], 1)
    noise = posterior.Quantile.fit(x).draw(200_000, (2,), seeded()).numpy()
    values = noise * x.std(0, ddof=1) + x.mean(0)
    np.testing.assert_allclose(np.quantile(values[:, 0], [0.9, 0.999]), [1.638, 10.21], rtol=0.08)
    np.testing.assert_allclose(np.quantile(values[:, 1], [0.1, 0.9]), [-0.8, 0.8], atol=0.02)
    assert (np.abs(values[:, 1]) > 1).mean() < 0.004
    with pytest.raises(InputError, match="at least 100"):
        posterior.Quantile.fit(x[:50])


PATHS = [posterior.Straight(), posterior.Diffusion(), posterior.Diffusion(posterior.Field(axes=1))]


@pytest.mark.parametrize("path", PATHS, ids=["straight", "diffusion", "field"])
def test_velocities_are_derivatives_of_positions(path):
    x = torch.randn(5, 3, generator=seeded())
    z = path.start(5, (3,), seeded(1))
    t, h = torch.linspace(0.1, 0.9, 5), 1e-3
    ahead, back = (path.at(x, t + s * h, seeded(), z)[0] for s in (1, -1))
    np.testing.assert_allclose((ahead - back) / (2 * h), path.at(x, t, seeded(), z)[1], atol=2e-3)
    for end, points in ((0.0, z), (1.0, x)):
        np.testing.assert_allclose(
            path.at(x, torch.full((5,), end), seeded(), z)[0], points, atol=1e-6
        )


def kac_variance(rate: float, speed: float, s: float) -> float:
    return speed**2 / rate * (s - (1 - math.exp(-2 * rate * s)) / (2 * rate))


@pytest.mark.parametrize(("rate", "speed"), [(1.0, 1.0), (9.0, 3.0)])
def test_a_kac_process_has_its_variance_and_atoms(rate, speed):
    path = posterior.Kac(rate, speed)
    place = path.process(torch.full((200_000,), 0.3), seeded())
    assert float(place.var()) == pytest.approx(kac_variance(rate, speed, 0.3), rel=0.02)
    atoms = (place.abs() >= 0.3 * speed * (1 - 1e-6)).float().mean()
    assert float(atoms) == pytest.approx(math.exp(-0.3 * rate), abs=0.005)
    # continuity: the variance grows by twice the mean of position times velocity
    s = torch.full_like(place, 0.3)
    rise = float(2 * (place * path.velocity(place, s)).mean())
    slope = speed**2 / rate * (1 - math.exp(-2 * rate * 0.3))
    assert rise == pytest.approx(slope, rel=0.02)
    assert float(path.velocity(place, s).abs().max()) <= speed * (1 + 1e-6)


def test_a_kac_path_begins_in_the_process_and_ends_in_the_data():
    path = posterior.Kac(9.0, 3.0)
    x = torch.full((20000, 1), 2.0)
    begin = path.at(x, torch.zeros(20000), seeded())[0]
    assert float(begin.var()) == pytest.approx(kac_variance(9, 3, 1.0), rel=0.05)
    end, velocity = path.at(x, torch.ones(20000), seeded())
    np.testing.assert_allclose(end, 2)
    np.testing.assert_allclose(velocity, 2)


def test_a_flow_from_quantile_noise_or_along_kac_paths_learns_a_normal_law():
    x = np.random.default_rng(0).standard_normal((1000, 1)) * 2 + 1
    for path in (posterior.Straight(posterior.Quantile.fit(x)), posterior.Kac()):
        network = posterior.Dense((1,), width=64, depth=2)
        model = posterior.learn(
            x, path=path, coupling=posterior.Independent(), velocity=network, steps=400,
            learning_rate=3e-3,
        )  # fmt: skip
        draws = model.sample(count=2000, num_steps=16)
        assert float(draws.mean[0, 0]) == pytest.approx(1, abs=0.3)
        assert float(draws.std[0, 0]) == pytest.approx(2, rel=0.15)


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
        x, torch.cat([y, logs], 1), coupling=posterior.Independent(), steps=400,
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
