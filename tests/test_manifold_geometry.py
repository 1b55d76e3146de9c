"""Laws that hold on every manifold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest import InputError
from steepest.manifold import SPD, Circle, Euclidean, Product, Rotations, Sphere
from steepest.manifold.geometry import Manifold, as_manifold
from tests.manifold_points import MANIFOLDS, random_points, same

every_manifold = pytest.mark.parametrize("manifold", MANIFOLDS, ids=repr)
seeds = given(seed=st.integers(0, 2**32 - 1))
few = settings(max_examples=15, deadline=None)


def pair(manifold, seed, count=20):
    rng = np.random.default_rng(seed)
    return random_points(manifold, count, rng), random_points(manifold, count, rng)


def applied(matrices, vectors):
    return np.einsum("nij,nj->ni", matrices, vectors)


@every_manifold
def test_a_manifold_fulfils_the_protocol(manifold):
    assert isinstance(manifold, Manifold)
    assert as_manifold(manifold) is manifold
    assert hash(manifold) == hash(manifold)


@every_manifold
@few
@seeds
def test_exp_inverts_log_and_distance_is_the_length_of_log(manifold, seed):
    x, y = pair(manifold, seed)
    velocity = manifold.log(x, y)
    assert velocity.shape == (len(x), manifold.dimension)
    assert same(manifold, manifold.exp(x, velocity), y, 1e-11)
    np.testing.assert_allclose(manifold.distance(x, y), np.linalg.norm(velocity, axis=1), 1e-11)
    np.testing.assert_allclose(manifold.distance(x, y), manifold.distance(y, x), 1e-9)


@every_manifold
@few
@seeds
def test_log_inverts_exp_within_the_injectivity_radius(manifold, seed):
    rng = np.random.default_rng(seed)
    x = random_points(manifold, 20, rng)
    xi = rng.normal(size=(20, manifold.dimension))
    xi *= 0.35 / np.linalg.norm(xi, axis=1, keepdims=True)
    np.testing.assert_allclose(manifold.log(x, manifold.exp(x, xi)), xi, atol=1e-11)


@every_manifold
@few
@seeds
def test_transport_is_orthogonal_and_turns_the_geodesic_around(manifold, seed):
    x, y = pair(manifold, seed)
    there, back = manifold.transport(x, y), manifold.transport(y, x)
    unit = np.broadcast_to(np.eye(manifold.dimension), there.shape)
    np.testing.assert_allclose(there @ there.transpose(0, 2, 1), unit, atol=1e-11)
    np.testing.assert_allclose(there @ back, unit, atol=1e-10)
    np.testing.assert_allclose(applied(there, manifold.log(y, x)), -manifold.log(x, y), atol=1e-10)


@every_manifold
@few
@seeds
def test_transport_goes_by_way_of_the_midpoint(manifold, seed):
    x, y = pair(manifold, seed)
    c = manifold.midpoint(x, y)
    steps = manifold.transport(x, c) @ manifold.transport(c, y)
    np.testing.assert_allclose(steps, manifold.transport(x, y), atol=1e-9)
    half = manifold.distance(x, y) / 2
    np.testing.assert_allclose(manifold.distance(x, c), half, atol=1e-11)
    np.testing.assert_allclose(manifold.distance(y, c), half, atol=1e-10)


def differences(manifold, function, x, centre, step=1e-5):
    """Return central differences of points, in the frames at ``x`` and ``centre``."""
    columns = []
    for axis in np.eye(manifold.dimension):
        xi = np.tile(step * axis, (len(x), 1))
        ahead = manifold.log(centre, function(manifold.exp(x, xi)))
        behind = manifold.log(centre, function(manifold.exp(x, -xi)))
        columns.append((ahead - behind) / (2 * step))
    return np.stack(columns, -1)


@every_manifold
def test_midpoint_differential_agrees_with_differences(manifold):
    """This fixes transport too: a matrix has only one polar decomposition."""
    x, z = pair(manifold, 5, 100)
    if manifold.curvature == "positive":  # keep off the cut locus, where there is no derivative
        z = manifold.exp(x, 0.9 * manifold.log(x, z))
    c = manifold.midpoint(x, z)
    by_x, by_z = manifold.midpoint_differential(x, z)
    np.testing.assert_allclose(
        differences(manifold, lambda p: manifold.midpoint(p, z), x, c), by_x, atol=1e-6
    )
    np.testing.assert_allclose(
        differences(manifold, lambda p: manifold.midpoint(x, p), z, c), by_z, atol=1e-6
    )


@every_manifold
def test_squared_distance_has_the_gradient_minus_twice_log(manifold):
    x, y = pair(manifold, 6, 100)
    y = manifold.exp(x, 0.9 * manifold.log(x, y))
    gradient, step = np.empty((100, manifold.dimension)), 1e-6
    for k, axis in enumerate(np.eye(manifold.dimension)):
        xi = np.tile(step * axis, (100, 1))
        ahead, behind = manifold.exp(x, xi), manifold.exp(x, -xi)
        change = manifold.distance(ahead, y) ** 2 - manifold.distance(behind, y) ** 2
        gradient[:, k] = change / (2 * step)
    np.testing.assert_allclose(gradient, -2 * manifold.log(x, y), atol=1e-6)


@every_manifold
def test_equal_points(manifold):
    x, _ = pair(manifold, 1)
    unit = np.broadcast_to(np.eye(manifold.dimension), (20, manifold.dimension, manifold.dimension))
    np.testing.assert_allclose(manifold.log(x, x), 0, atol=1e-13)
    np.testing.assert_allclose(manifold.distance(x, x), 0, atol=1e-13)
    np.testing.assert_allclose(manifold.transport(x, x), unit, atol=1e-13)
    np.testing.assert_allclose(manifold.halving(x, x), unit / 2, atol=1e-13)
    assert same(manifold, manifold.exp(x, np.zeros((20, manifold.dimension))), x, 1e-13)
    assert same(manifold, manifold.midpoint(x, x), x, 1e-13)


@every_manifold
@pytest.mark.parametrize("length", [1e-4, 1e-8, 1e-12, 1e-160, 1e-300])
def test_close_points(manifold, length):
    """The error of log is that of rounding the points, and nothing divides by a small length."""
    rng = np.random.default_rng(3)
    x = random_points(manifold, 20, rng)
    xi = rng.normal(size=(20, manifold.dimension))
    xi *= length / np.linalg.norm(xi, axis=1, keepdims=True)
    y = manifold.exp(x, xi)
    np.testing.assert_allclose(manifold.log(x, y), xi, atol=3e-14)
    for result in (manifold.transport(x, y), *manifold.midpoint_differential(x, y)):
        assert np.isfinite(result).all()


@every_manifold
def test_project_inverts_embed_and_neighbours_are_embedded_at_their_distance(manifold):
    if getattr(manifold, "symmetry", None):
        with pytest.raises(InputError, match="no embedding"):
            manifold.embed(random_points(manifold, 1, np.random.default_rng(0)))
        return
    x, _ = pair(manifold, 4)
    ambient = manifold.embed(x)
    assert ambient.shape == (20, *manifold.embedding_shape)
    assert same(manifold, manifold.project(ambient), x, 1e-12)
    if getattr(manifold, "metric", "") != "affine-invariant" and not isinstance(manifold, Product):
        step = np.zeros((20, manifold.dimension))
        step[:, 0] = 1e-4
        moved = manifold.embed(manifold.exp(x, step)) - ambient
        np.testing.assert_allclose(np.linalg.norm(moved.reshape(20, -1), axis=1), 1e-4, rtol=1e-6)


@pytest.mark.parametrize("manifold", [Circle(), Sphere(2), Rotations()], ids=repr)
def test_project_finds_the_nearest_embedded_point(manifold):
    rng = np.random.default_rng(7)
    ambient = rng.normal(size=(50, *manifold.embedding_shape))
    nearest = manifold.project(ambient)

    def squares(points):
        return ((manifold.embed(points) - ambient) ** 2).reshape(50, -1).sum(1)

    for other in (*(random_points(manifold, 50, rng) for _ in range(20)), nearest):
        moved = manifold.exp(other, 1e-3 * rng.normal(size=(50, manifold.dimension)))
        assert (squares(moved) >= squares(nearest) - 1e-12).all()


def test_product_adds_squared_distances_of_its_parts():
    manifold = Product((Circle(), Euclidean(2), Rotations("m-3m")))
    assert (manifold.dimension, manifold.point_shape, manifold.curvature) == (6, (7,), "positive")
    x, y = pair(manifold, 8)
    parts = [
        manifold.factors[0].distance(x[:, 0], y[:, 0]),
        manifold.factors[1].distance(x[:, 1:3], y[:, 1:3]),
        manifold.factors[2].distance(*(np.ascontiguousarray(p[:, 3:]) for p in (x, y))),
    ]
    np.testing.assert_allclose(manifold.distance(x, y), np.linalg.norm(parts, axis=0), 1e-13)


def test_sphere_does_not_care_about_rotations():
    rng = np.random.default_rng(9)
    manifold = Sphere(2)
    x, y = pair(manifold, 9)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    np.testing.assert_allclose(manifold.distance(x @ turn, y @ turn), manifold.distance(x, y))
    moved = manifold.midpoint(x @ turn, y @ turn)
    np.testing.assert_allclose(moved, manifold.midpoint(x, y) @ turn, atol=1e-12)


def test_sphere_transport_is_the_rotation_of_the_plane_of_the_geodesic():
    manifold = Sphere(2)
    x, y = pair(manifold, 10)
    u = np.cross(x, y)  # across the geodesic, it stays; its length is the sine of the angle
    tiny = 1e-6
    at_x, at_y = (manifold.log(p, manifold.project(p + tiny * u)) / tiny for p in (x, y))
    np.testing.assert_allclose(applied(manifold.transport(x, y), at_y), at_x, atol=1e-8)


@pytest.mark.parametrize("gap", [0, 1e-300, 1e-17, 1e-12, 1e-9, 1e-5])
def test_sphere_at_opposite_points(gap):
    manifold = Sphere(2)
    x, aside = pair(manifold, 11)
    y = manifold.project(-x + gap * aside)
    velocity = manifold.log(x, y)
    np.testing.assert_allclose(np.linalg.norm(velocity, axis=1), np.pi, atol=2 * gap + 1e-12)
    assert same(manifold, manifold.exp(x, velocity), y, 1e-12)
    there = manifold.transport(x, y)
    np.testing.assert_allclose(
        there @ there.transpose(0, 2, 1), np.tile(np.eye(2), (20, 1, 1)), atol=1e-12
    )
    assert np.isfinite(manifold.midpoint_differential(x, y)).all()


def test_circle_keeps_to_the_shorter_way_and_to_its_range():
    manifold = Circle()
    x = np.array([3.0, -3.0, 0.0, 1.0])
    y = np.array([-3.0, 3.0, np.pi, 1.0 + np.pi])
    expected = [2 * np.pi - 6, 6 - 2 * np.pi]
    np.testing.assert_allclose(manifold.log(x, y)[:2, 0], expected)
    np.testing.assert_allclose(np.abs(manifold.log(x, y)[2:, 0]), np.pi)
    angles = manifold.check(np.linspace(-50, 50, 1001), "image")
    assert np.abs(angles).max() <= np.pi
    np.testing.assert_allclose(np.exp(1j * angles), np.exp(1j * np.linspace(-50, 50, 1001)))


def test_manifolds_by_name_take_their_size_from_the_image():
    assert as_manifold("circle") == Circle()
    assert as_manifold("sphere") == Sphere(2)
    assert as_manifold("sphere", (8, 8, 5)) == Sphere(4)
    assert as_manifold("rotations", (8, 8, 4)) == Rotations()
    assert as_manifold("spd", (8, 8, 2, 2)) == SPD(2)


@pytest.mark.parametrize(
    ("manifold", "points", "message"),
    [
        (Circle(), np.zeros((3, 1)), "image with float64 values of shape"),
        (Circle(), np.array([1.0, np.nan]), "NaN or infinite"),
        (Circle(), np.array([1j]), "complex128"),
        (Sphere(2), np.ones((4, 3)), "length 1.73205"),
        (Sphere(2), np.zeros((4, 3)), "length 0"),
        (Sphere(2), np.ones((4, 2)), "shape"),
        (Rotations(), np.full((4, 4), 0.4), "unit quaternions"),
        (SPD(2), np.array([[[1.0, 0.5], [0.0, 1.0]]]), "not symmetric"),
        (SPD(2), np.array([[[1.0, 2.0], [2.0, 1.0]]]), "from -1 to 3"),
        (SPD(2), np.zeros((1, 2, 2)), "positive definite"),
        (SPD(2), 1e-160 * np.array([[[2.0, 1.0], [1.0, 2.0]]]), "other units"),
        (SPD(2), 1e160 * np.array([[[2.0, 1.0], [1.0, 2.0]]]), "other units"),
        (Circle(), np.array([0.0, -1e20]), "-1e\\+20; allowed are angles"),
        (Product((Circle(), Sphere(2))), np.ones((4, 4)), "length 1.73205"),
    ],
)
def test_points_off_the_manifold_are_refused(manifold, points, message):
    with pytest.raises(InputError, match=message):
        manifold.check(points, "image")


@every_manifold
def test_check_keeps_points_and_reads_single_precision(manifold):
    x, _ = pair(manifold, 12)
    assert same(manifold, manifold.check(x, "image"), x, 1e-12)
    single = manifold.check(x.astype(np.float32), "image")
    assert single.dtype == np.float64
    assert same(manifold, single, x, 1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: as_manifold("torus"),
        lambda: as_manifold(None),
        lambda: as_manifold(SPD),
        lambda: Sphere(1),
        lambda: Euclidean(0),
        lambda: SPD(0),
        lambda: SPD(3, "euclidean"),
        lambda: Rotations("cubic"),
        lambda: Rotations(24),
        lambda: Product(()),
        lambda: Product((3,)),
    ],
)
def test_manifolds_that_do_not_exist(wrong):
    with pytest.raises(InputError):
        wrong()
