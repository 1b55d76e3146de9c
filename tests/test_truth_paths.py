"""Paths to the same answer: compiled and reference, torch, threads, interruptions, failures."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import steepest
from cases import Problem, distance, distances, random_problems, solver_distance
from cases.arguments import arguments

TIMES = (0.05, 0.2)
PROBLEMS = random_problems()
FEW = [problem for problem in PROBLEMS if problem.name in ("isotropic", "3-D", "colour coupled")]
PLANE = np.random.default_rng(1).random((9, 11)) + np.pad(np.ones((4, 5)), ((2, 3), (3, 3)))


def same_steps(image: np.ndarray, time: float, tol: float, steps: int, **options: Any) -> float:
    """The largest distance between two runs on the same steps with inexact iterates."""
    return 2 * solver_distance(image, time, tol, steps, **options)


def parts(problem: Problem) -> tuple[np.ndarray, Any]:
    """The image as (channels, *space) and its functional, in the form the solvers need."""
    from steepest.convex.total_variation import TotalVariation
    from steepest.core.arrays import check_spacing

    axis = problem.options.get("channel_axis")
    image = problem.image[None] if axis is None else np.moveaxis(problem.image, axis, 0)
    options = problem.options
    norm = "isotropic" if options.get("isotropic", True) else "anisotropic"
    names = ("huber", "weights")
    energy = TotalVariation(norm=norm, **{k: options[k] for k in names if k in options})
    image = np.ascontiguousarray(image)
    return image, energy.on(image, check_spacing(options.get("spacing"), image.ndim - 1))


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
@pytest.mark.parametrize("count", [1, 21])
def test_compiled_iterations_are_the_reference_iterations(problem: Problem, count: int) -> None:
    """Step by step: with the same start and momentum, the same flux, image and certificate."""
    from steepest.convex.compiled.dual import CompiledDual
    from steepest.convex.reference import ReferenceDual

    image, functional = parts(problem)
    rng = np.random.default_rng(count)
    start = functional.project(functional.operator(rng.standard_normal(image.shape)))
    betas = list(rng.uniform(0, 0.9, count))
    duals = [ReferenceDual(image, functional), CompiledDual(image, functional, 1)]
    for dual in duals:
        dual.set_step(0.3)
        dual.set_flux(start)
        dual.iterate(betas)
    reference, compiled = (dual.measure() for dual in duals)
    np.testing.assert_allclose(duals[1].image, duals[0].image, atol=1e-12)
    np.testing.assert_allclose(duals[1].flux, duals[0].flux, atol=1e-12)
    for ours, theirs in zip(duals[1].warm, duals[0].warm, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    for name in ("gap", "primal", "integral", "value", "start_value"):
        expected = getattr(reference, name)
        assert getattr(compiled, name) == pytest.approx(expected, rel=1e-9, abs=1e-11), name


@pytest.mark.parametrize(
    ("problem", "dtype"),
    [*((problem, "float64") for problem in PROBLEMS), *((problem, "float32") for problem in FEW)],
    ids=str,
)
def test_torch_tensors_give_the_same(
    problem: Problem, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The array code, as on other devices."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr("steepest.flows.problem.in_main_memory", lambda array: False)
    tol = 1e-4 if dtype == "float32" else 1e-8
    array = problem.image.astype(dtype)
    tensor = torch.from_numpy(array.copy())
    options = dict(problem.options)
    if "weights" in options:
        options["weights"] = torch.from_numpy(np.asarray(options["weights"]))
    one = steepest.flow(array, TIMES, **arguments(steps=4, tol=tol, **problem.options))
    two = steepest.flow(tensor, TIMES, **arguments(steps=4, tol=tol, **options))
    assert isinstance(two.images, torch.Tensor)
    assert two.images.dtype == tensor.dtype
    assert isinstance(two.flux, torch.Tensor)
    assert two.images.shape == one.images.shape
    room = same_steps(problem.image, TIMES[-1], tol, 6, **problem.options)
    assert np.all(distances(one.images, two.images.numpy()) <= room + 1e-5 * (dtype == "float32"))
    np.testing.assert_array_equal(tensor.numpy(), array)
    denoised = steepest.denoise(tensor, 0.2, **arguments(tol=tol, **options))
    assert isinstance(denoised.image, torch.Tensor)
    expected = steepest.denoise(array, 0.2, **arguments(tol=tol, **problem.options))
    assert distance(denoised.image.numpy(), expected.image) <= (
        float(denoised.error_bound) + float(expected.error_bound)
    )


@pytest.mark.parametrize("problem", FEW, ids=str)
def test_tensors_in_main_memory_give_the_same_bits(problem: Problem) -> None:
    torch = pytest.importorskip("torch")
    array = problem.image.astype("float32")
    tensor, seen = torch.from_numpy(array.copy()), []
    options = dict(problem.options, steps=4)
    one = steepest.flow(array, TIMES, **arguments(**options))
    two = steepest.flow(
        tensor, TIMES, **arguments(on_step=lambda step: seen.append(step.image), **options)
    )
    assert isinstance(two.images, torch.Tensor)
    assert all(isinstance(image, torch.Tensor) for image in seen)
    np.testing.assert_array_equal(two.images, one.images)
    np.testing.assert_array_equal(two.flux, one.flux)
    np.testing.assert_array_equal(two.error_bound, one.error_bound)
    np.testing.assert_array_equal(
        two.continue_to(0.9, steps=2).images, one.continue_to(0.9, steps=2).images
    )
    start = steepest.denoise(array, 0.2, **arguments(**problem.options)).flux
    again = steepest.denoise(array, 0.2, **arguments(start=start, **problem.options))
    tensors = steepest.denoise(
        tensor, 0.2, **arguments(start=torch.from_numpy(start), **problem.options)
    )
    np.testing.assert_array_equal(tensors.image, again.image)
    np.testing.assert_array_equal(tensor, array)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((70, 33), {}),
        ((70, 32), {}),
        ((33, 130), {"isotropic": False}),
        ((64, 40), {"huber": 0.1}),
        ((41, 30, 3), {"channel_axis": -1}),
        ((20, 12, 9), {}),
        ((300,), {}),
        ((3, 200), {}),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_number_of_threads_does_not_change_the_result(
    shape: tuple[int, ...],
    options: dict[str, Any],
    dtype: type,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from steepest.convex.compiled import strips

    monkeypatch.setattr(strips, "_PIXELS_PER_THREAD", 1)  # or these images would have one strip
    image = np.random.default_rng(4).random(shape).astype(dtype)
    results = [
        steepest.flow(image, TIMES, **arguments(steps=4, num_threads=n, **options))
        for n in (1, 2, 3)
    ]
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    for other in results[1:]:
        np.testing.assert_allclose(other.images, results[0].images, atol=tolerance)
        np.testing.assert_allclose(other.error_bound, results[0].error_bound, rtol=1e-3)
    single, double = (
        steepest.denoise(image, 0.1, **arguments(num_threads=n, **options)) for n in (1, 2)
    )
    np.testing.assert_allclose(double.image, single.image, atol=tolerance)


def test_default_number_of_threads_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = steepest.tv_flow(PLANE, TIMES, steps=4, solver=steepest.Solver(num_threads=1)).images
    for value in ("1", "2", "many"):
        monkeypatch.setenv("STEEPEST_NUM_THREADS", value)
        found = steepest.tv_flow(PLANE, TIMES, steps=4).images
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_on_step_sees_every_step() -> None:
    seen: list[Any] = []
    images: list[np.ndarray] = []

    def look(step: Any) -> None:
        seen.append(step)
        images.append(np.array(step.image))

    result = steepest.tv_flow(PLANE, [0.1, 0.2], steps=steepest.TimeGrid.uniform(10), on_step=look)
    assert [s.step for s in seen] == list(range(1, 11))
    assert all(s.num_steps == 10 for s in seen)
    np.testing.assert_allclose([s.time for s in seen], np.linspace(0.02, 0.2, 10))
    assert sum(s.iterations for s in seen) == result.iterations
    assert max(s.gap for s in seen) == pytest.approx(np.max(result.gap))
    np.testing.assert_allclose(images[4], result.images[0], atol=1e-14)
    np.testing.assert_allclose(images[9], result.images[1], atol=1e-14)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_stopped_and_continued_is_uninterrupted(problem: Problem) -> None:
    tol, times = 1e-8, [0.1, 0.2, 0.3]
    options = {"grid": "uniform", **problem.options}
    whole = steepest.flow(problem.image, times, **arguments(steps=6, tol=tol, **options))
    first = steepest.flow(
        problem.image,
        times,
        **arguments(steps=6, tol=tol, on_step=lambda step: step.time > 0.149, **options),
    )
    assert first.status is steepest.Status.STOPPED
    assert not first.converged
    np.testing.assert_allclose(first.times, [0.1, 0.15])
    rest = steepest.flow(
        problem.image, [0.2, 0.3], **arguments(steps=3, tol=tol, start=first.state, **options)
    )
    room = same_steps(problem.image, 0.3, tol, 8, **problem.options)
    assert distance(first.images[0], whole.images[0]) <= room
    assert np.all(distances(rest.images, whole.images[1:]) <= room)
    np.testing.assert_allclose(rest.times, [0.2, 0.3])
    np.testing.assert_allclose(rest.error_bound, whole.error_bound[1:], rtol=0.02)


@pytest.mark.parametrize("options", [{"channel_axis": 0, "coupled": False}, {"batch_axis": 0}])
def test_stopping_once_stops_all_parts_at_one_time(options: dict[str, Any]) -> None:
    """A callback that returns True once leaves a consistent state."""
    image = np.stack([PLANE, 2 * PLANE, PLANE**2])
    options = {"grid": "uniform", **options}
    calls: list[float] = []

    def once(step: Any) -> bool:
        calls.append(step.time)
        return len(calls) == 3

    stopped = steepest.flow(
        image, [0.1, 0.2], **arguments(steps=10, tol=1e-8, on_step=once, **options)
    )
    whole = steepest.flow(image, [0.2], **arguments(steps=10, tol=1e-8, **options))
    assert stopped.status is steepest.Status.STOPPED
    end = float(stopped.times[-1]) if len(stopped.times) else 0.0
    assert stopped.state.time == pytest.approx(end)
    assert end < 0.2
    left = round((0.2 - end) / 0.02)
    rest = steepest.flow(
        image, [0.2], **arguments(steps=left, tol=1e-8, start=stopped.state, **options)
    )
    separate = {"channel_axis": 0, "coupled": False}
    assert distance(rest.images, whole.images) <= same_steps(image, 0.2, 1e-8, 12, **separate)


def test_a_state_of_another_problem_is_refused() -> None:
    state = steepest.tv_flow(PLANE, [0.1], steps=2).state
    with pytest.raises(steepest.InputError, match="start"):
        steepest.tv_flow(PLANE[1:], [0.2], start=state)
    with pytest.raises(steepest.InputError, match="times"):
        steepest.tv_flow(PLANE, [0.05], start=state)


@pytest.mark.parametrize("solve", [steepest.denoise_tv, steepest.tv_flow])
def test_not_converging_is_a_status_or_an_error(solve: Any) -> None:
    few = steepest.Solver(tol=1e-12, max_num_iter=3)
    result = solve(PLANE, 0.3, solver=few)
    assert not result.converged
    assert result.status is steepest.Status.MAX_ITERATIONS
    assert "not converged" in str(result.status)
    assert np.all(result.gap > 1e-12)
    with pytest.raises(steepest.NotConverged, match="not converged") as caught:
        solve(PLANE, 0.3, solver=replace(few, raise_on_failure=True))
    np.testing.assert_array_equal(caught.value.result.flux, result.flux)
    fine = solve(PLANE, 0.3, solver=steepest.Solver(tol=1e-3, raise_on_failure=True))
    assert fine.converged
    assert fine.status.ok
