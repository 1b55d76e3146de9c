"""Posterior sampling: closed forms, exact mixtures, certificates."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from steepest import InputError, posterior
from steepest.core.conformal import smallest_factor
from steepest.core.errors import NotConverged
from steepest.core.status import Status
from steepest.patches.model import covariances
from steepest.posterior.checks import crps
from tests.test_patches_model import random_model


def pairs(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y (n, 1) with x given y normal, mean 0.8 y, deviation 0.6."""
    rng = np.random.default_rng(seed)
    y = rng.standard_normal((n, 1))
    return 0.8 * y + 0.6 * rng.standard_normal((n, 1)), y


def log_joint(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return log p(x, y) of `pairs`, up to a constant."""
    return -0.5 * ((x - 0.8 * y) ** 2).sum(1) / 0.36 - 0.5 * (y**2).sum(1)


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """The initial weights of networks do not depend on the tests before."""
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def flow() -> posterior.Flow:
    torch.manual_seed(0)
    x, y = pairs(2000)
    network = posterior.Dense((1,), (1,), width=64, depth=2)
    return posterior.learn(x, y, velocity=network, steps=600, learning_rate=3e-3)


# mixtures ---------------------------------------------------------------------------------------


def mixture() -> posterior.Mixture:
    rng = np.random.default_rng(0)
    roots = rng.standard_normal((3, 2, 2))
    return posterior.Mixture(
        np.array([0.2, 0.3, 0.5]), rng.standard_normal((3, 2)),
        roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(2), (2,),
    )  # fmt: skip


def test_posterior_of_a_mixture_agrees_with_quadrature():
    prior, a, y = mixture(), np.array([[1.0, -0.5]]), np.array([[0.7]])
    law = prior.given(a, 0.2)
    grid = np.linspace(-9, 9, 721)
    points = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
    density = np.exp(law.log_density(points, np.repeat(y, len(points), 0)))
    cell = (grid[1] - grid[0]) ** 2
    assert density.sum() * cell == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose((points * density[:, None]).sum(0) * cell, law.mean(y)[0], atol=1e-6)
    # up to the evidence, it is the prior times the likelihood
    some = points[::997]
    free = prior.given(np.zeros((1, 2)), 1.0).log_density(some, np.zeros((len(some), 1)))
    likelihood = norm.logpdf(0.7, some @ a[0], math.sqrt(0.2))
    ratio = np.log(density[::997]) - free - likelihood
    np.testing.assert_allclose(ratio, ratio[0], atol=1e-8)


def test_a_mixture_is_found_and_a_function_is_the_matrix():
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.standard_normal((80, 2, 2)) - 3, rng.standard_normal((120, 2, 2)) + 3])
    prior = posterior.fit_mixture(x, 2)
    np.testing.assert_allclose(np.sort(prior.weights), [0.4, 0.6], atol=0.01)
    by_function = prior.given(lambda image: image.sum(0), 0.1)
    by_matrix = prior.given(np.array([[1.0, 0, 1, 0], [0, 1, 0, 1]]), 0.1)
    y = rng.standard_normal((3, 2))
    np.testing.assert_allclose(by_function.mean(y), by_matrix.mean(y))
    assert by_function.sample(y, 7).samples.shape == (3, 7, 2, 2)
    with pytest.raises(InputError, match="not linear"):
        prior.given(lambda image: image**2, 0.1)
    with pytest.raises(InputError, match="positive definite"):
        prior.given(np.eye(4), -1.0)


def test_the_number_of_components_is_found_though_a_value_hardly_changes():
    rng = np.random.default_rng(3)
    x = 4.0 * rng.integers(0, 4, (300, 1)) + 0.3 * rng.standard_normal((300, 3))
    x[:, 2] = rng.random(300) < 0.02  # rare values rule the likelihood
    assert len(posterior.fit_mixture(x, rng=0).weights) >= 4


def test_mixtures_of_values_that_hardly_ever_change_or_are_nearly_zero():
    rng = np.random.default_rng(0)
    rare = np.zeros((40, 3))
    rare[0] = 1  # mostly not among those held out
    tails = rng.standard_normal((40, 12)) * 10.0 ** np.r_[0, rng.uniform(-165, -140, 11)]
    for x in (rare, tails):
        for seed in range(4):
            lower = np.linalg.cholesky(posterior.fit_mixture(x, rng=seed).covariances)
            assert (np.diagonal(lower, axis1=-2, axis2=-1) > 0).all()


# couplings --------------------------------------------------------------------------------------


def test_plans_keep_the_measurement_only_if_beta_is_large():
    x, y = (torch.from_numpy(v).float() for v in pairs(256))
    z = torch.randn(256, 1, generator=torch.Generator().manual_seed(1))
    change = [float((y - y[posterior.Conditional(b)(z, x, y)]).abs().mean()) for b in (0.0, 1e4)]
    assert change[0] > 1
    assert change[1] < 0.05
    plan = posterior.Conditional(3.0)(z, x, y)
    assert sorted(plan.tolist()) == list(range(256))


# flows ------------------------------------------------------------------------------------------


def test_a_flow_learns_a_conditional_normal_distribution(flow):
    y = np.array([[-1.0], [0.0], [1.0]])
    draws = flow.sample(y, 4000)
    np.testing.assert_allclose(draws.mean[:, 0], 0.8 * y[:, 0], atol=0.12)
    np.testing.assert_allclose(draws.std[:, 0], 0.6, atol=0.1)
    points = np.array([[-0.8], [0.3], [0.8]])
    exact = norm.logpdf(points[:, 0], 0.8 * y[:, 0], 0.6)
    np.testing.assert_allclose(flow.log_density(points, y), exact, atol=0.2)


def test_step_doubling_is_the_difference_and_seeds_repeat(flow):
    y = np.array([[0.5]])
    coarse, fine = flow.sample(y, 256, num_steps=2), flow.sample(y, 256, num_steps=4)
    difference = float(np.sqrt(((coarse.samples - fine.samples) ** 2).mean()))
    assert coarse.time_error == pytest.approx(difference, rel=1e-4)
    assert fine.time_error < coarse.time_error / 2.5  # second order
    again = flow.sample(y, 256, num_steps=2)
    np.testing.assert_array_equal(coarse.samples, again.samples)
    assert np.abs(flow.sample(y, 256, rng=1).samples - again.samples).max() > 0.1


def test_tensors_and_constant_values_come_back(flow):
    y = torch.tensor([[0.5], [1.0]])
    draws = flow.sample(y, 3)
    assert isinstance(draws.samples, torch.Tensor)
    assert draws.samples.shape == (2, 3, 1)
    x = np.random.default_rng(0).standard_normal((40, 2, 2))
    x[:, 0, 0] = 7
    small = posterior.learn(x, x[:, 1], steps=5)
    assert (small.sample(x[:2, 1], 4).samples[..., 0, 0] == 7).all()
    with pytest.raises(InputError, match="constant values"):
        small.log_density(x[:2], x[:2, 1])


def test_measurements_are_simulated_anew_for_every_batch():
    x = pairs(64)[0]
    seen = []

    def measure(part, rng):
        seen.append(part)
        return part + 0.1 * rng.standard_normal(part.shape)

    model = posterior.learn(x, measure, batch_size=16, steps=3)
    assert [len(part) for part in seen] == [64, 16, 16, 16]
    assert {*seen[1].ravel()} <= {*x.ravel()}
    again = posterior.learn(x, measure, batch_size=16, steps=3)
    y = np.array([[0.3]])
    np.testing.assert_array_equal(model.sample(y).samples, again.sample(y).samples)
    kinds = []
    posterior.learn(
        torch.from_numpy(x), lambda part, rng: kinds.append(type(part)) or part, steps=1
    )
    assert {*kinds} == {torch.Tensor}
    with pytest.raises(InputError, match="must be pairs"):
        posterior.learn(x, lambda part, rng: part[1:], steps=1)


def test_held_out_examples_stop_the_training():
    x, y = pairs(60)
    network = posterior.Dense((1,), (1,), width=32, depth=2)
    model = posterior.learn(x, y, velocity=network)
    assert 50 <= model.steps <= 2000
    assert math.isfinite(model.loss)


def test_a_flow_without_measurements_learns_the_distribution():
    x = np.random.default_rng(0).uniform(-1, 1, (1000, 2)) * [1, 3]
    network = posterior.Dense((2,), width=64, depth=2)
    model = posterior.learn(x, velocity=network, steps=300, learning_rate=3e-3)
    draws = model.sample(count=2000)
    np.testing.assert_allclose(draws.std[0], [3**-0.5, 3 * 3**-0.5], rtol=0.15)


# certificates -----------------------------------------------------------------------------------


def shifted(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the log-density of N(2, 1)."""
    return -0.5 * ((x - 2) ** 2).sum(1)


def test_the_gap_of_an_empty_chain_is_the_symmetric_divergence():
    rng = np.random.default_rng(0)
    x, y = 2 + rng.standard_normal((20000, 1)), np.zeros((20000, 1))
    found = posterior.gap(posterior.Chain([], (1,)), shifted, x, y)
    assert found.value == pytest.approx(4, abs=4 * found.error)
    assert found.error < 0.03


class Affine(torch.nn.Module):
    """The transform ``exp(a) x + b y``."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))

    def forward(self, y):
        return torch.distributions.AffineTransform(self.b * y, self.a.exp().expand_as(y))


def test_a_chain_of_a_map_is_fitted_to_the_posterior_and_its_gap_vanishes():
    x, y = pairs(3000)
    chain = posterior.Chain([posterior.Map(Affine())], (1,))
    before = posterior.gap(chain, log_joint, x, y)
    fitted = posterior.fit_chain(chain, None, x, y, steps=400, learning_rate=0.02)
    after = posterior.gap(fitted, log_joint, x, y)
    assert before.value > 1
    assert after.value < 0.01
    transform = fitted.kernels[0].transform
    assert transform.b.item() == pytest.approx(0.8, abs=0.03)
    assert transform.a.exp().item() == pytest.approx(0.6, abs=0.03)
    # a bridge over a wrong map lowers its gap
    longer = posterior.bridge(chain, log_joint, levels=8, sizes=(0.3, 1))
    assert posterior.gap(longer, log_joint, x, y).value < 0.7 * before.value


def test_kernels_go_back_in_law(flow):
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(50, 1, generator=g), torch.randn(50, 1, generator=g)
    step = flow
    out, logdet = step.forward(x, y, g)
    back, same = step.backward(out, y, g)
    np.testing.assert_allclose(back, x, atol=2e-3)
    np.testing.assert_allclose(same, logdet, atol=5e-3)
    found = posterior.gap(flow, log_joint, *pairs(1000, seed=5))
    assert -4 * found.error < found.value < 0.15


@pytest.mark.parametrize("broken", [1.0, 0.3])
def test_the_factor_covers_over_many_splits_also_for_a_broken_sampler(broken):
    rng = np.random.default_rng(0)
    level, n, size, splits = 0.9, 20, 30, 150
    covered = []
    for _ in range(splits):
        spread = rng.gamma(4, 0.25, (n + 1, 1))  # images differ
        truth = spread * rng.standard_normal((n + 1, size))
        ratios = np.abs(truth) / (broken * norm.ppf(0.95))
        factor = smallest_factor(list(ratios[:n]), level)
        covered.append((ratios[n] <= factor).mean())
    error = np.std(covered) / math.sqrt(splits)
    assert np.mean(covered) >= level - 2 * error


class Normal:
    """A sampler of `pairs` whose deviation is wrong by a factor."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def sample(self, y, count=100, *, rng=0):
        noise = np.random.default_rng(rng).standard_normal((len(y), count, 1))
        return posterior.Draws(0.8 * np.asarray(y)[:, None] + 0.6 * self.factor * noise)


def test_the_report_of_an_exact_sampler_and_of_an_overconfident_one():
    x, y = pairs(2000, seed=3)
    good = posterior.check(Normal(1.0), x, y)
    assert good.coverage == pytest.approx(0.9, abs=4 * good.coverage_error)
    assert good.factor == pytest.approx(1, abs=0.06)
    np.testing.assert_allclose(good.ranks, 1 / 11, atol=0.03)
    assert good.rmse == pytest.approx(0.6, rel=0.06)
    assert good.crps == pytest.approx(0.6 / math.sqrt(math.pi), rel=0.05)  # of a normal law
    bad = posterior.check(Normal(0.5), x, y)
    assert bad.coverage < 0.65
    assert bad.factor == pytest.approx(2, rel=0.06)
    assert bad.ranks[0] > 2 / 11
    low, high = Normal(0.5).sample(y, 100).interval(0.9, factor=bad.factor)
    assert ((low <= x) & (x <= high)).mean() >= 0.89
    few = posterior.check(Normal(1.0), x[:8], y[:8])
    assert few.status is Status.UNCALIBRATED
    assert few.factor == math.inf


def test_crps_of_samples_is_the_double_sum():
    rng = np.random.default_rng(0)
    samples, truth = rng.standard_normal((4, 6, 3)), rng.standard_normal((4, 3))
    first = np.abs(samples - truth[:, None]).mean(1)
    second = np.abs(samples[:, :, None] - samples[:, None]).sum((1, 2)) / (6 * 5)
    assert crps(samples, truth) == pytest.approx((first - second / 2).mean())


def test_sensitivity_of_a_linear_mean_is_its_slope(flow):
    y = np.array([[-1.0], [0.5]])
    np.testing.assert_allclose(posterior.sensitivity(Normal(1.0), y), 0.8, rtol=1e-6)
    np.testing.assert_allclose(posterior.sensitivity(flow, y), 0.8, atol=0.15)


# whole images -----------------------------------------------------------------------------------


def test_images_of_one_gaussian_patch_have_the_moments_of_conditioning():
    model = random_model((3, 3), 1, 2)
    rng = np.random.default_rng(0)
    c, a, noise = covariances(model)[0], rng.standard_normal((5, 9)), 0.2
    y = a @ model.means[0] + rng.standard_normal(5)
    gain = c @ a.T @ np.linalg.inv(a @ c @ a.T + noise**2 * np.eye(5))
    law = posterior.PatchPosterior(model, a, noise, (3, 3))
    draws = law.sample(y[None], 800).samples.reshape(800, 9)
    exact = np.sqrt(np.diag(c - gain @ a @ c))
    mean = model.means[0] + gain @ (y - a @ model.means[0])
    assert np.abs((draws.mean(0) - mean) / exact).max() < 0.5  # the coupling ends above 0
    np.testing.assert_allclose(draws.std(0), exact, rtol=0.35)


def test_images_are_repeated_by_their_seed_and_bad_ones_are_named():
    model = random_model((2, 2), 2, 2)
    a = np.random.default_rng(0).standard_normal((6, 35))
    law = posterior.PatchPosterior(model, a, 0.1, (5, 7))
    one, same = (law.sample(np.ones((2, 6)), 3, rng=4).samples for _ in range(2))
    assert one.shape == (2, 3, 5, 7)
    np.testing.assert_array_equal(one, same)
    with pytest.raises(InputError, match="6 values"):
        law.sample(np.ones((2, 5)))
    for wrong in ((a.T, 0.1, (5, 7)), (lambda x: x, 0.1, (5, 7))):
        with pytest.raises(InputError, match="matrix of 35 columns"):
            posterior.PatchPosterior(model, *wrong)
    with pytest.raises(InputError, match="noise"):
        posterior.PatchPosterior(model, a, 0, (5, 7))
    with pytest.raises(InputError, match="shape"):
        posterior.PatchPosterior(model, a, 0.1, (35,))


def test_gradients_that_do_not_solve_are_an_error():
    law = images(GREY, np.diag(np.logspace(0, -9, 81)), 1e-9, (9, 9))
    with pytest.raises(NotConverged, match="500 conjugate gradients"):
        law.sample(np.ones((1, 81)), 2)


# bad input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((20, 2)), np.ones((20, 1)), "x is constant"),
        (np.arange(20.0), np.arange(19.0), "x holds 20 items and y 19"),
        (np.arange(5.0), np.arange(5.0), "at least 10"),
        (np.full(20, np.nan), np.arange(20.0), "x holds NaN"),
        (np.arange(20.0), np.full(20, np.inf), "y holds NaN"),
        (["a"] * 20, None, "real numbers"),
    ],
)
def test_bad_data_are_named(x, y, message):
    with pytest.raises(InputError, match=message):
        posterior.learn(x, y, steps=1)


def test_bad_measurements_and_models_are_named(flow):
    with pytest.raises(InputError, match="shape \\(1,\\)"):
        flow.sample(np.ones((3, 2)))
    with pytest.raises(InputError, match="must have the shape"):
        posterior.check(flow, np.ones((3, 2)), np.ones((3, 1)))
    with pytest.raises(InputError, match="no weights"):
        posterior.fit_chain(posterior.Chain([], (1,)), None, *pairs(20))
    chain = posterior.Chain([posterior.Metropolis(log_joint)], (1,))
    with pytest.raises(InputError, match="have no density"):
        posterior.bridge(chain, log_joint)
    with pytest.raises(InputError, match="at least 2 samples"):
        flow.sample(np.ones((3, 1)), 1).interval()


def test_covariances_in_float32_may_be_rounded():
    random = np.random.default_rng(0)
    factor, y = random.standard_normal((2, 2)), np.array([[0.3, -1.0]])
    covariance = factor @ np.diag([1.0, 0.1]) @ factor.T
    rounded = covariance.astype(np.float32)
    rounded[0, 1] *= 1 + 1e-6
    own, exact = (mixture().given(np.eye(2), each).mean(y) for each in (rounded, covariance))
    np.testing.assert_allclose(own, exact, rtol=1e-4)


def test_measurements_near_zero_are_like_zero(flow):
    near, zero = (flow.sample(np.full((2, 1), y), 5).samples for y in (1e-30, 0.0))
    np.testing.assert_array_equal(near, zero)


def test_samples_that_are_not_finite_and_densities_of_a_wrong_shape_are_named(flow):
    x, y = pairs(20)
    lost = Normal(math.inf)
    with pytest.raises(InputError, match="not finite"):
        posterior.check(lost, x, y)
    with pytest.raises(InputError, match="x_new holds NaN"):
        posterior.check(flow, x * math.nan, y)
    wild = dataclasses.replace(flow, velocity=lambda t, x, y: x * 1e30)
    with pytest.raises(NotConverged, match="diverges"):
        wild.sample(y)
    for wrong, message in ((np.ones((20, 2)), "constant"), (np.zeros((2, 3)), "at least 4")):
        with pytest.raises(InputError, match=message):
            posterior.fit_mixture(wrong)


X, Y = pairs(20)
LAW = mixture().given(np.eye(2), 0.1)
NARROW = posterior.Dense((2,), width=4, depth=1)


SKEW = np.eye(2) + np.tril(np.full((3, 2, 2), 0.1), -1)
A, GREY = np.ones((3, 4)), random_model((2, 2), 1, 2)


def replaced(**values):
    """Return the mixture with other values."""
    return dataclasses.replace(mixture(), **values)


def images(model, forward=A, noise=0.1, shape=(2, 2)):
    return posterior.PatchPosterior(model, forward, noise, shape)


class Wide(torch.nn.Module):
    def forward(self, t, x, y):
        return x.repeat(1, 2)


def square(x, rng):
    """Return measurements whose size is that of the batch."""
    return np.repeat(x, len(x), 1)


def half(x, y):
    """Return a density that is 0 at some of the pairs."""
    return torch.where(x[:, 0] > 0, 0.0, -torch.inf)


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("beta=-1", lambda flow: posterior.Conditional(-1)),
        ("path of type str", lambda flow: posterior.learn(X, path="straight", steps=1)),
        ("coupling must be a fun", lambda flow: posterior.learn(X, coupling="auto", steps=1)),
        ("velocity must be a torch", lambda flow: posterior.learn(X, velocity="dense", steps=1)),
        ("velocity does not take", lambda flow: posterior.learn(X, velocity=NARROW, steps=1)),
        ("velocity must return", lambda flow: posterior.learn(X, velocity=Wide(), steps=1)),
        ("y must be a function", lambda flow: posterior.learn(X, lambda x: x, steps=1)),
        ("different shapes", lambda flow: posterior.learn(X, square, batch_size=4, steps=1)),
        ("x has values up to .*unit", lambda flow: posterior.learn(1e39 * X, steps=1)),
        ("x has values up to .*unit", lambda flow: posterior.learn(1e-20 * X, steps=1)),
        ("items without values", lambda flow: posterior.learn(np.zeros((20, 0)), steps=1)),
        ("forward=.*finite", lambda flow: mixture().given(np.full((1, 2), np.nan), 0.1)),
        ("noise_covariance=nan", lambda flow: mixture().given(np.eye(2), np.nan)),
        ("symmetric", lambda flow: mixture().given(np.eye(2), [[1, 0.9], [0, 1]])),
        ("x must hold data", lambda flow: LAW.log_density(X, np.ones((20, 2)))),
        ("x holds 20 items", lambda flow: flow.log_density(X, Y[1:])),
        ("model of type Mixture", lambda flow: posterior.check(mixture(), X, Y)),
        ("must return the shape", lambda flow: posterior.gap(flow, lambda x, y: 0.0, X, Y)),
        ("log_joint must be a function", lambda flow: posterior.gap(flow, len, X, Y)),
        (
            "log_joint returns NaN",
            lambda flow: posterior.gap(flow, lambda x, y: x[:, 0] / 0, 0 * X, Y),
        ),
        ("log_joint must be finite", lambda flow: posterior.gap(flow, half, X, Y)),
        ("kernels: one of type int", lambda flow: posterior.Chain([3], 1)),
        ("chain of type", lambda flow: posterior.fit_chain(LAW, None, X, Y)),
        (r"sizes=\(\): allowed", lambda flow: posterior.bridge(flow, log_joint, sizes=())),
        ("sizes=0.1: allowed", lambda flow: posterior.Metropolis(log_joint, 0.1)),
        ("sizes=0.0", lambda flow: posterior.bridge(flow, log_joint, sizes=(0, 1))),
        ("weights holds NaN", lambda flow: replaced(weights=[math.nan, 0.5, 0.5])),
        ("weights must be positive", lambda flow: replaced(weights=[-0.5, 0.5, 1])),
        ("weights must .* sum 1", lambda flow: replaced(weights=[0.5, 0.5, 0.5])),
        ("means must have the shape \\(2, 2\\)", lambda flow: replaced(weights=[0.5, 0.5])),
        ("means must have the shape \\(3, 4\\)", lambda flow: replaced(shape=(2, 2))),
        ("covariances holds NaN", lambda flow: replaced(covariances=np.full((3, 2, 2), np.nan))),
        ("covariances must have", lambda flow: replaced(covariances=np.ones((3, 2)))),
        ("covariances must be sym", lambda flow: replaced(covariances=SKEW)),
        ("covariances must be pos", lambda flow: replaced(covariances=np.ones((3, 2, 2)))),
        ("model is a str", lambda flow: images("patches")),
        (
            "channels; the model is for 3",
            lambda flow: images(random_model((2, 2), 1, 2, channels=3)),
        ),
        ("patches have 1", lambda flow: images(random_model((3,), 1, 1))),
        ("noise=nan", lambda flow: images(GREY, noise=math.nan)),
        ("shape=2.5", lambda flow: images(GREY, shape=(2.5, 2))),
        ("forward must be a matrix", lambda flow: images(GREY, np.ones(4))),
        ("forward holds NaN", lambda flow: images(GREY, A * math.nan).sample(np.ones((1, 3)))),
        ("y holds NaN", lambda flow: images(GREY, A).sample(np.full((1, 3), np.nan))),
        ("count=0", lambda flow: images(GREY, A).sample(np.ones((1, 3)), 0)),
    ],
)
def test_bad_input_is_named(message, call, flow):
    with pytest.raises(InputError, match=message):
        call(flow)


def test_the_gap_is_infinite_if_samples_lie_where_the_density_vanishes():
    found = posterior.gap(posterior.Chain([], 1), half, np.abs(X), Y)
    assert found.value == math.inf
    # one pair has no standard error, and none is printed
    assert "nan" not in str(posterior.check(Normal(1.0), X[:1], Y[:1]))


def test_densities_need_gaussian_noise():
    class Uniform:
        def draw(self, n, shape, generator):
            return torch.rand(n, *shape, generator=generator)

    x, _ = pairs(40)
    model = posterior.learn(x, path=posterior.Straight(Uniform()), steps=1)
    with pytest.raises(InputError, match="Gaussian noise only"):
        model.log_density(x)
    with pytest.raises(InputError, match="Gaussian noise only"):
        posterior.gap(model, log_joint, x, x)


def test_rounding_gives_constant_values_no_deviation():
    from steepest.posterior.flow import Scale

    for value in (0.1, 0.3, 1e-3):
        scale = Scale.of(torch.full((97, 2), value))
        assert not scale.scale.any()
        assert (scale.center == value).all()


def test_a_diverging_velocity_is_an_error():
    x, y = pairs(40)

    class Wild(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, t, x, y=None):
            return x * 1e30 * (1 + self.weight)

    with pytest.raises(NotConverged, match="the loss is nan"):
        posterior.learn(x, y, velocity=Wild(), steps=3)
    with pytest.raises(InputError, match="Wild has no weights"):
        posterior.learn(x, y, velocity=Wild().requires_grad_(False), steps=3)


def test_data_of_another_shape_and_no_data_are_named(flow):
    x, y = pairs(20)
    chain = posterior.bridge(flow, log_joint, levels=1)
    with pytest.raises(InputError, match="x_new must hold data of shape"):
        posterior.gap(chain, log_joint, np.hstack([x, x]), y)
    with pytest.raises(InputError, match="y must hold measurements of 1 values, not 2"):
        posterior.gap(flow, log_joint, x, np.hstack([y, y]))
    with pytest.raises(InputError, match="x_new holds 20 items and y_new 19"):
        posterior.check(flow, x, y[1:])
    with pytest.raises(InputError, match="y holds no items"):
        flow.sample(y[:0])
    free = dataclasses.replace(flow, y_scale=type(flow.y_scale)(torch.zeros(0), torch.zeros(0)))
    with pytest.raises(InputError, match="measurements of no values"):
        free.sample(y)
