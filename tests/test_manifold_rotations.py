"""Rotations and crystal symmetries, against SciPy's rotations."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from steepest.manifold import Rotations
from steepest.manifold.symmetry import multiply, operators
from tests.manifold_points import random_points

ORDERS = {
    "-1": 1,
    "2/m": 2,
    "mmm": 4,
    "4/m": 4,
    "4/mmm": 8,
    "-3": 3,
    "-3m": 6,
    "6/m": 6,
    "6/mmm": 12,
    "m-3": 12,
    "m-3m": 24,
}
each_class = pytest.mark.parametrize(("name", "order"), ORDERS.items())


def pair(seed, count=50):
    rng = np.random.default_rng(seed)
    return tuple(random_points(Rotations(), count, rng) for _ in range(2))


@each_class
def test_group_is_closed_and_has_its_order(name, order):
    group = operators(name)
    assert group.shape == (order, 4)
    np.testing.assert_array_equal(group[0], [0, 0, 0, 1])
    np.testing.assert_allclose(np.linalg.norm(group, axis=1), 1, atol=3e-16)
    products = multiply(group[:, None], group)
    found = np.abs(np.einsum("abi,ci->abc", products, group)) > 1 - 1e-14
    assert (found.sum(-1) == 1).all()  # each product is one of the group
    assert (found.sum(0) == 1).all()  # and each row is a permutation of it


def test_products_agree_with_scipy():
    p, q = pair(0)
    expected = (Rotation.from_quat(p) * Rotation.from_quat(q)).as_matrix()
    np.testing.assert_allclose(Rotation.from_quat(multiply(p, q)).as_matrix(), expected, atol=1e-14)


@pytest.mark.parametrize(
    ("name", "letter"),
    [("2/m", "C2"), ("mmm", "D2"), ("4/mmm", "D4"), ("-3m", "D3"), ("6/mmm", "D6"), ("m-3", "T"),
     ("m-3m", "O")],
)  # fmt: skip
def test_groups_are_scipys_up_to_the_choice_of_axes(name, letter):
    ours = np.sort(Rotation.from_quat(operators(name)).magnitude())
    theirs = np.sort(Rotation.create_group(letter).magnitude())
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_point_groups_of_a_laue_class_have_the_same_rotations():
    np.testing.assert_array_equal(operators("-43m"), operators("m-3m"))
    np.testing.assert_array_equal(operators("6mm"), operators("6/mmm"))
    np.testing.assert_array_equal(operators(None), operators("-1"))


def test_log_and_exp_are_rotation_vectors_in_the_frame_of_the_specimen():
    x, y = pair(1)
    expected = (Rotation.from_quat(y) * Rotation.from_quat(x).inv()).as_rotvec()
    manifold = Rotations()
    np.testing.assert_allclose(manifold.log(x, y), expected, atol=1e-12)
    moved = Rotation.from_rotvec(expected) * Rotation.from_quat(x)
    actual = Rotation.from_quat(manifold.exp(x, expected))
    np.testing.assert_allclose(actual.as_matrix(), moved.as_matrix(), atol=1e-13)
    matrices = Rotation.from_quat(x).as_matrix()
    np.testing.assert_allclose(manifold.embed(x), matrices / np.sqrt(2), atol=1e-14)


@pytest.mark.parametrize("symmetry", [None, "m-3m", "6/mmm", "2/m"])
def test_distance_does_not_change_under_rotations_of_specimen_or_all_crystals(symmetry):
    x, y = pair(2)
    (turn, _), manifold = pair(3), Rotations(symmetry)
    distance = manifold.distance(x, y)
    np.testing.assert_allclose(
        manifold.distance(multiply(turn, x), multiply(turn, y)),
        distance,
        atol=1e-13,
    )
    if symmetry is None:
        moved = manifold.distance(multiply(x, turn), multiply(y, turn))
        np.testing.assert_allclose(moved, distance, atol=1e-13)


@each_class
def test_distance_is_the_smallest_angle_over_the_group(name, order):
    x, y = pair(4)
    variants = Rotation.from_quat(operators(name))
    angles = [
        (Rotation.from_quat(y) * variant * Rotation.from_quat(x).inv()).magnitude()
        for variant in variants
    ]
    np.testing.assert_allclose(Rotations(name).distance(x, y), np.min(angles, 0), atol=1e-13)


@each_class
def test_representatives_do_not_matter(name, order):
    x, y = pair(5, 20)
    manifold = Rotations(name)
    log, transport = manifold.log(x, y), manifold.transport(x, y)
    halving = manifold.halving(x, y)
    for s in operators(name):
        for a, b in ((multiply(x, s), y), (x, -multiply(y, s))):
            np.testing.assert_allclose(manifold.log(a, b), log, atol=1e-13)
            np.testing.assert_allclose(manifold.transport(a, b), transport, atol=1e-13)
            np.testing.assert_allclose(manifold.halving(a, b), halving, atol=1e-13)
        np.testing.assert_allclose(manifold.distance(x, multiply(x, s)), 0, atol=1e-14)


@pytest.mark.parametrize("gap", [0, 1e-300, 1e-17, 1e-9])
def test_half_turns(gap):
    x, axis = pair(8)
    axis = axis[:, :3] / np.linalg.norm(axis[:, :3], axis=1, keepdims=True)
    manifold = Rotations()
    y = manifold.exp(x, (np.pi - gap) * axis)
    velocity = manifold.log(x, y)
    np.testing.assert_allclose(np.linalg.norm(velocity, axis=1), np.pi, atol=2 * gap + 1e-13)
    assert manifold.distance(manifold.exp(x, velocity), y).max() < 1e-13
    for result in (manifold.transport(x, y), *manifold.midpoint_differential(x, y)):
        assert np.isfinite(result).all()


def test_bunge_angles_of_equivalent_orientations():
    """Four-fold symmetry about the crystal's z: the last of Bunge's angles is known up to 90."""
    first, second = (
        Rotation.from_euler("ZXZ", [[10, 20, angle]], degrees=True).as_quat() for angle in (5, 95)
    )
    assert Rotations("4/m").distance(first, second)[0] == pytest.approx(0, abs=1e-14)
    assert Rotations().distance(first, second)[0] == pytest.approx(np.pi / 2)
