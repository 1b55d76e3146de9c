"""Decomposition and filters by tiles: the same bands as in one piece, which add up to the image."""

import numpy as np
import pytest

from cases import tiled
from steepest import InputError, Solver, TimeGrid, spectral

EDGES = [0.01, 0.1]


def picture(shape, dtype=np.uint8, seed=0):
    """A bright block in noise."""
    rng = np.random.default_rng(seed)
    u = rng.normal(0.3, 0.08, shape)
    u[tuple(slice(n // 4, n // 2) for n in shape[:2])] += 0.4
    return np.rint(255 * np.clip(u, 0, 1)).astype(dtype) if dtype == np.uint8 else u.astype(dtype)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((300, 333), np.uint8),
        ((200, 150, 2), np.float32),
        ((70, 40, 50), np.float64),
    ],
)
def test_bands_add_up_to_the_image_and_do_not_depend_on_tiles(shape, dtype):
    image, axis = picture(shape, dtype), -1 if shape[-1] == 2 else None
    options = dict(bands=EDGES, t_max=0.3, steps=12, channel_axis=axis, halo=24)
    memory = "25MB" if len(shape) == 2 else "120MB"
    small = tiled.decompose(image, memory=memory, num_threads=1, **options)
    large = tiled.decompose(image, memory="1GB", num_threads=2, **options)
    assert np.array_equal(small.parts, large.parts)
    assert small.parts.shape == (4, *shape)
    assert small.parts.dtype == (np.float64 if dtype == np.float64 else np.float32)
    floats = image / 255 if dtype == np.uint8 else image
    eps = 4 * np.finfo(small.parts.dtype).eps
    np.testing.assert_allclose(small.parts.sum(0, dtype=np.float64), floats, atol=eps * 2)


def test_bands_are_those_of_the_decomposition_in_memory():
    image = picture((120, 130), np.float32)
    here = tiled.decompose(image, bands=EDGES, t_max=0.3, steps=16, halo=32, tol=1e-4)
    one = spectral.decompose(image, bands=EDGES, t_max=0.3, steps=16, solver=Solver(tol=1e-4))
    np.testing.assert_allclose(here.nodes, one.nodes, rtol=1e-6)
    scale = np.linalg.norm(image - image.mean())
    for band, other in zip(here.parts, [*one.bands, one.residual], strict=True):
        assert np.linalg.norm(band.astype(float) - other) < 5e-3 * scale
    np.testing.assert_allclose(here.flow.psnr_bound(), one.flow.psnr_bound(), atol=1)


def test_filters_are_combinations_of_the_bands():
    image = picture((150, 170))
    options = dict(bands=EDGES, t_max=0.3, steps=10)
    bands = tiled.decompose(image, **options).parts.astype(float)
    gained = tiled.apply_filter(image, lambda d: d.recompose([2, 0, 1], 0.5), **options)
    expected = 2 * bands[0] + bands[2] + 0.5 * bands[3]
    np.testing.assert_allclose(gained.image, expected, atol=1e-6)
    low = tiled.apply_filter(image, lambda d: spectral.low_pass(d, 0.05), t_max=0.3, steps=10)
    high = tiled.apply_filter(image, lambda d: spectral.high_pass(d, 0.05), t_max=0.3, steps=10)
    np.testing.assert_allclose(low.image + high.image.astype(float), image / 255, atol=1e-6)
    curve = tiled.apply_filter(
        image.astype(np.float32) * 1e9,
        lambda d: d.recompose(lambda t: t / (t + 1e7)),
        steps=TimeGrid((0.05e9, 0.1e9, 0.2e9, 0.3e9)),
    )
    one = spectral.decompose(image.astype(float), steps=TimeGrid((0.05, 0.1, 0.2, 0.3)))
    other = one.recompose(lambda t: t / (t + 0.01))
    assert np.linalg.norm(curve.image / 1e9 - other) < 0.01 * np.linalg.norm(other)


def test_separate_channels_are_decomposed_one_by_one():
    options = dict(channel_axis=0, coupled=False)
    images = np.stack([picture((90, 100), seed=seed) for seed in range(2)])
    fixed = dict(bands=EDGES, t_max=0.2, steps=8)
    both = tiled.decompose(images, **fixed, **options)
    assert both.parts.shape == (4, 2, 90, 100)
    assert both.parts.dtype == np.float32
    singles = [tiled.decompose(image, **fixed) for image in images]
    for k, single in enumerate(singles):
        assert np.array_equal(both.parts[:, k], single.parts)
    errors = np.array([single.flow.error_bound for single in singles])
    np.testing.assert_allclose(both.flow.error_bound, np.hypot(*errors))
    low = tiled.apply_filter(
        images, lambda d: spectral.low_pass(d, 0.05), t_max=0.2, steps=8, **options
    )
    alone = tiled.apply_filter(images[1], lambda d: spectral.low_pass(d, 0.05), t_max=0.2, steps=8)
    assert np.array_equal(low.image[1], alone.image)
    with pytest.raises(InputError, match="t_max and the times of bands: needed"):
        tiled.decompose(images, bands=2, t_max=0.2, **options)


def test_bands_and_last_time_are_found_where_not_given():
    image = np.zeros((64, 64), np.float32)
    image[20:40, 20:40] = 1
    image[5:8, 50:53] = 1
    found = tiled.decompose(image, bands=3, steps=30, tol=1e-3)
    one = spectral.decompose(
        image, bands=3, solver=Solver(tol=1e-3), steps=TimeGrid(tuple(found.nodes[1:]))
    )
    assert np.array_equal(found.edges, one.edges)
    assert found.nodes[-1] > spectral.extinction_time(image) / 2
    assert np.ptp(found.parts[-1]) < 1e-2
    assert found.parts[-1].mean() == pytest.approx(image.mean(), abs=1e-3)
    flat = tiled.decompose(np.full((40, 50), 0.5), bands=3)
    assert np.all(flat.parts[:3] == 0)
    assert np.all(flat.parts[3] == 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(bands=[0.2, 0.1]), "increase strictly"),
        (dict(t_max=-1), "t_max"),
        (dict(steps=1, t_max=1.0), "at least two steps"),
        (dict(out=np.zeros((2, 9, 9), np.float32)), "out of type"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(InputError, match=message):
        tiled.decompose(np.ones((9, 9)), **options)
