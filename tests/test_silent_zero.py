"""Images with flat, padded, saturated, drawn or clipped regions: no silent zero.

Denoising must remove the noise of the noisy region, or say that nothing was removed.
"""

import numpy as np
import pytest

import steepest
from steepest import Status

KINDS = ("none", "zero", "white", "grey", "edge", "palette", "bands", "clipped")


def scene(seed: int) -> tuple[np.ndarray, np.ndarray, tuple[slice, ...], float, bool, str]:
    """An image of 1 to 3 axes with noise in a box, and the same without noise.

    Also the box, the standard deviation of the noise, whether there are channels, and words.
    """
    rng = np.random.default_rng(seed)
    kind, ndim = str(rng.choice(KINDS)), int(rng.choice([1, 2, 2, 2, 3]))
    colour = ndim == 2 and rng.random() < 0.3
    side = {1: 1500, 2: 80, 3: 36}[ndim]
    inner = rng.integers(side // 2, side, ndim)
    pads = [(0, 0) if kind == "none" else tuple(rng.integers(0, n // 2, 2)) for n in inner]
    box = tuple(slice(before, before + n) for (before, _), n in zip(pads, inner, strict=True))
    sigma = float(np.exp(rng.uniform(np.log(0.02), np.log(0.12))))
    steps = 0.5 + 0.1 * (np.indices(inner).sum(0) > inner.sum() / 2)

    def surrounded(noise: float) -> np.ndarray:
        core = steps + noise * rng.standard_normal(inner)
        if kind in ("none", "edge"):
            return np.pad(core, pads, mode="edge")
        image = np.pad(core, pads, constant_values={"white": 1.0, "grey": 0.3}.get(kind, 0.0))
        outside = np.ones(image.shape, bool)
        outside[box] = False
        tiles = np.indices(image.shape).sum(0) // 16
        if kind == "palette":
            image[outside] = rng.choice([0, 0.2, 0.5, 0.7, 1], tiles.max() + 1)[tiles][outside]
        elif kind == "bands":
            image[outside] = (tiles / tiles.max())[outside]
        elif kind == "clipped":
            image[outside] = noise * rng.standard_normal(image.shape)[outside]
        return image

    dtype = str(rng.choice(["float32", "float64", "uint8", "uint16"]))
    top = {"uint8": 255, "uint16": 65535}.get(dtype)
    limits = (0, 1) if top or kind == "clipped" else (-np.inf, np.inf)
    clean, noisy = (
        np.clip(
            np.stack([surrounded(s) for _ in range(3)], -1) if colour else surrounded(s), *limits
        )
        for s in (0.0, sigma)
    )
    image = np.rint(top * noisy).astype(dtype) if top else noisy.astype(dtype)
    return image, clean, box, sigma, colour, f"{seed}: {kind}, {image.shape}, {dtype}, {sigma:.3f}"


def remaining(seed: int) -> tuple[float | None, str]:
    """Share of the noise in the box that is left, None if the result says that it left it all."""
    image, clean, box, sigma, colour, words = scene(seed)
    result = steepest.denoise_tv(
        image, solver=steepest.Solver(tol=1e-3), channel_axis=-1 if colour else None
    )
    same = np.array_equal(result.image, image)
    assert same == (result.status is Status.NOTHING_REMOVED), words
    if same:
        return None, words
    top = np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1.0
    return float(np.std((result.image / top - clean)[box])) / sigma, f"{words}, {result}"


@pytest.mark.parametrize("seed", range(15))
def test_noise_beside_a_flat_region_is_removed(seed: int) -> None:
    left, words = remaining(seed)
    assert left is not None, words
    assert left < 0.8, words


@pytest.mark.slow
def test_noise_beside_a_flat_region_is_removed_from_many_images() -> None:
    for seed in range(15, 4000):
        left, words = remaining(seed)
        assert left is not None, words
        assert left < 0.8, words


def drawings() -> dict[str, np.ndarray]:
    """Images without noise: constant, of few colours, a phantom, text, a volume, a signal."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1:1:160j, -1:1:160j]
    phantom = 1.0 * (x**2 / 0.5 + y**2 / 0.8 < 1) - 0.8 * (x**2 / 0.4 + y**2 / 0.7 < 1)
    for cx, cy, r in rng.uniform([-0.4, -0.5, 0.05], [0.4, 0.5, 0.2], (8, 3)):
        phantom += 0.1 * ((x - cx) ** 2 + (y - cy) ** 2 < r**2)
    palette = rng.integers(0, 256, (6, 3), dtype=np.uint8)
    tiles = rng.integers(0, 6, (12, 12)).repeat(16, 0).repeat(16, 1)
    text = (rng.random((40, 40)) < 0.3).repeat(3, 0).repeat(3, 1)
    text[np.arange(120) % 15 < 8] = 0
    return {
        "constant": np.full((40, 50), 0.3),
        "pixel": np.ones((1, 1)),
        "ramp": np.add(*np.indices((60, 60))) / 120,
        "palette": palette[tiles],
        "phantom": phantom,
        "text": np.uint8(255 * ~text),
        "stack": np.uint8(200 * np.clip(phantom[None, ::4, ::4].repeat(10, 0), 0, 1)),
        "signal": np.repeat([0.0, 1.0, 0.5], 100),
    }


@pytest.mark.parametrize("name", drawings())
def test_a_drawing_stays_and_the_result_says_so(name: str) -> None:
    image = drawings()[name]
    result = steepest.denoise_tv(image, channel_axis=-1 if name == "palette" else None)
    assert np.array_equal(result.image, image)
    assert result.status is Status.NOTHING_REMOVED
    assert "nothing was removed" in repr(result)
    assert (result.strength, result.sigma, result.noise_share) == (0, 0, 0)


def fundus(sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """A bright disc with dark vessels before a black ground, in 8 bits; and the disc."""
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    disc = x**2 + y**2 < 0.5
    vessels = np.exp(-((y - 0.2 * np.sin(4 * x)) ** 2) / 0.001)
    eye = 0.7 - 0.2 * (x**2 + y**2) - 0.2 * vessels
    noisy = eye + sigma * np.random.default_rng(0).standard_normal(eye.shape)
    return np.rint(255 * np.clip(disc * noisy, 0, 1)).astype(np.uint8), disc


@pytest.mark.parametrize("sigma", [0.02, 0.05, 0.1])
def test_the_noise_of_a_fundus_photograph_is_that_of_the_eye(sigma: float) -> None:
    image, disc = fundus(sigma)
    clean = fundus(0)[0] / 255
    assert steepest.estimate_noise(image) == pytest.approx(sigma, rel=0.06)
    result = steepest.denoise_tv(image)
    assert result.sigma == pytest.approx(steepest.estimate_noise(image))
    assert result.noise_share == pytest.approx(disc.mean(), abs=0.03)
    error = np.std((result.image / 255 - clean)[disc])
    assert error < 0.5 * sigma
    result = steepest.denoise_discrepancy(image)
    removed = np.sqrt(np.mean((result.image / 255 - image / 255)[disc] ** 2))
    assert removed == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize(
    ("shape", "channel_axis", "dtype"),
    [
        ((200, 210), None, "float64"),
        ((200, 210), None, "uint8"),
        ((120, 90, 3), -1, "uint8"),
        ((30, 31, 32), None, "float32"),
        ((9000,), None, "float64"),
        ((2, 160, 161), None, "float32"),
    ],
)
def test_the_estimate_is_unbiased(
    shape: tuple[int, ...], channel_axis: int | None, dtype: str
) -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(6):
        image = 0.5 + 0.08 * rng.standard_normal(shape)
        if dtype == "uint8":
            image = np.rint(255 * np.clip(image, 0, 1))
        found.append(steepest.estimate_noise(image.astype(dtype), channel_axis))
    assert np.mean(found) == pytest.approx(0.08, rel=0.03)


def test_values_clipped_in_the_dark_do_not_lower_the_estimate() -> None:
    rng = np.random.default_rng(0)
    light = 0.5 * (np.indices((256, 256)).sum(0) > 300)
    image = np.clip(light + 0.1 * rng.standard_normal(light.shape), 0, 1)
    assert steepest.estimate_noise(image) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_an_image_of_noise_alone_is_denoised(seed: int) -> None:
    """Half of the estimates are above the standard deviation of the image."""
    image = np.random.default_rng(seed).standard_normal((24, 24))
    assert steepest.denoise_tv(image).image.std() < 0.3


def test_a_channel_without_noise_stays() -> None:
    rng = np.random.default_rng(0)
    image = np.stack([0.5 + 0.1 * rng.standard_normal((64, 64)), np.full((64, 64), 0.2)], -1)
    energy = steepest.TotalVariation(coupled=False)
    result = steepest.denoise(image, energy=energy, channel_axis=-1)
    assert result.status is Status.CONVERGED
    assert result.strength[0] > 0 == result.strength[1]
    assert list(result.noise_share) == [1, 0]
    assert np.array_equal(result.image[..., 1], image[..., 1])
    both = steepest.denoise(image, channel_axis=-1)
    assert both.sigma == result.sigma[0]
    assert both.noise_share == 0.5
