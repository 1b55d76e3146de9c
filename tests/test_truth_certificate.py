"""The certificate is never below the true error, whatever the effort spent.

True flows: exact rational arithmetic in 1-D; elsewhere many small steps of the independent
solver, whose own proven bound is added to what an assertion allows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import steepest
from cases import (
    Problem,
    distance,
    distances,
    float64_slack,
    flow_by_merging,
    functional,
    random_problems,
    solve_flow,
    solve_rof,
)
from cases.arguments import arguments
from steepest import io

DTYPES = st.sampled_from([np.float32, np.float64])
STEPS = st.sampled_from([1, 2, 5, 23])
TOLS = st.sampled_from([0.3, 1e-2, 1e-4, 1e-7])
LIMITS = st.sampled_from([1, 2, 7, 100_000])
SIXTEENTHS = st.integers(-16, 16).map(lambda k: k / 16)
FLOATS = st.floats(-2, 2, width=32).filter(lambda x: x == 0 or abs(x) > 1e-30)  # else refused
SIGNALS = arrays(np.float64, st.integers(2, 18), elements=SIXTEENTHS) | arrays(
    np.float64, st.integers(2, 18), elements=FLOATS
)
PLANES = arrays(np.float64, st.tuples(st.integers(2, 6), st.integers(2, 6)), elements=SIXTEENTHS)
FUNCTIONALS = [
    {},
    {"isotropic": False},
    {"huber": 0.25},
    {"spacing": (0.5, 2.0)},
    {"huber": 0.1, "isotropic": False, "spacing": (1.0, 0.5)},
]


def check_distances(result: Any, exact: np.ndarray, own: Any = 0.0) -> None:
    errors = distances(result.images, exact)
    bound = np.asarray(result.error_bound)
    assert np.all(np.isfinite(bound))
    assert np.all(errors <= bound + own + float64_slack(exact)), (errors, bound, own)


@settings(max_examples=60)
@given(SIGNALS, DTYPES, STEPS, TOLS, LIMITS)
def test_bound_holds_in_1d(
    signal: np.ndarray, dtype: type, num_steps: int, tol: float, limit: int
) -> None:
    given_signal = signal.astype(dtype)
    times = np.array([0.05, 0.4, 1.5])
    result = steepest.tv_flow(
        given_signal, times, steps=num_steps, solver=steepest.Solver(tol=tol, max_num_iter=limit)
    )
    check_distances(result, flow_by_merging(given_signal, times))


@settings(max_examples=40)
@given(SIGNALS, DTYPES, TOLS, st.integers(0, 999))
def test_bound_holds_for_steps_of_any_length(
    signal: np.ndarray, dtype: type, tol: float, seed: int
) -> None:
    """Long steps and short ones in any order, over seven decades."""
    given_signal, times = signal.astype(dtype), np.array([0.05, 0.4, 1.5])
    steps = 10 ** np.random.default_rng(seed).uniform(-7, 0, 12)
    own = steepest.TimeGrid(tuple(1.5 * np.cumsum(steps) / steps.sum()))
    result = steepest.tv_flow(given_signal, times, steps=own, solver=steepest.Solver(tol=tol))
    check_distances(result, flow_by_merging(given_signal, times))


def test_default_steps_certify_more_than_equal_ones() -> None:
    image = io.sample("camera")[128:224, 128:224]
    graded, even = (
        steepest.tv_flow(image, 0.2, steps=grid)
        for grid in (steepest.TimeGrid.graded(20), steepest.TimeGrid.uniform(20))
    )
    assert graded.num_steps == even.num_steps == 20
    assert float(graded.psnr_bound()[0]) > float(even.psnr_bound()[0]) + 2


@settings(max_examples=20, phases=[Phase.explicit, Phase.generate])  # too slow to shrink
@given(PLANES, DTYPES, STEPS, TOLS, LIMITS, st.sampled_from(FUNCTIONALS))
def test_bound_holds_in_2d(
    image: np.ndarray, dtype: type, num_steps: int, tol: float, limit: int, options: dict[str, Any]
) -> None:
    times = np.array([0.03, 0.2, 0.6])
    result = steepest.flow(
        image.astype(dtype),
        times,
        **arguments(steps=num_steps, tol=tol, max_num_iter=limit, **options),
    )
    flow = solve_flow(image, times, num_steps=45, rel_gap=1e-9, **options)
    check_distances(result, flow.images, flow.bound)


@pytest.mark.parametrize("problem", random_problems(), ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bound_holds_for_every_functional(problem: Problem, dtype: type) -> None:
    times = np.array([0.05, 0.3])
    image = problem.image.astype(dtype)
    flow = solve_flow(image, times, num_steps=20, rel_gap=1e-9, **problem.options)
    for num_steps, tol, limit in ((1, 0.3, 2), (4, 1e-2, 10_000), (12, 1e-4, 10_000)):
        result = steepest.flow(
            image,
            times,
            **arguments(steps=num_steps, tol=tol, max_num_iter=limit, **problem.options),
        )
        check_distances(result, flow.images, flow.bound)


@settings(max_examples=15)
@given(SIGNALS, st.sampled_from([25.0, 40.0, 55.0]), DTYPES)
@example(np.array([-0.3125, -0.1875, 0.4375]), 55.0, np.float32)  # two regions merge between steps
def test_accuracy_asked_for_is_certified_and_true(
    signal: np.ndarray, accuracy: float, dtype: type
) -> None:
    image, times = signal.astype(dtype), np.array([0.1, 0.7])
    result = steepest.tv_flow(image, times, steps=steepest.Accuracy(db=accuracy, data_range=1.0))
    exact = flow_by_merging(image, times)
    check_distances(result, exact)
    assert result.converged, result.status
    assert np.all(result.psnr_bound() >= accuracy)
    rms = distances(result.images, exact) / np.sqrt(image.size)
    assert np.all(rms <= 10 ** (-accuracy / 20) * (1 + 1e-9))


def test_more_accuracy_costs_more_and_less_costs_less() -> None:
    image = np.random.default_rng(5).random((24, 24))
    work = [
        steepest.tv_flow(
            image, [0.2], steps=steepest.Accuracy(db=wanted, data_range=1.0)
        ).iterations
        for wanted in (25.0, 35.0, 45.0)
    ]
    assert work[0] < work[1] < work[2]


@pytest.mark.parametrize("problem", random_problems(), ids=str)
def test_one_step_costs_no_more_than_the_stated_inequality(problem: Problem) -> None:
    """E^2 <= 2 gap + tau (J(u0) - J(u1)) - |u1 - u0|^2, with everything recomputed here."""
    tau = 0.2
    result = steepest.flow(problem.image, [tau], **arguments(steps=1, tol=1e-5, **problem.options))
    tv = functional(problem.image.shape, **problem.options)
    axis = problem.options.get("channel_axis")

    def flat(image: np.ndarray) -> np.ndarray:
        return np.ravel(image if axis is None else np.moveaxis(image, axis, 0))

    before, after = flat(problem.image), flat(result.images[0])
    reached = 0.5 * distance(before, after) ** 2 + tau * tv.value(after)
    exact = solve_rof(problem.image, tau, **problem.options)
    best = 0.5 * distance(before, flat(exact.image)) ** 2 + tau * tv.value(flat(exact.image))
    assert reached - best <= 1e-5 * reached + 1e-9
    stated = tau * (tv.value(before) - tv.value(after)) - distance(before, after) ** 2
    bound = float(result.error_bound[0])
    assert bound**2 <= stated + 2 * 1.01e-5 * reached + 1e-10


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shares_and_psnr_add_up(dtype: type) -> None:
    image = np.random.default_rng(6).random((9, 8)).astype(dtype)
    result = steepest.tv_flow(image, [0.02, 0.1, 0.3], steps=9, solver=steepest.Solver(tol=1e-2))
    squared = np.asarray(result.error_bound) ** 2
    np.testing.assert_allclose(
        np.asarray(result.time_error) + np.asarray(result.solver_error), squared, rtol=1e-9
    )
    assert np.all(np.asarray(result.time_error) >= 0)
    assert np.all(np.asarray(result.solver_error) >= 0)
    np.testing.assert_allclose(
        result.psnr_bound(2.0), 10 * np.log10(2.0**2 * image.size / squared), rtol=1e-9
    )


def test_effort_goes_where_the_shares_say() -> None:
    """More steps reduce the time share, a smaller tolerance reduces the solver share."""
    image = np.random.default_rng(8).random((12, 12))

    def shares(num_steps: int, tol: float) -> tuple[float, float]:
        result = steepest.tv_flow(image, [0.2], steps=num_steps, solver=steepest.Solver(tol=tol))
        return float(result.time_error[0]), float(result.solver_error[0])

    coarse, fine, tight = shares(5, 1e-3), shares(40, 1e-3), shares(5, 1e-6)
    assert fine[0] < 0.4 * coarse[0]
    assert tight[1] < 0.05 * coarse[1]


def test_time_share_falls_as_the_square_of_the_step() -> None:
    """error_bound is of first order in the step (if the gap is negligible)."""
    image = np.random.default_rng(9).random((8, 8))
    bounds = [
        float(
            steepest.tv_flow(image, [0.3], steps=n, solver=steepest.Solver(tol=1e-9)).error_bound[0]
        )
        for n in (10, 40, 160)
    ]
    assert bounds[1] < 0.5 * bounds[0]
    assert bounds[2] < 0.5 * bounds[1]


@settings(max_examples=40)
@given(SIGNALS, DTYPES, st.sampled_from([1, 3, 10, 100_000]))
def test_bound_of_one_denoising_holds(signal: np.ndarray, dtype: type, limit: int) -> None:
    image = signal.astype(dtype)
    for strength in (0.05, 0.6):
        result = steepest.denoise_tv(
            image, strength, solver=steepest.Solver(tol=1e-6, max_num_iter=limit)
        )
        exact = flow_by_merging(image, [strength])[0]
        assert distance(result.image, exact) <= float(result.error_bound) + float64_slack(image)


@settings(max_examples=40)
@given(SIGNALS, DTYPES)
def test_bound_holds_at_the_limit_of_the_floating_point_type(
    signal: np.ndarray, dtype: type
) -> None:
    """Even a gap below rounding has a square root that the certificate must include."""
    image = signal.astype(dtype)
    for time in (0.05, 0.6):
        exact = flow_by_merging(image, [time])[0]
        flowed = steepest.tv_flow(
            image, time, steps=1, solver=steepest.Solver(tol=0.0, max_num_iter=2000)
        )
        denoised = steepest.denoise_tv(
            image, time, solver=steepest.Solver(tol=0.0, max_num_iter=2000)
        )
        assert distance(flowed.images[0], exact) <= flowed.error_bound[0] + float64_slack(image)
        assert distance(denoised.image, exact) <= denoised.error_bound + float64_slack(image)


@pytest.mark.parametrize("offset", [0.0, 100.0, 3000.0])
def test_rounding_of_the_stored_images_is_certified(offset: float) -> None:
    """Steps so short that single precision rounds each the same way: the flow drifts off.

    An eigenfunction, saturated at once: no gap and no time error to hide behind.
    """
    signal = np.array([0.0, 0.0, 50.0, 50.0], dtype=np.float32) + np.float32(offset)
    times = np.array([0.0037, 0.0113])
    result = steepest.tv_flow(signal, times, steps=90, solver=steepest.Solver(tol=1e-6))
    errors = distances(result.images, flow_by_merging(signal, times))
    assert np.all(errors <= np.asarray(result.error_bound))
    assert np.all(result.error_bound <= 90 * 4 * 1.2e-7 * (offset + 50) + 1e-4)
