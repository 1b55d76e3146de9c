"""Input: all allowed kinds of images, and errors for all others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest
from cases import distance, distances, flow_by_merging
from cases.arguments import arguments

IMAGE = np.random.default_rng(0).random((6, 7))
TIMES = [0.1, 0.3]

BAD_IMAGES = {
    "NaN": np.where(IMAGE > 0.9, np.nan, IMAGE),
    "infinite": np.where(IMAGE > 0.9, np.inf, IMAGE),
    "empty": np.zeros((0, 5)),
    "no axes": np.float64(3.0),
    "complex": IMAGE + 1j,
    "int64": np.zeros((4, 4), dtype=np.int64),
    "four spatial axes": np.zeros((2, 2, 2, 2)),
    "text": np.array([["a", "b"]]),
}

BAD_OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("channel_axis", {"channel_axis": 2}),
    ("channel_axis", {"channel_axis": -3}),
    ("channel_axis", {"channel_axis": 0.5}),
    ("batch_axis", {"batch_axis": 5}),
    ("weights", {"weights": np.ones((7, 6))}),
    ("weights", {"weights": -np.ones((6, 7))}),
    ("weights", {"weights": np.full((6, 7), np.nan)}),
    ("spacing", {"spacing": (1.0, 2.0, 3.0)}),
    ("spacing", {"spacing": (1.0, 0.0)}),
    ("spacing", {"spacing": -1.0}),
    ("spacing", {"spacing": (1.0, np.inf)}),
    ("huber", {"huber": -0.1}),
    ("huber", {"huber": np.nan}),
    ("tol", {"tol": -1e-3}),
    ("tol", {"tol": np.nan}),
    ("max_num_iter", {"max_num_iter": 0}),
    ("max_num_iter", {"max_num_iter": 2.5}),
    ("num_threads", {"num_threads": 0}),
    ("num_threads", {"num_threads": -2}),
]

BAD_FLOW_OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("steps", {"steps": 0}),
    ("steps", {"steps": 1.5}),
    ("steps", {"steps": "uniform"}),
    ("start", {"start": "before"}),
    ("on_step", {"on_step": 3}),
]

BAD_TIMES = [
    [0.2, 0.1], [0.1, 0.1], [-0.1, 0.2], [np.nan], [0.1, np.inf], [], -1.0, "soon", [[0.1], [0.2]],
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_images(name: str) -> None:
    with pytest.raises(steepest.InputError, match="image"):
        steepest.tv_flow(BAD_IMAGES[name], TIMES)
    with pytest.raises(steepest.InputError, match="image"):
        steepest.denoise_tv(BAD_IMAGES[name], 0.1)


@pytest.mark.parametrize(("name", "options"), BAD_OPTIONS, ids=str)
def test_bad_options(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(steepest.InputError, match=name):
        steepest.flow(IMAGE, TIMES, **arguments(**options))
    with pytest.raises(steepest.InputError, match=name):
        steepest.denoise(IMAGE, 0.1, **arguments(**options))


@pytest.mark.parametrize(("name", "options"), BAD_FLOW_OPTIONS, ids=str)
def test_bad_flow_options(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(steepest.InputError, match=name):
        steepest.flow(IMAGE, TIMES, **arguments(**options))


@pytest.mark.parametrize("times", BAD_TIMES, ids=str)
def test_bad_times(times: Any) -> None:
    with pytest.raises(steepest.InputError, match="times"):
        steepest.tv_flow(IMAGE, times)


@pytest.mark.parametrize("strength", [-0.1, np.nan, np.inf, "much", [0.1]], ids=str)
def test_bad_strength(strength: Any) -> None:
    with pytest.raises(steepest.InputError, match="strength"):
        steepest.denoise_tv(IMAGE, strength)


def test_an_input_error_is_a_value_error() -> None:
    assert issubclass(steepest.InputError, ValueError)
    assert issubclass(steepest.NotConverged, RuntimeError)


def test_time_zero_is_the_image() -> None:
    result = steepest.tv_flow(IMAGE, [0.0, 0.2], steps=5)
    np.testing.assert_array_equal(result.images[0], IMAGE)
    assert result.error_bound[0] == 0
    later = steepest.tv_flow(IMAGE, [0.2], steps=5)
    np.testing.assert_allclose(result.images[1], later.images[0], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (1, 1), (1, 1, 1), (9,), (1, 9), (9, 1), (1, 9, 1)])
def test_thin_images_are_signals(shape: tuple[int, ...], dtype: type) -> None:
    signal = np.random.default_rng(1).random(max(shape)).astype(dtype)
    exact = flow_by_merging(signal, TIMES).reshape(2, *shape)
    result = steepest.tv_flow(
        signal.reshape(shape), TIMES, steps=4, solver=steepest.Solver(tol=1e-5)
    )
    assert result.images.shape == (2, *shape)
    assert result.images.dtype == dtype
    assert result.converged
    errors = distances(result.images, exact)
    assert np.all(errors <= np.asarray(result.error_bound) + 1e-14)
    assert np.all(errors <= 2e-2)
    one = steepest.denoise_tv(signal.reshape(shape), 0.1, solver=steepest.Solver(tol=1e-5))
    assert distance(one.image, exact[0]) <= min(float(one.error_bound) + 1e-14, 2e-2)


@pytest.mark.parametrize("value", [0.0, 1.0, -3.7, 1e12, 1e-12])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_image_stays(value: float, dtype: type) -> None:
    image = np.full((5, 6), value, dtype=dtype)
    result = steepest.tv_flow(image, [0.1, 10.0])
    np.testing.assert_array_equal(result.images, [image, image])
    assert result.converged
    assert np.all(np.asarray(result.gap) >= 0)
    assert np.all(np.isfinite(result.gap))
    assert np.all(np.asarray(result.error_bound) <= 1e-5 * (abs(value) + 1))
    assert not np.any(np.isnan(result.psnr_bound()))
    np.testing.assert_array_equal(steepest.denoise_tv(image, 2.0).image, image)


@pytest.mark.parametrize("contrast", [1e-30, 1e-12, 1e-3, 1e12, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_and_tiny_contrasts(contrast: float, dtype: type) -> None:
    """One-homogeneity, with the same relative accuracy and effort."""
    image = (contrast * IMAGE).astype(dtype)
    plain = steepest.tv_flow(IMAGE.astype(dtype), TIMES, steps=5, solver=steepest.Solver(tol=1e-5))
    result = steepest.tv_flow(
        image, np.multiply(contrast, TIMES), steps=5, solver=steepest.Solver(tol=1e-5)
    )
    assert result.converged, result.status
    assert result.images.dtype == dtype
    room = 2 * np.sqrt(2e-5 * 7 * TIMES[-1] * np.abs(np.diff(IMAGE)).sum() * 2)
    scaled = np.asarray(result.images, dtype=np.float64) / contrast
    assert np.all(distances(scaled, plain.images) <= room)
    bounds = np.asarray(result.error_bound) / contrast
    np.testing.assert_allclose(bounds, plain.error_bound, rtol=0.1)
    one = steepest.denoise_tv(image, contrast * 0.2, solver=steepest.Solver(tol=1e-5))
    other = steepest.denoise_tv(IMAGE.astype(dtype), 0.2, solver=steepest.Solver(tol=1e-5))
    assert distance(np.asarray(one.image, dtype=np.float64) / contrast, other.image) <= room


def test_small_contrast_on_a_large_offset() -> None:
    signal = 1e6 + np.array([0.0, 1e-3, 0.0, 0.0, 5e-4])
    times = [1e-4, 3e-4]
    result = steepest.tv_flow(signal, times, steps=3, solver=steepest.Solver(tol=1e-6))
    errors = distances(result.images, flow_by_merging(signal, times))
    assert np.all(errors <= np.asarray(result.error_bound) + 1e-9)
    assert np.all(errors <= 1e-5)


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535)])
def test_integers_are_scaled_to_one_and_written_back_in_kind(dtype: type, largest: int) -> None:
    rng = np.random.default_rng(2)
    image = rng.integers(0, largest, (8, 9), endpoint=True).astype(dtype)
    floating = image.astype(np.float32) / np.float32(largest)
    result = steepest.tv_flow(image, TIMES, steps=8)
    plain = steepest.tv_flow(floating, TIMES, steps=8)
    assert result.images.dtype == dtype
    np.testing.assert_array_equal(
        result.images, np.rint(np.clip(plain.images, 0, 1) * largest).astype(dtype)
    )
    np.testing.assert_allclose(result.error_bound, plain.error_bound, rtol=1e-6)
    np.testing.assert_allclose(result.psnr_bound(), plain.psnr_bound(1.0), rtol=1e-6)
    one, other = steepest.denoise_tv(image, 0.1), steepest.denoise_tv(floating, 0.1)
    assert one.image.dtype == dtype
    np.testing.assert_array_equal(one.image, np.rint(np.clip(other.image, 0, 1) * largest))


def test_the_callers_arrays_are_not_written_to() -> None:
    image, weights, times = IMAGE.copy(), np.ones_like(IMAGE), np.array(TIMES)
    for array in (image, weights, times):
        array.setflags(write=False)
    steepest.flow(image, times, energy=steepest.TotalVariation(weights=weights), steps=3)
    steepest.denoise(image, 0.1, energy=steepest.TotalVariation(weights=weights))
    np.testing.assert_array_equal(image, IMAGE)


def test_colours_without_a_channel_axis_are_told_of(recwarn: pytest.WarningsRecorder) -> None:
    colour = np.linspace(0, 1, 300).reshape(10, 10, 3)
    steepest.extinction_time(colour)
    assert "taken for a volume; if it is in colour, give channel_axis=-1" in str(recwarn[0].message)
    assert recwarn.pop().filename == __file__
    steepest.extinction_time(colour, channel_axis=-1)
    steepest.extinction_time(colour.reshape(10, 3, 10))
    assert not recwarn.list


def test_a_series_that_is_taken_for_a_volume_is_told_of(recwarn: pytest.WarningsRecorder) -> None:
    film = steepest.io.Image(np.linspace(0, 1, 300).reshape(3, 10, 10), "TYX")
    steepest.extinction_time(film)
    assert "a series of images (axes TYX)" in str(recwarn.pop().message)
    steepest.extinction_time(film, batch_axis=0)
    steepest.extinction_time(film.array)
    assert not recwarn.list


def test_keywords_of_other_libraries_are_told_from_ours() -> None:
    for denoise in (steepest.denoise, steepest.denoise_tv):
        with pytest.raises(TypeError, match=r"'weight'. Did you mean strength\?"):
            denoise(np.zeros((4, 4)), weight=0.1)
        with pytest.raises(TypeError, match=r"'max_num_iter'. Did you mean solver\?"):
            denoise(np.zeros((4, 4)), 0.1, max_num_iter=50)
        with pytest.raises(TypeError, match=r"'spacings'. Did you mean spacing\?"):
            denoise(np.zeros((4, 4)), 0.1, spacings=2)
        with pytest.raises(TypeError, match=r"'sigma'$"):  # not: did you mean image?
            denoise(np.zeros((4, 4)), 0.1, sigma=25)


def test_names_in_place_of_objects_are_told() -> None:
    with pytest.raises(steepest.InputError, match=r"read_image\('camera.png'\)"):
        steepest.denoise_tv("camera.png", 0.1)
    with pytest.raises(steepest.InputError, match=r"read_image\('camera.png'\)"):
        steepest.denoise_tv(Path("camera.png"), 0.1)
    with pytest.raises(steepest.InputError, match=r"\(3, 4, 3\) \(of a colour image: give channel"):
        steepest.inpaint(np.zeros((3, 4, 3)), unknown=np.eye(3, 4))
    with pytest.raises(steepest.InputError, match=r"^energy='tgv'; .*TotalGeneralisedVariation"):
        steepest.denoise(np.zeros((4, 4)), 0.1, "tgv")


def test_a_tensor_of_whole_numbers_is_not_taken_for_one_in_0_to_1() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(steepest.InputError, match=r"dtype uint8; .* \(image / 255 brings"):
        steepest.denoise_tv(torch.zeros(4, 4, dtype=torch.uint8), 0.1)
    with pytest.raises(steepest.InputError, match=r"\(convert with image.float\(\)\)"):
        steepest.denoise_tv(torch.zeros(4, 4, dtype=torch.bfloat16), 0.1)
