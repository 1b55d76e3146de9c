"""`steepest.particles.flow` in the plane and above, slicing and the smoothed distance."""

import numpy as np
import pytest

from steepest import InputError
from steepest.particles import energy_distance, flow
from steepest.particles.clouds import Sums
from steepest.particles.kernels import smooth_distance
from steepest.particles.slices import directions, slice_sums, slicing_constant


def clouds(dimension: int, count: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(-1, 0.3, (count, dimension)), rng.normal(0, 1, (count - 13, dimension))


def huber(s: np.ndarray, width: float) -> np.ndarray:
    return np.where(abs(s) < width, s * s / (2 * width) + width / 2, abs(s))


def test_slicing_constants() -> None:
    assert slicing_constant(1) == pytest.approx(1)
    assert slicing_constant(2) == pytest.approx(np.pi / 2)
    assert slicing_constant(3) == pytest.approx(2)
    assert slicing_constant(36) == pytest.approx(7.46785, abs=1e-5)
    x = np.array([0.3, -2, 1, 0.5])
    along = abs(directions(4, 40_000, np.random.default_rng(0)) @ x)
    assert slicing_constant(4) * along.mean() == pytest.approx(np.linalg.norm(x), rel=3e-3)


@pytest.mark.parametrize("dimension", [2, 3])
def test_smoothed_distance_is_the_mean_of_hubers_function(dimension: int) -> None:
    nodes, weights = np.polynomial.legendre.leggauss(60)
    for r in (0.05, 0.3, 0.31, 2.0):
        edge = 0.3 / r if r > 0.3 else 1.0
        if dimension == 2:  # over an angle; in 3-D, over a height
            edge = np.arccos(edge)
        total = -slicing_constant(dimension) * 0.15  # the value at 0
        for low, high in ((0, edge), (edge, np.pi / 2 if dimension == 2 else 1)):
            at = low + (high - low) * (nodes + 1) / 2
            height = np.cos(at) if dimension == 2 else at
            total += (dimension - 1) * (high - low) / 2 * weights @ huber(r * height, 0.3)
        assert smooth_distance(r, 0.3, dimension)[0] == pytest.approx(total, rel=1e-11)
        slope = (
            smooth_distance(r + 1e-6, 0.3, dimension)[0]
            - smooth_distance(r - 1e-6, 0.3, dimension)[0]
        ) / 2e-6
        assert smooth_distance(r, 0.3, dimension)[1] * r == pytest.approx(slope, rel=1e-7)


def test_smoothing_in_space_by_slices() -> None:
    axes = directions(3, 30_000, np.random.default_rng(0))
    for r in (0.1, 0.5, 3.0):
        x = r * np.array([[0.6, 0, 0.8]])
        pair = np.concatenate([x, 0 * x])
        energy, _ = slice_sums(pair, np.array([1.0, -1.0]), axes, smoothing=0.4)
        assert energy == pytest.approx(smooth_distance(r, 0.4, 3)[0], rel=1e-3)


def test_sums_on_a_line_are_sums_also_at_ties() -> None:
    rng = np.random.default_rng(0)
    places = np.repeat(rng.normal(5, 1, 30), 2)[:, None]
    charges = rng.normal(0, 1, 60)
    charges -= charges.mean()  # then constants do not matter
    line = np.ones((1, 1))
    difference = places - places.T
    for width in (0.0, 0.5):
        energy, slope = slice_sums(places, charges, line, width)
        values = huber(difference, width) if width else abs(difference)
        force = np.clip(difference / width, -1, 1) if width else np.sign(difference)
        assert energy == pytest.approx(-0.5 * charges @ values @ charges, rel=1e-12)
        np.testing.assert_allclose(slope[:, 0], force @ charges, atol=1e-12)


def test_the_smoothed_gradient_is_lipschitz_and_finite_at_ties() -> None:
    width = 0.2
    points, target = clouds(3)
    points[:5], target[:5] = points[5], points[5]
    weights = np.full(len(target), 1 / len(target))
    for axes in (None, directions(3, 30, np.random.default_rng(0))):
        sums = Sums(target, weights, width, axes, 1)
        base = sums(points)[1]
        assert np.isfinite(base).all()
        for size in (1e-8, 1e-3, 0.1):
            moved = points + size * np.random.default_rng(1).standard_normal(points.shape)
            change = np.linalg.norm(sums(moved)[1] - base)
            # attraction and repulsion have second derivatives up to 2 / (3 width)
            assert change <= 3 * 2 / (3 * width) * np.linalg.norm(moved - points)


def test_energy_distance_by_slices() -> None:
    x, y = clouds(4, 300)
    exact = energy_distance(x, y)
    runs = [energy_distance(x, y, num_directions=2000, num_threads=n) for n in (1, 2, 3)]
    assert runs[0] == runs[1] == runs[2]
    assert runs[0] == pytest.approx(exact, rel=0.01)
    line = energy_distance(x[:, 0], y[:, 0], num_directions=1)  # slicing is exact on a line
    assert line == pytest.approx(energy_distance(x[:, 0], y[:, 0]), rel=1e-12)


def test_gradient_by_slices() -> None:
    torch = pytest.importorskip("torch")
    x, y = (torch.tensor(each) for each in clouds(3))
    slopes = []
    for count in (None, 3000):
        tensors = x.clone().requires_grad_(), y.clone().requires_grad_()
        energy_distance(*tensors, num_directions=count).backward()
        slopes.append(torch.cat([each.grad for each in tensors]))
    assert torch.linalg.norm(slopes[1] - slopes[0]) < 0.02 * torch.linalg.norm(slopes[0])


@pytest.mark.parametrize(
    ("dimension", "options"),
    [
        (2, {}),
        (3, {}),
        (5, {}),
        (1, {"smoothing": 0.2}),
        (2, {"smoothing": 0.2}),
        (3, {"smoothing": 0.2}),
        (2, {"num_directions": 16, "smoothing": 0.2}),
        (5, {"num_directions": 16, "smoothing": 0.2}),
    ],
)
def test_the_energy_falls_at_each_step(dimension: int, options: dict) -> None:
    points, target = clouds(dimension)
    if dimension == 1:
        points, target = points[:, 0], target[:, 0]
    got = flow(points, target, np.arange(40) * 0.3, num_steps=1, **options)
    np.testing.assert_allclose(got.points[0], points if dimension > 1 else np.sort(points))
    assert (np.diff(got.discrepancy) < 0).all()
    assert got.discrepancy[-1] < 0.1 * got.discrepancy[0]
    assert got.error_bound[0] == 0
    assert np.isinf(got.error_bound[1:]).all()


@pytest.mark.parametrize("options", [{}, {"num_directions": 16}, {"smoothing": 0.1}])
def test_order_motion_and_threads_do_not_matter(options: dict) -> None:
    points, target = clouds(2, 600)
    order = np.random.default_rng(1).permutation(len(points))
    one = flow(points, target, [0.3, 0.5], num_steps=3, num_threads=1, **options)
    two = flow(points, target, [0.3, 0.5], num_steps=3, num_threads=2, **options)
    np.testing.assert_array_equal(one.points, two.points)
    other = flow(points[order], target[::-1] + 7, [0.3, 0.5], num_steps=3, **options)
    moved = flow(points, target + 7, [0.3, 0.5], num_steps=3, **options)
    np.testing.assert_allclose(other.points, moved.points[:, order], atol=1e-9)
    shifted = flow(points + 7, target + 7, [0.3, 0.5], num_steps=3, **options)
    np.testing.assert_allclose(shifted.points, one.points + 7, atol=1e-9)


def test_points_on_a_line_in_space_follow_the_exact_flow() -> None:
    rng = np.random.default_rng(0)
    points, target, weights = rng.normal(0, 1, 40), rng.normal(0.5, 0.3, 30), rng.random(30)
    exact = flow(points, target, [0.2, 0.7], weights=weights).points
    axis, order = np.array([2, -1, 2]) / 3, np.argsort(points)
    errors = []
    for steps in (20, 80, 320):
        got = flow(
            np.outer(points, axis), np.outer(target, axis), [0.2, 0.7], weights=weights,
            num_steps=steps,
        )  # fmt: skip
        along = got.points @ axis
        np.testing.assert_allclose(got.points, along[..., None] * axis, atol=1e-12)
        errors.append(abs(along[:, order] - exact).mean())
    assert errors[0] < 0.05
    assert errors[1] < 0.5 * errors[0]
    assert errors[2] < 0.5 * errors[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"points": np.zeros((2, 2, 2))}, "points"),
        ({"target": np.zeros((2, 3))}, "target"),
        ({"smoothing": -1}, "smoothing"),
        ({"num_directions": 0}, "num_directions"),
        ({"points": np.zeros((2, 4)), "target": np.ones((2, 4)), "smoothing": 1}, "num_directions"),
        ({"rng": -1}, "rng"),
    ],
)
def test_bad_input(options: dict[str, object], words: str) -> None:
    given = {"points": np.zeros((2, 2)), "target": np.ones((3, 2)), "times": 1, **options}
    with pytest.raises(InputError, match=words):
        flow(**given)
