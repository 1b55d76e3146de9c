"""Denoising and restoration by patch models."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.fft import irfftn
from scipy.ndimage import convolve, gaussian_filter

import steepest
from steepest import InputError, NotConverged, Solver, Status, patches
from steepest.patches.grid import patches_of
from steepest.patches.model import covariances
from steepest.patches.prior import Prior
from steepest.patches.restoration import Problem, cautious, check_adjoint, spread
from tests.test_patches_model import random_model

RNG = np.random.default_rng(0)
CAMERA = steepest.io.sample("camera")[60:140, 120:200] / 255


def identity(x: np.ndarray) -> np.ndarray:
    return x


@pytest.fixture(scope="module")
def model() -> patches.PatchModel:
    return patches.fit(steepest.io.sample("camera")[:, 220:], 5, 8, 8, num_patches=5000)


def extraction(shape: tuple[int, ...], size: tuple[int, ...]) -> np.ndarray:
    """All patches of an image of one channel as one matrix (n, d, pixels)."""
    grid = patches_of(shape, 1, size)
    return np.eye(grid.size)[grid.starts[:, None] + grid.offsets]


def test_one_gaussian_denoises_by_wiener_filters() -> None:
    model = random_model((3, 2), 1, 4, means=False)
    noisy, sigma = RNG.standard_normal((7, 6)), 0.3
    cut = extraction(noisy.shape, (3, 2))
    counts = cut.sum((0, 1))
    covariance = covariances(model)[0]
    image = noisy.ravel()
    for beta in (1, 4, 8, 16, 32):
        noise = sigma**2 / beta * np.eye(6)
        wiener = covariance @ np.linalg.inv(covariance + noise)
        mean = np.einsum("ndp,de,neq,q->p", cut, wiener, cut, image) / counts
        image = (noisy.ravel() + beta * mean) / (1 + beta)
    found = patches.denoise(noisy, model, sigma)
    np.testing.assert_allclose(found.ravel(), image, atol=1e-12)


@pytest.mark.parametrize("remove_mean", [False, True])
def test_one_gaussian_is_restored_by_a_linear_system(remove_mean: bool) -> None:
    model = random_model((2, 2), 1, 2, remove_mean=remove_mean)
    data, noise, weight = RNG.standard_normal((5, 6)), 0.2, 0.7
    cut = extraction(data.shape, (2, 2))
    centre = np.eye(4) - remove_mean * 0.25
    precision = centre @ np.linalg.pinv(covariances(model)[0]) @ centre
    matrix = np.eye(30) / noise**2 + weight * np.einsum("ndp,de,neq->pq", cut, precision, cut)
    right = data.ravel() / noise**2
    right = right + weight * np.einsum("ndp,de,e->p", cut, precision, model.means[0])
    solver = Solver(tol=1e-10, max_num_iter=200)
    result = patches.restore(data, model, identity, identity, noise, weight=weight, solver=solver)
    np.testing.assert_allclose(result.image.ravel(), np.linalg.solve(matrix, right), atol=1e-8)
    assert result.status.ok


@pytest.mark.parametrize("remove_mean", [False, True])
def test_gradients_are_those_of_the_energy(remove_mean: bool) -> None:
    model = random_model((2, 2), 3, 2, channels=2, remove_mean=remove_mean)
    prior = Prior.of(model, patches_of((5, 4), 2, (2, 2)), 1)
    data, x, v = RNG.standard_normal((3, 40)) * 0.3
    problem = Problem(prior, 0.5, identity, identity, data, np.ones(1))
    energy, members = prior.expect(x)
    step = 1e-5
    ends = [problem.value(y, prior.expect(y)[0]) for y in (x - step * v, x + step * v)]
    gradient, _ = problem.gradient(x, members)
    assert gradient @ v == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-6)
    majorant = [problem.value(x, energy) + s * gradient @ v for s in (0.3, -0.3)]
    majorant = [m + 0.045 * v @ problem.hessian(v, members) for m in majorant]
    assert majorant[0] >= problem.value(x + 0.3 * v, prior.expect(x + 0.3 * v)[0]) - 1e-3
    assert majorant[1] >= problem.value(x - 0.3 * v, prior.expect(x - 0.3 * v)[0]) - 1e-3


@pytest.mark.parametrize("remove_mean", [False, True])
def test_the_preconditioner_knows_the_hessian_of_one_gaussian(remove_mean: bool) -> None:
    model = random_model((2, 3), 1, 2, channels=2, remove_mean=remove_mean)
    prior = Prior.of(model, patches_of((9, 11), 2, (2, 3)), 1)
    point = np.zeros((9, 11, 2))
    point[4, 5, 1] = 1
    _, members = prior.expect(point.ravel())
    found = prior.apply(members, point.ravel(), False).reshape(point.shape)[..., 1]
    kernel = irfftn(prior.spectrum(members, [9, 11])[..., 1], [9, 11])
    np.testing.assert_allclose(np.roll(kernel, (4, 5), (0, 1)), found, atol=1e-10)


def test_the_spectrum_of_a_convolution_is_found() -> None:
    grid = patches_of((60, 50), 1, (3, 3))
    line = np.array([0.25, 0.5, 0.25])

    def blur(flat: np.ndarray) -> np.ndarray:
        image = flat.reshape(60, 50)
        return convolve(image, np.outer(line, line), mode="constant").ravel()

    found = check_adjoint(blur, blur, np.zeros(3000), grid)[..., 0]
    one, other = (
        np.cos(np.pi * frequencies) ** 4
        for frequencies in (np.fft.fftfreq(len(found)), np.fft.rfftfreq(2 * found.shape[1] - 2))
    )
    assert np.abs(found - np.outer(one, other)).max() < 0.2


@pytest.mark.parametrize("remove_mean", [False, True])
def test_restoration_is_sure_of_no_direction(remove_mean: bool) -> None:
    model = random_model((2, 3), 3, 2, remove_mean=remove_mean)
    mean = model.weights @ model.means
    second = np.einsum("k,ki,kj->ij", model.weights, model.means, model.means)
    second += np.einsum("k,kij->ij", model.weights, covariances(model))
    assert spread(model) * model.dimension == pytest.approx(np.trace(second) - mean @ mean)
    thin = replace(model, residuals=model.residuals * 1e-6)
    values = np.linalg.eigvalsh(covariances(cautious(thin)))[:, int(remove_mean) :]
    assert values.min() == pytest.approx(spread(thin) / 16)
    np.testing.assert_allclose(cautious(thin).variances.max(1), thin.variances.max(1))
    again = cautious(cautious(thin))
    assert np.linalg.eigvalsh(covariances(again))[:, int(remove_mean) :].min() >= values.min()


@pytest.mark.parametrize("case", ["superresolve", "deblur", "inpaint", "noisy"])
def test_the_energy_never_grows(case: str, model: patches.PatchModel) -> None:
    solver = Solver(max_num_iter=8)
    if case == "superresolve":
        coarse = patches.coarsen(CAMERA, 2, 1.0) + 0.01 * RNG.standard_normal((40, 40))
        result = patches.superresolve(coarse, model, 2, 1.0, 0.01, solver=solver)
        worse = np.kron(coarse, np.ones((2, 2)))
    elif case == "deblur":
        kernel = np.full((3, 5), 1 / 15)
        worse = convolve(CAMERA, kernel) + 0.01 * RNG.standard_normal(CAMERA.shape)
        result = patches.deblur(worse, model, kernel, 0.01, solver=solver)
    else:
        noise = 0.05 * (case == "noisy")
        known = RNG.random(CAMERA.shape) < 0.5
        worse = np.where(known, CAMERA + noise * RNG.standard_normal(CAMERA.shape), np.nan)
        result = patches.inpaint(worse, model, noise=noise, solver=solver)
        if not noise:
            np.testing.assert_array_equal(result.image[known], CAMERA[known])
        worse = np.where(known, worse, CAMERA[known].mean())
    assert result.iterations >= 2
    assert np.max(np.diff(result.energies)) < 0
    assert result.status in (Status.STATIONARY, Status.MAX_ITERATIONS)
    assert np.mean((result.image - CAMERA) ** 2) < 0.8 * np.mean((worse - CAMERA) ** 2)


@pytest.mark.parametrize(("blur", "phase"), [(1.3, 0.0), (0.8, 0.5), (0.0, 1.0)])
def test_coarse_images_are_blurred_and_thinned(blur: float, phase: float) -> None:
    image = RNG.random((12, 9))
    coarse = patches.coarsen(image, 3, blur, phase=phase)
    assert coarse.shape == (4, 3)
    if phase == 0:
        np.testing.assert_allclose(coarse, gaussian_filter(image, blur)[::3, ::3], atol=1e-12)
    if blur == 0:
        np.testing.assert_array_equal(coarse, image[1::3, 1::3])
    flat = patches.coarsen(np.ones((12, 9)), 3, blur, phase=phase)
    np.testing.assert_allclose(flat, 1)
    ramp = np.tile(np.arange(60.0), (3, 1))
    middle = patches.coarsen(ramp, 3, blur, phase=phase)[0, 5:-5]
    np.testing.assert_allclose(middle, 3 * np.arange(5, 15) + phase, atol=1e-3)


def test_all_channels_are_restored_together_and_any_axis_will_do() -> None:
    model = random_model((2, 2), 2, 3, channels=3, remove_mean=True)
    image = RNG.random((8, 9, 3)).astype(np.float32)
    last = patches.denoise(image, model, 0.1, channel_axis=-1)
    first = patches.denoise(np.moveaxis(image, -1, 0), model, 0.1, channel_axis=0)
    assert last.dtype == np.float32
    np.testing.assert_array_equal(np.moveaxis(first, 0, -1), last)
    solver = Solver(max_num_iter=3)
    fine = patches.superresolve(image, model, 2, 0.5, 0.1, channel_axis=-1, solver=solver)
    other = patches.superresolve(
        np.moveaxis(image, -1, 0), model, 2, 0.5, 0.1, channel_axis=0, solver=solver
    )
    assert fine.image.shape == (16, 18, 3)
    assert fine.image.dtype == np.float32
    np.testing.assert_allclose(np.moveaxis(other.image, 0, -1), fine.image, atol=1e-6)


def test_volumes_and_threads() -> None:
    volume = np.kron(RNG.random((4, 4, 4)), np.ones((4, 4, 4)))
    own = patches.fit(volume, 3, 3, 6, num_patches=2000)
    noisy = volume + 0.2 * RNG.standard_normal(volume.shape)
    one, two = (patches.denoise(noisy, own, 0.2, solver=Solver(num_threads=n)) for n in (1, 2))
    np.testing.assert_array_equal(one, two)
    assert np.mean((one - volume) ** 2) < 0.3 * 0.04
    coarse = patches.coarsen(volume, 2, 0.5)
    one, two = (
        patches.superresolve(
            coarse, own, 2, 0.5, 0.05, solver=Solver(num_threads=n, max_num_iter=3)
        ).image
        for n in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


def test_integers_floats_and_no_noise(model: patches.PatchModel) -> None:
    image = steepest.io.sample("camera")[:20, :20]
    assert patches.denoise(image, model, 0.05).dtype == np.uint8
    assert patches.denoise(image.astype(np.float16) / 255, model, 0.05).dtype == np.float16
    np.testing.assert_array_equal(patches.denoise(image, model, 0), image)
    constant = np.full((9, 9), 0.5)
    np.testing.assert_allclose(patches.denoise(constant, model, 0.1), constant, atol=0.05)


def test_failure_is_reported_and_callbacks_stop(model: patches.PatchModel) -> None:
    strict = Solver(tol=1e-12, max_num_iter=2, raise_on_failure=True)
    small = CAMERA[:12, :12]
    with pytest.raises(NotConverged):
        patches.restore(small, model, identity, identity, 0.1, solver=strict)
    steps: list[Any] = []
    stopped = patches.restore(
        small, model, identity, identity, 0.1, solver=Solver(tol=0),
        on_step=lambda step: steps.append(step) or len(steps) == 2,
    )  # fmt: skip
    assert stopped.status is Status.STOPPED
    assert stopped.iterations == len(steps) == 2


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("noisy", lambda m: patches.denoise(np.full((9, 9), np.nan), m, 0.1)),
        ("noisy", lambda m: patches.denoise(np.zeros((0, 9)), m, 0.1)),
        ("noisy", lambda m: patches.denoise(np.zeros((4, 9)), m, 0.1)),
        ("noisy", lambda m: patches.denoise(np.zeros((9, 9, 9)), m, 0.1)),
        ("noisy", lambda m: patches.denoise(np.zeros((9, 9, 3)), m, 0.1, channel_axis=-1)),
        ("sigma", lambda m: patches.denoise(CAMERA, m, -1)),
        ("model", lambda m: patches.denoise(CAMERA, "model", 0.1)),
        ("noise", lambda m: patches.restore(CAMERA, m, identity, identity, 0)),
        ("adjoint", lambda m: patches.restore(CAMERA, m, identity, lambda x: 2 * x, 0.1)),
        ("forward", lambda m: patches.restore(CAMERA, m, lambda x: x[1:], identity, 0.1)),
        ("forward", lambda m: patches.restore(CAMERA, m, None, identity, 0.1)),
        ("data", lambda m: patches.restore(np.full((9, 9), np.nan), m, identity, identity, 0.1)),
        ("start", lambda m: patches.restore(CAMERA, m, identity, identity, 0.1, start=CAMERA[1:])),
        ("weight", lambda m: patches.restore(CAMERA, m, identity, identity, 0.1, weight=0)),
        ("factor", lambda m: patches.superresolve(CAMERA, m, 0, 1.0, 0.1)),
        ("factor", lambda m: patches.coarsen(CAMERA, 3)),
        ("phase", lambda m: patches.superresolve(CAMERA, m, 2, 0.0, 0.1, phase=0.5)),
        ("phase", lambda m: patches.superresolve(CAMERA, m, 2, 1.0, 0.1, phase=2)),
        ("blur", lambda m: patches.superresolve(CAMERA, m, 2, -1.0, 0.1)),
        ("kernel", lambda m: patches.deblur(CAMERA, m, np.ones((2, 2)), 0.1)),
        ("kernel", lambda m: patches.deblur(CAMERA, m, np.ones(3), 0.1)),
        ("kernel", lambda m: patches.deblur(CAMERA, m, np.zeros((3, 3)), 0.1)),
        ("known", lambda m: patches.inpaint(CAMERA, m, np.zeros(CAMERA.shape, bool))),
        ("known", lambda m: patches.inpaint(CAMERA, m, np.ones((3, 3), bool))),
        ("known", lambda m: patches.inpaint(CAMERA, m, np.array(True))),
        ("known", lambda m: patches.inpaint(CAMERA, m, np.ones(CAMERA.shape))),
    ],
)
def test_bad_input_is_named(name: str, call: Any, model: patches.PatchModel) -> None:
    with pytest.raises(InputError) as error:
        call(model)
    assert name in str(error.value)
