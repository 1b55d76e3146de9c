"""Properties of the flow: conserved quantities, symmetries, invariances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import steepest
from cases import Problem, distance, distances, random_problems, solve_flow, solver_distance
from cases.arguments import arguments

TOL = 1e-9
TIMES = (0.05, 0.1, 0.3)
NUM_STEPS = 6
EIGHTHS = st.integers(-16, 16).map(lambda k: k / 8)
PLANES = arrays(np.float64, st.tuples(st.integers(2, 7), st.integers(2, 7)), elements=EIGHTHS)
HOMOGENEOUS = [p for p in random_problems() if not p.options.get("huber")]


def flow(image: np.ndarray, times: Any = TIMES, **options: Any) -> Any:
    return steepest.flow(image, times, **arguments(**{"steps": NUM_STEPS, "tol": TOL, **options}))


def allowed(image: np.ndarray, **options: Any) -> float:
    """The largest distance between two runs on the same steps, as both are inexact."""
    steps = NUM_STEPS + len(TIMES)
    return 2 * solver_distance(image, TIMES[-1], TOL, steps, **options)


@given(PLANES)
def test_transposition_isotropic(image: np.ndarray) -> None:
    turned = flow(image.T).images.transpose(0, 2, 1)
    assert np.all(distances(flow(image).images, turned) <= allowed(image))


@pytest.mark.parametrize("axes", [(0, 2, 1), (2, 1, 0), (1, 2, 0)])
def test_any_order_of_axes_in_3d(axes: tuple[int, ...]) -> None:
    image, steps = np.random.default_rng(2).random((4, 3, 5)), np.array([1.0, 2.0, 0.5])
    straight = flow(image, spacing=tuple(steps)).images
    turned = flow(image.transpose(axes), spacing=tuple(steps[list(axes)])).images
    back = turned.transpose(0, *(1 + np.argsort(axes)))
    assert np.all(distances(straight, back) <= allowed(image, spacing=tuple(steps)))


@given(PLANES, st.booleans(), st.sampled_from([0.0, 0.2]))
def test_contrast_sign(image: np.ndarray, isotropic: bool, huber: float) -> None:
    options = {"isotropic": isotropic, "huber": huber}
    straight, mirrored = flow(image, **options).images, flow(-image, **options).images
    assert np.all(distances(straight, -mirrored) <= allowed(image, **options))


@given(PLANES, st.sampled_from([-3.0, 0.5, 100.0]), st.booleans())
def test_grey_shift(image: np.ndarray, shift: float, isotropic: bool) -> None:
    straight = flow(image, isotropic=isotropic).images
    shifted = flow(image + shift, isotropic=isotropic).images
    room = allowed(image, isotropic=isotropic) + 1e-11 * abs(shift)
    assert np.all(distances(straight + shift, shifted) <= room)


@given(PLANES, st.sampled_from([(1, -1), (-1, 1), (-1, -1)]))
def test_flips_anisotropic(image: np.ndarray, signs: tuple[int, int]) -> None:
    flip = (slice(None), slice(None, None, signs[0]), slice(None, None, signs[1]))
    flipped = flow(image[flip[1:]], isotropic=False).images[flip]
    room = allowed(image, isotropic=False)
    assert np.all(distances(flow(image, isotropic=False).images, flipped) <= room)


@given(PLANES)
def test_rotation_anisotropic(image: np.ndarray) -> None:
    turned = flow(np.rot90(image), isotropic=False).images
    room = allowed(image, isotropic=False)
    back = np.rot90(turned, -1, axes=(1, 2))
    assert np.all(distances(flow(image, isotropic=False).images, back) <= room)


def test_flips_are_no_symmetry_of_isotropic_forward_differences() -> None:
    """Not an artefact of the solver: the difference is far larger than both certified errors."""
    image = np.random.default_rng(3).random((12, 12))
    one, two = flow(image, [0.1], steps=40), flow(image[::-1], [0.1], steps=40)
    apart = distance(one.images[0], two.images[0][::-1])
    assert apart > 0.05 * np.linalg.norm(image - image.mean())
    assert apart > float(one.error_bound[0]) + float(two.error_bound[0])


@pytest.mark.parametrize("problem", HOMOGENEOUS, ids=str)
@pytest.mark.parametrize("factor", [0.125, 5.0])
def test_one_homogeneous(problem: Problem, factor: float) -> None:
    """psi(c u0, t) = c psi(u0, t / c)."""
    scaled = flow(factor * problem.image, np.multiply(factor, TIMES), **problem.options).images
    straight = factor * flow(problem.image, **problem.options).images
    room = factor * allowed(problem.image, **problem.options)
    assert np.all(distances(scaled, straight) <= room)


def test_huber_is_not_one_homogeneous() -> None:
    """The Huber width sets a scale: psi(c u0, t) with width c eps is c psi(u0, t / c) with eps."""
    image = np.random.default_rng(4).random((8, 8))
    straight = 4.0 * flow(image, huber=0.5).images
    scaled = flow(4.0 * image, np.multiply(4.0, TIMES), huber=2.0).images
    unscaled = flow(4.0 * image, np.multiply(4.0, TIMES), huber=0.5).images
    assert np.all(distances(scaled, straight) <= 4 * allowed(image, huber=0.5))
    assert np.all(distances(unscaled, straight) > 0.1)


@pytest.mark.parametrize("problem", random_problems(), ids=str)
def test_semigroup_on_aligned_steps(problem: Problem) -> None:
    """Flowing to 0.1 and then by 0.2 is flowing to 0.3, with the same implicit steps."""
    options = {"grid": "uniform", **problem.options}
    through = flow(problem.image, [0.1, 0.3], steps=6, **options).images
    half = flow(problem.image, [0.1], steps=2, **options).images[0]
    rest = flow(half, [0.2], steps=4, **options).images[0]
    room = allowed(problem.image, **problem.options)
    assert distance(through[0], half) <= room
    assert distance(through[1], rest) <= 2 * room


@given(PLANES, st.booleans(), st.sampled_from([0.0, 0.3]), st.integers(0, 99))
def test_non_expansive(image: np.ndarray, isotropic: bool, huber: float, seed: int) -> None:
    """With the same steps two flows never move apart, as implicit steps are non-expansive."""
    other = image + np.random.default_rng(seed).normal(scale=0.3, size=image.shape)
    options = {"isotropic": isotropic, "huber": huber}
    apart = distances(flow(image, **options).images, flow(other, **options).images)
    room = allowed(image, **options) + allowed(other, **options)
    start = distance(image, other)
    assert np.all(apart <= start + room)
    assert np.all(np.diff(apart) <= room)


@pytest.mark.parametrize("problem", random_problems(), ids=str)
def test_total_variation_falls_and_the_mean_stays(problem: Problem) -> None:
    result = flow(problem.image, **problem.options)
    values = [
        steepest.total_variation(image, **problem.options)
        for image in (problem.image, *result.images)
    ]
    assert np.all(np.diff(values) < 0)
    axis = problem.options.get("channel_axis")
    axes = tuple(
        k for k in range(problem.image.ndim) if axis is None or k != axis % problem.image.ndim
    )
    for image in result.images:
        np.testing.assert_allclose(image.mean(axis=axes), problem.image.mean(axis=axes), atol=1e-13)


@pytest.mark.parametrize("problem", random_problems(), ids=str)
def test_many_steps_approach_the_true_flow(problem: Problem) -> None:
    reference = solve_flow(problem.image, [0.1], num_steps=60, rel_gap=1e-9, **problem.options)
    errors = [
        distance(
            flow(problem.image, [0.1], steps=n, tol=1e-7, **problem.options).images[0],
            reference.images[0],
        )
        for n in (1, 30)
    ]
    spread = np.linalg.norm(problem.image - problem.image.mean())
    assert errors[1] <= max(errors[0], 1e-3 * spread)
    assert errors[1] <= 5e-3 * spread


@pytest.mark.parametrize("grid", ["graded", "uniform", "logarithmic"])
def test_grids_meet_the_times_asked_for(grid: str) -> None:
    image = np.random.default_rng(5).random((6, 7))
    times = [0.013, 0.1, 0.37]
    reference = solve_flow(image, times, num_steps=80, rel_gap=1e-9)
    result = steepest.flow(image, times, **arguments(grid=grid, steps=20, tol=1e-6))
    np.testing.assert_allclose(result.times, times)
    errors = distances(result.images, reference.images)
    assert np.all(errors <= np.asarray(result.error_bound) + reference.bound)
    assert np.all(errors <= 0.02 * np.linalg.norm(image - image.mean()))


def test_a_time_grid_of_ones_own() -> None:
    image = np.random.default_rng(5).random((6, 7))
    own = steepest.TimeGrid((0.1, 0.2, 0.3))
    by_grid = steepest.tv_flow(image, [0.3], steps=own, solver=steepest.Solver(tol=TOL)).images[-1]
    by_count = steepest.tv_flow(
        image, [0.3], steps=steepest.TimeGrid.uniform(3), solver=steepest.Solver(tol=TOL)
    ).images[-1]
    assert distance(by_grid, by_count) <= allowed(image)


def times_of_steps(times: Any, **options: Any) -> np.ndarray:
    seen: list[float] = []
    tell = lambda step: seen.append(step.time)  # noqa: E731
    steepest.tv_flow(np.eye(4), times, on_step=tell, solver=steepest.Solver(tol=1e-2), **options)
    return np.array(seen)


def test_the_default_steps_grow_like_a_power_of_their_number() -> None:
    steps = np.arange(1, 9) / 8
    np.testing.assert_allclose(times_of_steps(0.3, steps=8), 0.3 * steps**1.5, rtol=1e-12)
    own = steepest.TimeGrid(tuple(0.3 * steps**2))
    np.testing.assert_allclose(times_of_steps(0.3, steps=own), 0.3 * steps**2, rtol=1e-12)
    even = steepest.TimeGrid.uniform(8)
    np.testing.assert_allclose(times_of_steps(0.3, steps=even), 0.3 * steps, rtol=1e-12)


def test_default_steps_between_requested_times() -> None:
    """Every time is met exactly, no step is wasted, and none is longer than the longest needed."""
    wanted = [0.01, 0.05, 0.2]
    found = times_of_steps(wanted, steps=20)
    assert len(found) == 20
    assert set(wanted) <= set(found)
    assert np.all(np.diff(found) > 0)
    lengths = np.diff(np.concatenate([[0], found]) ** (1 / 1.5))
    fewest = np.diff(np.concatenate([[0], wanted]) ** (1 / 1.5)) / lengths.max()
    assert sum(np.ceil(fewest * (1 - 1e-9))) <= 20 < sum(np.ceil(fewest * 1.1)) + 2
    assert len(times_of_steps(0.004 * np.arange(1, 51))) == 50  # the times alone
    assert len(times_of_steps(0.004 * np.arange(1, 51), steps=5)) == 50


def test_stopping_and_continuing_keeps_the_default_steps() -> None:
    image = np.random.default_rng(5).random((6, 7))
    whole = steepest.tv_flow(image, 0.3, steps=7, solver=steepest.Solver(tol=TOL))
    first = steepest.tv_flow(
        image, 0.3, steps=7, solver=steepest.Solver(tol=TOL), on_step=lambda step: step.step == 3
    )
    rest = first.continue_to(0.3, steps=4, solver=steepest.Solver(tol=TOL))
    assert distance(rest.images[-1], whole.images[-1]) <= allowed(image)
    np.testing.assert_allclose(rest.error_bound, whole.error_bound, rtol=0.02)


def test_a_single_time_may_be_a_number() -> None:
    image = np.random.default_rng(6).random((5, 5))
    result = steepest.tv_flow(image, 0.2, steps=4)
    assert result.images.shape == (1, 5, 5)
    np.testing.assert_array_equal(result.images, steepest.tv_flow(image, [0.2], steps=4).images)


def test_separate_channels_are_separate_flows() -> None:
    image = np.random.default_rng(7).random((6, 5, 3))
    result = flow(image, channel_axis=-1, coupled=False)
    for k in range(3):
        alone = flow(image[..., k])
        assert np.all(distances(result.images[..., k], alone.images) <= allowed(image[..., k]))


def test_coupled_channels_share_their_edges() -> None:
    """With equal channels, vectorial TV slows each down by sqrt(3); separate TV does not."""
    plane = np.random.default_rng(8).random((6, 5))
    image = np.stack([plane] * 3)
    coupled = flow(image, np.multiply(np.sqrt(3), TIMES), channel_axis=0).images
    room = allowed(plane) * 3
    for k in range(3):
        assert np.all(distances(coupled[:, k], flow(plane).images) <= room)


def test_a_batch_is_many_images() -> None:
    batch = np.random.default_rng(9).random((3, 6, 5))
    batch[1] *= 7
    result = flow(batch, batch_axis=0)
    assert result.images.shape == (3, 3, 6, 5)
    for k in range(3):
        alone = flow(batch[k])
        assert np.all(distances(result.images[:, k], alone.images) <= allowed(batch[k]))
    last = steepest.denoise_tv(
        np.moveaxis(batch, 0, -1), 0.1, batch_axis=-1, solver=steepest.Solver(tol=TOL)
    )
    for k in range(3):
        alone = steepest.denoise_tv(batch[k], 0.1, solver=steepest.Solver(tol=TOL))
        assert distance(last.image[..., k], alone.image) <= allowed(batch[k])
