"""What is made of bands: sums, filters, texture, fusion, scale maps."""

import numpy as np
import pytest

import steepest
from cases.arguments import arguments
from cases.spectra import VARIANTS, noise, quality
from steepest import spectral


@pytest.fixture(scope="module")
def textured() -> spectral.Decomposition:
    return spectral.decompose(noise(14, 16), bands=4)


# --- recompose and filters ------------------------------------------------------------------------


def test_recompose_is_linear(textured: spectral.Decomposition) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 4))
    both = textured.recompose(2 * a - b, residual_gain=0.5)
    apart = 2 * textured.recompose(a, residual_gain=0.25) - textured.recompose(b, residual_gain=0)
    assert both == pytest.approx(apart, abs=1e-12)
    direct = np.tensordot(2 * a - b, textured.bands, 1) + 0.5 * textured.residual
    assert both == pytest.approx(direct, abs=1e-12)


def test_recompose_accepts_numbers_arrays_and_functions(textured: spectral.Decomposition) -> None:
    gains = np.array([0.5, -1.0, 2.0, 3.0])

    def curve(t: np.ndarray) -> np.ndarray:
        return gains[np.searchsorted(textured.edges, t, side="right") - 1]

    expected = textured.recompose(gains)
    assert textured.recompose(gains.tolist()) == pytest.approx(expected, abs=0)
    assert textured.recompose(curve) == pytest.approx(expected, abs=1e-12)
    assert textured.recompose(0.0) == pytest.approx(textured.residual, abs=1e-12)
    assert textured.recompose(lambda t: 2.0) == pytest.approx(textured.recompose(2.0), abs=0)
    assert textured.recompose(3.0, residual_gain=3.0) == pytest.approx(3 * textured.image)
    assert np.abs(textured.recompose(0.0, residual_gain=0.0)).max() == 0


@pytest.mark.parametrize("time", [0.0, 0.02, 0.1, 5.0])
def test_low_and_high_pass_share_the_image(textured: spectral.Decomposition, time: float) -> None:
    low, high = spectral.low_pass(textured, time), spectral.high_pass(textured, time)
    assert quality(low + high, textured.image) >= 250
    assert abs(high.mean()) <= 1e-6
    stop = time + 0.05
    inside = spectral.band_pass(textured, time, stop)
    assert quality(inside + spectral.band_stop(textured, time, stop), textured.image) >= 250
    difference = spectral.high_pass(textured, stop) - high
    assert inside == pytest.approx(difference, abs=1e-12)


@pytest.mark.parametrize("k", range(4))
def test_band_pass_between_edges_is_the_band(textured: spectral.Decomposition, k: int) -> None:
    start, stop = textured.edges[k : k + 2]
    passed = spectral.band_pass(textured, start, stop)
    assert passed == pytest.approx(textured.bands[k], abs=1e-12)
    gains = 1.0 - (np.arange(4) == k)
    stopped = spectral.band_stop(textured, start, stop)
    assert stopped == pytest.approx(textured.recompose(gains), abs=1e-12)


# --- texture, fusion, scale map -------------------------------------------------------------------


@pytest.mark.parametrize("name", VARIANTS)
def test_structure_and_texture(name: str) -> None:
    shape, options = VARIANTS[name]
    image, time = noise(*shape), 0.12
    structure, texture = spectral.separate_texture(
        image, time, **arguments(steps=12, tol=1e-8, **options)
    )
    assert structure + texture == pytest.approx(image, abs=1e-14)
    frames = steepest.flow(
        image,
        [time * 11 / 12, time],
        **arguments(steps=steepest.TimeGrid.uniform(12), tol=1e-8, **options),
    ).images
    expected = frames[1] - time * (frames[1] - frames[0]) / (time / 12)
    assert structure == pytest.approx(expected, abs=1e-6)


def test_scale_map_tells_two_structures_apart() -> None:
    image = np.zeros((24, 24))
    image[8:16, 10:18] = 1.0  # anisotropic square: 4/8 a unit of time, gone by about 1.8
    image[2, 2] = 0.2  # impulse: gone by 0.05
    result = spectral.decompose(image, energy=steepest.TotalVariation(norm="anisotropic"))
    scales = spectral.scale_map(result)
    assert 0.03 < scales[2, 2] < 0.08
    assert 1.0 < scales[9:15, 11:17].min() <= scales[9:15, 11:17].max() < 3.0
