"""Manifold-valued images denoised in a Euclidean embedding."""

from typing import Any

import numpy as np
import pytest

import steepest
from steepest import CombinedTotalVariation, Solver
from steepest.core.solver import Limits
from steepest.manifold import Circle, Euclidean, Rotations, Sphere, denoising
from steepest.manifold.arguments import prepare
from tests.manifold_points import near_points

RNG = np.random.default_rng(5)


def denoise_embedded(
    image: np.ndarray,
    first: float,
    second: float,
    manifold: Any,
    tol: float = 1e-4,
    **options: Any,
) -> tuple[np.ndarray, Any]:
    energy = CombinedTotalVariation(alpha=first, beta=second, **options)
    problem, shaped = prepare(image, 1.0, manifold, energy)
    points, found = denoising.denoise_embedded(problem, Limits(tol, 20000), None)
    return shaped(points), found


@pytest.mark.parametrize(
    ("shape", "second"), [((9,), 0.0), ((6, 7), 0.0), ((4, 3, 5), 0.0), ((9,), 0.1)], ids=str
)
@pytest.mark.parametrize("norm", ["isotropic", "anisotropic"])
def test_vectors_are_denoised_as_by_the_energies_of_images(
    shape: tuple[int, ...], second: float, norm: str
) -> None:
    """In a Euclidean space, nothing is lost: it is the vectorial problem with its certificate."""
    u = RNG.standard_normal((*shape, 2))
    points, found = denoise_embedded(u, 0.2, second, Euclidean(2), norm=norm, tol=1e-9)
    energy = CombinedTotalVariation(alpha=0.2, beta=second, norm=norm)
    wanted = steepest.denoise(u, 1.0, energy, solver=Solver(tol=1e-9), channel_axis=-1)
    np.testing.assert_array_equal(points, found.image)
    assert found.error_bound is not None
    assert np.linalg.norm(points - wanted.image) <= found.error_bound + wanted.error_bound <= 1e-3


@pytest.mark.parametrize("second", [0.0, 0.1])
def test_unknown_pixels_are_filled_in(second: float) -> None:
    clean = np.zeros((8, 9)) + 0.3 * np.arange(9)
    known = RNG.random(clean.shape) < 0.7
    energy, solver = CombinedTotalVariation(alpha=0.01, beta=second), Solver(tol=1e-6)
    result = steepest.manifold.denoise(
        np.where(known, clean, 2.0), 1.0, "circle", energy, known=known, embedded=True,
        solver=solver,
    )  # fmt: skip
    assert np.abs(result.image - clean).max() < (0.31 if second == 0 else 0.1)
    assert result.status is steepest.Status.EMBEDDED


@pytest.mark.parametrize("shape", [(9,), (6, 7), (4, 3, 5)], ids=str)
def test_results_are_points_and_constants_stay(shape: tuple[int, ...]) -> None:
    v, _ = denoise_embedded(near_points(Sphere(2), shape), 0.5, 0.1, Sphere(2), tol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(v, axis=-1), 1, rtol=1e-14)
    still = np.full(shape, 3.0)
    angles, found = denoise_embedded(still, 0.5, 0.1, Circle(), tol=1e-6)
    np.testing.assert_allclose(angles, still, atol=1e-12)
    assert found.image.shape == (*shape, 2)


def test_phases_are_denoised_across_the_jump_of_two_pi() -> None:
    clean = np.full((20, 20), np.pi)
    noisy = clean + 0.3 * RNG.standard_normal(clean.shape)
    circle = Circle()
    angles, _ = denoise_embedded(
        circle.check(noisy.ravel(), "image").reshape(20, 20), 2.0, 0.0, circle
    )
    assert np.abs(np.angle(np.exp(1j * (angles - clean)))).max() < 0.1


def test_weights_keep_an_edge() -> None:
    angles = np.repeat([[0.0, 1.0]], 6, axis=0).repeat(4, axis=1)
    weights = np.ones(angles.shape)
    weights[:, 3] = 0.0  # differences belong to the pixel before them
    kept, _ = denoise_embedded(angles, 0.4, 0.0, Circle(), weights=weights, tol=1e-8)
    np.testing.assert_allclose(kept, angles, atol=1e-4)
    less, _ = denoise_embedded(angles, 0.4, 0.0, Circle(), tol=1e-8)
    assert np.abs(less - angles).min() > 0.05


def test_rotations_about_one_axis_are_denoised_as_phases() -> None:
    angles = np.repeat([0.2, 0.9], 8) + 0.1 * RNG.standard_normal((10, 16))
    half = angles[..., None] / 2
    q = np.concatenate([np.zeros((10, 16, 2)), np.sin(half), np.cos(half)], -1)
    turned, _ = denoise_embedded(q, 0.3, 0.1, Rotations(), tol=1e-10)
    phases, _ = denoise_embedded(angles, 0.3, 0.1, Circle(), tol=1e-10)
    np.testing.assert_allclose(2 * np.arctan2(turned[..., 2], turned[..., 3]), phases, atol=1e-4)


def test_orientations_of_crystals_are_refused() -> None:
    q = np.tile([0, 0, 0, 1.0], (3, 3, 1))
    with pytest.raises(steepest.InputError, match="embedded=True"):
        denoise_embedded(q, 0.1, 0.0, Rotations(symmetry="m-3m"))
