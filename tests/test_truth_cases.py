"""The test cases themselves: answers by independent methods must agree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import (
    Case,
    Problem,
    all_cases,
    box,
    distance,
    distances,
    extinction_by_merging,
    flow_by_merging,
    functional,
    huber_cases,
    impulse,
    random_problems,
    rof_by_taut_string,
    scaled_channels,
    signals,
    solve_flow,
    solve_rof,
    stripes,
)

quarters = st.lists(st.integers(-8, 8).map(lambda k: k / 4), min_size=1, max_size=14)
reals = st.lists(st.floats(-3, 3, allow_subnormal=False), min_size=1, max_size=14)

LARGEST = 300  # unknowns the dense solver is asked for
SMALL = [c for c in all_cases() if c.image.size <= LARGEST and "huber" not in c.options]


@given(st.one_of(quarters, reals), st.sampled_from([0.01, 0.125, 0.5, 1.0, 3.7]))
def test_merging_plateaus_agrees_with_the_taut_string(signal: list[float], time: float) -> None:
    flow = flow_by_merging(signal, [time])[0]
    np.testing.assert_allclose(flow, rof_by_taut_string(signal, time), atol=1e-12)


@pytest.mark.parametrize("signal", [s for _, s in signals()], ids=[n for n, _ in signals()])
def test_taut_string_agrees_with_the_interior_point_method(signal: np.ndarray) -> None:
    for strength in (0.02, 0.3, 2.0):
        answer = solve_rof(signal, strength)
        assert answer.bound < 1e-4
        assert distance(answer.image, rof_by_taut_string(signal, strength)) <= answer.bound


def test_merging_by_hand() -> None:
    """0 0 3 1: the top falls at 2; at t = 1 it is 1 high and meets the last, which rose to 2."""
    flow = flow_by_merging([0.0, 0.0, 3.0, 1.0], [0.5, 2 / 3, 1.0, 2.0])
    np.testing.assert_allclose(flow[0], [0.25, 0.25, 2.0, 1.5], atol=1e-15)
    np.testing.assert_allclose(flow[1], [1 / 3, 1 / 3, 5 / 3, 5 / 3], atol=1e-15)
    np.testing.assert_allclose(flow[2], [0.5, 0.5, 1.5, 1.5], atol=1e-15)
    np.testing.assert_allclose(flow[3], [1.0, 1.0, 1.0, 1.0], atol=1e-15)
    assert extinction_by_merging([0.0, 0.0, 3.0, 1.0]) == 2.0


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_closed_form_agrees_with_the_interior_point_method(case: Case) -> None:
    """In all of these cases the flow at t equals the ROF solution of strength t."""
    for time, exact in zip(case.times, case.exact, strict=True):
        answer = solve_rof(case.image, time, **case.options)
        assert answer.bound < 1e-4
        assert distance(answer.image, exact) <= answer.bound


@pytest.mark.parametrize("case", list(huber_cases()), ids=str)
def test_heat_wave_agrees_with_many_small_steps(case: Case) -> None:
    flow = solve_flow(case.image, case.times, num_steps=25, rel_gap=1e-9, **case.options)
    errors = distances(flow.images, case.exact)
    assert np.all(errors <= flow.bound)
    assert np.all(errors <= 0.1 * np.linalg.norm(case.image))


def test_extinction_times_by_hand() -> None:
    """A half/half step of height c: the halves close at 2 * rows / (area of a half)."""
    assert extinction_by_merging(np.repeat([0.0, 3.0], 5)) == pytest.approx(3.0 / (1 / 5 + 1 / 5))
    assert extinction_by_merging(np.eye(1, 9, 4)[0]) == pytest.approx(1 / (2 + 2 / 8))
    assert box((16, 16), (6, 6), (4, 4)).extinction == pytest.approx(1 / (4 / 4 + 16 / 240))
    centre = impulse((11, 11), (5, 5)).extinction
    assert centre == pytest.approx(1 / ((2 + np.sqrt(2)) * (1 + 1 / 120)))


@pytest.mark.parametrize("problem", random_problems(), ids=str)
def test_no_perturbation_of_the_interior_point_answer_is_better(problem: Problem) -> None:
    tv = functional(problem.image.shape, **problem.options)
    axis = problem.options.get("channel_axis")

    def energy(image: np.ndarray) -> float:
        moved = image if axis is None else np.moveaxis(image, axis, 0)
        return 0.5 * distance(image, problem.image) ** 2 + 0.2 * tv.value(np.ravel(moved))

    answer = solve_rof(problem.image, 0.2, **problem.options)
    assert answer.gap < 1e-8
    least, rng = energy(answer.image), np.random.default_rng(3)
    for size in (1e-3, 1e-2, 1e-1):
        for _ in range(5):
            shifted = answer.image + size * rng.standard_normal(answer.image.shape)
            assert energy(shifted) > least - 1.01 * answer.gap
    towards = energy(answer.image + 1e-3 * (problem.image - answer.image))
    assert towards > least - 1.01 * answer.gap


def test_total_variation_of_the_independent_functional_by_hand() -> None:
    image = np.array([[0.0, 3.0], [4.0, 0.0]])
    assert functional((2, 2)).value(np.ravel(image)) == pytest.approx(5 + 3 + 4)
    assert functional((2, 2), isotropic=False).value(np.ravel(image)) == pytest.approx(14)
    spaced = functional((2, 2), spacing=(2.0, 1.0)).value(np.ravel(image))
    assert spaced == pytest.approx(np.hypot(2, 3) + 1.5 + 4)
    pair = functional((2, 2), channel_axis=0), np.array([[0.0, 3.0], [0.0, 4.0]])
    assert pair[0].value(np.ravel(pair[1])) == pytest.approx(5)


def test_flow_of_the_independent_solver_knows_its_error() -> None:
    """While stripes merge, the bound holds and decreases with the steps."""
    case = stripes(np.array([0.0, 1.0, 0.4, 0.8, 0.1]), (5, 3), 0)
    coarse = solve_flow(case.image, case.times, num_steps=7)
    fine = solve_flow(case.image, case.times, num_steps=70)
    assert np.all(distances(coarse.images, case.exact) <= coarse.bound)
    assert np.all(distances(fine.images, case.exact) <= fine.bound)
    assert np.all(fine.bound[1:] < 0.2 * coarse.bound[1:])


def test_scaled_channels_refuses_what_it_cannot_know() -> None:
    with pytest.raises(ValueError, match="eigenfunction"):
        scaled_channels(stripes(np.arange(3.0), (3, 2), 0), (1.0, 2.0), coupled=True)


def test_the_cases_do_not_import_the_library() -> None:
    code = "import cases, sys; sys.exit('steepest' in sys.modules)"
    here = Path(__file__).parent
    assert subprocess.run([sys.executable, "-c", code], cwd=here, check=False).returncode == 0
