"""Accepted images and returned results: dtypes, memory, results used as arrays."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest
from cases.arguments import arguments
from steepest import io

RNG = np.random.default_rng(4)
IMAGE = RNG.random((9, 11))
STRENGTH = 0.1


def denoised(image: Any, **options: Any) -> np.ndarray:
    return np.asarray(steepest.denoise(image, STRENGTH, **arguments(tol=1e-6, **options)).image)


def test_byte_order_memory_order_and_read_only_memory_do_not_matter() -> None:
    for kind in (np.float32, np.float64, np.uint16):
        image = (IMAGE * 65535).astype(kind) if kind is np.uint16 else IMAGE.astype(kind)
        expected = denoised(image)
        frozen = image.copy()
        frozen.flags.writeable = False
        swapped = image.astype(image.dtype.newbyteorder())
        for other in (swapped, np.asfortranarray(image), frozen, memoryview(image), image[::1]):
            found = denoised(other)
            assert found.dtype == image.dtype
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(
            denoised(image[::-1])[::-1], denoised(image[::-1].copy())[::-1]
        )


def test_arrays_that_lie_in_files_are_taken(tmp_path: Path) -> None:
    """A read-only memory map is the array that it holds; arrays of zarr are computed by tiles."""
    zarr = pytest.importorskip("zarr")
    np.save(tmp_path / "a.npy", IMAGE)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    stored = zarr.create_array(tmp_path / "a.zarr", data=IMAGE)
    expected = denoised(IMAGE)
    for number, other in enumerate((mapped, zarr.open(stored.store, mode="r"))):
        np.testing.assert_allclose(denoised(other), expected, atol=1e-3 if number else 0)
        for suffix in (".npy", ".tif"):
            path = tmp_path / f"{number}{suffix}"
            io.write_image(path, other)
            np.testing.assert_array_equal(io.read_image(path).array, IMAGE)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), IMAGE)


def test_half_precision_is_computed_in_single_and_written_back() -> None:
    half = IMAGE.astype(np.float16)
    found = denoised(half)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, denoised(half.astype(np.float32)).astype(np.float16))
    assert steepest.tv_flow(half, [0.1]).images.dtype == np.float16
    assert steepest.spectral.decompose(half, t_max=1.0).bands.dtype == np.float32


@pytest.mark.parametrize(
    ("dtype", "advice"),
    [("int32", "white"), ("uint32", "image / 255"), ("int64", "astype"), ("longdouble", "astype"),
     ("complex64", "channels")],
)  # fmt: skip
def test_what_is_refused_says_what_to_do(dtype: str, advice: str) -> None:
    with pytest.raises(steepest.InputError, match="image has dtype") as caught:
        denoised(IMAGE.astype(dtype))
    assert advice in str(caught.value)


def test_an_image_of_a_file_is_taken_with_its_own_channel_axis(tmp_path: Path) -> None:
    colour = (RNG.random((8, 9, 3)) * 255).astype(np.uint8)
    io.write_image(tmp_path / "colour.png", io.Image(colour, "YXC"))
    image = io.read_image(tmp_path / "colour.png")
    np.testing.assert_array_equal(denoised(image), denoised(colour, channel_axis=-1))
    flow = steepest.tv_flow(image, [0.05])
    assert flow.images.shape == (1, *colour.shape)
    known = RNG.random((8, 9)) < 0.5
    filled = steepest.inpaint(image, known)
    np.testing.assert_array_equal(filled, steepest.inpaint(colour, known, channel_axis=-1))
    assert steepest.estimate_noise(image) == steepest.estimate_noise(colour, channel_axis=-1)


class Labelled:
    """What NumPy sees of an xarray.DataArray: values behind ``__array__``, and more around them."""

    def __init__(self, values: np.ndarray, dims: tuple[str, ...]) -> None:
        self.values, self.dims, self.attrs = values, dims, {"units": "counts"}
        self.shape, self.ndim, self.dtype = values.shape, values.ndim, values.dtype

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype, copy=copy)


def test_labelled_arrays_are_taken_as_their_values() -> None:
    image, hole = Labelled(IMAGE, ("y", "x")), Labelled(IMAGE < 0.3, ("y", "x"))
    np.testing.assert_array_equal(denoised(image), denoised(IMAGE))
    flow = steepest.tv_flow(image, [0.1]).images
    np.testing.assert_array_equal(flow, steepest.tv_flow(IMAGE, [0.1]).images)
    filled = steepest.inpaint(image, unknown=hole).image
    assert type(filled) is np.ndarray
    np.testing.assert_array_equal(filled, steepest.inpaint(IMAGE, unknown=hole.values).image)
    np.testing.assert_array_equal(steepest.inpaint(image, known=~hole.values).image, filled)
    missing = Labelled(np.where(hole.values, np.nan, IMAGE), ("y", "x"))
    np.testing.assert_array_equal(steepest.inpaint(missing).image, filled)
    smooth = {"method": steepest.inpainting.Biharmonic()}
    np.testing.assert_array_equal(steepest.inpaint(missing, **smooth).image,
                                  steepest.inpaint(missing.values, **smooth).image)  # fmt: skip
    stack = Labelled(np.stack([IMAGE, IMAGE[::-1]]), ("t", "y", "x"))
    np.testing.assert_array_equal(denoised(stack, batch_axis=0)[0], denoised(IMAGE))
    both = steepest.inpaint(stack, unknown=hole, batch_axis=0).image
    np.testing.assert_array_equal(both[0], filled)


def test_results_of_one_image_are_that_image() -> None:
    result = steepest.denoise_tv(IMAGE, STRENGTH)
    np.testing.assert_array_equal(np.asarray(result), result.image)
    assert np.asarray(result, dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(result - IMAGE, result.image - IMAGE)
    np.testing.assert_array_equal(2 * result, 2 * result.image)
    np.testing.assert_array_equal(IMAGE - result, IMAGE - result.image)
    assert float(np.abs(result - IMAGE).max()) > 0
    filled = steepest.inpaint(IMAGE, IMAGE > 0.5)
    np.testing.assert_array_equal(np.asarray(filled), filled.image)
    again = steepest.denoise_tv(result, 0.05)  # and may go on as input
    np.testing.assert_array_equal(again, steepest.denoise_tv(result.image, 0.05))


def test_a_strength_left_out_is_found() -> None:
    noisy = 0.1 * RNG.standard_normal((20, 20)) + np.pad(np.ones((10, 10)), 5)
    result = steepest.denoise_tv(noisy)
    assert result.strength == steepest.denoise_least_risk(noisy).strength
    assert result.sigma == pytest.approx(steepest.estimate_noise(noisy))
    with pytest.raises(steepest.InputError, match="strength"):
        steepest.denoise_tv(noisy, start=result)
