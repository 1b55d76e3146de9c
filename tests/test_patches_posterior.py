"""Samples of the posterior under patch models, and intervals made of them."""

import numpy as np
import pytest

import steepest
from steepest import InputError, Solver, patches
from steepest.patches.model import covariances
from tests.test_patches_model import random_model

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("remove_mean", [False, True])
def test_one_gaussian_has_the_moments_of_conditioning(remove_mean: bool) -> None:
    model = random_model((2, 2), 1, 2, remove_mean=remove_mean)
    y, sigma = 0.5 * RNG.standard_normal((2, 2)), 0.1
    prior = covariances(model)[0] + remove_mean * 1e3  # any mean
    gain = prior @ np.linalg.inv(prior + sigma**2 * np.eye(4))
    mean = model.means[0] + gain @ (y.ravel() - model.means[0])
    covariance = prior - gain @ prior
    count = 4000
    samples = patches.posterior(y, model, sigma, num_samples=count).samples.reshape(count, 4)
    error = np.sqrt(np.diag(covariance) / count)
    assert np.all(np.abs(samples.mean(0) - mean) < 4 * error)
    found = np.cov(samples.T)
    spread = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)) * 2 / count)
    assert np.all(np.abs(found - covariance) < 5 * spread)


def test_a_mixture_has_the_moments_of_bayes_rule() -> None:
    """By weighting samples of the prior with their likelihood."""
    model = random_model((3,), 3, 1, seed=3)
    sigma, count = 0.2, 4000
    rng = np.random.default_rng(5)
    owner = rng.choice(3, 150_000, p=model.weights)
    factors = np.linalg.cholesky(covariances(model))
    x = model.means[owner]
    x = x + np.einsum("nij,nj->ni", factors[owner], rng.standard_normal(x.shape))
    y = model.means.mean(0)
    weights = np.exp(-((x - y) ** 2).sum(1) / (2 * sigma**2))
    weights /= weights.sum()
    mean = weights @ x
    square = weights @ (x - mean) ** 2
    samples = patches.posterior(y, model, sigma, num_samples=count).samples
    error = np.sqrt(square * (1 / count + (weights**2).sum()))
    assert np.all(np.abs(samples.mean(0) - mean) < 4 * error)
    np.testing.assert_allclose(samples.var(0), square, rtol=0.1)


def test_samples_depend_on_the_seed_alone() -> None:
    model = random_model((2, 2), 2, 3, channels=3, remove_mean=True)
    image = RNG.random((7, 9, 3)).astype(np.float32)
    one, two, other = (
        patches.posterior(
            image, model, 0.1, num_samples=5, channel_axis=-1, rng=seed,
            solver=Solver(num_threads=threads),
        )
        for seed, threads in ((0, 1), (0, 2), (1, 1))
    )  # fmt: skip
    assert one.samples.shape == (5, 7, 9, 3)
    assert one.samples.dtype == np.float32
    np.testing.assert_array_equal(one.samples, two.samples)
    assert not np.array_equal(one.samples, other.samples)
    exact = patches.posterior(image, model, 0, num_samples=2, channel_axis=-1)
    np.testing.assert_array_equal(exact.samples[1], image)


def test_intervals_of_normal_samples_hold_what_they_promise() -> None:
    rng = np.random.default_rng(6)
    draws = rng.standard_normal((6, 200, 200))
    low, high = patches.Posterior(draws[1:]).interval(0.8)
    assert np.mean((draws[0] >= low) & (draws[0] <= high)) == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_the_factor_is_the_smallest_that_controls_the_risk(scale: float) -> None:
    rng = np.random.default_rng(7)
    truths = [scale * rng.standard_normal((12, 10 + k)) for k in range(12)]
    found = [patches.Posterior(rng.standard_normal((8, *each.shape))) for each in truths]

    def risk(factor: float) -> float:
        outside = []
        for own, truth in zip(found, truths, strict=True):
            low, high = own.interval(0.9, factor)
            outside.append(np.mean((truth < low) | (truth > high)))
        return 12 / 13 * np.mean(outside) + 1 / 13

    factor = patches.interval_factor(found, truths, 0.9)
    assert risk(factor * (1 + 1e-9)) <= 0.1
    assert risk(factor * (1 - 1e-9)) > 0.1


def test_the_number_of_standard_deviations_holds_its_level() -> None:
    photo, rng = steepest.io.sample("coffee")[..., 1] / 255, np.random.default_rng(1)
    model = patches.fit(photo[:, 300:], 4, 6, 6, num_patches=4000)
    crops = [photo[y : y + 20, x : x + 20] for y, x in rng.integers(0, 270, (40, 2))]
    found = patches.calibrate(crops[:16], model, 0.08, 0.8)
    assert found.num_parts == 16
    inside = []
    for clean in crops[16:]:
        noisy = clean + 0.08 * rng.standard_normal(clean.shape)
        std = patches.posterior(noisy, model, 0.08, num_samples=16).std
        off = np.abs(patches.denoise(noisy, model, 0.08) - clean)
        inside.append(float(np.mean(off <= found.factor * std)))
    error = float(np.std(inside)) * (1 / 16 + 1 / 24) ** 0.5
    assert abs(np.mean(inside) - 0.8) <= 1 / 17 + 3 * error
    first = np.rint(crops[0] * 255).astype(np.uint8)
    assert patches.calibrate([first], model, 0.08, 0.5).num_parts == 4
    for name, given in {
        "images is empty": ([], 0.08, 0.5),
        "images: a part": ([crops[0]], 0.08, 0.9),
        "images": ([np.zeros((20, 20, 3))], 0.08, 0.5),
        "sigma": ([crops[0]], 0, 0.5),
        "level": ([crops[0]], 0.08, 1),
    }.items():
        with pytest.raises(InputError, match=name):
            patches.calibrate(given[0], model, *given[1:])


def test_bad_input_is_named() -> None:
    model = random_model((2, 2), 2, 2)
    image = RNG.random((6, 6))
    for name, given in {
        "noisy": {"noisy": np.full((6, 6), np.nan)},
        "sigma": {"sigma": -1},
        "num_samples": {"num_samples": 1},
        "rng": {"rng": "x"},
        "model": {"model": None},
    }.items():
        with pytest.raises(InputError, match=name):
            patches.posterior(**{"noisy": image, "model": model, "sigma": 0.1, **given})
    own = patches.posterior(image, model, 0.1, num_samples=2)
    for level in (0, 1, np.nan):
        with pytest.raises(InputError, match="level"):
            own.interval(level)
    with pytest.raises(InputError, match="factor"):
        own.interval(0.9, -1)
    with pytest.raises(InputError, match="at least 9"):
        patches.interval_factor([own] * 8, [image] * 8)
    with pytest.raises(InputError, match="truths"):
        patches.interval_factor([own] * 9, [image] * 8)
    with pytest.raises(InputError, match="shape"):
        patches.interval_factor([own] * 9, [image[1:]] * 9)
