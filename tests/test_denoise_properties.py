"""Properties of ROF denoising, for images made by hypothesis."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import steepest
from cases import Problem, distance, random_problems
from cases.arguments import arguments

UNIT = st.floats(-1, 1, width=32)
PLANES = arrays(np.float64, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=UNIT)
TOL = 1e-10


def slack(result: Any, other: Any) -> float:
    return float(result.error_bound) + float(other.error_bound) + 1e-12


@given(PLANES, st.sampled_from([0.05, 0.4]), st.booleans())
def test_firmly_non_expansive(image: np.ndarray, strength: float, isotropic: bool) -> None:
    """A prox: <Pf - Pg, f - g> >= |Pf - Pg|^2, and so for f - Pf as well."""
    other = np.roll(image, 1) * 0.7 + 0.1
    keywords = arguments(tol=TOL, isotropic=isotropic)
    one = steepest.denoise(image, strength, **keywords)
    two = steepest.denoise(other, strength, **keywords)
    change, moved = np.asarray(one.image - two.image), image - other
    allowed = slack(one, two) * (np.linalg.norm(moved) + 2 * np.linalg.norm(change) + 1e-9)
    assert np.sum(change * moved) >= np.sum(change**2) - allowed


@given(PLANES, st.sampled_from([0.01, 100.0]), st.sampled_from([0.1, 0.5]))
def test_scaling_image_and_strength_scales_the_result(
    image: np.ndarray, factor: float, strength: float
) -> None:
    one = steepest.denoise_tv(image, strength, solver=steepest.Solver(tol=TOL))
    two = steepest.denoise_tv(factor * image, factor * strength, solver=steepest.Solver(tol=TOL))
    allowed = factor * float(one.error_bound) + float(two.error_bound) + 1e-12 * factor
    assert distance(factor * one.image, two.image) <= allowed


@pytest.mark.parametrize("problem", random_problems(), ids=str)
def test_mean_is_kept_and_stronger_is_flatter(problem: Problem) -> None:
    values, fidelity = [], []
    for strength in (0.01, 0.1, 1.0):
        result = steepest.denoise(problem.image, strength, **arguments(tol=1e-7, **problem.options))
        axis = problem.options.get("channel_axis")
        axes = tuple(
            k for k in range(problem.image.ndim) if axis is None or k != axis % problem.image.ndim
        )
        np.testing.assert_allclose(
            result.image.mean(axis=axes), problem.image.mean(axis=axes), atol=1e-13
        )
        values.append(steepest.total_variation(result.image, **problem.options))
        fidelity.append(distance(result.image, problem.image))
    assert values[0] > values[1] > values[2]
    assert fidelity[0] < fidelity[1] < fidelity[2]


@pytest.mark.parametrize("sigma", [0.02, 0.1])
def test_discrepancy_strength_leaves_the_noise_asked_for(sigma: float) -> None:
    rng = np.random.default_rng(4)
    clean = np.kron(np.array([[0.2, 0.8], [0.6, 0.4]]), np.ones((16, 16)))
    noisy = clean + sigma * rng.standard_normal(clean.shape)
    strength = steepest.denoise_discrepancy(noisy, sigma).strength
    removed = distance(
        steepest.denoise_tv(noisy, strength, solver=steepest.Solver(tol=1e-6)).image, noisy
    )
    assert removed == pytest.approx(sigma * np.sqrt(noisy.size), rel=0.02)


def two_channels() -> tuple[np.ndarray, tuple[float, float]]:
    """One structure, with little noise in the first channel and much in the second."""
    rng, sigmas = np.random.default_rng(5), (0.02, 0.15)
    clean = np.kron(np.array([[0.2, 0.8], [0.6, 0.4]]), np.ones((24, 24)))
    noisy = [clean + sigma * rng.standard_normal(clean.shape) for sigma in sigmas]
    return np.stack(noisy, axis=-1), sigmas


def test_separate_channels_lose_the_noise_that_each_has() -> None:
    image, sigmas = two_channels()
    energy = steepest.TotalVariation(coupled=False)
    result = steepest.denoise_discrepancy(image, sigmas, energy, channel_axis=-1)
    removed = np.sqrt(np.mean((result.image - image) ** 2, axis=(0, 1)))
    assert removed == pytest.approx(sigmas, rel=0.011)
    assert result.strength.shape == (2,)
    assert result.strength[1] > 4 * result.strength[0]
    for channel in range(2):
        alone = steepest.denoise_discrepancy(image[..., channel], sigmas[channel])
        assert result.strength[channel] == alone.strength
        assert np.array_equal(result.image[..., channel], alone.image)


def test_a_strength_for_each_channel_is_that_of_the_channel() -> None:
    image, _ = two_channels()
    both = np.stack([image, 2 * image])
    result = steepest.denoise(
        both,
        [0.02, 0.2],
        energy=steepest.TotalVariation(coupled=False),
        channel_axis=-1,
        batch_axis=0,
    )
    for item in range(2):
        for channel, strength in enumerate((0.02, 0.2)):
            alone = steepest.denoise_tv(both[item, ..., channel], strength)
            assert np.array_equal(result.image[item, ..., channel], alone.image)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strength": [0.1, 0.2]}, "coupled=False"),
        ({"strength": [0.1, 0.2, 0.3], "coupled": False}, r"allowed are one number and 2"),
        ({"strength": [0.1, -0.2], "coupled": False}, "zero or positive"),
    ],
)
def test_strengths_that_do_not_fit_the_channels_are_refused(options, words) -> None:
    image, _ = two_channels()
    with pytest.raises(steepest.InputError, match=words):
        steepest.denoise(image, **arguments(channel_axis=-1, **options))


def test_separate_channels_are_estimated_each_on_its_own() -> None:
    image, _ = two_channels()
    strengths = steepest.denoise_discrepancy(
        image, energy=steepest.TotalVariation(coupled=False), channel_axis=-1
    ).strength
    alone = [steepest.denoise_discrepancy(image[..., channel]).strength for channel in range(2)]
    assert strengths.tolist() == alone
    coupled = steepest.denoise_discrepancy(image, channel_axis=-1).strength
    assert isinstance(coupled, float)


def test_a_strength_in_grey_values_of_whole_numbers_is_told_of():
    """25 of [0, 1] is above the extinction time, where 25 of 255 was meant."""
    image = np.arange(144, dtype=np.uint8).reshape(12, 12)
    with pytest.warns(UserWarning, match=r"^strength=25 leaves nothing .* 25 of 255 is 0\.098"):
        assert np.ptp(steepest.denoise_tv(image, 25).image) <= 1
    for quiet in (image / 255, np.full_like(image, 3)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            steepest.denoise_tv(quiet, 25)
