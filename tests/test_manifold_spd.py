"""Symmetric positive definite matrices, against SciPy's functions of matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from steepest.manifold import SPD
from tests.manifold_points import random_points

few = settings(max_examples=15, deadline=None)
sizes = pytest.mark.parametrize("size", [1, 2, 3, 5])


def pair(size, seed, count=20):
    rng = np.random.default_rng(seed)
    return tuple(random_points(SPD(size), count, rng) for _ in range(2))


def congruent(a, x):
    return a @ x @ a.T


@sizes
def test_distance_is_that_of_generalised_eigenvalues(size):
    x, y = pair(size, 0)
    expected = [np.linalg.norm(np.log(linalg.eigvalsh(b, a))) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(SPD(size).distance(x, y), expected, rtol=1e-10)


@sizes
def test_geodesic_is_scipys(size):
    """x^1/2 (x^-1/2 y x^-1/2)^t x^1/2."""
    x, y = pair(size, 1, 5)
    for a, b in zip(x, y, strict=True):
        root = np.real(linalg.sqrtm(a))
        inverse = linalg.inv(root)
        middle = root @ linalg.fractional_matrix_power(inverse @ b @ inverse, 0.3) @ root
        step = 0.3 * SPD(size).log(a[None], b[None])
        np.testing.assert_allclose(SPD(size).exp(a[None], step)[0], middle, rtol=1e-8, atol=1e-10)


@sizes
def test_embedding_is_the_matrix_logarithm(size):
    x, _ = pair(size, 2, 5)
    manifold = SPD(size)
    lower = np.tril_indices(size)
    for matrix, coordinates in zip(x, manifold.embed(x), strict=True):
        logarithm = linalg.logm(matrix)
        factor = np.where(lower[0] == lower[1], 1, np.sqrt(2))
        np.testing.assert_allclose(coordinates, factor * logarithm[lower], atol=1e-11)
        assert np.linalg.norm(coordinates) == pytest.approx(np.linalg.norm(logarithm))
        again = manifold.project(coordinates[None])[0]
        np.testing.assert_allclose(again, linalg.expm(logarithm), rtol=1e-10, atol=1e-12)


@sizes
@few
@given(seed=st.integers(0, 2**32 - 1))
def test_affine_invariance(size, seed):
    """Distances, angles and midpoints of a x a^T, for any invertible a."""
    x, y = pair(size, seed)
    rng = np.random.default_rng(seed)
    u, v = (np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(2))
    a = u * rng.uniform(0.5, 2, size) @ v
    manifold = SPD(size)
    moved = manifold.distance(congruent(a, x), congruent(a, y))
    np.testing.assert_allclose(moved, manifold.distance(x, y), rtol=1e-10, atol=1e-12)
    middle = manifold.midpoint(congruent(a, x), congruent(a, y))
    expected = congruent(a, manifold.midpoint(x, y))
    np.testing.assert_allclose(manifold.distance(middle, expected), 0, atol=1e-11)


@pytest.mark.parametrize("metric", ["affine-invariant", "log-euclidean"])
@pytest.mark.parametrize("scale", [1e-40, 1e-3, 1e40])
def test_units_do_not_matter(metric, scale):
    x, y = pair(3, 5)
    manifold = SPD(3, metric)
    scaled = manifold.distance(scale * x, scale * y)
    np.testing.assert_allclose(scaled, manifold.distance(x, y), rtol=1e-10)
    manifold.check(scale * x, "tensors")


@pytest.mark.parametrize("metric", ["affine-invariant", "log-euclidean"])
def test_repeated_eigenvalues(metric):
    manifold = SPD(3, metric)
    x = np.tile(2 * np.eye(3), (4, 1, 1))
    spread = np.array([0, 1e-200, 1e-12, 1e-6])[:, None, None]
    y = x + spread * np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    np.testing.assert_allclose(manifold.distance(x, y), spread[:, 0, 0], rtol=1e-3, atol=1e-15)
    for result in (manifold.transport(x, y), *manifold.midpoint_differential(x, y)):
        assert np.isfinite(result).all()


def test_small_eigenvalues_are_accurate():
    """Jacobi's rotations find them to relative accuracy where diagonals differ in size."""
    scale = np.diag([1.0, 1e-5, 1e-10])
    core = np.array([[1.0, 0.2, 0.1], [0.2, 1.0, -0.3], [0.1, -0.3, 1.0]])
    x, y = (scale @ matrix @ scale for matrix in (core, 2 * core))
    assert SPD(3).distance(x[None], y[None])[0] == pytest.approx(np.sqrt(3) * np.log(2), rel=1e-12)
