"""The TVflowNET paper's smoothed scheme, Eq. (7), approaches the flow as epsilon falls."""

import numpy as np

import steepest
from cases import distance, lagged_diffusivity


def test_lagged_diffusivity_approaches_the_flow() -> None:
    rng = np.random.default_rng(12)
    image = np.pad(np.ones((4, 4)), 3) + 0.3 * rng.random((10, 10))
    time = 0.2
    result = steepest.tv_flow(image, time, steps=100, solver=steepest.Solver(tol=1e-7))
    errors = []
    for epsilon in (1e-1, 1e-2, 1e-3, 1e-4):
        smoothed = lagged_diffusivity(image, time, epsilon=epsilon, num_steps=300)
        errors.append(distance(smoothed, result.images[0]))
        within = np.sqrt(2 * time * epsilon * image.size)
        assert errors[-1] <= within + float(result.error_bound[0])
    assert np.all(np.diff(errors) < 0)
    assert errors[-1] < 0.02 * errors[0]
    assert errors[-1] < 3e-3 * np.linalg.norm(image - image.mean())
