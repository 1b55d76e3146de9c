"""Denoising of manifold-valued images by groups of similar patches."""

import numpy as np
import pytest

from steepest import InputError
from steepest.core.symmetric import eigenvectors
from steepest.manifold import SPD, Circle, Euclidean, Rotations, Sphere, denoise_nl_bayes
from tests.manifold_points import MANIFOLDS, random_points


def slopes(manifold, space, sigma, seed=0):
    """Return a smooth image with an edge, and the same image with noise."""
    rng = np.random.default_rng(seed)
    directions = 0.05 * rng.normal(size=(len(space), manifold.dimension))
    places = np.stack(np.indices(space), -1).reshape(-1, len(space))
    start = random_points(manifold, 2, rng)[(places[:, 0] > space[0] // 2).astype(int)]
    truth = manifold.exp(np.ascontiguousarray(start), places @ directions)
    noise = sigma * rng.normal(size=(len(truth), manifold.dimension))
    shape = (*space, *manifold.point_shape)
    return truth.reshape(shape), manifold.exp(truth, noise).reshape(shape)


def error(manifold, x, y):
    points = (np.ascontiguousarray(z).reshape(-1, *manifold.point_shape) for z in (x, y))
    return np.sqrt((manifold.distance(*points) ** 2).mean())


@pytest.mark.parametrize("manifold", MANIFOLDS, ids=repr)
def test_noise_becomes_a_third_or_less(manifold):
    truth, noisy = slopes(manifold, (20, 16), 0.1)
    result = denoise_nl_bayes(noisy, 0.1, manifold=manifold)
    assert error(manifold, result, truth) < error(manifold, noisy, truth) / 3


@pytest.mark.parametrize("space", [(60,), (9, 8, 7)])
def test_signals_and_volumes(space):
    truth, noisy = slopes(Sphere(2), space, 0.1)
    result = denoise_nl_bayes(noisy, 0.1, manifold="sphere", patch_size=3, patch_distance=4)
    assert result.shape == noisy.shape
    assert error(Sphere(2), result, truth) < 0.7 * error(Sphere(2), noisy, truth)


def test_constant_noise_is_averaged_over_all_pixels_that_look_alike():
    """With pure noise, no eigenvalue is kept: each estimate is a mean of 40 values or more."""
    noise = np.random.default_rng(1).normal(size=(40, 40, 1))
    result = denoise_nl_bayes(noise, 1.0, manifold=Euclidean(1))
    assert result.std() < 1 / np.sqrt(40)


@pytest.mark.parametrize("manifold", [Circle(), Sphere(2), Rotations("m-3m"), SPD(3)], ids=repr)
def test_image_without_noise_stays(manifold):
    truth, _ = slopes(manifold, (12, 12), 0)
    result = denoise_nl_bayes(truth, 1e-6, manifold=manifold)
    assert error(manifold, result, truth) < 1e-5


def test_result_turns_with_the_directions():
    _, noisy = slopes(Sphere(2), (14, 14), 0.1)
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    expected = denoise_nl_bayes(noisy, 0.1, manifold="sphere") @ turn
    result = denoise_nl_bayes(noisy @ turn, 0.1, manifold="sphere")
    np.testing.assert_allclose(result, expected, atol=1e-9)


def test_result_follows_affine_maps_of_tensors():
    _, noisy = slopes(SPD(2), (14, 14), 0.1)
    a = np.array([[2.0, 0.5], [-0.3, 0.8]])
    expected = a @ denoise_nl_bayes(noisy, 0.1, manifold="spd") @ a.T
    result = denoise_nl_bayes(a @ noisy @ a.T, 0.1, manifold="spd")
    np.testing.assert_allclose(result, expected, rtol=1e-7, atol=1e-9)


def test_number_of_threads_does_not_matter():
    _, noisy = slopes(Sphere(2), (30, 30), 0.1)
    one, three = (denoise_nl_bayes(noisy, 0.1, manifold="sphere", num_threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_stopping_returns_the_last_complete_pass():
    _, noisy = slopes(Sphere(2), (14, 14), 0.1)
    seen = []
    denoise_nl_bayes(noisy, 0.1, manifold="sphere", on_step=seen.append)
    assert [report.step for report in seen] == list(range(1, seen[0].num_steps + 1))

    def stopped_at(step):
        return denoise_nl_bayes(
            noisy, 0.1, manifold="sphere", on_step=lambda report: report.step == step
        )

    np.testing.assert_allclose(stopped_at(1), noisy, rtol=1e-15)
    assert np.abs(stopped_at(len(seen)) - noisy).max() > 0


@pytest.mark.parametrize("size", [1, 2, 5, 40])
def test_eigenvectors_of_symmetric_matrices(size):
    rng = np.random.default_rng(size)
    few = rng.normal(size=(3, size, max(size // 2, 1)))  # singular, with repeated zeros
    full = rng.normal(size=(3, size, size)) * 10.0 ** rng.uniform(-3, 3, size)
    tiny = 10.0 ** np.r_[0, rng.uniform(-162, -158, size - 1)]  # products of them underflow
    fixed = [np.zeros((size, size)), np.eye(size), np.diag(np.arange(size, 0.0, -1))]
    matrices = np.stack([*(x @ x.T for x in (*few, *full, tiny[:, None] * few[0])), *fixed])
    values, vectors = np.empty(matrices.shape[:2]), np.empty_like(matrices)
    eigenvectors(matrices, values, vectors)
    scale = np.abs(matrices).max((1, 2), keepdims=True)
    again = (vectors * values[:, None]) @ vectors.transpose(0, 2, 1)
    np.testing.assert_allclose((again - matrices) / np.maximum(scale, 1e-9), 0, atol=1e-12)
    orthogonal = vectors.transpose(0, 2, 1) @ vectors
    np.testing.assert_allclose(orthogonal, np.tile(np.eye(size), (10, 1, 1)), atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma": 0}, "sigma"),
        ({"sigma": -1}, "sigma"),
        ({"patch_size": 0}, "patch_size"),
        ({"patch_size": 11}, "two patches"),
        ({"patch_distance": 0}, "patch_distance"),
        ({"manifold": "torus"}, "manifold"),
    ],
)
def test_bad_options(options, message):
    given = {"sigma": 0.1, "manifold": "circle", **options}
    with pytest.raises(InputError, match=message):
        denoise_nl_bayes(np.zeros((10, 10)), **given)
