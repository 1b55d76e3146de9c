"""Paths of posterior sampling: exact laws."""

import math

import numpy as np
import pytest
import torch

from steepest import posterior
from steepest.posterior.flow import Scale


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_velocities_are_derivatives_of_positions():
    path = posterior.Straight()
    x = torch.randn(5, 3, generator=seeded())
    z = path.start(5, (3,), seeded(1))
    t, h = torch.linspace(0.1, 0.9, 5), 1e-3
    ahead, back = (path.at(z, x, t + s * h, seeded())[0] for s in (1, -1))
    np.testing.assert_allclose((ahead - back) / (2 * h), path.at(z, x, t, seeded())[1], atol=2e-3)
    for end, points in ((0.0, z), (1.0, x)):
        found = path.at(z, x, torch.full((5,), end), seeded())[0]
        np.testing.assert_allclose(found, points, atol=1e-6)


def test_the_exact_velocity_moves_noise_to_a_mixture():
    path = posterior.Straight()
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
