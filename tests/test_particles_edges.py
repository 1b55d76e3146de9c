"""Points at the edges: scales, smoothing far below and above the distances, extreme arguments."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.nasty import NUMBERS, images, numbers, one_of
from steepest import InputError, Solver, particles
from steepest.particles.kernels import line_sums
from tests.test_fuzz import BOOLEANS, COMMON, ITERATIONS, THREADS, TOL, calls, check

RNG = np.random.default_rng(0)
CLOUDS = {shape: RNG.normal(0, 1, shape) for shape in ((7,), (7, 2), (7, 3), (7, 5))}


@pytest.mark.parametrize("shape", CLOUDS)
@pytest.mark.parametrize("scale", [2.0**-300, 2.0**300])
def test_the_flow_scales_with_lengths_and_times(shape: Any, scale: float) -> None:
    points, target = CLOUDS[shape], CLOUDS[shape][:5] ** 2
    options: list[dict[str, Any]] = [{}, {"num_directions": 6}, {"num_steps": 3}]
    options += [{"num_directions": 6, "smoothing": width} for width in (0.05, 1.0, 20.0)]
    options += [{"smoothing": 0.3}] if len(shape) == 1 or shape[1] <= 3 else []
    for each in options:
        one = particles.flow(points, target, [0, 0.5, 0.7], **each)
        wide = {**each, "smoothing": scale * each.get("smoothing", 0)}
        two = particles.flow(scale * points, scale * target, scale * one.times, **wide)
        np.testing.assert_array_equal(scale * one.points, two.points)
        np.testing.assert_array_equal(scale * one.discrepancy, two.discrepancy)
        np.testing.assert_array_equal(scale * one.error_bound, two.error_bound)
    for count in (None, 9):
        one = particles.energy_distance(points, target, num_directions=count)
        two = particles.energy_distance(scale * points, scale * target, num_directions=count)
        assert two == scale * one


@pytest.mark.parametrize("width", [1e-18, 1e-12, 1e-6, 1e-2, 1e3, 1e9])
def test_sums_on_a_line_of_any_smoothing(width: float) -> None:
    """Also where the smoothing is far below the distances, or far above."""
    steps = RNG.integers(0, 30, 300) * 2.0**-7
    places = np.sort(np.concatenate([steps, steps[::7] + width / 4, [-1e3, 2e3]]))
    charges = RNG.normal(0, 1, len(places))
    charges -= charges.mean()
    d = np.subtract.outer(places, places)
    inside = abs(d) < width  # of these, the squares are small as well
    kernel = np.where(inside, d * (d / width) / 2, abs(d) - width / 2)  # less its value at 0
    force = np.where(inside, d / width, np.sign(d))
    value, slope = np.empty(len(places)), np.empty(len(places))
    line_sums(places, charges, width, value, slope)
    np.testing.assert_allclose(value, kernel @ charges, rtol=1e-9, atol=1e-9 * abs(value).max())
    np.testing.assert_allclose(slope, force @ charges, atol=1e-9 * abs(slope).max())


def test_a_flow_of_too_many_steps_is_refused_and_others_can_be_stopped() -> None:
    points, target = CLOUDS[7, 2], CLOUDS[7, 2][::-1] + 1
    options: dict[str, Any] = {"num_directions": 4, "smoothing": 1e-3}
    with pytest.raises(InputError, match=r"smoothing=0.001 takes about \de\+1\d steps"):
        particles.flow(points, target, 1e8, **options)
    told: list[Any] = []

    def stop(step: Any) -> bool:
        told.append(step)
        return len(told) == 300

    found = particles.flow(points, target, [0.01, 100], **options, on_step=stop)
    assert len(told) == 300
    assert told[-1].num_steps > 5e4
    assert found.points.shape == (2, 7, 2)
    assert found.times[0] == 0.01 < found.times[1] < 1
    again = particles.flow(points, target, found.times, **options)
    np.testing.assert_allclose(again.points[1], found.points[1], atol=0.01)


SIZES = [1.0, 1.0, 1.0, 0.0, 1e-160, 1e-99, 1e-30, 1e-12, 1e12, 1e30, 1e99, 1e150, 1e200]
WIDTH = numbers([0, 0.1, 1.0, *(size for size in NUMBERS if isinstance(size, float))])


@st.composite
def clouds(draw: st.DrawFn, dimension: int) -> Any:
    """A few points: tied, on a grid, tiny, huge, far away, or of all sizes at once."""
    rng, shape = np.random.default_rng(draw(st.integers(0, 2**16))), (draw(st.integers(1, 6)),)
    found = rng.normal(0, 1, (*shape, dimension) if dimension else shape)
    kind = draw(st.integers(0, 5))
    if kind == 0:
        found[:] = found[0]
    elif kind == 1:
        found = np.rint(found)
    elif kind == 2:
        found *= 10.0 ** rng.integers(-20, 20, found.shape)
    found = found * draw(one_of(SIZES)) + (draw(one_of(SIZES)) if kind == 3 else 0)
    return found.astype(draw(one_of(["f8", "f8", "f4"]))) if abs(found).max() < 1e38 else found


def flown(points: Any, target: Any, times: Any, **options: Any) -> list[Any]:
    """A flow of at most 50 steps; what must be finite."""
    stop = {"on_step": lambda step: step.step >= 50}
    result = particles.flow(points, target, times, **options, **stop)
    assert np.diff(result.times, prepend=-1).min() > 0
    return [result.times, result.points, result.discrepancy]


def distance(x: Any, y: Any, **options: Any) -> float:
    found = particles.energy_distance(x, y, **options)
    assert found >= -1e-12 * max(abs(x).max(), abs(y).max())  # not negative but for rounding
    return float(found)


def stippled(image: Any, num_points: Any, **options: Any) -> Any:
    return particles.stipple(image, num_points, **solving(options))


def sampled(density: Any, num_points: Any, **options: Any) -> Any:
    return particles.sample(density, num_points, **solving(options))


def solving(options: dict[str, Any]) -> dict[str, Any]:
    own = {name: options.pop(name) for name in list(DOTS) if name in options}
    return {**options, "solver": Solver(**own)}


COUNT = numbers([1, 2, 10, 50])
DOTS = {"max_num_iter": ITERATIONS, "tol": TOL, "num_threads": THREADS}
TIMES = numbers([0.3, 1, [0, 1e-3, 5.0], [1.0, 1e12], 1e99])
LINES = numbers([None, 1, 3, 10])
TABLE: list[Any] = [
    *((flown, {"points": clouds(d), "target": clouds(d), "times": TIMES},
       {"smoothing": WIDTH, "num_steps": numbers([None, 1, 3]), "num_threads": THREADS,
        "num_directions": LINES}) for d in range(5)),
    *((distance, {"x": clouds(d), "y": clouds(d)}, {"num_directions": LINES}) for d in range(5)),
    (stippled, {"image": images(2), "num_points": COUNT},
     {**DOTS, "invert": BOOLEANS, "gamma": WIDTH, "size_by_tone": numbers([0, 0.5, 1])}),
    (sampled, {"density": images(), "num_points": COUNT}, DOTS),
    (particles.transfer_colours, {"image": images(), "reference": images()},
     {"num_iter": numbers([1, 3]), "channel_axis": numbers([-1, 0, None])}),
]  # fmt: skip


@settings(max_examples=400, derandomize=True, **COMMON)
@given(calls(TABLE))
def test_any_call_is_finite_or_names_an_argument(call: Any) -> None:
    check(*call)


@pytest.mark.slow
@settings(max_examples=10_000, **COMMON)
@given(calls(TABLE))
def test_many_calls(call: Any) -> None:
    check(*call)
