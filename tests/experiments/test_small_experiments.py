"""Parts of the small experiments that have exact answers."""

from itertools import permutations

import numpy as np
import pytest
from scipy.special import digamma


def test_clouds_that_differ_by_a_rotation_are_matched():
    from experiments.transport.alignment import embed, match

    rng = np.random.default_rng(0)
    x = rng.standard_normal((15, 3))
    order = rng.permutation(15)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    plan = match(x, x[order] @ turn + 1)
    np.testing.assert_array_equal(order[plan.argmax(axis=1)], np.arange(15))
    assert embed(x, x[order] @ turn)[2] < 1e-9
    flat = np.hstack([x[:, :2], np.zeros((15, 1))]) @ turn
    assert embed(x[:, :2], flat)[2] < 1e-9  # a plane in space


def test_pairings_are_those_of_permanents():
    from experiments.transport.unpaired import pairing, scaling

    p = np.random.default_rng(0).uniform(0.1, 1, (2, 3, 3))
    exact = np.zeros_like(p)
    for k in range(2):
        for order in permutations(range(3)):
            exact[k, range(3), order] += np.prod(p[k, range(3), order])
        exact[k] /= exact[k].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(pairing(p), exact)
    np.testing.assert_allclose(scaling(p).sum(axis=2), 1, atol=1e-6)


def test_the_ground_metric_is_a_fixed_point():
    from experiments.transport.ground_metric import costs, learn

    table = np.random.default_rng(0).uniform(0.1, 1, (5, 6))
    a, b, residual, _ = learn(table, ridge=0.3)
    assert residual <= 1e-8
    again = costs((table / table.sum(axis=0)).T.copy(), a, 0.3)
    np.testing.assert_allclose(again, b, atol=1e-7)


def test_sliced_costs_of_shifted_clouds_are_the_squared_shift():
    from experiments.transport.clouds import midpoint, sliced_costs

    x = np.random.default_rng(0).standard_normal((1, 20, 2))
    y = x + np.array([3.0, 4.0])
    assert sliced_costs(x, y)[0, 0] == pytest.approx(25, rel=1e-9)
    order = np.random.default_rng(1).permutation(20)
    np.testing.assert_allclose(midpoint(x[0], y[0][order], True), x[0] + np.array([1.5, 2.0]))


def test_a_bregman_step_never_raises_the_loss_and_stops_at_the_solution():
    from experiments.probability.dirichlet import fixed_point, inverse_digamma, variable_bregman
    from experiments.probability.dirichlet_fit import loss, maximize

    rng = np.random.default_rng(0)
    mean_log = np.log(rng.dirichlet([0.5, 3, 8], 100)).mean(axis=0)
    best = maximize(mean_log, np.ones(3))[0]
    for update in (fixed_point, variable_bregman):
        alpha = np.ones(3)
        for _ in range(50):
            new = update(alpha, mean_log)
            assert loss(new, mean_log) <= loss(alpha, mean_log) + 1e-12
            alpha = new
        np.testing.assert_allclose(update(best, mean_log), best, rtol=1e-8)
    values = np.array([0.01, 0.7, 30.0])
    np.testing.assert_allclose(inverse_digamma(digamma(values)), values, rtol=1e-8)


def test_all_sudoku_grids_are_found_and_conflicts_are_masked():
    from experiments.probability.sudoku import all_grids, conflicting, sample_masked, valid

    known = all_grids()
    assert known.shape == (288, 16)
    assert len(np.unique(known, axis=0)) == 288
    wrong = known[0].copy()
    wrong[5] = (wrong[5] + 1) % 4
    np.testing.assert_array_equal(np.flatnonzero(conflicting(known, wrong)), [5])
    assert valid(known, sample_masked(known, 20, 8, True, 0))[0] == 1
    assert valid(known, sample_masked(known, 20, 1, False, 0))[0] == 1  # exact, cell by cell


def test_waiting_clients_are_not_chosen_and_labels_are_balanced():
    from experiments.probability.federated import select

    counts = np.repeat(np.eye(3, dtype=int) * 5, 4, axis=0)  # four clients for each label
    chosen = select(counts, 3, np.random.default_rng(0), True, [0, 4])
    assert not set(chosen) & {0, 4}
    np.testing.assert_array_equal(counts[chosen].sum(axis=0), [5, 5, 5])


def test_interpolant_scores_and_ends_are_those_of_the_density():
    from experiments.probability.densities import ends, log_density, score

    x, h = np.array([[0.3, 0.4], [-1.0, 2.0]]), 1e-5
    for k in range(2):
        step = h * np.eye(2)[k]
        slope = (log_density(x + step) - log_density(x - step)) / (2 * h)
        np.testing.assert_allclose(score(x)[:, k], slope, rtol=1e-6)
    far = np.array([[2.0, 1.0]]) * 0.99  # on the way to the center of the larger mode
    found = ends(np.repeat(far, 200, 0), 0.99, np.random.default_rng(0)).mean((0, 1))
    np.testing.assert_allclose(found, [2, 1], atol=0.02)


def test_fourier_layers_take_any_grid():
    torch = pytest.importorskip("torch")
    from experiments.probability.patterns import Fourier, spectrum

    torch.manual_seed(0)
    network = Fourier(width=4, waves=3, depth=1)
    angle = 2 * np.pi * np.arange(16) / 16
    wave = torch.from_numpy(np.cos(angle)[:, None] + np.sin(2 * angle)).float()[None, None]
    fine = torch.fft.irfft2(
        torch.nn.functional.pad(
            torch.fft.fftshift(torch.fft.fft2(wave, norm="forward"), (2, 3)), (8, 8, 8, 8)
        ).roll((16, 16), (2, 3))[..., :17],
        s=(32, 32), norm="forward",
    )  # fmt: skip
    t = torch.full((1,), 0.5)
    with torch.no_grad():
        small, large = network(t, wave), network(t, fine)
    np.testing.assert_allclose(large[..., ::2, ::2], small, atol=1e-4)
    assert spectrum(wave.numpy(), 2).sum() == pytest.approx(float((wave**2).mean()), rel=1e-5)


def test_the_force_of_an_envelope_is_its_gradient_and_zero_at_the_target():
    pytest.importorskip("torch")
    from experiments.probability.envelopes import WEIGHT, factor, kernel, shares, slope

    rng = np.random.default_rng(0)
    known, place = rng.standard_normal((8, 3)), rng.standard_normal((5, 3))
    root = factor(known)

    def value(place):
        q = shares(place, known, root)
        pull = 2 * kernel(place, known).mean(0) - kernel(known, known) @ q / len(q)
        mmd = kernel(place, place).mean() - q @ pull / len(q)
        return ((q - 1) ** 2).mean() / 2 + mmd / (2 * WEIGHT)

    move = rng.standard_normal(place.shape)
    force = slope(place, place, 1.0) - slope(place, known, shares(place, known, root))
    rate = (value(place + 1e-5 * move) - value(place - 1e-5 * move)) / 2e-5
    assert rate == pytest.approx((force * move).sum() / (WEIGHT * len(place)), rel=1e-6)
    np.testing.assert_allclose(shares(known, known, root), 1, atol=1e-10)
    assert value(known) == pytest.approx(0, abs=1e-12)


def test_moments_of_stein_particles_follow_the_matrices():
    from experiments.probability.stein import TARGET, TARGET_MEAN, agreement, divergence

    x = np.random.default_rng(0).standard_normal((20, 3))
    assert agreement(x, 2e-3, 20) < 1e-12
    assert divergence(TARGET_MEAN, TARGET) == pytest.approx(0, abs=1e-12)
