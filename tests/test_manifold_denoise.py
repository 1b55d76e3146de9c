"""Total variation of first and second order on manifolds: exact cases, invariance, certificates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import steepest
from steepest import (
    CombinedTotalVariation,
    CroftonTotalVariation,
    InputError,
    NotConverged,
    SecondOrderTotalVariation,
    Solver,
    Status,
    TotalGeneralisedVariation,
    TotalVariation,
    manifold,
)
from steepest.manifold.arguments import prepare
from steepest.manifold.problem import linearise
from tests.manifold_points import NEW, near_points

MANIFOLDS = {
    "circle": manifold.Circle(),
    "sphere": manifold.Sphere(),
    "sphere3": manifold.Sphere(3),
    "euclidean": manifold.Euclidean(2),
    "rotations": manifold.Rotations(),
    "cubic": manifold.Rotations(symmetry="m-3m"),
    "spd": manifold.SPD(),
    "spd2": manifold.SPD(2),
    "log-euclidean": manifold.SPD(metric="log-euclidean"),
    "product": manifold.Product((manifold.Circle(), manifold.Sphere())),
    **{repr(space): space for space in NEW},
}
NORMS = ["isotropic", "anisotropic"]


@pytest.mark.parametrize("kind", MANIFOLDS)
@pytest.mark.parametrize("strength", [0.2, 5.0])
def test_two_pixels_approach_by_the_strength_until_they_meet(kind, strength):
    space = MANIFOLDS[kind]
    pair = near_points(space, (2,), spread=0.7)
    result = manifold.denoise(pair, strength, space, solver=Solver(tol=1e-14))
    length = space.distance(pair[:1], pair[1:])[0]
    moved = space.distance(pair, result.image)
    assert moved == pytest.approx(min(strength, length / 2), abs=4e-6)
    left = max(length - 2 * strength, 0)
    assert space.distance(result.image[:1], result.image[1:]) == pytest.approx(left, abs=4e-6)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", [(40,), (12, 15), (5, 6, 7)])
def test_phases_within_a_half_circle_are_denoised_as_numbers(shape, norm):
    phases = np.random.default_rng(1).uniform(-1.5, 1.5, shape)
    energy = TotalVariation(norm=norm)
    options = dict(solver=Solver(tol=1e-10), spacing=np.linspace(1, 1.5, len(shape)))
    ours = manifold.denoise(phases, 0.3, "circle", energy, **options)
    numbers = steepest.denoise(phases, 0.3, energy, **options)
    assert np.linalg.norm(ours.image - numbers.image) <= ours.error_bound + numbers.error_bound
    assert ours.error_bound < 1e-3
    assert ours.status is Status.THESE_WRAPS


def test_jumps_at_the_branch_cut_do_not_matter():
    phases = np.random.default_rng(2).uniform(-1, 1, (16, 16))
    plain = manifold.denoise(phases, 0.3, "circle", solver=Solver(tol=1e-9))
    turned = manifold.denoise(phases + 3, 0.3, "circle", solver=Solver(tol=1e-9))
    apart = manifold.Circle().distance(plain.image + 3, turned.image)
    assert np.linalg.norm(apart) <= plain.error_bound + turned.error_bound
    assert abs(turned.image).max() <= np.pi


@pytest.mark.parametrize("norm", NORMS)
def test_vectors_are_denoised_as_channels_that_share_their_edges(norm):
    values = np.random.default_rng(3).standard_normal((14, 11, 3))
    energy, solver = TotalVariation(norm=norm), Solver(tol=1e-10)
    ours = manifold.denoise(values, 0.4, manifold.Euclidean(3), energy, solver=solver)
    house = steepest.denoise(values, 0.4, energy, channel_axis=-1, solver=solver)
    assert np.linalg.norm(ours.image - house.image) <= ours.error_bound + house.error_bound


def test_weights_and_both_orders_of_a_signal_agree_with_the_house():
    rng = np.random.default_rng(4)
    values, weights = rng.standard_normal(60).cumsum() / 5, rng.uniform(0, 2, 60)
    energy = CombinedTotalVariation(alpha=0.2, beta=0.7, weights=weights)
    line, solver = manifold.Euclidean(1), Solver(tol=1e-11)
    ours = manifold.denoise(values[:, None], 1.0, line, energy, spacing=0.8, solver=solver)
    house = steepest.denoise(
        values, 1.0, energy, spacing=0.8, solver=steepest.Solver(tol=1e-9, max_num_iter=200000)
    )
    distance = np.linalg.norm(ours.image[:, 0] - house.image)
    assert distance <= ours.error_bound + house.error_bound
    assert ours.error_bound < 1e-3


@pytest.mark.parametrize("kind", ["sphere", "sphere3", "rotations", "spd", "spd2"])
def test_a_signal_on_a_geodesic_is_denoised_by_arc_length(kind):
    space = MANIFOLDS[kind]
    arcs = np.random.default_rng(5).uniform(-0.6, 0.6, 30)
    origin = near_points(space, (1,))
    direction = np.zeros(space.dimension)
    direction[0] = 1
    signal = space.exp(np.repeat(origin, 30, axis=0), arcs[:, None] * direction)
    ours = manifold.denoise(signal, 0.2, space, solver=Solver(tol=1e-12))
    numbers = steepest.denoise_tv(arcs, 0.2, solver=Solver(tol=1e-12))
    wanted = space.exp(np.repeat(origin, 30, axis=0), numbers.image[:, None] * direction)
    assert space.distance(ours.image, wanted) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("kind", MANIFOLDS)
def test_points_evenly_spaced_on_a_geodesic_do_not_change_by_second_order(kind):
    space = MANIFOLDS[kind]
    direction = np.zeros(space.dimension)
    direction[0] = 0.05
    origin = np.repeat(near_points(space, (1,)), 48, axis=0)
    i, j = np.divmod(np.arange(48), 8)
    image = space.exp(origin, (i + 0.5 * j)[:, None] * direction)
    image = image.reshape(6, 8, *space.point_shape)
    result = manifold.denoise(
        image, 2.0, space, SecondOrderTotalVariation(), solver=Solver(tol=1e-8)
    )
    assert result.energy == pytest.approx(0, abs=1e-10)
    flat = image.reshape(48, *space.point_shape), result.image.reshape(48, *space.point_shape)
    assert space.distance(*flat) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kind", MANIFOLDS)
@pytest.mark.parametrize("second_order", [0.0, 0.2])
def test_the_energy_falls_at_every_step(kind, second_order):
    # orientations farther apart than the symmetry allows have several midpoints
    image = near_points(MANIFOLDS[kind], (12, 13), spread=0.15 if kind == "cubic" else 0.6)
    energies = []
    energy = CombinedTotalVariation(alpha=0.3, beta=second_order)
    result = manifold.denoise(
        image, 1.0, MANIFOLDS[kind], energy, solver=Solver(tol=1e-6),
        on_step=lambda step: energies.append(step.energy),
    )  # fmt: skip
    assert result.converged
    assert len(energies) > 1
    assert np.all(np.diff(energies) <= 0)
    assert result.energy <= energies[-1]


@pytest.mark.parametrize("kind", MANIFOLDS)
@pytest.mark.parametrize("second_order", [0.0, 0.2])
def test_the_model_has_the_energys_slope(kind, second_order):
    """Away from kinks, model and energy agree to second order in the step."""
    space, (n, shape) = MANIFOLDS[kind], (30, (5, 6))
    image = near_points(space, shape, spread=0.5)
    problem, _ = prepare(image, 0.3, space, CombinedTotalVariation(beta=second_order))
    x = near_points(space, (n,), spread=0.5, seed=8)
    linear = linearise(problem, x)
    assert linear.energy == pytest.approx(problem.energy(x))
    xi = np.random.default_rng(9).standard_normal((n, space.dimension))

    def model(t):
        squares = []
        for k, term in enumerate(problem.terms):
            r = linear.vectors[k].T.copy()
            for m, pixel in enumerate(term.pixels):
                block = linear.block_index[k, m]
                moved = t * xi[pixel]
                if block >= 0:
                    r += np.einsum("pqn,nq->np", linear.blocks[block], moved)
                else:
                    r += linear.coefficients[k, m] * moved
            squares.append(np.sum(r**2, axis=1) * term.valid)
        fit = 0.5 * np.sum((t * xi - linear.data.T) ** 2)
        return fit + problem.regulariser(squares)

    t = 1e-4
    slope = (problem.energy(space.exp(x, t * xi)) - problem.energy(space.exp(x, -t * xi))) / (2 * t)
    assert (model(t) - model(-t)) / (2 * t) == pytest.approx(slope, rel=1e-5)


def test_the_gap_on_the_circle_bounds_what_a_long_run_still_gains():
    phases = np.random.default_rng(6).uniform(-np.pi, np.pi, (24, 24)) * 0.5
    best = manifold.denoise(phases, 0.4, "circle", solver=Solver(tol=1e-12))
    for tol in (1e-1, 1e-2, 1e-4):
        rough = manifold.denoise(phases, 0.4, "circle", solver=Solver(tol=tol))
        away = manifold.Circle().distance(rough.image, best.image)
        assert rough.energy - best.energy <= rough.gap * rough.energy + best.gap * best.energy
        assert np.linalg.norm(away) <= rough.error_bound + best.error_bound
        assert rough.gap <= tol


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("huber", [0.02, 0.4])
def test_huber_of_phases_within_a_half_circle_is_that_of_numbers(norm, huber):
    rng = np.random.default_rng(13)
    phases, weights = rng.uniform(-1.5, 1.5, (12, 15)), rng.uniform(0, 2, (12, 15))
    energy = TotalVariation(norm=norm, huber=huber, weights=weights)
    options = dict(spacing=(1, 0.7), solver=Solver(tol=1e-9))
    ours = manifold.denoise(phases, 0.3, "circle", energy, **options)
    numbers = steepest.denoise(phases, 0.3, energy, **options)
    distance = np.linalg.norm(ours.image - numbers.image)
    assert distance <= ours.error_bound + numbers.error_bound < 1e-3
    plain = manifold.denoise(phases, 0.3, "circle", replace(energy, huber=0), **options)
    assert np.linalg.norm(ours.image - plain.image) > 20 * (ours.error_bound + plain.error_bound)


@pytest.mark.parametrize("kind", MANIFOLDS)
def test_a_small_huber_is_total_variation(kind):
    """Its energy is lower, by at most strength huber / 2 for each pixel and order."""
    image = near_points(MANIFOLDS[kind], (9, 10), spread=0.15)
    both, solver = CombinedTotalVariation(beta=0.5), Solver(tol=1e-6)
    plain = manifold.denoise(image, 0.2, MANIFOLDS[kind], both, solver=solver)
    energies = []
    for huber in (1e-2, 1e-4):
        smooth = manifold.denoise(
            image, 0.2, MANIFOLDS[kind], replace(both, huber=huber), solver=solver,
            on_step=lambda step: energies.append(step.energy),
        )  # fmt: skip
        assert smooth.converged
        assert np.all(np.diff(energies) <= 0)
        assert -1e-5 * plain.energy < plain.energy - smooth.energy <= 0.4 * huber / 2 * 90 + 1e-5
        energies.clear()


@pytest.mark.parametrize("huber", [1e-3, 0.3])
def test_a_pair_with_huber_has_the_gradient_zero(huber):
    """Each end moves by the slope of the cost of what is left between them."""
    space = manifold.SPD()
    pair = near_points(space, (2,), spread=0.3)
    result = manifold.denoise(
        pair, 0.2, space, TotalVariation(huber=huber), solver=Solver(tol=1e-13)
    )
    left = space.distance(result.image[:1], result.image[1:])[0]
    moved = space.distance(pair, result.image)
    assert moved == pytest.approx(0.2 * min(1, left / huber), abs=1e-6)
    assert result.error_bound < 1e-5


@pytest.mark.parametrize("norm", NORMS)
def test_diagonal_tensors_are_denoised_as_their_logarithms(norm):
    logs = np.random.default_rng(10).standard_normal((12, 13, 3))
    image = np.exp(logs)[..., None] * np.eye(3)
    energy, solver = TotalVariation(norm=norm), Solver(tol=1e-11)
    ours = manifold.denoise(image, 0.3, "spd", energy, solver=solver)
    house = steepest.denoise(logs, 0.3, energy, channel_axis=-1, solver=solver)
    diagonal = np.log(np.diagonal(ours.image, axis1=-2, axis2=-1))
    assert np.linalg.norm(diagonal - house.image) <= ours.error_bound + house.error_bound
    assert ours.error_bound + house.error_bound < 2e-4
    assert ours.gap is None
    assert ours.status is Status.CONVERGED


def test_tensors_in_other_coordinates_give_the_same_image():
    image, a = (
        near_points("spd", (9, 8), spread=0.5),
        np.random.default_rng(11).standard_normal((3, 3)),
    )
    plain = manifold.denoise(image, 0.3, "spd", solver=Solver(tol=1e-10))
    other = manifold.denoise(a @ image @ a.T, 0.3, "spd", solver=Solver(tol=1e-10))
    turned = (a @ plain.image @ a.T).reshape(-1, 3, 3)
    apart = np.linalg.norm(manifold.SPD().distance(turned, other.image.reshape(-1, 3, 3)))
    assert apart <= plain.error_bound + other.error_bound
    assert other.energy == pytest.approx(plain.energy, rel=1e-9)


@pytest.mark.parametrize(
    ("norm", "huber"), [("isotropic", 0), ("anisotropic", 0), ("isotropic", 0.05)]
)
def test_the_bound_of_tensors_is_never_below_the_distance_to_a_long_run(norm, huber):
    image = near_points("spd", (14, 15), spread=0.5)
    image[:, 8:] *= 5
    energy = TotalVariation(norm=norm, huber=huber)
    best = manifold.denoise(image, 0.4, "spd", energy, solver=Solver(tol=1e-13))
    assert best.error_bound < 1e-4
    for tol in (1e-1, 1e-2, 1e-3, 1e-5):
        rough = manifold.denoise(image, 0.4, "spd", energy, solver=Solver(tol=tol))
        apart = manifold.SPD().distance(rough.image.reshape(-1, 3, 3), best.image.reshape(-1, 3, 3))
        assert np.linalg.norm(apart) <= rough.error_bound + best.error_bound


def test_equivalent_orientations_are_one_orientation():
    space = MANIFOLDS["cubic"]
    image = near_points(space, (8, 9), spread=0.05)
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(12)
    chosen = space.operators[rng.integers(len(space.operators), size=72)]
    other = Rotation.from_quat(image.reshape(-1, 4)) * Rotation.from_quat(chosen)
    first = manifold.denoise(image, 0.02, space, solver=Solver(tol=1e-9))
    second = manifold.denoise(
        other.as_quat().reshape(image.shape), 0.02, space, solver=Solver(tol=1e-9)
    )
    apart = space.distance(first.image.reshape(-1, 4), second.image.reshape(-1, 4))
    assert apart == pytest.approx(0, abs=1e-5)
    assert first.energy == pytest.approx(second.energy, rel=1e-7)
    assert first.status is Status.STATIONARY
    assert first.error_bound is None


def test_a_product_with_phases_is_not_called_global():
    space = manifold.Product((manifold.Circle(), manifold.SPD(2)))
    image = np.tile(np.array([0.3, 1, 0, 0, 1]), (5, 5, 1))
    result = manifold.denoise(image, 0.1, space)
    assert result.error_bound is None
    assert result.status is Status.STATIONARY


@pytest.mark.parametrize("kind", ["circle", "sphere", "spd"])
def test_embedded_denoising_says_that_nothing_is_certified(kind):
    image = near_points(kind, (10, 11), spread=0.3)
    result = manifold.denoise(image, 0.2, kind, embedded=True)
    intrinsic = manifold.denoise(image, 0.2, kind, solver=Solver(tol=1e-6))
    assert result.status is Status.EMBEDDED
    assert result.gap is None
    assert result.error_bound is None
    assert intrinsic.energy <= result.energy < 1.2 * intrinsic.energy


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("kind", ["circle", "sphere"])
def test_the_number_of_threads_does_not_matter(kind, threads):
    image = near_points(kind, (150, 140), spread=0.5)
    one, more = (
        manifold.denoise(image, 0.3, kind, solver=Solver(tol=1e-3, num_threads=n))
        for n in (1, threads)
    )
    np.testing.assert_array_equal(one.image, more.image)
    assert one.energy == more.energy


@pytest.mark.parametrize("kind", ["circle", "sphere"])
@pytest.mark.parametrize("second_order", [0.0, 0.2])
def test_unknown_pixels_do_not_use_their_values(kind, second_order):
    image = near_points(kind, (10, 12), spread=0.3)
    known = np.random.default_rng(7).uniform(size=(10, 12)) < 0.6
    other = image.copy()
    other[~known] = np.nan
    energy = CombinedTotalVariation(alpha=0.2, beta=second_order)
    first, second = (
        manifold.denoise(f, 1.0, kind, energy, known=known, solver=Solver(tol=1e-7))
        for f in (image, other)
    )
    np.testing.assert_array_equal(first.image, second.image)
    assert first.status is Status.STATIONARY
    assert first.gap is None
    assert first.error_bound is None


def test_a_hole_between_two_constants_is_filled_with_one_of_them_or_between():
    phases = np.repeat([0.0, 1.0], 10)
    known = np.ones(20, bool)
    known[7:13] = False
    filled = manifold.denoise(phases, 0.05, "circle", known=known, solver=Solver(tol=1e-9)).image
    assert np.all(np.diff(filled) >= -1e-4)
    assert filled[0] == pytest.approx(0.05 / 7, abs=1e-3)


@pytest.mark.parametrize("kind", ["circle", "spd"])
def test_strength_zero_changes_nothing(kind):
    image = near_points(kind, (8, 9))
    result = manifold.denoise(image, 0.0, kind)
    np.testing.assert_allclose(result.image, image, rtol=1e-15)
    assert result.energy == pytest.approx(0, abs=1e-20)
    assert result.error_bound == pytest.approx(0, abs=1e-10)
    assert result.converged


def test_tensors_come_back_as_tensors_on_their_device():
    torch = pytest.importorskip("torch")
    phases = torch.linspace(-3, 3, 20).reshape(4, 5)
    got = manifold.denoise(phases, 0.2, "circle").image
    expected = manifold.denoise(phases.numpy(), 0.2, "circle").image
    assert got.dtype == torch.float32
    np.testing.assert_array_equal(got.numpy(), expected)
    with pytest.raises(InputError, match="requires grad"):
        manifold.denoise(phases.requires_grad_(), 0.2, "circle")


@pytest.mark.parametrize("kind", MANIFOLDS)
def test_a_constant_image_stays_as_it_is(kind):
    space = MANIFOLDS[kind]
    image = np.tile(near_points(space, (1,)), (9, 8, *(1 for _ in space.point_shape)))
    if space.point_shape == ():
        image = np.full((9, 8), image.flat[0])
    result = manifold.denoise(image, 1.0, space, CombinedTotalVariation(alpha=0.3, beta=0.2))
    assert result.status.ok  # the energy is zero but for rounding
    flat = (each.reshape(72, *space.point_shape) for each in (image, result.image))
    assert space.distance(*flat) == pytest.approx(0, abs=1e-7)


def test_a_solver_that_cannot_go_on_does_not_say_that_it_converged():
    rng = np.random.default_rng(0)
    image = rng.standard_normal((16, 16, 3))
    image /= np.linalg.norm(image, axis=-1, keepdims=True)
    energy = CombinedTotalVariation(alpha=0.2, beta=0.2)
    result = manifold.denoise(image, 1.0, "sphere", energy, solver=Solver(tol=1e-8))
    assert result.converged == (result.model_gap <= 1e-8)


def test_float32_comes_back_and_one_pixel_is_fine():
    phases = np.zeros((1, 1), np.float32) + 1
    result = manifold.denoise(phases, 0.3, "circle")
    assert result.image.dtype == np.float32
    assert result.image == np.float32(1)


def test_stopping_returns_the_best_image_so_far():
    image = near_points("sphere", (12, 12))
    seen = []

    def stop(step):
        seen.append(step.image)
        return len(seen) == 2

    result = manifold.denoise(image, 0.3, "sphere", on_step=stop, solver=Solver(tol=1e-9))
    assert result.status is Status.STOPPED
    assert not result.converged
    np.testing.assert_array_equal(result.image, seen[-1])


def test_the_iteration_limit_is_said():
    image = near_points("sphere", (12, 12))
    result = manifold.denoise(image, 0.3, "sphere", solver=Solver(tol=1e-12, max_num_iter=20))
    assert result.status is Status.MAX_ITERATIONS
    assert result.iterations == 20
    with pytest.raises(NotConverged) as error:
        manifold.denoise(image, 0.3, "sphere", solver=Solver(1e-12, 20, raise_on_failure=True))
    np.testing.assert_array_equal(error.value.result.image, result.image)


@pytest.mark.parametrize("kind", ["circle", "spd"])
@pytest.mark.parametrize("order", [TotalVariation, SecondOrderTotalVariation])
def test_one_order_of_the_combined_energy_is_that_order(kind, order):
    """With its weight in the strength, and Huber's zone in that of the weighted norm."""
    image, options = near_points(kind, (7, 9), spread=0.2), dict(spacing=0.5)
    alpha, beta = (0.5, 0.0) if order is TotalVariation else (0.0, 0.5)
    both = CombinedTotalVariation(alpha=alpha, beta=beta, huber=0.125)
    ours = manifold.denoise(image, 0.5, kind, both, **options)
    alone = manifold.denoise(image, 0.25, kind, order(huber=0.25), **options)
    np.testing.assert_array_equal(ours.image, alone.image)
    assert ours.energy == alone.energy


@pytest.mark.parametrize("huber", [0.1, 0.6])
def test_huber_of_both_orders_is_that_of_the_energy_for_numbers(huber):
    values = np.random.default_rng(14).standard_normal(40).cumsum() / 3
    energy = CombinedTotalVariation(alpha=2, beta=0.5, huber=huber)
    solver = Solver(tol=1e-9, max_num_iter=100_000)
    ours = manifold.denoise(values[:, None], 0.3, manifold.Euclidean(1), energy, solver=solver)
    house = steepest.denoise(values, 0.3, energy, solver=solver)
    assert ours.energy == pytest.approx(
        0.5 * np.sum((house.image - values) ** 2)
        + 0.3 * energy.on(values[None], (1.0,)).value(house.image[None]),
        rel=1e-6,
    )
    distance = np.linalg.norm(ours.image[:, 0] - house.image)
    assert distance <= ours.error_bound + house.error_bound < 1e-2


@pytest.mark.parametrize(
    ("energy", "message"),
    [
        (CroftonTotalVariation(), "energy=CroftonTotalVariation.*allowed on manifolds are Total"),
        (TotalVariation, "energy=<class"),
        ("tv", "energy='tv'"),
        (TotalVariation(coupled=False), "coupled=False; allowed on manifolds is coupled=True"),
        (TotalGeneralisedVariation(coupled=False), "coupled=False"),
        (SecondOrderTotalVariation(boundary="periodic"), "boundary='periodic'; .*'neumann'"),
        (TotalVariation(spacing=(2.0, 2.0)), "spacing=.*the energy has spacing"),
    ],
)
def test_what_is_not_defined_on_manifolds_is_refused_by_name(energy, message):
    with pytest.raises(InputError, match=message):
        manifold.denoise(PHASES, 1.0, "circle", energy, spacing=1.0)


def test_total_generalised_variation_is_not_embedded():
    with pytest.raises(InputError, match=r"embedded=True.*TotalGeneralisedVariation"):
        manifold.denoise(PHASES, 1.0, "circle", TotalGeneralisedVariation(), embedded=True)


def test_the_spacing_of_an_energy_counts():
    image = near_points("circle", (6, 7))
    ours = manifold.denoise(image, 0.3, "circle", TotalVariation(spacing=(0.5, 2.0)))
    other = manifold.denoise(image, 0.3, "circle", spacing=(0.5, 2.0))
    np.testing.assert_array_equal(ours.image, other.image)


PHASES = np.zeros((4, 5))
NEGATIVE = TotalVariation(weights=-PHASES - 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(image=PHASES, strength=-1, manifold="circle"), "strength=-1"),
        (dict(image=PHASES, strength=1, manifold="torus"), "manifold='torus'"),
        (dict(image=PHASES.astype(int), strength=1, manifold="circle"), "dtype int64"),
        (dict(image=PHASES + np.nan, strength=1, manifold="circle"), "NaN"),
        (dict(image=PHASES, strength=1, manifold="sphere"), "length|shape"),
        (dict(image=np.zeros((2, 2, 2, 2)), strength=1, manifold="circle"), "shape"),
        (dict(image=PHASES, strength=1, manifold="circle", known=PHASES), "known has dtype"),
        (dict(image=PHASES, strength=1, manifold="circle", known=PHASES > 1), "False everywhere"),
        (dict(image=PHASES, strength=1, manifold="circle", energy=NEGATIVE), "weights"),
        (dict(image=PHASES, strength=1, manifold="circle", spacing=(1, 2, 3)), "spacing"),
        (dict(image=PHASES, strength=1, manifold="circle", embedded=2), "embedded=2"),
        (dict(image=PHASES, strength=1, manifold="circle", solver=Solver(tol=0)), "tol=0"),
        (dict(image=PHASES, strength=1, manifold="circle", on_step=3), "on_step=3"),
        (dict(image=PHASES, strength=1, manifold="circle", solver=3), "solver=3"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        manifold.denoise(**arguments)


def test_opposite_directions_do_not_hold_up_the_rest_of_the_image():
    """Midpoints of opposite points jump, so no model holds there; elsewhere the solver goes on."""
    left = near_points("sphere", (12, 10), spread=0.3)
    right = np.random.default_rng(12).standard_normal((12, 10, 3))
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    weights = np.ones((12, 20))
    weights[:, 9:11] = 0  # the halves have no terms in common
    energy = CombinedTotalVariation(alpha=0.1, beta=0.3, weights=weights)
    part, solver = replace(energy, weights=weights[:, :10]), Solver(tol=1e-6)
    both = manifold.denoise(np.hstack([left, right]), 1.0, "sphere", energy, solver=solver)
    alone = manifold.denoise(left, 1.0, "sphere", part, solver=solver)
    assert alone.converged
    apart = manifold.Sphere().distance(
        np.ascontiguousarray(both.image[:, :10]).reshape(-1, 3), alone.image.reshape(-1, 3)
    )
    assert apart.max() < 5e-4  # 3e-3 if all pixels are damped where one model fails
