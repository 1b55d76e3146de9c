"""Noises, paths and kernels that reproduce papers on top of `steepest.posterior`: exact laws."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ot", exc_type=ImportError)

from experiments.probability.couplings import choose, distance_correlation  # noqa: E402
from experiments.probability.kac import Kac, variance  # noqa: E402
from experiments.probability.markov import langevin  # noqa: E402
from experiments.probability.patterns import Field  # noqa: E402
from experiments.probability.tails import Quantile  # noqa: E402
from steepest import InputError, posterior  # noqa: E402


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_field_is_the_same_on_every_grid():
    field = Field(1.5, 4.0)
    coarse, fine = (field.draw(3, (2, size, size), seeded()) for size in (16, 32))
    waves = torch.arange(-7, 8)

    def low(values):
        spectrum = torch.fft.fftn(values, dim=(2, 3), norm="forward")
        return spectrum[..., waves, :][..., waves]

    np.testing.assert_allclose(low(coarse), low(fine), atol=1e-5)


def test_quantile_noise_has_the_tails_of_the_examples():
    rng = np.random.default_rng(0)
    x = np.stack([rng.standard_t(3, 20000), rng.uniform(-1, 1, 20000)], 1)
    noise = Quantile.fit(x).draw(200_000, (2,), seeded()).numpy()
    values = noise * x.std(0, ddof=1) + x.mean(0)
    np.testing.assert_allclose(np.quantile(values[:, 0], [0.9, 0.999]), [1.638, 10.21], rtol=0.08)
    np.testing.assert_allclose(np.quantile(values[:, 1], [0.1, 0.9]), [-0.8, 0.8], atol=0.02)
    assert (np.abs(values[:, 1]) > 1).mean() < 0.004
    with pytest.raises(InputError, match="at least 100"):
        Quantile.fit(x[:50])


@pytest.mark.parametrize(("rate", "speed"), [(1.0, 1.0), (9.0, 3.0)])
def test_a_kac_process_has_its_variance_and_atoms(rate, speed):
    path = Kac(rate, speed)
    place = path.process(torch.full((200_000,), 0.3), seeded())
    assert float(place.var()) == pytest.approx(variance(path, 0.3), rel=0.02)
    atoms = (place.abs() >= 0.3 * speed * (1 - 1e-6)).float().mean()
    assert float(atoms) == pytest.approx(math.exp(-0.3 * rate), abs=0.005)
    # continuity: the variance grows by twice the mean of position times velocity
    s = torch.full_like(place, 0.3)
    rise = float(2 * (place * path.velocity(place, s)).mean())
    slope = speed**2 / rate * (1 - math.exp(-2 * rate * 0.3))
    assert rise == pytest.approx(slope, rel=0.02)
    assert float(path.velocity(place, s).abs().max()) <= speed * (1 + 1e-6)


def test_a_kac_path_begins_in_the_process_and_ends_in_the_data():
    path = Kac(9.0, 3.0)
    x = torch.full((20000, 1), 2.0)
    begin = path.at(x, x, torch.zeros(20000), seeded())[0]
    assert float(begin.var()) == pytest.approx(variance(path, 1.0), rel=0.05)
    end, velocity = path.at(x, x, torch.ones(20000), seeded())
    np.testing.assert_allclose(end, 2)
    np.testing.assert_allclose(velocity, 2)


def test_a_flow_from_quantile_noise_or_along_kac_paths_learns_a_normal_law():
    x = np.random.default_rng(0).standard_normal((1000, 1)) * 2 + 1
    for path in (posterior.Straight(Quantile.fit(x)), Kac()):
        network = posterior.Dense((1,), width=64, depth=2)
        model = posterior.learn(
            x, path=path, velocity=network, steps=400,
            learning_rate=3e-3,
        )  # fmt: skip
        draws = model.sample(count=2000, num_steps=16)
        assert float(draws.mean[0, 0]) == pytest.approx(1, abs=0.3)
        assert float(draws.std[0, 0]) == pytest.approx(2, rel=0.15)


def shifted(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the log-density of N(2, 1)."""
    return -0.5 * ((x - 2) ** 2).sum(1)


def test_annealed_langevin_steps_lower_the_gap_and_have_none_where_they_start():
    def level(share):
        return lambda x, y: (1 - share) * -0.5 * (x**2).sum(1) + share * shifted(x, y)

    x, y = np.random.default_rng(0).standard_normal((5000, 1)), np.zeros((5000, 1))
    steps = [langevin(level((i + 1) / 16), 0.1) for i in range(16)]
    assert posterior.gap(posterior.Chain(steps, (1,)), shifted, x + 2, y).value < 2.6
    still = posterior.Chain([langevin(level(0), 0.01)], (1,))
    found = posterior.gap(still, level(0), x, y)
    assert abs(found.value) < 4 * found.error + 1e-3


def test_distance_correlation_is_zero_for_independent_and_one_for_equal_samples():
    g = torch.Generator().manual_seed(0)
    a = torch.randn(200, 2, generator=g)
    found = [distance_correlation(torch.randn(200, 3, generator=g), a) for _ in range(30)]
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(30) + 1e-3
    assert distance_correlation(a, 2 * a + 1) == pytest.approx(1)


def lines(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y (n, 1) with x given y normal, mean 0.8 y, deviation 0.6."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal((n, 1))
    return 0.8 * y + 0.6 * rng.standard_normal((n, 1)), y


def test_the_automatic_plan_is_conditional_for_lines_and_independent_in_many_dimensions():
    x, y = (torch.from_numpy(v).float() for v in lines(2000))
    g = torch.Generator().manual_seed(2)
    found = choose(x, y, torch.randn(20 * 256, 1, generator=g), 256, np.random.default_rng(0))
    assert isinstance(found, posterior.Conditional)
    assert 10 <= found.beta <= 30
    x, y = torch.randn(500, 2000, generator=g), torch.randn(500, 16, generator=g)
    found = choose(x, y, torch.randn(20 * 64, 2000, generator=g), 64, np.random.default_rng(0))
    assert isinstance(found, posterior.Independent)
