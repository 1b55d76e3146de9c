"""Total generalised variation on manifolds: exact cases, derivatives, invariance, the gap."""

import numpy as np
import pytest

import steepest
from steepest import Solver, Status, TotalGeneralisedVariation, manifold
from steepest.manifold.arguments import prepare
from steepest.manifold.generalised import GeneralisedProblem, TgvState
from steepest.manifold.problem import linearise
from tests.manifold_points import MANIFOLDS, near_points, random_points

TGV = TotalGeneralisedVariation()


def straight(space, shape, speeds, seed=0):
    """Points along one geodesic, at these speeds along the axes."""
    direction = np.zeros(space.dimension)
    direction[0] = 1
    n = int(np.prod(shape))
    times = np.tensordot(speeds, np.indices(shape), 1).ravel()
    origin = random_points(space, 1, np.random.default_rng(seed))
    points = space.exp(np.repeat(origin, n, axis=0), times[:, None] * direction)
    return points.reshape(*shape, *space.point_shape)


def of_numbers(points):
    return np.asarray(points)[..., None], manifold.Euclidean(1)


@pytest.mark.parametrize("shape", [(60,), (14, 17), (6, 7, 8)])
def test_real_numbers_are_denoised_as_by_the_energy_of_the_house(shape):
    values = np.random.default_rng(0).standard_normal(shape).cumsum(axis=-1)
    spacing = np.linspace(0.8, 1.3, len(shape))
    image, line = of_numbers(values)
    energy = TotalGeneralisedVariation(alpha1=1.0, alpha0=1.5)
    ours = manifold.denoise(image, 0.4, line, energy, spacing=spacing, solver=Solver(tol=1e-7))
    house = steepest.denoise(values, 0.4, energy, spacing=spacing, solver=Solver(tol=1e-4))
    distance = np.linalg.norm(ours.image[..., 0] - house.image)
    assert distance <= ours.error_bound + house.error_bound
    assert distance < 0.01 * np.linalg.norm(values - house.image)
    assert ours.gap < 1e-3


def test_the_gap_bounds_what_a_long_run_still_gains():
    phases = np.random.default_rng(2).uniform(-1.5, 1.5, (16, 16))
    best = manifold.denoise(phases, 0.4, "circle", TGV, solver=Solver(tol=1e-8))
    for tol in (1e-1, 1e-2, 1e-4):
        rough = manifold.denoise(phases, 0.4, "circle", TGV, solver=Solver(tol=tol))
        assert rough.status is (Status.WIDER_GAP if rough.gap > tol else Status.THESE_WRAPS)
        assert rough.energy - best.energy <= rough.gap * rough.energy
        assert np.linalg.norm(rough.image - best.image) <= rough.error_bound + best.error_bound


@pytest.mark.parametrize("space", MANIFOLDS, ids=repr)
def test_geodesics_at_constant_speed_cost_nothing(space):
    image = straight(space, (6, 8), (0.05, 0.025))
    result = manifold.denoise(image, 0.5, space, TGV, solver=Solver(tol=1e-8))
    flat = (points.reshape(48, *space.point_shape) for points in (image, result.image))
    assert result.energy == pytest.approx(0, abs=1e-4)
    assert space.distance(*flat) == pytest.approx(0, abs=2e-3)
    plain = manifold.denoise(image, 0.5, space)  # this one flattens them
    assert plain.energy > 0.1


@pytest.mark.parametrize("space", MANIFOLDS, ids=repr)
def test_the_model_has_the_slope_of_the_energy(space):
    """Derivatives of logarithms and of transport, where nothing is at a kink."""
    n, d, shape = 30, space.dimension, (5, 6)
    rng = np.random.default_rng(9)
    plain, _ = prepare(near_points(space, shape, 0.5), 0.3, space, spacing=(1, 1.3))
    problem = GeneralisedProblem(
        plain.manifold, plain.data, shape, plain.spacing, 0.3, 0.5, True, None, None, 1
    )
    slopes = 0.5 * rng.standard_normal((2, n, d))
    x = TgvState(near_points(space, (n,), 0.2, seed=8), slopes)
    linear = linearise(problem, x)
    assert linear.energy == pytest.approx(problem.energy(x))
    step = rng.standard_normal((n, 3 * d))

    def model(t):
        squares = []
        for k, term in enumerate(problem.terms):
            r = linear.vectors[k].T.copy()
            for m, pixel in enumerate(term.pixels):
                own = t * step[pixel][:, term.tangents[m] * d : (term.tangents[m] + 1) * d]
                block = linear.block_index[k, m]
                if block >= 0:
                    r += np.einsum("pqn,nq->np", linear.blocks[block], own)
                else:
                    r += linear.coefficients[k, m] * own
            squares.append(np.sum(r**2, axis=1) * term.valid)
        fit = 0.5 * np.sum((t * step[:, :d] - linear.data[:d].T) ** 2)
        return fit + problem.regulariser(squares)

    t = 1e-5
    ahead, behind = (problem.energy(problem.advance(x, s * step)) for s in (t, -t))
    slope = (ahead - behind) / (2 * t)
    assert (model(t) - model(-t)) / (2 * t) == pytest.approx(slope, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("space", MANIFOLDS, ids=repr)
def test_the_energy_falls_at_every_step(space):
    image = near_points(space, (12, 13), 0.15)
    energies = []
    result = manifold.denoise(
        image, 0.1, space, TGV, on_step=lambda step: energies.append(step.energy)
    )
    assert result.status.ok
    assert len(energies) > 1
    assert np.all(np.diff(energies) <= 0)
    assert result.energy <= energies[-1] < energies[0]


def test_unknown_pixels_continue_slopes():
    image = straight(manifold.Sphere(), (8, 12), (0.0, 0.1))
    known = np.ones((8, 12), bool)
    known[2:6, 4:8] = False
    holes = np.where(known[..., None], image, np.nan)
    result = manifold.denoise(holes, 0.1, "sphere", TGV, known=known, solver=Solver(tol=1e-7))
    flat = (points.reshape(-1, 3) for points in (image, result.image))
    assert manifold.Sphere().distance(*flat).max() < 0.02


def test_the_number_of_threads_does_not_matter():
    image = near_points(manifold.Sphere(), (70, 80), 0.3)
    one, two = (
        manifold.denoise(image, 0.2, "sphere", TGV, solver=Solver(tol=1e-2, num_threads=count))
        for count in (1, 2)
    )
    assert np.array_equal(one.image, two.image)
