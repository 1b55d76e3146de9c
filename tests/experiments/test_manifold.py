"""The reference solvers for manifold-valued images agree with closed forms and with each other."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steepest
from experiments.manifold import phantoms
from experiments.manifold.cyclic import cyclic_points
from experiments.manifold.douglas_rachford import douglas_rachford
from experiments.manifold.half_quadratic import half_quadratic
from experiments.manifold.infimal import infimal_convolution
from experiments.manifold.model import energy, groups
from steepest.manifold import SPD, Circle, Euclidean, Rotations, Sphere, denoise
from tests.manifold_points import near_points

Solver = Callable[..., np.ndarray]
MANIFOLDS = [Circle(), Sphere(2), Rotations(symmetry="m-3m"), SPD()]
SOLVERS: dict[str, tuple[Solver, dict[str, Any]]] = {
    "cyclic": (cyclic_points, {"sweeps": 3000}),
    "douglas-rachford": (douglas_rachford, {"sweeps": 300}),
    "half-quadratic": (half_quadratic, {"sweeps": 100, "eps": 1e-5}),
}


def points(manifold: Any, shape: tuple[int, ...], spread: float) -> np.ndarray:
    """Random points around one point, (n, *point_shape)."""
    return near_points(manifold, shape, spread).reshape(-1, *manifold.point_shape)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("manifold", MANIFOLDS, ids=repr)
@pytest.mark.parametrize("alpha", [0.05, 5.0])
def test_two_pixels_move_towards_each_other(name: str, manifold: Any, alpha: float) -> None:
    """Each by min(alpha, d/2) on the geodesic between them."""
    f = points(manifold, (2,), 0.2)
    solve, options = SOLVERS[name]
    x = solve(manifold, f, (2,), alpha, **options)
    apart = float(manifold.distance(f[:1], f[1:])[0])
    moved = min(alpha, apart / 2)
    np.testing.assert_allclose(manifold.distance(x, f), moved, atol=2e-3)
    assert manifold.distance(x[:1], x[1:])[0] == pytest.approx(apart - 2 * moved, abs=4e-3)


@pytest.mark.parametrize("manifold", MANIFOLDS, ids=repr)
def test_all_solvers_find_the_same_energy(manifold: Any) -> None:
    space = (5, 4)
    f = points(manifold, space, 0.2)
    terms = groups(space, 0.1)
    found = [
        energy(manifold, solve(manifold, f, space, 0.1, **options), f, terms)
        for solve, options in SOLVERS.values()
    ]
    assert max(found) <= min(found) * (1 + 1e-3) < energy(manifold, f, f, terms)


@pytest.mark.parametrize("manifold", MANIFOLDS, ids=repr)
@pytest.mark.parametrize(
    ("alpha", "beta", "sweeps", "excess"),
    [
        (0.1, 0.0, 2000, 5e-4),
        pytest.param(0.1, 0.0, 10000, 1e-4, marks=pytest.mark.slow),
        (0.05, 0.03, 100, 8e-3),
        pytest.param(0.05, 0.03, 7000, 1e-4, marks=pytest.mark.slow),
    ],
)
def test_the_library_finds_the_energy_of_cyclic_proximal_points(
    manifold: Any, alpha: float, beta: float, sweeps: int, excess: float
) -> None:
    """Never a higher energy; theirs falls towards ours like one over the number of sweeps."""
    space = (4, 5)
    f = points(manifold, space, 0.2)
    terms = groups(space, alpha, beta)
    slow = cyclic_points(manifold, f, space, alpha, beta, sweeps=sweeps)
    both = steepest.CombinedTotalVariation(alpha=alpha, beta=beta, norm="anisotropic")
    result = steepest.manifold.denoise(
        f.reshape(*space, *manifold.point_shape), 1.0, manifold, both,
        solver=steepest.Solver(tol=1e-8),
    )  # fmt: skip
    found = energy(manifold, result.image.reshape(f.shape), f, terms)
    assert result.energy == pytest.approx(found, rel=1e-9)  # the same energy
    assert found <= energy(manifold, slow, f, terms) <= found * (1 + excess)


@pytest.mark.slow
def test_opposite_directions_in_whirls_are_named_and_the_rest_converges() -> None:
    """Around the centres of a few whirls, the midpoint of neighbours jumps, and so does F."""
    image = phantoms.noisy(Sphere(2), phantoms.whirls(64), 4 * np.pi / 45)
    both = steepest.CombinedTotalVariation(alpha=0.2, beta=0.05)
    rough = steepest.manifold.denoise(image, 1.0, "sphere", both)
    assert rough.status is steepest.Status.AROUND_JUMPS
    assert rough.model_gap <= 1e-4
    solver = steepest.Solver(tol=1e-6)
    fine = steepest.manifold.denoise(image, 1.0, "sphere", both, solver=solver)
    assert fine.energy > rough.energy * (1 - 1e-3)


@pytest.mark.parametrize(("alpha", "beta"), [(0.2, 0.0), (0.0, 0.1), (0.1, 0.05)])
def test_phases_in_half_a_turn_are_numbers(alpha: float, beta: float) -> None:
    """Without wraps, cyclic proximal points solve the problem of real numbers, both orders."""
    f = points(Circle(), (16,), 0.2)
    x = cyclic_points(Circle(), f, (16,), alpha, beta, sweeps=20000)
    wanted = steepest.denoise(
        f,
        1.0,
        steepest.CombinedTotalVariation(alpha=alpha, beta=beta),
        solver=steepest.Solver(tol=1e-9),
    )
    np.testing.assert_allclose(x, wanted.image, atol=2e-3)


def test_every_term_is_in_one_group_and_groups_do_not_overlap() -> None:
    terms = groups((7, 6), 1.0, 1.0)
    counts = dict.fromkeys((2, 3, 4), 0)
    for group in terms:
        assert np.unique(group.pixels).size == group.pixels.size
        counts[group.pixels.shape[1]] += len(group.pixels)
    assert counts == {2: 6 * 6 + 7 * 5, 3: 5 * 6 + 7 * 4, 4: 6 * 5}


def test_phantoms_are_points_of_their_manifolds() -> None:
    phase = phantoms.sar_phase(64)
    assert phase.min() > -np.pi
    assert phase.max() <= np.pi
    for vectors in (phantoms.whirls(32), phantoms.lemniscate(50), phantoms.grains(24, 5)):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1)
    tensors = phantoms.tensors(25)
    np.testing.assert_allclose(tensors, np.swapaxes(tensors, -1, -2), atol=1e-15)
    assert np.linalg.eigvalsh(tensors).min() > 0.2


def rows(space: tuple[int, ...], alpha: float, beta: float) -> np.ndarray:
    """All anisotropic differences times their weights as one matrix."""
    parts = []
    for group in groups(space, alpha, beta):
        part = np.zeros((len(group.pixels), int(np.prod(space))))
        for column, sign in zip(group.pixels.T, group.signs, strict=True):
            part[np.arange(len(part)), column] = group.weight * sign
        parts.append(part)
    return np.concatenate(parts)


@pytest.mark.parametrize("space", [(25,), (6, 7)])
def test_infimal_convolution_of_real_numbers(space: tuple[int, ...]) -> None:
    """``min_xw |x - f|^2 / 2 + |D (x - w)|_1 + |H w|_1`` by primal-dual iterations."""
    f = np.random.default_rng(3).standard_normal(space).cumsum(axis=-1).ravel()
    first, second = rows(space, 0.4, 0.0), rows(space, 0.0, 0.7)
    both = np.block([[first, -first], [np.zeros((len(second), f.size)), second]])
    step = 0.99 / np.linalg.norm(both, 2)
    z, flux = np.concatenate([f, f]), np.zeros(len(both))
    for _ in range(40000):
        ahead = z - step * both.T @ flux
        ahead[: f.size] = (ahead[: f.size] + step * f) / (1 + step)
        flux, z = np.clip(flux + step * both @ (2 * ahead - z), -1, 1), ahead
    wanted = ((z[: f.size] - f) ** 2).sum() / 2 + np.abs(both @ z).sum()
    x, _, found = infimal_convolution(
        f.reshape(*space, 1),
        0.4,
        0.7,
        Euclidean(1),
        norm="anisotropic",
        tol=1e-7,
        max_num_iter=50000,
    )
    assert found.linear.energy == pytest.approx(wanted, rel=1e-5)
    assert x.ravel() == pytest.approx(z[: f.size], abs=0.01)


@pytest.mark.parametrize("manifold", MANIFOLDS, ids=repr)
def test_infimal_convolution_falls_to_less_than_the_second_order(manifold: Any) -> None:
    f = points(manifold, (8, 9), 0.1).reshape(8, 9, *manifold.point_shape)
    energies: list[float] = []
    _, _, found = infimal_convolution(
        f, 0.05, 0.05, manifold, watch=lambda linear, *_: bool(energies.append(linear.energy))
    )
    assert found.status.ok
    assert len(energies) > 1
    assert np.all(np.diff(energies) <= 0)
    second = denoise(f, 0.05, manifold, steepest.SecondOrderTotalVariation())
    assert found.linear.energy <= second.energy * 1.001
