"""Robust principal components and lines: closed forms, slow references, symmetries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.probability.subspaces import (
    geometric_median,
    principal_components,
    principal_lines,
)
from steepest import InputError


def _energy(points: np.ndarray, basis: np.ndarray) -> float:
    return float(np.linalg.norm(points - points @ basis.T @ basis, axis=1).sum())


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 30), st.integers(0, 10**6))
def test_line_in_the_plane_is_the_global_minimum(n, seed):
    points = np.random.default_rng(seed).standard_normal((n, 2)) * [3, 1]
    line = principal_lines(points, center=np.zeros(2))
    angle = np.linspace(0, np.pi, 20001)
    normals = np.stack([-np.sin(angle), np.cos(angle)])
    scan = np.abs(points @ normals).sum(axis=0).min()
    assert line.status.converged
    assert line.energy == pytest.approx(_energy(points, line.components), rel=1e-12)
    # the scan misses the minimum by at most its step times the points' sizes
    assert scan - np.pi / 20000 * np.linalg.norm(points, axis=1).sum() <= line.energy
    assert line.energy <= scan + 1e-12


def test_line_in_space_is_not_worse_than_a_fine_scan():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((25, 3)) * [2, 1.5, 1]
    line = principal_lines(points, center=np.zeros(3))
    u = rng.standard_normal((20000, 3))
    u /= np.linalg.norm(u, axis=1)[:, None]
    squares = (points**2).sum(1)[:, None] - (points @ u.T) ** 2
    assert line.energy <= np.sqrt(np.maximum(squares, 0)).sum(axis=0).min() + 1e-12


def test_points_of_a_subspace_with_outliers_give_it_exactly():
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.standard_normal((6, 2)))[0]
    shift = rng.standard_normal(6)
    points = rng.standard_normal((80, 2)) @ basis.T
    points[:16] = 3 * rng.standard_normal((16, 6))
    plane = principal_components(points + shift, 2, center=shift)
    assert plane.distances(points[16:] + shift).max() < 1e-6
    pca = np.linalg.svd(points)[2][:2]
    assert np.linalg.norm(points[16:] - points[16:] @ pca.T @ pca, axis=1).max() > 0.1
    assert plane.energy <= _energy(points, basis.T) + 1e-6


def test_anchor_is_found_and_its_one_sided_derivative_decides():
    # |g| = 2 cos(60 deg) is less than 10, the size of the point on the line: e1 is minimal
    turned = [np.cos(np.pi / 3), np.sin(np.pi / 3), 0]
    points = np.array([[10.0, 0, 0], turned, [turned[0], 0, turned[1]]])
    line = principal_lines(points, center=np.zeros(3))
    np.testing.assert_allclose(np.abs(line.components[0]), [1, 0, 0], atol=1e-12)
    # a short point in the way of a heavy cloud is left, whatever the start
    rng = np.random.default_rng(2)
    cloud = rng.standard_normal((50, 3)) * [5, 0.2, 0.2]
    points = np.vstack([[[0, 1e-3, 0]], cloud])
    line = principal_lines(points, center=np.zeros(3), num_starts=1)
    assert abs(line.components[0, 0]) > 0.99
    gradient = _tangent_gradient(points, line.components[0])
    assert np.linalg.norm(gradient) < 1e-5 * np.linalg.norm(points, axis=1).sum()


def _tangent_gradient(points, u):
    rest = points - np.outer(points @ u, u)
    r = np.linalg.norm(rest, axis=1)
    off = r > 1e-8
    return -((points @ u)[off] / r[off]) @ rest[off]


def test_components_turn_and_scale_with_the_points():
    rng = np.random.default_rng(3)
    points = rng.standard_normal((60, 4)) * [4, 3, 1, 0.5]
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    one = principal_components(points, 2, num_starts=2)
    other = principal_components(7 * points @ turn.T + 1, 2, num_starts=2)
    assert other.energy == pytest.approx(7 * one.energy, rel=1e-9)
    both = other.components.T @ other.components
    np.testing.assert_allclose(both, turn @ one.components.T @ one.components @ turn.T, atol=1e-6)
    np.testing.assert_allclose(one.components @ one.components.T, np.eye(2), atol=1e-12)


def test_one_component_and_one_line_are_the_same():
    points = np.random.default_rng(4).standard_t(2, (50, 5)) * [3, 1, 1, 1, 1]
    line, component = principal_lines(points), principal_components(points, 1)
    assert line.energy == pytest.approx(component.energy, rel=1e-12)


def test_coordinates_and_points_of_the_subspace_go_there_and_back():
    points = np.random.default_rng(5).standard_normal((20, 3))
    plane = principal_components(points, 2)
    near = plane.inverse_transform(plane.transform(points))
    np.testing.assert_allclose(np.linalg.norm(points - near, axis=1), plane.distances(points))
    np.testing.assert_allclose(plane.transform(near), plane.transform(points), atol=1e-12)
    whole = principal_lines(points, 3)
    assert whole.energy < 1e-10


def test_geometric_median_is_the_minimiser():
    triangle = np.array([[0.0, 0], [4, 0], [2, 3]])
    y = geometric_median(triangle)
    pull = (triangle - y) / np.linalg.norm(triangle - y, axis=1)[:, None]
    np.testing.assert_allclose(pull.sum(axis=0), 0, atol=1e-9)  # the Fermat point
    np.testing.assert_allclose(geometric_median(np.array([[0.0, 0], [0, 0], [1, 0]])), 0)
    flat = np.array([[0.0, 0], [10, 0], [5, 0.1]])  # an angle above 120 degrees: the point itself
    np.testing.assert_allclose(geometric_median(flat), [5, 0.1], atol=1e-9)


@pytest.mark.parametrize(
    ("points", "given", "message"),
    [
        (np.ones(5), {}, "points must have the shape"),
        (np.ones((5, 1)), {}, "points must have the shape"),
        (np.ones((5, 2)), {}, "all equal"),
        ([[0, 1], [np.nan, 2]], {}, "points=.*finite"),
        (np.eye(3), {"n_components": 4}, "n_components=4"),
        (np.eye(3), {"center": "mean"}, "center must be"),
        (np.eye(3), {"center": [0, 0]}, "center must have the shape"),
        (np.eye(3), {"num_starts": 0}, "num_starts=0"),
    ],
)  # fmt: skip
def test_bad_input_is_named(points, given, message):
    with pytest.raises(InputError, match=message):
        principal_lines(points, **given)


def test_the_whole_space_is_refused():
    with pytest.raises(InputError, match="whole space"):
        principal_components(np.eye(3), 3)
    with pytest.raises(InputError, match="shape \\(n, 3\\)"):
        principal_components(np.eye(3), 2).distances(np.ones((4, 2)))
