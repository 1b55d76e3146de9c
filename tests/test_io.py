"""Files come back as they were written: pixels, kind, metadata; or not at all."""

import os

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import PngImagePlugin

from cases.pixels import random_array
from steepest.io import (
    Image,
    Metadata,
    read_image,
    sample,
    write_image,
)

# ----------------------------------------------------------------------------- round trips


@pytest.mark.parametrize(
    ("suffix", "dtype", "shape"),
    [
        (".png", "uint8", (7, 9)),
        (".png", "uint8", (7, 9, 3)),
        (".png", "uint16", (7, 9)),
        (".png", "uint16", (7, 9, 3)),
        (".tif", "uint8", (7, 9)),
        (".tif", "uint8", (7, 9, 3)),
        (".tif", "uint16", (7, 9)),
        (".tif", "uint16", (7, 9, 3)),
        (".tif", "float32", (7, 9)),
        (".tif", "float32", (7, 9, 3)),
        (".tif", "float64", (7, 9)),
        (".tiff", "uint16", (5, 7, 9)),
        (".tif", "float32", (2, 7, 9)),
        (".npy", "float64", (7, 9)),
        (".npy", "uint16", (5, 7, 9)),
        (".npy", "float32", (7, 9, 3)),
        (".npy", "float32", (11,)),
        (".npy", "uint8", (3, 7, 9, 3)),
    ],
)
def test_round_trip_is_exact(tmp_path, suffix, dtype, shape):
    array = random_array(shape, dtype)
    path = tmp_path / f"a{suffix}"
    write_image(path, array)
    image = read_image(path)
    assert image.array.dtype == array.dtype
    assert np.array_equal(image.array, array)
    assert image.channel_axis == (-1 if len(shape) > 2 and shape[-1] == 3 else None)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("colours", [1, 3])
def test_transparency_is_kept_aside_and_put_back(tmp_path, dtype, suffix, colours):
    array = random_array((6, 5) if colours == 1 else (6, 5, 3), dtype)
    alpha = random_array((6, 5, 1), dtype, seed=1)
    axes = "YX" if colours == 1 else "YXC"
    write_image(tmp_path / f"a{suffix}", Image(array, axes, alpha=alpha, stored_axes=axes))
    image = read_image(tmp_path / f"a{suffix}")
    assert image.array.shape == array.shape
    assert np.array_equal(image.array, array)
    assert np.array_equal(image.alpha, alpha)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 2, 3, 4]), st.integers(0, 2**31))
def test_16_bit_png_of_every_size(tmp_path_factory, height, width, samples, seed):
    raw = random_array((height, width, samples), "uint16", seed)
    grey = samples < 3
    array, alpha = (raw[..., 0], raw[..., 1:]) if grey else (raw[..., :3], raw[..., 3:])
    path = tmp_path_factory.mktemp("png") / "a.png"
    axes = "YX" if grey else "YXC"
    write_image(path, Image(array, axes, alpha=alpha if alpha.size else None, stored_axes=axes))
    image = read_image(path)
    assert np.array_equal(image.array, array)
    assert (image.alpha is None) == (samples in (1, 3))
    if image.alpha is not None:
        assert np.array_equal(image.alpha, alpha)
    with Pillow.open(path) as other:  # an independent decoder accepts the file, top bytes agree
        if samples == 3:
            assert np.array_equal(np.array(other), array >> 8)
        if samples == 1:
            assert np.array_equal(np.array(other), array)


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_byte_order_becomes_native(tmp_path, byte_order):
    array = random_array((4, 6), "uint16")
    np.save(tmp_path / "a.npy", array.astype(f"{byte_order}u2"))
    tifffile.imwrite(tmp_path / "a.tif", array, byteorder=byte_order)
    for name in ("a.npy", "a.tif"):
        image = read_image(tmp_path / name)
        assert image.array.dtype.isnative
        assert np.array_equal(image.array, array)


def test_the_suffix_does_not_matter_for_reading(tmp_path):
    write_image(tmp_path / "a.png", random_array((4, 4), "uint8"))
    (tmp_path / "a.png").rename(tmp_path / "a.dat")
    assert read_image(tmp_path / "a.dat").format == "png"


# ----------------------------------------------------------------------------- kinds of pixels


def test_palette_with_transparency_keeps_it_aside(tmp_path):
    picture = Pillow.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putdata([0, 1])
    picture.save(tmp_path / "a.png", transparency=0)
    image = read_image(tmp_path / "a.png")
    assert image.array.tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert image.alpha.tolist() == [[[0], [255]]]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_transparent_colour_becomes_alpha(tmp_path, mode):
    picture = Pillow.fromarray(np.array([[7, 8]], np.uint8)).convert(mode)
    picture.save(tmp_path / "a.png", transparency=7 if mode == "L" else (7, 7, 7))
    assert read_image(tmp_path / "a.png").alpha.tolist() == [[[0], [255]]]


def test_one_bit_becomes_black_and_white(tmp_path):
    bits = np.array([[True, False, True]])
    Pillow.fromarray(bits).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", bits, photometric="minisblack")
    for name in ("a.png", "a.tif"):
        assert read_image(tmp_path / name).array.tolist() == [[255, 0, 255]]


def test_tiff_white_is_zero_is_inverted(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0, 255]], np.uint8), photometric="miniswhite")
    assert read_image(tmp_path / "a.tif").array.tolist() == [[255, 0]]


def test_tiff_palette_becomes_rgb(tmp_path):
    table = np.stack([np.arange(256) * 257, np.zeros(256), np.full(256, 65535)]).astype(np.uint16)
    indices = random_array((5, 6), "uint8")
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=table)
    image = read_image(tmp_path / "a.tif")
    assert image.array.dtype == np.uint8
    assert np.array_equal(image.array[..., 0], indices)
    assert (image.array[..., 2] == 255).all()


@pytest.mark.parametrize("pages", [(), (4,)])
@pytest.mark.parametrize("samples", [3, 4])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metadata": None},
        {"tile": (16, 16), "compression": "zlib"},
        {"rowsperstrip": 5, "metadata": None},
        {"ome": True},
    ],
)
def test_planar_rgb_is_rgb(tmp_path, pages, samples, options):
    """As Bio-Formats and GDAL write it; the result is RGB for other programs, too."""
    contiguous = random_array((*pages, 18, 20, samples), "uint16")
    planar = np.ascontiguousarray(np.moveaxis(contiguous, -1, -3))
    options = {"photometric": "rgb", **options}
    if samples == 4:
        options["extrasamples"] = ["unassalpha"]
    for name, array, kind, axes in (
        ("a.tif", planar, "separate", "SYX"),
        ("b.tif", contiguous, "contig", "YXS"),
    ):
        if "ome" in options:
            options["metadata"] = {"axes": "Z" * len(pages) + axes}
        tifffile.imwrite(tmp_path / name, array, planarconfig=kind, **options)
    image, other = read_image(tmp_path / "a.tif"), read_image(tmp_path / "b.tif")
    assert image.axes == other.axes == "Z" * len(pages) + "YXC"
    assert np.array_equal(image.array, contiguous[..., :3])
    assert np.array_equal(image.array, other.array)
    assert np.array_equal(image.samples(), other.samples())
    write_image(tmp_path / "c.tif", image)
    with tifffile.TiffFile(tmp_path / "c.tif") as tif:
        assert tif.pages[0].photometric == tifffile.PHOTOMETRIC.RGB
        assert np.array_equal(tif.asarray(), contiguous)


def test_colours_without_a_file_are_written_as_rgb(tmp_path):
    """Such as a decompressed image."""
    write_image(tmp_path / "a.tif", Image(random_array((5, 6, 3), "uint8"), "YXC"))
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.pages[0].photometric == tifffile.PHOTOMETRIC.RGB


# ----------------------------------------------------------------------------- axes


@pytest.mark.parametrize(("stack", "axes"), [("auto", "ZYX"), ("volume", "ZYX"), ("pages", "TYX")])
@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_pages_are_a_volume_unless_told(tmp_path, suffix, stack, axes):
    array = random_array((5, 7, 9), "uint8")
    write_image(tmp_path / f"a{suffix}", array)
    image = read_image(tmp_path / f"a{suffix}", stack=stack)
    assert image.axes == axes
    assert len(image.parts) == (5 if stack == "pages" else 1)
    back = image.with_parts(image.parts)
    write_image(tmp_path / f"b{suffix}", back)
    assert np.array_equal(read_image(tmp_path / f"b{suffix}").array, array)


def test_time_series_are_images_of_their_own(tmp_path):
    array = random_array((4, 3, 6, 7), "uint16")
    tifffile.imwrite(tmp_path / "a.tif", array, imagej=True, metadata={"axes": "TZYX"})
    image = read_image(tmp_path / "a.tif")
    assert image.axes == "TZYX"
    assert [part.shape for part in image.parts] == [(3, 6, 7)] * 4


def test_channel_planes_keep_their_place(tmp_path):
    array = random_array((3, 2, 6, 7), "uint16")
    tifffile.imwrite(tmp_path / "a.tif", array, imagej=True, metadata={"axes": "ZCYX"})
    image = read_image(tmp_path / "a.tif")
    assert image.axes == "ZYXC"
    assert image.channel_axis == -1
    write_image(tmp_path / "b.tif", image)
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        assert tif.is_imagej
        assert tif.series[0].axes == "ZCYX"
        assert np.array_equal(tif.asarray(), array)


def test_channel_axis_can_be_given(tmp_path):
    array = random_array((2, 6, 7), "float32")
    np.save(tmp_path / "a.npy", array)
    image = read_image(tmp_path / "a.npy", channel_axis=0)
    assert image.axes == "YXC"
    assert np.array_equal(image.array, np.moveaxis(array, 0, -1))
    write_image(tmp_path / "b.npy", image)
    assert np.array_equal(np.load(tmp_path / "b.npy"), array)
    np.save(tmp_path / "c.npy", random_array((6, 7, 3), "float32"))
    assert read_image(tmp_path / "c.npy", channel_axis=None).axes == "ZYX"


# ----------------------------------------------------------------------------- metadata


def test_png_keeps_resolution_profile_and_text(tmp_path):
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "taken at noon")
    for dtype in ("uint8", "uint16"):
        source = tmp_path / f"a_{dtype}.png"
        picture = Pillow.fromarray(random_array((5, 5), dtype))
        picture.save(source, dpi=(300, 150), icc_profile=b"profile", pnginfo=notes)
        write_image(tmp_path / f"b_{dtype}.png", read_image(source))
        with Pillow.open(tmp_path / f"b_{dtype}.png") as copy:
            assert copy.info["dpi"] == pytest.approx((300, 150), abs=0.02)
            assert copy.info["icc_profile"] == b"profile"
            assert copy.text["Comment"] == "taken at noon"


def test_jpeg_keeps_resolution_and_exif(tmp_path):
    exif = Pillow.Exif()
    exif[0x010F] = "A camera"
    picture = Pillow.fromarray(sample("coffee")[:32, :32])
    picture.save(tmp_path / "a.jpg", dpi=(72, 72), exif=exif)
    write_image(tmp_path / "b.jpg", read_image(tmp_path / "a.jpg"))
    with Pillow.open(tmp_path / "b.jpg") as copy:
        assert copy.info["dpi"] == pytest.approx((72, 72))
        assert copy.getexif()[0x010F] == "A camera"


def test_tiff_keeps_resolution_tags_and_description(tmp_path):
    array = random_array((6, 6), "uint16")
    tifffile.imwrite(
        tmp_path / "a.tif",
        array,
        resolution=(1200, 600),
        resolutionunit="CENTIMETER",
        description="slide 7",
        metadata=None,
    )
    image = read_image(tmp_path / "a.tif")
    assert image.metadata.unit == "cm"
    assert image.pixel_size == pytest.approx((1 / 600, 1 / 1200))
    write_image(tmp_path / "b.tif", image)
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        page = tif.pages[0]
        assert page.tags["XResolution"].value == (1200, 1)
        assert page.tags["YResolution"].value == (600, 1)
        assert int(page.tags["ResolutionUnit"].value) == 3
        assert page.description == "slide 7"


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_imagej_spacing_is_kept(tmp_path, dtype):
    array = random_array((4, 6, 7), dtype)
    tifffile.imwrite(
        tmp_path / "a.tif",
        array,
        imagej=True,
        resolution=(1 / 0.325, 1 / 0.65),
        metadata={"spacing": 2.5, "unit": "um", "axes": "ZYX"},
    )
    image = read_image(tmp_path / "a.tif")
    assert image.axes == "ZYX"
    assert image.metadata.unit == "um"
    assert image.pixel_size == pytest.approx((2.5, 0.65, 0.325), rel=1e-6)
    write_image(tmp_path / "b.tif", image)
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        assert tif.is_imagej
        assert tif.imagej_metadata["spacing"] == 2.5
        assert tif.imagej_metadata["unit"] == "um"
        assert np.array_equal(tif.asarray(), array)
    assert read_image(tmp_path / "b.tif").pixel_size == pytest.approx(image.pixel_size)


def test_ome_pixel_size_is_kept(tmp_path):
    array = random_array((4, 6, 7), "uint16")
    sizes = {"PhysicalSizeX": 0.2, "PhysicalSizeY": 0.3, "PhysicalSizeZ": 1.5}
    units = {f"{key}Unit": "µm" for key in sizes}
    tifffile.imwrite(
        tmp_path / "a.ome.tif", array, ome=True, metadata={"axes": "ZYX", **sizes, **units}
    )
    image = read_image(tmp_path / "a.ome.tif")
    assert image.pixel_size == pytest.approx((1.5, 0.3, 0.2))
    write_image(tmp_path / "b.tif", image)
    again = read_image(tmp_path / "b.tif")
    assert again.metadata.flavour == "ome"
    assert again.pixel_size == pytest.approx((1.5, 0.3, 0.2))
    assert np.array_equal(again.array, array)


def test_resolution_crosses_formats(tmp_path):
    Pillow.fromarray(random_array((5, 5), "uint8")).save(tmp_path / "a.png", dpi=(254, 254))
    write_image(tmp_path / "b.tif", read_image(tmp_path / "a.png"))
    image = read_image(tmp_path / "b.tif")
    assert image.metadata.unit == "inch"
    assert image.metadata.resolution == pytest.approx((254, 254), rel=1e-4)
    metadata = Metadata(resolution=(1000.0, 1000.0), unit="mm")
    write_image(tmp_path / "c.png", Image(image.array, "YX", metadata=metadata))
    assert read_image(tmp_path / "c.png").metadata.resolution == pytest.approx((25400, 25400))


@pytest.mark.parametrize("per_unit", [1e-300, 1e-12, 1e8, 1e12, 1e300, float("inf")])
@pytest.mark.parametrize("name", ["a.png", "a16.png", "a.jpg", "a.tif"])
def test_sizes_that_a_format_cannot_hold_are_left_out(tmp_path, name, per_unit):
    array = random_array((4, 5), "uint16" if "16" in name else "uint8")
    metadata = Metadata(resolution=(per_unit, per_unit), unit="nm")
    write_image(tmp_path / name, Image(array, "YX", metadata=metadata))
    copy = read_image(tmp_path / name)
    assert copy.array.shape == array.shape
    assert copy.metadata.resolution in (None, (1.0, 1.0), (1e8, 1e8))  # TIFF: 1 if not known


def test_descriptions_need_not_be_ascii(tmp_path):
    metadata = Metadata(description="10 µm, Café")
    write_image(tmp_path / "a.tif", Image(np.zeros((2, 3), np.uint8), "YX", metadata=metadata))
    assert read_image(tmp_path / "a.tif").metadata.description == "10 µm, Café"


def test_the_noise_of_the_noisy_sample_is_that_of_photons_and_read_out():
    noisy, clean = sample("noisy-camera"), sample("camera")
    assert np.array_equal(read_image("sample:noisy-camera").array, noisy)
    assert noisy.dtype == np.uint8
    for low, high in ((60, 90), (140, 170)):  # where nothing is clipped
        own = (clean >= low) & (clean < high)
        photons = 80 * (clean[own] / 255.0)
        error = 80 * (noisy[own] / 255.0) - photons
        assert abs(error.mean()) < 5 * error.std() / np.sqrt(own.sum())
        assert (error**2).mean() == pytest.approx((photons + 9).mean(), rel=0.05)


@pytest.mark.parametrize("shape", [(11, 13), (11, 13, 3)])
@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits"])
def test_compressed_tiff(tmp_path, shape, compression):
    array = random_array(shape, "uint8")
    Pillow.fromarray(array).save(tmp_path / "a.tif", compression=compression)
    assert np.array_equal(read_image(tmp_path / "a.tif").array, array)
