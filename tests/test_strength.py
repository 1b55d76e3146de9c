"""The strength of least risk, and the model of the noise that it needs."""

import io
import math
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

import steepest
from steepest import InputError, NoiseModel, Solver, Status
from steepest.flows import strength as search
from steepest.flows.counts import noise_of_counts
from steepest.flows.cut_off import mean_beyond
from steepest.flows.flat_blocks import (
    BLURS,
    cut_blocks,
    fit_variance,
)
from steepest.flows.jpeg_noise import noise_before_jpeg
from steepest.flows.noise import image_noise
from steepest.io.samples import sample


def photograph() -> np.ndarray:
    """The bundled photograph, 256 x 256, averaged over 2 x 2 pixels."""
    camera = sample("camera") / 255.0
    return camera.reshape(256, 2, 256, 2).mean((1, 3)) if camera.shape == (512, 512) else camera


def blurred(rng: np.random.Generator, shape: tuple[int, ...], width: float) -> np.ndarray:
    noise = gaussian_filter(rng.standard_normal(shape), width, mode="wrap")
    return noise / noise.std()


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    return -10 * math.log10(float(((image - clean) ** 2).mean()))


@pytest.mark.parametrize("shape", [(20000,), (200, 210), (40, 41, 42)])
def test_variances_of_white_noise_are_those_of_the_distribution(shape: tuple[int, ...]) -> None:
    """All blocks of noise alone show the noise, and the fit is unbiased."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(6):
        blocks = cut_blocks(0.3 * rng.standard_normal(shape))
        fit = fit_variance(blocks, 0.0)
        assert fit.share >= 0.35
        found.append(math.sqrt(fit.variance))
    assert np.mean(found) == pytest.approx(0.3, rel=0.02)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
def test_a_flat_share_of_the_image_is_enough(share: float) -> None:
    rng = np.random.default_rng(2)
    texture = np.kron(rng.standard_normal((80, 80)), np.ones((3, 3))) * 0.2
    flat = np.arange(240) < share * 240
    image = 0.5 + texture * ~flat + 0.02 * rng.standard_normal((240, 240))
    assert steepest.estimate_noise(image) == pytest.approx(0.02, rel=0.06)


@pytest.mark.parametrize("width", [0.5, 0.7, 1.0])
def test_blurred_noise_of_a_photograph(width: float) -> None:
    noise = 0.05 * blurred(np.random.default_rng(5), (256, 256), width)
    model = steepest.estimate_noise_model(photograph() + noise)
    assert model.blur == pytest.approx(width, abs=0.1)
    assert math.sqrt(model.variance) == pytest.approx(0.05, rel=0.15)


@pytest.mark.parametrize("photons", [30, 300])
def test_the_gain_of_photons(photons: int) -> None:
    clean = 0.1 + 0.8 * photograph()
    image = np.random.default_rng(6).poisson(photons * clean) / photons
    model = steepest.estimate_noise_model(image)
    true, found = np.sqrt(clean / photons), model.deviation(clean)
    assert np.sqrt((found**2).mean()) == pytest.approx(np.sqrt((true**2).mean()), rel=0.1)
    assert model.gain > 0.5 / photons


def test_the_model_scales_with_the_image() -> None:
    image = photograph() + 0.05 * np.random.default_rng(7).standard_normal((256, 256))
    one, large = (steepest.estimate_noise_model(c * image) for c in (1.0, 1e9))
    assert large.variance == pytest.approx(1e18 * one.variance, rel=1e-9)
    assert one.scaled(4.0).deviation(4.0) == pytest.approx(4 * one.deviation(1.0))
    for model in (one, NoiseModel(-0.2, gain=0.5), NoiseModel(0.2, gain=-0.5)):  # also cut off at 0
        bright = image > 0.5
        expected = (model.deviation(image[bright]) ** 2).mean()
        assert model.mean_square(image, bright) == pytest.approx(expected, rel=1e-12)
    noise = NoiseModel(0.01, gain=0.5, blur=0.6).sample(
        np.full((1, 500, 500), 0.3), np.random.default_rng(0)
    )
    assert noise.std() == pytest.approx(0.4, rel=0.01)


def test_the_estimated_risk_is_the_error_up_to_a_constant() -> None:
    """Stein's estimate, averaged over noise, against the true error of several strengths."""
    rng, sigma, clean = np.random.default_rng(8), 0.1, photograph()[:128, :128]
    strengths, step = [0.03, 0.08, 0.2], 0.1
    risk, error = np.zeros(3), np.zeros(3)
    for _ in range(6):
        image = clean + sigma * rng.standard_normal(clean.shape)
        probe = sigma * rng.standard_normal(clean.shape)
        for k, strength in enumerate(strengths):
            v, w = (steepest.denoise_tv(f, strength).image for f in (image, image + step * probe))
            risk[k] += ((v - image) ** 2).mean() + 2 * (probe * (w - v)).mean() / step
            risk[k] -= ((image - clean) ** 2).mean()
            error[k] += ((v - clean) ** 2).mean()
    np.testing.assert_allclose(risk, error, rtol=0.1)


@pytest.mark.parametrize(
    ("noise", "loss"),
    [
        ("white 0.05", 0.2),
        ("white 0.2", 0.5),
        ("blurred", 0.5),
        ("photons 50", 0.2),
        ("photons 2", 0.2),
        ("saturated 0.05", 0.1),
        ("saturated 0.2", 0.15),
    ],
)
def test_the_strength_is_nearly_the_best(noise: str, loss: float) -> None:
    rng, clean = np.random.default_rng(9), photograph()
    kind, *level = noise.split()
    if kind == "white":
        image = clean + float(level[0]) * rng.standard_normal(clean.shape)
    elif kind == "blurred":
        image = clean + 0.05 * blurred(rng, clean.shape, 0.7)
    elif kind == "photons":
        image = rng.poisson(float(level[0]) * clean) / float(level[0])
    else:
        clean = np.clip(2.5 * clean - 0.75, 0, 1)
        noisy = np.clip(clean + float(level[0]) * rng.standard_normal(clean.shape), 0, 1)
        image = np.rint(255 * noisy) / 255
    result = steepest.denoise_tv(image)
    assert result.converged
    around = result.strength * 1.5 ** np.arange(-3, 4)
    best = max(psnr(steepest.denoise_tv(image, s).image, clean) for s in around)
    assert psnr(result.image, clean) > best - loss


@pytest.mark.parametrize(
    "energy",
    [steepest.TotalVariation(norm="anisotropic"), steepest.CroftonTotalVariation()],
    ids=lambda energy: type(energy).__name__,
)
def test_other_energies(energy: steepest.TotalVariation) -> None:
    clean = photograph()[:96, :96]
    image = clean + 0.1 * np.random.default_rng(10).standard_normal(clean.shape)
    result = steepest.denoise(image, energy=energy)
    assert psnr(result.image, clean) > psnr(image, clean) + 5


def test_channels_have_their_own_noise() -> None:
    rng, clean = np.random.default_rng(11), photograph()
    sigmas = np.array([0.02, 0.05, 0.1])
    image = clean + sigmas[:, None, None] * rng.standard_normal((3, 256, 256))
    models = steepest.estimate_noise_model(image, channel_axis=0)
    np.testing.assert_allclose([math.sqrt(m.variance) for m in models], sigmas, rtol=0.1)
    energy = steepest.TotalVariation(coupled=False)
    result = steepest.denoise(image, energy=energy, channel_axis=0)
    assert (np.diff(result.strength) > 0).all()
    for channel, strength in zip(image, result.strength, strict=True):
        assert strength == pytest.approx(steepest.denoise_tv(channel).strength, rel=0.15)


def test_an_image_without_noise_is_left_alone() -> None:
    image = np.kron(np.random.default_rng(13).random((6, 6)), np.ones((20, 20)))
    result = steepest.denoise_tv(image)
    assert result.status is Status.NOTHING_REMOVED
    assert np.array_equal(result.image, image)


def test_the_noise_can_be_given() -> None:
    image = photograph()[:96, :96] + 0.1 * np.random.default_rng(14).standard_normal((96, 96))
    weak = steepest.denoise_least_risk(image, 0.02)
    right = steepest.denoise_least_risk(image, NoiseModel(0.01))
    assert weak.strength < 0.5 * right.strength
    assert right.noise == (NoiseModel(0.01),)
    assert right.noise_share is None
    for bad in (-1.0, [0.1, 0.1]):
        with pytest.raises(InputError, match="noise"):
            steepest.denoise_least_risk(image, bad)


def test_a_drawing_in_black_and_white_has_no_noise() -> None:
    """Its squares lie on a grid as that of JPEG, in which all blocks are saturated."""
    squares = np.kron(np.random.default_rng(0).integers(0, 2, (32, 32)), np.ones((8, 8)))
    assert steepest.estimate_noise(squares) == 0
    result = steepest.denoise_tv(squares)
    np.testing.assert_array_equal(result.image, squares)


def test_noise_of_which_all_is_cut_off_has_no_divergence() -> None:
    """All pixels are black or white: Stein's estimate is the distance to a target, least at 0."""
    pixels = (np.indices((16, 16)).sum(0) % 2).astype(float)
    result = steepest.denoise_least_risk(pixels, noise=1.0)
    assert 0 < result.strength < 1e-4
    np.testing.assert_allclose(result.image, pixels, atol=1e-3)


def test_a_stopped_search_returns_the_current_trial() -> None:
    image = photograph()[:96, :96] + 0.1 * np.random.default_rng(15).standard_normal((96, 96))
    result = steepest.denoise_least_risk(image, on_step=lambda step: True)
    assert result.status is Status.STOPPED
    assert result.strength > 0


def test_texture_of_many_sizes_in_all_colours_is_no_noise() -> None:
    """Texture agrees in the colours; blurred noise of a sensor does not, and a grey image must."""
    rng = np.random.default_rng(1)
    texture = sum(blurred(rng, (200, 200), width) for width in (0.8, 1.6, 3.2))
    own = 0.003 * rng.standard_normal((3, 200, 200))
    stained = np.multiply.outer([0.02, 0.016, 0.012], texture) + own
    assert steepest.estimate_noise(stained, channel_axis=0) < 0.003
    noise = np.stack([0.02 * blurred(rng, (200, 200), 1.0) for _ in range(3)])
    for image in (noise, np.stack([noise[0]] * 3)):
        for model in steepest.estimate_noise_model(image, channel_axis=0):
            assert math.sqrt(model.variance) == pytest.approx(0.02, rel=0.05)
            assert model.blur == pytest.approx(1.0, abs=0.1)


def test_simulated_noise_has_the_blur_that_is_found() -> None:
    for width in BLURS[2:6]:
        noise = 0.1 * blurred(np.random.default_rng(16), (200, 200), width)
        assert steepest.estimate_noise_model(noise).blur == pytest.approx(width, abs=0.08)


@pytest.mark.parametrize(
    ("values", "name"),
    [({"variance": "a"}, "variance"), ({"variance": -1}, "variance"),
     ({"variance": 1, "blur": -1}, "blur"),
     ({"variance": 1, "gain": math.nan}, "gain"), ({"variance": 1, "share": 2}, "share")],
)  # fmt: skip
def test_bad_noise_is_refused(values: dict[str, Any], name: str) -> None:
    with pytest.raises(InputError, match=name):
        NoiseModel(**values)


def test_noise_that_the_image_cannot_hold_is_refused() -> None:
    """For noise alone, its own deviation is allowed; five times that is a mistake of scale."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((32, 32, 2))
    found = steepest.denoise_least_risk(noise, 0.1, channel_axis=-1)
    assert found.image.std() < 0.02
    noise[..., 1] *= 0.01  # coupled channels are judged together
    steepest.denoise_least_risk(noise, 0.07, channel_axis=-1)
    separate = steepest.TotalVariation(coupled=False)
    with pytest.raises(InputError, match=r"noise .*0\.07 is too large: .* of channel 2 is 0\.00"):
        steepest.denoise_least_risk(noise, 0.07, separate, channel_axis=-1)


def test_large_images_are_judged_by_tiles() -> None:
    """The strength for nine tiles of an image is nearly that for all of it."""
    clean = np.tile(photograph(), (4, 4))[:1000, :1000]
    image = (clean + 0.05 * np.random.default_rng(18).standard_normal(clean.shape)).astype("f4")
    solver = Solver(tol=1e-3)
    tiles = steepest.denoise_tv(image, solver=solver)
    whole = steepest.denoise_tv(image[:800, :800], solver=solver)
    assert tiles.strength == pytest.approx(whole.strength, rel=0.1)
    assert tiles.image.shape == image.shape


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 1), (3,), (7, 9), (2, 2, 2), (3, 12, 20)])
def test_small_images_have_a_noise(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(19).random(shape)
    assert 0 <= steepest.estimate_noise(image) < 1
    assert np.isfinite(steepest.denoise_tv(image).image).all()


def two_exposures() -> np.ndarray:
    """Two crops of the photograph with noise of .08 and .02."""
    clean, rng = photograph(), np.random.default_rng(4)
    pair = np.stack([clean[:96, :96], clean[96:192, 64:160]])
    return pair + np.array([0.08, 0.02])[:, None, None] * rng.standard_normal(pair.shape)


def test_each_image_of_a_batch_has_its_own_strength() -> None:
    series = two_exposures()
    result = steepest.denoise(series, batch_axis=0)
    for index, image in enumerate(series):
        alone = steepest.denoise(image)
        assert np.ravel(result.strength)[index] == pytest.approx(alone.strength, rel=1e-6)
        np.testing.assert_allclose(result.image[index], alone.image, atol=1e-6)


def test_by_tiles_the_strength_is_that_of_a_sample() -> None:
    series = two_exposures()
    whole = steepest.denoise(series, batch_axis=0)
    out = np.empty_like(series)
    result = steepest.denoise(series, batch_axis=0, out=out, tiles=steepest.Tiles())
    np.testing.assert_allclose(result.strength, whole.strength, rtol=0.05)  # the sample is all
    np.testing.assert_allclose(result.sigma, whole.sigma, rtol=1e-3)
    assert len(result.noise) == 2
    assert psnr(out, whole.image) > 40


def test_by_tiles_an_image_without_noise_is_copied() -> None:
    image = np.zeros((90, 100), np.uint16)
    image[20:50, 30:60] = 40000
    out = np.ones_like(image)
    result = steepest.denoise(image, out=out, tiles=steepest.Tiles())
    assert result.status is Status.NOTHING_REMOVED
    np.testing.assert_array_equal(out, image)


def test_a_stopped_search_by_tiles_says_so() -> None:
    series, out = two_exposures(), np.zeros((2, 96, 96))
    result = steepest.denoise(
        series, batch_axis=0, out=out, tiles=steepest.Tiles(), on_step=lambda step: True
    )
    assert result.status is Status.STOPPED
    assert np.isinf(result.error_bound).all()


def test_by_tiles_weights_need_a_strength() -> None:
    image = np.random.default_rng(0).random((20, 20))
    energy = steepest.TotalVariation(weights=np.ones((20, 20)))
    with pytest.raises(InputError, match="weights"):
        steepest.denoise(image, energy=energy, out=np.empty_like(image), tiles=steepest.Tiles())


def dim_micrograph(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Smooth spots and their photons: gain 2.2, read noise 3, black level 100; both in [0, 1]."""
    spots = gaussian_filter((rng.random((192, 192)) < 0.002).astype(float), 9)
    clean = 100 + 2.2 * (5 + 60 * spots / spots.max())
    noisy = 100 + 2.2 * rng.poisson((clean - 100) / 2.2) + 3 * rng.standard_normal(clean.shape)
    return clean / 65535, noisy / 65535


def test_the_gain_above_a_black_level() -> None:
    """Variance gain * (value - black) + read noise^2: the line falls to zero above grey value 0."""
    clean, noisy = dim_micrograph(np.random.default_rng(2))
    model = steepest.estimate_noise_model(noisy).scaled(65535)
    assert model.gain == pytest.approx(2.2, rel=0.2)
    assert model.deviation(100 + 2.2 * 5) == pytest.approx(math.hypot(3, 2.2 * 5**0.5), rel=0.1)
    left = np.std(steepest.denoise(noisy).image - clean)
    assert left < 0.3 * np.std(noisy - clean)


def test_the_gain_where_few_blocks_of_each_grey_value_are_flat() -> None:
    """Texture on a ramp with flat bands: single grey values show too little, all of them enough."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256]
    texture = 0.4 * gaussian_filter(rng.standard_normal(x.shape), 0.8) * (y // 16 % 6 > 0)
    clean = np.clip(0.1 + 0.8 * x / 255 + texture, 0.02, 1)
    model = steepest.estimate_noise_model(clean + rng.normal(0, np.sqrt(clean / 200)))
    assert model.gain == pytest.approx(1 / 200, rel=0.1)
    assert model.deviation(0.02) < 0.02
    white = steepest.estimate_noise_model(clean + rng.normal(0, 0.04, x.shape))
    assert (white.gain, white.variance) == (0, pytest.approx(0.0016, rel=0.1))


def test_fine_texture_all_over_is_told_of() -> None:
    """No block is flat, but their variances differ little: only that tells texture from noise."""
    rng = np.random.default_rng(0)
    strength = gaussian_filter(rng.standard_normal((192, 192)), 6, mode="wrap")
    texture = 0.1 * gaussian_filter(rng.standard_normal(strength.shape), 0.45)
    grass = 0.5 + texture * np.exp(0.25 * strength / strength.std())
    noise = 0.01 * rng.standard_normal(grass.shape)
    assert steepest.estimate_noise_model(grass + noise).textured
    assert steepest.estimate_noise(grass + noise) > 0.03
    assert not steepest.estimate_noise_model(photograph()[:192, :192] + noise).textured
    assert not steepest.estimate_noise_model(0.5 + noise).textured


def test_counts_that_are_cut_off_at_white() -> None:
    clean = 5 * photograph()[:128, :128]
    counts = np.minimum(np.random.default_rng(1).poisson(clean), 5)
    assert (counts == 5).mean() > 0.02
    assert noise_of_counts(counts / 8) == NoiseModel(0.0, 1 / 8)


@pytest.mark.parametrize(("count", "black"), [(2, 0.0), (4, 0.1)])
def test_repeated_exposures_show_the_camera(count: int, black: float) -> None:
    rng, gain, read = np.random.default_rng(0), 0.01, 0.02
    clean = photograph()
    shape = (count, *clean.shape)
    series = black + gain * rng.poisson(clean / gain, shape) + read * rng.standard_normal(shape)
    model = steepest.estimate_noise_model(series, exposure_axis=0)
    assert model.gain == pytest.approx(gain, rel=0.05)
    assert model.variance == pytest.approx(read**2 - gain * black, abs=1e-4)
    white = clean + 0.05 * rng.standard_normal(shape)
    model = steepest.estimate_noise_model(np.moveaxis(white, 0, -1), exposure_axis=-1)
    assert model.gain == 0
    assert model.variance == pytest.approx(0.0025, rel=0.03)


def test_exposures_of_each_channel() -> None:
    rng, clean = np.random.default_rng(0), photograph()[:80, :80]
    levels = np.array([0.02, 0.05, 0.1])
    series = clean[..., None] + levels * rng.standard_normal((3, *clean.shape, 3))
    models = steepest.estimate_noise_model(series, -1, exposure_axis=0)
    assert [m.variance**0.5 for m in models] == pytest.approx(levels, rel=0.05)
    with pytest.raises(InputError, match="at least two exposures"):
        steepest.estimate_noise_model(clean[None], exposure_axis=0)


def test_the_camera_of_a_model_is_that_of_the_transform() -> None:
    for model in (NoiseModel(9.0, 2.0), NoiseModel(-40.0, 2.0)):
        gain, read_noise, black = model.camera
        values = np.array([30.0, 80.0])
        variance = gain * (values - black) + read_noise**2
        np.testing.assert_allclose(variance, model.deviation(values) ** 2)
    with pytest.raises(InputError, match="gain"):
        _ = NoiseModel(1.0).camera


def compressed(image: np.ndarray, quality: int, sampling: str = "4:2:0") -> np.ndarray:
    stored = io.BytesIO()
    pixels = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
    Image.fromarray(pixels).save(stored, "JPEG", quality=quality, subsampling=sampling)
    return np.asarray(Image.open(stored)) / 255


def test_noise_before_compression_where_no_blocks_fit_exactly() -> None:
    texture = gaussian_filter(np.random.default_rng(0).standard_normal((256, 256)), 0.8)
    clean = 0.5 + 0.2 * texture * (np.arange(256)[:, None] // 16 % 4 > 0)
    noisy = clean + 0.02 * np.random.default_rng(20).standard_normal(clean.shape)
    found = noise_before_jpeg(compressed(noisy, 50))
    assert found is not None
    assert found[0] == pytest.approx(0.02, rel=0.35)


@pytest.mark.parametrize("quality", [50, 75])
def test_noise_is_that_before_compression(quality: int) -> None:
    """Also of a crop, in which the blocks begin elsewhere."""
    clean = 0.1 + 0.8 * photograph()
    noisy = clean + 0.05 * np.random.default_rng(20).standard_normal(clean.shape)
    image = compressed(noisy, quality)
    for part in (image, image[3:, 5:]):
        assert steepest.estimate_noise(part) == pytest.approx(0.05, rel=0.15)


def test_the_strength_for_compressed_noise_is_nearly_the_best() -> None:
    clean = photograph()
    image = compressed(clean + 0.05 * np.random.default_rng(21).standard_normal(clean.shape), 60)
    best = max(psnr(steepest.denoise_tv(image, s).image, clean) for s in (0.02, 0.03, 0.05, 0.07))
    assert psnr(steepest.denoise_tv(image).image, clean) > best - 0.3


@pytest.mark.parametrize("quality", [50, 75, 90])
def test_a_compressed_photograph_without_noise_is_kept(quality: int) -> None:
    image = compressed(photograph(), quality)
    found = steepest.denoise_tv(image)
    assert psnr(found.image, photograph()) > psnr(image, photograph()) - 0.3


def test_noise_added_after_compression_is_not_that_before() -> None:
    """The coefficients are then no multiples of the steps, and flat blocks show the noise."""
    rng, clean = np.random.default_rng(22), photograph()
    noise = 0.03 * rng.standard_normal(clean.shape)
    before = compressed(clean + noise, 75)
    assert noise_before_jpeg(before) is not None
    assert noise_before_jpeg(before + noise) is None
    later = compressed(clean, 75) + noise
    assert steepest.estimate_noise(later) == pytest.approx(0.03, rel=0.15)


@pytest.mark.parametrize("shape", [(40,), (20, 300), (60, 60), (24, 24, 24)])
def test_other_images_have_no_grid(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(23)
    for image in (rng.random(shape), np.rint(rng.random(shape)), np.ones(shape)):
        assert noise_before_jpeg(image) is None


def coloured() -> np.ndarray:
    """A photograph in colour, 200 x 296, averaged over 2 x 2 pixels."""
    coffee = sample("coffee")[:, 4:596] / 255.0
    return coffee.reshape(200, 2, 296, 2, 3).mean((1, 3))


@pytest.mark.parametrize("sampling", ["4:2:0", "4:4:4"])
def test_the_strength_for_compressed_colour_noise_is_nearly_the_best(sampling: str) -> None:
    """Colours measured for themselves lose more than 1 dB."""
    clean = coloured()
    noisy = clean + 0.05 * np.random.default_rng(25).standard_normal(clean.shape)
    image = compressed(noisy, 60, sampling)

    def denoised(strength: float | None) -> float:
        return psnr(steepest.denoise_tv(image, strength, channel_axis=-1).image, clean)

    assert denoised(None) > max(denoised(s) for s in (0.03, 0.05, 0.07)) - 0.3


def test_noise_of_a_grey_jpeg_in_three_channels_is_grey() -> None:
    clean = 0.1 + 0.8 * photograph()
    noisy = clean + 0.05 * np.random.default_rng(26).standard_normal(clean.shape)
    image = compressed(np.stack([noisy] * 3, -1), 75)
    assert steepest.estimate_noise(image, channel_axis=-1) == pytest.approx(0.05, rel=0.15)
    strength = steepest.denoise_tv(image, channel_axis=-1).strength
    alone = steepest.denoise_tv(image[..., 0]).strength  # sqrt(3) times the variation, three times
    assert strength == pytest.approx(math.sqrt(3) * alone, rel=0.15)  # the squares


def test_noise_of_compressed_colours_has_their_deviations() -> None:
    """The noise of the probe and the models of red, green and blue are the same."""
    clean = 0.2 + 0.6 * coloured()
    noisy = clean + 0.08 * np.random.default_rng(27).standard_normal(clean.shape)
    image = np.moveaxis(compressed(noisy, 85, "4:4:4"), -1, 0)
    found = image_noise(image)
    assert found.mixed is not None
    noise = found.sample(image, np.random.default_rng(0))
    expected = [math.sqrt(model.variance) for model in found.models]
    np.testing.assert_allclose(noise.std((1, 2)), expected, rtol=0.05)


def test_strong_noise_in_saturated_colours_is_not_that_of_a_jpeg() -> None:
    """Nearly all blocks have a saturated pixel, and none is flat without."""
    photo = sample("coffee")[140:260, 180:340]
    noise = np.random.default_rng(0).normal(0, 50, photo.shape)
    noisy = np.clip(photo + noise, 0, 255).astype(np.uint8)
    found = 255 * steepest.estimate_noise(noisy, channel_axis=-1)
    assert found == pytest.approx(50, rel=0.15)


def test_noise_of_colours_at_half_the_resolution() -> None:
    """Where JPEG rounds little, only the resolution tells that the noise of channels is related."""
    rng, clean = np.random.default_rng(28), 0.2 + 0.6 * coloured()
    noisy = clean + 0.1 * rng.standard_normal(clean.shape)
    image = compressed(noisy, 92, "4:2:0")
    deviation = float((image - clean).std())
    assert steepest.estimate_noise(image, channel_axis=-1) == pytest.approx(deviation, rel=0.1)
    assert image_noise(np.moveaxis(image, -1, 0)).mixed is not None
    assert image_noise(np.moveaxis(noisy, -1, 0)).mixed is None


@pytest.mark.parametrize(("photons", "scale"), [(2, 1 / 255), (6, 1.0)])
def test_counts_of_few_photons_are_recognised(photons: int, scale: float) -> None:
    counts = np.random.default_rng(29).poisson(photons * photograph())
    model = steepest.estimate_noise_model(counts * scale)
    assert (model.variance, model.blur, model.share) == (0, 0, 1)
    assert model.gain == pytest.approx(scale)
    result = steepest.denoise_tv(counts * scale)
    best = max(
        psnr(steepest.denoise_tv(counts / photons, s).image, photograph())
        for s in (0.15, 0.25, 0.4, 0.6)
    )
    assert psnr(result.image / (scale * photons), photograph()) > best - 1.0


def test_zero_photons_are_noisy_even_if_the_noise_is_given() -> None:
    counts = np.random.default_rng(29).poisson(5 * photograph())
    stable = steepest.denoise_least_risk(steepest.anscombe(counts), 1.0)
    own = steepest.inverse_anscombe(stable.image) / 5
    automatic = steepest.denoise_tv(counts / 5).image
    assert psnr(own, photograph()) > psnr(automatic, photograph()) - 0.5


def test_white_noise_is_found_below_smoother_texture() -> None:
    """Together, they have the correlation of neighbours of noise with a blur of 0.6 pixels."""
    rng = np.random.default_rng(32)
    image = 0.04 * blurred(rng, (160, 160), 0.8) + 0.02 * rng.standard_normal((160, 160))
    assert steepest.estimate_noise(image) < 0.03


def test_images_of_few_values_are_no_counts() -> None:
    rng = np.random.default_rng(30)
    steps = [np.rint(n * photograph()) for n in (4, 8, 30)]
    noise = [np.rint(n * rng.random((64, 64))) for n in (1, 2, 20)]  # other variances than counts
    for image in (*steps, *noise, rng.poisson(3.0, (64, 64)) + 1.0):
        assert noise_of_counts(image) is None


def test_a_gain_is_not_extrapolated_to_parts_without_flat_blocks() -> None:
    """Dark blocks on a line; nothing is known of the bright part, which is texture."""
    rng, columns = np.random.default_rng(31), np.indices((240, 240))[1]
    dark = 0.04 + 0.06 * columns / 168
    noise = 0.02 * np.sqrt(dark / 0.05) * rng.standard_normal(dark.shape)
    bright = 0.85 + 0.15 * blurred(rng, dark.shape, 1.5).clip(-3, 3) / 3
    image = np.where(columns < 168, dark + noise, bright)
    assert steepest.estimate_noise(image) < 0.04
    assert steepest.estimate_noise_model(image[:, :168]).gain > 0


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_noise_that_is_cut_off_is_found_in_saturated_parts(end: float) -> None:
    """Edges everywhere else; a third of its variance is left where half of the pixels are cut."""
    rng = np.random.default_rng(0)
    edges = 0.5 + 0.1 * np.kron(rng.standard_normal((43, 43)), np.ones((3, 3)))[:128, :128]
    clean = np.where(np.arange(128) < 50, end, edges)
    noisy = np.clip(clean + 0.04 * rng.standard_normal(clean.shape), 0, 1)
    assert steepest.estimate_noise_model(noisy).variance ** 0.5 == pytest.approx(0.04, rel=0.1)


def test_the_mean_of_noise_that_is_cut_off() -> None:
    """Of noise alone, from the image that is left: E[z - y] = sigma (phi(t) - t Phi(-t))."""
    rng, sigma = np.random.default_rng(0), 0.2
    z = np.array([0.0, 0.3, 0.8])[:, None, None] + sigma * rng.standard_normal((3, 128, 128))
    y = np.clip(z, 0, 1)
    found = mean_beyond(y, [NoiseModel(sigma**2)] * 3, y != z)
    np.testing.assert_allclose(found.mean((1, 2)), (z - y).mean((1, 2)), atol=0.03 * sigma)


@pytest.mark.parametrize("peak", [10, 30, 200])
def test_counts_of_few_photons_are_not_cut_off(peak: float) -> None:
    """Half of the pixels in the dark have no photon, but the noise goes on above them."""
    clean = np.where(np.arange(128) < 64, 0.8 / peak, 0.5)
    counts = np.random.default_rng(0).poisson(peak * np.broadcast_to(clean, (128, 128)))
    model = steepest.estimate_noise_model(counts / peak)
    assert model.deviation(0.5) == pytest.approx((0.5 / peak) ** 0.5, rel=0.1)


def test_the_bundled_photograph_in_dim_light_is_that_of_a_camera() -> None:
    """Its dark parts are cut off at black, which must not hide that bright ones are noisier."""
    noisy, clean = sample("noisy-camera"), sample("camera") / 255
    model = steepest.estimate_noise_model(noisy)
    assert isinstance(model, NoiseModel)
    assert model.gain == pytest.approx(1 / 80, rel=0.1)
    result = steepest.denoise(noisy)
    error = np.mean((result.image / 255 - clean) ** 2)
    assert -10 * np.log10(error) > 28.8


@pytest.mark.parametrize("sigma", [2.0005e-5, 2.5e-5])
def test_noise_near_the_least_strength_takes_few_trials(
    sigma: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The places that begin the search differ there by next to nothing."""
    edge = np.zeros((64, 64))
    edge[:, 32:] = 1.0
    noisy = edge + sigma * np.random.default_rng(0).standard_normal(edge.shape)
    solve, solved = search.solve_part, []
    monkeypatch.setattr(
        search, "solve_part", lambda *args, **rest: solved.append(1) or solve(*args, **rest)
    )
    found = steepest.denoise_least_risk(noisy, sigma)
    assert len(solved) <= 20
    assert np.sqrt(((found.image - edge) ** 2).mean()) < 0.2 * sigma
