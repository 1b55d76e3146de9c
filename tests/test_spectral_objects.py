"""Sizes and contrasts of discs and balls of known radius, with noise."""

from __future__ import annotations

import numpy as np
import pytest

import steepest
from steepest import spectral

DISCS = [(26, 26, 8, 0.5), (26, 80, 4, 0.6), (70, 34, 13, 0.3), (72, 80, 9, -0.4)]  # y, x, r, c


def draw(discs, shape=(100, 110), sigma=0.05, steps=(1, 1)) -> np.ndarray:
    """Discs on 0.5 with noise; radii in the unit of ``steps``, positions in pixels."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = 0.5 + sigma * np.random.default_rng(0).standard_normal(shape)
    for cy, cx, radius, contrast in discs:
        image[np.hypot((y - cy) * steps[0], (x - cx) * steps[1]) < radius] += contrast
    return image


def matched(objects: np.ndarray, discs) -> list[np.void]:
    """The one object at the centre of each disc."""
    found = []
    for cy, cx, *_ in discs:
        near = np.hypot(*(objects["centroid"] - (cy, cx)).T) < 2
        assert near.sum() == 1
        found.append(objects[near][0])
    return found


@pytest.mark.parametrize("sigma", [0.0, 0.02, 0.1])
def test_discs_have_their_size_and_contrast(sigma: float) -> None:
    objects = spectral.objects(spectral.decompose(draw(DISCS, sigma=sigma)))
    assert len(objects) == len(DISCS)
    for found, (_, _, radius, contrast) in zip(matched(objects, DISCS), DISCS, strict=True):
        assert found["diameter"] == pytest.approx(2 * radius, rel=0.15)
        assert found["area"] == pytest.approx(np.pi * radius**2, rel=0.15)
        assert found["contrast"] == pytest.approx(contrast, rel=0.15)
        assert found["scale"] == pytest.approx(radius, rel=0.15)
        assert found["time"] == pytest.approx(abs(contrast) * radius / 2, rel=0.2)
        assert found["peak_time"] == pytest.approx(found["time"], rel=0.25)
        assert not found["border"]


@pytest.mark.parametrize("steps", [(0.25, 0.25), (0.5, 0.25)])
def test_sizes_have_the_unit_of_the_spacing(steps: tuple[float, float]) -> None:
    """Discs in micrometres, which are ellipses in pixels where these are oblong."""
    discs = [(20, 30, 2.0, 0.5), (40, 80, 2.6, -0.3)]
    image = draw(discs, (60, 110), steps=steps)
    direct = spectral.objects(spectral.decompose(image, spacing=steps))
    relative = spectral.decompose(image, spacing=(steps[0] / steps[1], 1))
    scaled = spectral.objects(relative, pixel_size=steps[1])
    for objects, unit in ((direct, 1), (scaled, steps[1])):  # of time: grey value x length
        for found, (_, _, radius, contrast) in zip(matched(objects, discs), discs, strict=True):
            assert found["diameter"] == pytest.approx(2 * radius, rel=0.15)
            assert found["contrast"] == pytest.approx(contrast, rel=0.15)
            assert found["scale"] == pytest.approx(radius, rel=0.15)
            assert found["time"] * unit == pytest.approx(abs(contrast) * radius / 2, rel=0.2)


def test_balls_and_intervals_are_measured_too() -> None:
    """A ball of radius r vanishes at c r / 3, an interval at c r."""
    rng = np.random.default_rng(0)
    z, y, x = np.mgrid[:24, :26, :28]
    ball = 0.4 * (np.sqrt((z - 11) ** 2 + (y - 12) ** 2 + (x - 13) ** 2) < 6)
    line = 0.4 * (np.abs(np.arange(200) - 90) < 10)
    for clean, radius, volume in ((ball, 6, 4 / 3 * np.pi * 6**3), (line, 9.5, 19)):
        noisy = clean + 0.02 * rng.standard_normal(clean.shape)
        (found,) = spectral.objects(spectral.decompose(noisy))
        assert found["area"] == pytest.approx(volume, rel=0.15)
        assert found["diameter"] == pytest.approx(2 * radius, rel=0.15)
        assert found["contrast"] == pytest.approx(0.4, rel=0.15)
        assert found["scale"] == pytest.approx(radius, rel=0.15)


@pytest.mark.parametrize("value", [0.0, 0.7, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_image_has_no_objects(value: float, dtype: type) -> None:
    result = spectral.decompose(np.full((20, 24), value, dtype))
    assert len(spectral.objects(result)) == 0


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_objects(seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal((96, 96))
    for image in (noise, np.rint(128 + 3 * noise).astype(np.uint8)):
        assert len(spectral.objects(spectral.decompose(image))) == 0


def test_rounding_to_8_bits_makes_no_objects() -> None:
    """Where the background is so dark that most of it is one grey level."""
    image = draw([(40, 40, 9, 0.4)], sigma=0.001) - 0.5 + 0.01
    eight = np.rint(255 * np.clip(image + 0.1 * image**2, 0, 1)).astype(np.uint8)
    ramp = np.linspace(0, 40, 110).astype(np.uint8)  # many levels
    eight[90:] = ramp
    objects = spectral.objects(spectral.decompose(eight))
    small = objects["diameter"] < 3
    assert not small.any()


@pytest.mark.parametrize("coupled", [True, False])
def test_channels_have_objects_of_their_own(coupled: bool) -> None:
    """Their size does not depend on whether channels vanish together."""
    first, second = (20, 24, 6, 0.5), (44, 40, 9, 0.3)
    channels = [draw([first], (64, 64), 0.03), draw([second], (64, 64), 0.02)]
    result = spectral.decompose(
        np.stack(channels), channel_axis=0, energy=steepest.TotalVariation(coupled=coupled)
    )
    objects = spectral.objects(result)
    for channel, disc in enumerate((first, second)):
        (found,) = matched(objects[objects["channel"] == channel], [disc])
        assert found["diameter"] == pytest.approx(2 * disc[2], rel=0.15)
        assert found["scale"] == pytest.approx(disc[2], rel=0.15)


@pytest.mark.parametrize("coupled", [True, False])
def test_copies_of_a_channel_change_no_size(coupled: bool) -> None:
    image = draw(DISCS[:1], (60, 60))
    result = spectral.decompose(
        np.stack([image] * 3, -1), channel_axis=-1, energy=steepest.TotalVariation(coupled=coupled)
    )
    objects = spectral.objects(result)
    assert objects["channel"].tolist() == [0, 1, 2]
    assert objects["scale"] == pytest.approx([8] * 3, rel=0.15)
    assert spectral.scale_map(result, "length")[26, 26] == pytest.approx(8, rel=0.15)


def test_an_object_at_the_border_is_marked() -> None:
    objects = spectral.objects(spectral.decompose(draw([(40, 109, 8, 0.5), (0, 0, 9, 0.5)])))
    assert objects["border"].tolist() == [True, True]
    assert objects["contrast"] == pytest.approx([0.5, 0.5], rel=0.15)


def test_the_least_snr_is_the_users() -> None:
    result = spectral.decompose(draw(DISCS))
    everything = spectral.objects(result)
    some = spectral.objects(result, min_snr=float(np.median(everything["snr"])))
    assert 0 < len(some) < len(everything)
    assert len(spectral.objects(result, min_snr=1e9)) == 0


def test_the_scale_map_tells_the_radius() -> None:
    sizes = spectral.scale_map(spectral.decompose(draw(DISCS, sigma=0.02)), "length")
    for cy, cx, radius, _ in DISCS:
        assert sizes[cy, cx] == pytest.approx(radius, rel=0.2)
    assert not spectral.scale_map(spectral.decompose(np.ones((9, 9))), "length").any()


def test_bad_options_are_refused() -> None:
    result = spectral.decompose(np.eye(6))
    with pytest.raises(steepest.InputError, match="min_snr"):
        spectral.objects(result, min_snr=-1)
    with pytest.raises(steepest.InputError, match="pixel_size"):
        spectral.objects(result, pixel_size=0)
    with pytest.raises(steepest.InputError, match="quantity='radius'"):
        spectral.scale_map(result, "radius")  # type: ignore[arg-type]
