"""The momentum of the descent is Nesterov's dynamics of measures: Gaussians stay Gaussian.

For an energy whose Wasserstein gradient is affine on Gaussians, particles from one move by affine
maps, and their mean m and map M solve ``m'' + 3/t m' = -grad_m``, ``M'' + 3/t M' = -grad_M``. This
is shown for `descend` in the limit of short steps, before its first restart.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import j1

from steepest.core.solver import Limits
from steepest.particles.descent import descend

GOAL = np.array([1.0, -2])
PRECISION = np.array([[2.0, 0.6], [0.6, 0.8]])


def gaussian(count: int = 200) -> np.ndarray:
    return np.random.default_rng(0).multivariate_normal([3, 1], [[2, -0.5], [-0.5, 1]], count)


class Energy:
    """``E (x - b)' P (x - b) / 2``, plus minus the entropy of the Gaussian with these moments."""

    attraction = SimpleNamespace(hexagonal=lambda count: 1e-9)  # never reached

    def __init__(self, tau: float, entropy: bool) -> None:
        self.tau, self.entropy = tau, entropy

    def __call__(self, points: np.ndarray) -> tuple[float, np.ndarray]:
        far = points - GOAL
        value, slope = 0.5 * (far @ PRECISION * far).sum(1).mean(), far @ PRECISION
        if self.entropy:
            spread = np.cov(points.T, bias=True)
            value -= 0.5 * np.log(np.linalg.det(spread))
            slope = slope - (points - points.mean(0)) @ np.linalg.inv(spread)
        return value, slope

    def step(self, points: np.ndarray, slope: np.ndarray) -> np.ndarray:
        return points - self.tau * slope

    def inside(self, points: np.ndarray) -> np.ndarray:
        return points


def run(time: float, steps: int, entropy: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean and map of the particles at a time, and what of them is not affine."""
    start = gaussian()
    energy = Energy((time / steps) ** 2, entropy)
    end, *_ = descend(energy, start, Limits(0.0, steps + 1))
    middle = start - start.mean(0)
    matrix, *_ = np.linalg.lstsq(middle, end - end.mean(0), rcond=None)
    return end.mean(0), matrix.T, end - end.mean(0) - middle @ matrix


def test_a_potential_moves_gaussians_as_bessel_functions_say() -> None:
    start, time = gaussian(), 1.5
    values, basis = np.linalg.eigh(PRECISION)
    z = time * np.sqrt(values)
    factor = basis @ np.diag(2 * j1(z) / z) @ basis.T  # solves x'' + 3/t x' = -P x
    errors = []
    for steps in (100, 200, 400):
        mean, matrix, rest = run(time, steps, entropy=False)
        assert abs(rest).max() < 1e-12
        errors.append(abs(matrix - factor).max())
        assert abs(mean - GOAL - factor @ (start.mean(0) - GOAL)).max() < 5 * errors[-1]
    assert errors[2] < 0.01
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.2)
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.2)


def test_the_divergence_from_a_gaussian_moves_the_covariance_by_its_equation() -> None:
    start, time = gaussian(), 1.5
    spread = np.cov(start.T, bias=True)

    def motion(t: float, state: np.ndarray) -> np.ndarray:
        mean, matrix, speed = state[:2], state[2:6].reshape(2, 2), state[6:]
        push = np.linalg.inv(matrix.T) @ np.linalg.inv(spread) - PRECISION @ matrix
        force = np.concatenate([PRECISION @ (GOAL - mean), push.ravel()])
        return np.concatenate([speed, force - 3 / t * speed])

    initial = np.concatenate([start.mean(0), np.eye(2).ravel(), np.zeros(6)])
    exact = solve_ivp(motion, (1e-6, time), initial, rtol=1e-9, atol=1e-9).y[:, -1]
    covariance = exact[2:6].reshape(2, 2) @ spread @ exact[2:6].reshape(2, 2).T
    errors = []
    for steps in (100, 200, 400):
        mean, matrix, rest = run(time, steps, entropy=True)
        assert abs(rest).max() < 1e-12
        assert abs(mean - exact[:2]).max() < 15 / steps
        errors.append(abs(matrix @ spread @ matrix.T - covariance).max())
    assert errors[2] < 0.02
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.2)
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.2)
