"""`steepest.particles.flow`: exact flows on a line, implicit Euler and its certificate."""

import numpy as np
import pytest

from steepest import InputError
from steepest.particles import flow


def example(count: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, count), rng.normal(0.5, 0.3, 150), rng.random(150)


def w2(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(((np.sort(x) - np.sort(y)) ** 2).mean()))


def test_steps_converge_at_first_order() -> None:
    points, target, weights = example()
    exact = flow(points, target, [0.2, 0.7], weights=weights)
    errors = []
    for steps in (20, 80, 320):
        got = flow(points, target, [0.2, 0.7], weights=weights, num_steps=steps)
        errors.append(w2(got.points[1], exact.points[1]))
        assert np.isinf(got.error_bound).all()
    assert errors[0] > 3 * errors[1] > 9 * errors[2]
    assert exact.error_bound.max() < 1e-11


def test_the_exact_flow_follows_its_equation_and_descends() -> None:
    points, target, weights = example(37)
    times = np.linspace(0, 3, 400)
    got = flow(points, target, times, weights=weights)
    np.testing.assert_array_equal(got.points[0], np.sort(points))
    assert (np.diff(got.discrepancy) <= 1e-15).all()
    # a step of the finest explicit Euler, where no point meets an atom, is exact
    h = 1e-6
    near = flow(got.points[5], target, h, weights=weights).points[0]
    share = np.array([weights[target < x].sum() for x in got.points[5]]) / weights.sum()
    expected = got.points[5] + 2 * h * ((np.arange(37) + 0.5) / 37 - share)
    assert np.median(abs(near - expected)) < 1e-15
    # continuing from a state is the same as not stopping
    again = flow(got.points[100], target, times[300] - times[100], weights=weights)
    np.testing.assert_allclose(again.points[0], got.points[300], atol=1e-12)


def test_discrepancy_is_that_of_the_definition() -> None:
    points, target, _ = example(30)
    got = flow(points, target, 0)

    def mean(x: np.ndarray, y: np.ndarray) -> float:
        return float(abs(x[:, None] - y).mean())

    expected = mean(points, target) - mean(points, points) / 2 - mean(target, target) / 2
    assert got.discrepancy[0] == pytest.approx(expected, rel=1e-12)


def test_the_limit_is_the_target_and_ties_are_finite() -> None:
    got = flow([2, 2, 2, -1], [0, 0, 1, 5], [1e3])
    np.testing.assert_array_equal(got.points[0], [0, 0, 1, 5])
    assert got.discrepancy[0] == 0
    rest = flow([0, 0, 1, 5], [0, 0, 1, 5], [1.0])
    np.testing.assert_array_equal(rest.points[0], [0, 0, 1, 5])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"points": []}, "points"),
        ({"points": [[0, 1]]}, "points"),
        ({"target": [np.nan]}, "target"),
        ({"times": [1, 1]}, "times"),
        ({"times": -1}, "times"),
        ({"weights": [1, 2]}, "weights"),
        ({"weights": [-1]}, "weights"),
        ({"num_steps": 0}, "num_steps"),
    ],
)
def test_bad_input(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        flow(**{"points": [0.0], "target": [1.0], "times": 1, **options})
