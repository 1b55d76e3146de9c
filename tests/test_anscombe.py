"""Photon noise: constant variance, an inverse without bias, images that get better."""

import math

import numpy as np
import pytest

import steepest
from steepest.io import sample


def poisson(mean: float) -> tuple[np.ndarray, np.ndarray]:
    """All counts that matter and their probabilities, to rounding."""
    counts = np.arange(int(mean + 12 * math.sqrt(mean) + 40))
    logs = counts * math.log(mean) - mean - np.array([math.lgamma(n + 1) for n in counts])
    return counts.astype(float), np.exp(logs)


@pytest.mark.parametrize("mean", [5, 10, 100, 1e3, 1e4])
def test_the_noise_of_photons_gets_unit_variance(mean: float) -> None:
    counts = np.random.default_rng(0).poisson(mean, 200_000)
    assert steepest.anscombe(counts).var() == pytest.approx(1, abs=0.015)


@pytest.mark.parametrize("camera", [(1.0, 2.0, 0.0), (2.5, 5.0, 100.0), (0.5, 0.3, -7.0)])
@pytest.mark.parametrize("mean", [10, 100, 1e4])
def test_the_noise_of_a_camera_gets_unit_variance(mean: float, camera: tuple) -> None:
    gain, read_noise, offset = camera
    rng = np.random.default_rng(0)
    x = gain * rng.poisson(mean, 200_000) + offset + read_noise * rng.standard_normal(200_000)
    stable = steepest.anscombe(x, gain, read_noise, offset)
    assert stable.var() == pytest.approx(1, abs=0.025)
    back = steepest.inverse_anscombe(np.array([stable.mean()]), gain, read_noise, offset)
    assert (back[0] - offset) / gain == pytest.approx(mean, rel=0.004)


@pytest.mark.parametrize("mean", [0.5, 0.7, 1, 2, 3, 5, 7, 10, 20, 50, 100, 300, 1000])
def test_the_inverse_of_the_mean_is_the_mean_count(mean: float) -> None:
    counts, chances = poisson(mean)
    expected = chances @ steepest.anscombe(counts)
    back = float(steepest.inverse_anscombe(np.array([expected]))[0])
    assert back == pytest.approx(mean, rel=0.005)
    biased = expected**2 / 4 - 3 / 8  # the algebraic inverse
    assert abs(back - mean) < 0.1 * abs(biased - mean)


@pytest.mark.parametrize("mean", [0.1, 0.5, 1, 2, 5, 20])
def test_the_noise_in_the_dark_is_known(mean: float) -> None:
    """Against exact sums; an image of two halves has the root mean square of both."""
    counts, chances = poisson(mean)
    stable = steepest.anscombe(counts)
    variance = chances @ stable**2 - (chances @ stable) ** 2
    rng = np.random.default_rng(0)
    image = rng.poisson(mean, (200, 200))
    assert steepest.anscombe_noise(image) == pytest.approx(math.sqrt(variance), rel=0.02)
    bright = rng.poisson(50, (200, 200))
    both = math.sqrt((variance + 1) / 2)
    assert steepest.anscombe_noise(np.hstack([image, bright])) == pytest.approx(both, rel=0.02)
    pair = np.stack([image, bright], axis=-1)
    assert steepest.anscombe_noise(pair, channel_axis=-1) == pytest.approx(both, rel=0.02)


@pytest.mark.parametrize(
    ("dtype", "result"),
    [("uint8", "f4"), ("uint16", "f4"), ("float32", "f4"), ("int32", "f8"), ("float64", "f8")],
)
def test_counts_are_taken_as_they_are(dtype: str, result: str) -> None:
    counts = np.arange(200, dtype=dtype)
    stable = steepest.anscombe(counts)
    assert stable.dtype == result
    assert stable == pytest.approx(2 * np.sqrt(np.arange(200) + 3 / 8), rel=1e-6)
    assert steepest.inverse_anscombe(stable).dtype == result


@pytest.mark.parametrize("peak", [10, 30])
def test_photon_images_gain_by_the_transform(peak: int) -> None:
    """Against the Gaussian treatment, even where that is told the true mean variance."""
    photons = sample() / 255 * peak
    counts = np.random.default_rng(0).poisson(photons).astype(float)

    def psnr(image: np.ndarray) -> float:
        return 10 * math.log10(peak**2 / np.mean((image - photons) ** 2))

    sigma = steepest.anscombe_noise(counts)
    stable = steepest.denoise_discrepancy(steepest.anscombe(counts), sigma)
    found = psnr(steepest.inverse_anscombe(stable.image))
    assert found > psnr(steepest.denoise_discrepancy(counts).image)
    assert found > psnr(steepest.denoise_discrepancy(counts, math.sqrt(photons.mean())).image)
    assert found > psnr(counts) + 5


def test_a_few_negative_counts_are_clipped() -> None:
    counts = np.arange(100.0)
    counts[:5] = -9
    expected = steepest.anscombe(counts.clip(0))
    assert np.array_equal(steepest.anscombe(counts), expected)
    assert steepest.anscombe(counts, 1.0, 2.0).min() == steepest.anscombe([-6.0], 1.0, 2.0)[0]
    counts[5] = -9
    with pytest.raises(steepest.InputError, match="6 of 100"):
        steepest.anscombe(counts)


def test_the_dark_image_of_a_camera_is_not_refused() -> None:
    dark = np.random.default_rng(0).normal(100, 4, (50, 50))
    for offset in (100, 102):
        assert np.isfinite(steepest.anscombe(dark, 2.0, 4.0, offset)).all()


def test_flat_blocks_have_no_photon_noise() -> None:
    counts = np.random.default_rng(0).poisson(40, (64, 64))
    padded = np.pad(counts, ((0, 64), (0, 0)), constant_values=255)
    whole, half = steepest.anscombe_noise(counts), steepest.anscombe_noise(padded)
    assert half == pytest.approx(whole / np.sqrt(2))
    assert steepest.anscombe_noise(padded[64:]) == 0


def test_tensors_are_taken() -> None:
    torch = pytest.importorskip("torch")
    counts = np.arange(50, dtype=np.float32)
    tensor = torch.tensor(counts)
    assert steepest.anscombe(tensor).numpy() == pytest.approx(steepest.anscombe(counts))
    back = steepest.inverse_anscombe(steepest.anscombe(tensor))
    assert back.numpy() == pytest.approx(
        steepest.inverse_anscombe(steepest.anscombe(counts)), rel=1e-5
    )


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("anscombe", ([1.0, np.nan],), "image holds NaN"),
        ("anscombe", (["a"],), "image has dtype"),
        ("anscombe", ([True],), "image has dtype bool"),
        ("anscombe", ([1.0], 0), "gain=0"),
        ("anscombe", ([1.0], 1, -1), "read_noise=-1"),
        ("anscombe", (np.linspace(-1, 0, 50),), "49 of 50 values below 0, .* one in 20"),
        ("anscombe", (np.linspace(60, 99, 50), 2.0, 1.0, 100.0), "values below 97, .* offset"),
        ("anscombe_noise", (np.linspace(-1, 0, 50),), "49 of 50"),
        ("anscombe", ([1.0], 1, 0, np.inf), "offset=inf"),
        ("inverse_anscombe", ([1, 2],), "y has dtype int64"),
        ("inverse_anscombe", ([1.0], -2), "gain=-2"),
        ("anscombe_noise", (np.ma.masked_array([1.0], [True]),), "masked"),
    ],
)
def test_bad_counts_and_cameras_are_refused(function: str, arguments: tuple, words: str) -> None:
    with pytest.raises(steepest.InputError, match=words):
        getattr(steepest, function)(*arguments)
