"""ROF problems compared with an interior-point method, for all functionals and precisions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import steepest
from cases import (
    Case,
    Problem,
    distance,
    float64_slack,
    functional,
    heat_wave,
    random_problems,
    rof_by_taut_string,
    signals,
    solve_rof,
)
from cases.arguments import arguments

PROBLEMS = random_problems()
STRENGTHS = [0.01, 0.2, 5.0]
WAVES = [heat_wave((16,), (3,), 0.3), heat_wave((10, 12), (1, 2), 0.1)]


def energy(problem: Problem, image: np.ndarray, strength: float) -> float:
    axis = problem.options.get("channel_axis")
    moved = np.asarray(image, float) if axis is None else np.moveaxis(image, axis, 0)
    value = functional(problem.image.shape, **problem.options).value(np.ravel(moved).astype(float))
    return 0.5 * distance(image, problem.image) ** 2 + strength * value


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_denoising_is_as_good_as_it_says(problem: Problem, strength: float) -> None:
    """The gap bounds the suboptimality, the error bound the distance, the tolerance is met."""
    answer = solve_rof(problem.image, strength, **problem.options)
    best = energy(problem, answer.image, strength)
    for tol in (1e-2, 1e-4, 1e-7):
        result = steepest.denoise(problem.image, strength, **arguments(tol=tol, **problem.options))
        assert result.converged, result.status
        assert result.gap <= tol
        reached = energy(problem, result.image, strength)
        assert reached - best <= result.gap * reached * (1 + 1e-9) + 1e-12 * reached
        error = distance(result.image, answer.image)
        assert error <= result.error_bound + answer.bound
        assert result.error_bound <= np.sqrt(2.01 * tol * reached) + 1e-12


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_denoising_in_single_precision(problem: Problem, strength: float) -> None:
    image = problem.image.astype(np.float32)
    answer = solve_rof(image, strength, **problem.options)
    for tol in (1e-3, 1e-9):  # the second is beyond single precision: a word, no lie
        result = steepest.denoise(
            image, strength, **arguments(tol=tol, max_num_iter=3000, **problem.options)
        )
        assert result.image.dtype == np.float32
        assert distance(result.image, answer.image) <= result.error_bound + answer.bound
    assert distance(result.image, answer.image) <= 2e-3 * np.linalg.norm(image)


@pytest.mark.parametrize("signal", [s for _, s in signals()], ids=[n for n, _ in signals()])
def test_denoising_a_signal_is_the_taut_string(signal: np.ndarray) -> None:
    for strength in (0.03, 0.4, 3.0):
        result = steepest.denoise_tv(signal, strength, solver=steepest.Solver(tol=1e-9))
        exact = rof_by_taut_string(signal, strength)
        assert distance(result.image, exact) <= result.error_bound + float64_slack(signal)
        assert distance(result.image, exact) <= 1e-3 * np.linalg.norm(signal)


@pytest.mark.parametrize("case", WAVES, ids=str)
def test_huber_denoising_damps_a_small_wave(case: Case) -> None:
    """Below the Huber width the problem is linear: v = f / (1 + strength * rate)."""
    rate = -np.log(np.linalg.norm(case.exact[1]) / np.linalg.norm(case.image)) / case.times[1]
    for strength in (0.05, 1.0):
        result = steepest.denoise(case.image, strength, **arguments(tol=1e-9, **case.options))
        expected = case.image / (1 + strength * rate)
        assert distance(result.image, expected) <= result.error_bound + 1e-12
        assert distance(result.image, expected) <= 1e-3 * np.linalg.norm(case.image)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_image_minus_result_is_strength_times_divergence_of_the_flux(problem: Problem) -> None:
    """The primal image is computed from the dual, and the returned flux is feasible."""
    strength = 0.15
    result = steepest.denoise(problem.image, strength, **arguments(tol=1e-6, **problem.options))
    axis = problem.options.get("channel_axis")
    flux, image, denoised = np.asarray(result.flux), problem.image, result.image
    num_space = image.ndim - (axis is not None)
    assert flux.shape == (num_space, *image.shape)
    if axis is not None:
        flux = np.moveaxis(flux, axis % image.ndim + 1, 1)
        image, denoised = np.moveaxis(image, axis, 0), np.moveaxis(denoised, axis, 0)
    steps = np.broadcast_to(problem.options.get("spacing", 1.0), (num_space,))
    change = strength * steepest.divergence(flux, tuple(map(float, steps)))
    np.testing.assert_allclose(denoised - image, change, atol=1e-12)
    squares = flux**2
    if axis is not None and problem.options.get("coupled", True):
        squares = squares.sum(axis=1, keepdims=True)
    if problem.options.get("isotropic", True):
        squares = squares.sum(axis=0, keepdims=True)
    radius = problem.options.get("weights", np.ones(image.shape[-num_space:]))
    assert np.all(np.sqrt(squares) <= radius * (1 + 1e-12))


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
        elements=st.integers(-8, 8).map(lambda k: k / 8),
    ),
    st.sampled_from([0.02, 0.3, 2.0]),
    st.booleans(),
)
def test_any_small_image(image: np.ndarray, strength: float, isotropic: bool) -> None:
    answer = solve_rof(image, strength, isotropic=isotropic)
    result = steepest.denoise(
        image,
        strength,
        solver=steepest.Solver(tol=1e-8),
        energy=steepest.TotalVariation(norm="isotropic" if isotropic else "anisotropic"),
    )
    error = distance(result.image, answer.image)
    assert error <= result.error_bound + answer.bound + float64_slack(image)
    assert error <= 1e-3 * (np.linalg.norm(image) + 1e-9) + answer.bound


def test_strength_zero_gives_the_image_back() -> None:
    image = np.random.default_rng(0).random((5, 7))
    np.testing.assert_allclose(steepest.denoise_tv(image, 0.0).image, image, atol=1e-14)


def test_total_variation_of_the_library_agrees() -> None:
    for problem in PROBLEMS:
        axis = problem.options.get("channel_axis")
        moved = problem.image if axis is None else np.moveaxis(problem.image, axis, 0)
        expected = functional(problem.image.shape, **problem.options).value(np.ravel(moved))
        value = steepest.total_variation(problem.image, **problem.options)
        assert value == pytest.approx(expected, rel=1e-12), problem.name
