"""Optimal transport against closed forms, and tomography with a template."""

import numpy as np
import pytest

pytest.importorskip("skimage")

from experiments.motion import tomography
from experiments.motion.__main__ import bump, plane
from experiments.motion.transport import _kinetic, _poisson, divergence, transport

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("place", "width", "exact"), [(21, 3, 121.0), (16, 4, 37.0)])
def test_distances_of_gaussians(place: float, width: float, exact: float) -> None:
    first, last = bump(32, 10, 3)[:, None, None], bump(32, place, width)[:, None, None]
    result = transport(first, last, num_iter=400)
    assert result.squared_distance == pytest.approx(exact, rel=0.01)
    np.testing.assert_allclose(result.frames.sum((1, 2, 3)), 1, rtol=1e-9)
    middle = result.frames[16, :, 0, 0]
    assert middle @ np.arange(32) == pytest.approx((10 + place) / 2, abs=0.1)


def test_colour_goes_the_short_way_round() -> None:
    """On a circle of three channels, the third is as near to the first as the second."""
    red, green, blue = (plane((4, 4), 1.5, colour, 9) for colour in np.eye(3) * 0.8 + 0.1)
    to_blue = transport(red, blue, num_times=8, num_iter=100)
    to_green = transport(red, green, num_times=8, num_iter=100)
    assert to_blue.squared_distance == pytest.approx(to_green.squared_distance, rel=1e-6)
    assert to_blue.squared_distance > 0.1


def test_projection_and_proximal_map() -> None:
    p = RNG.normal(size=(4, 5, 6, 3))
    p -= p.mean()
    widths = (0.25, 1.0, 1.0, 0.7)
    faces = [
        np.zeros(tuple(n + (k == a and a < 3) for k, n in enumerate(p.shape))) for a in range(4)
    ]
    for axis in range(3):
        inside = (slice(None),) * axis + (slice(1, -1),)
        faces[axis][inside] = -np.diff(p, axis=axis) / widths[axis]
    faces[3] = -(p - np.roll(p, 1, 3)) / widths[3]
    np.testing.assert_allclose(_poisson(divergence(faces, widths), widths), p, atol=1e-12)

    f, m = RNG.normal(size=(2, 1000))
    x, y = _kinetic([f, m], 0.5)
    assert x.min() >= 0
    for dx, dy in RNG.normal(size=(20, 2)) * 0.1:  # no neighbour is better

        def value(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            energy = np.where(a > 0, b**2 / (2 * np.maximum(a, 1e-12)), np.where(b == 0, 0, np.inf))
            return 0.5 * energy + ((a - f) ** 2 + (b - m) ** 2) / 2

        near = np.maximum(x + dx, 0)
        assert np.all(value(x, y) <= value(near, y + dy) + 1e-8)


def test_bad_images_are_refused() -> None:
    image = np.ones((4, 4, 3))
    with pytest.raises(ValueError, match="sums"):
        transport(image, 2 * image)
    with pytest.raises(ValueError, match="negative"):
        transport(image, -image)


def test_projections_keep_the_mass_and_agree_with_the_template() -> None:
    operator = tomography.projections(16, np.array([0.0, 90.0]))
    image = np.zeros((16, 16))
    image[4:12, 5:11] = RNG.random((8, 6))
    seen = (operator @ image.ravel()).reshape(2, 16)
    np.testing.assert_allclose(seen[0], image.sum(0))
    np.testing.assert_allclose(np.sort(seen[1]), np.sort(np.r_[image.sum(1)]), atol=1e-12)


def test_reconstruction_is_a_minimum() -> None:
    operator = tomography.projections(12, np.linspace(0, 180, 5, endpoint=False))
    truth = np.zeros((12, 12))
    truth[3:8, 4:9] = 1
    y, pull, towards = operator @ truth.ravel(), 0.5, np.roll(truth, 1, 0)
    x = tomography.reconstruct(operator, y, 0.2, pull=pull, towards=towards, num_iter=2000)

    def energy(z: np.ndarray) -> float:
        down, right = np.diff(z, axis=0, append=z[-1:]), np.diff(z, axis=1, append=z[:, -1:])
        variation = np.sqrt(down**2 + right**2).sum()
        residual = operator @ z.ravel() - y
        return float(
            residual @ residual / 2 + 0.2 * variation + pull / 2 * ((z - towards) ** 2).sum()
        )

    best = energy(x)
    for scale in (1e-3, 1e-2, 1e-1):
        for _ in range(20):
            assert energy(np.maximum(x + scale * RNG.normal(size=x.shape), 0)) >= best - 1e-6
    assert energy(0.999 * x + 0.001 * truth) >= best - 1e-6
    assert energy(0.999 * x + 0.001 * towards) >= best - 1e-6
