"""Bad files are refused, half-written ones do not appear; scales and samples."""

import os
import pickle
import sys

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from cases.pixels import random_array
from steepest.core.errors import InputError
from steepest.io import (
    Image,
    Metadata,
    OutputSet,
    check_target,
    from_float,
    not_kept,
    read_image,
    write_image,
)


def one_line(error: pytest.ExceptionInfo[BaseException], name: str) -> str:
    text = str(error.value)
    assert name in text
    assert "\n" not in text
    return text


def test_pickles_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.system, (f"touch {tmp_path / 'executed'}",))

    np.save(tmp_path / "object.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    (tmp_path / "raw.npy").write_bytes(pickle.dumps(Bomb()))
    for name in ("object.npy", "raw.npy"):
        with pytest.raises(InputError) as error:
            read_image(tmp_path / name)
        one_line(error, name)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".npy"])
@pytest.mark.parametrize("keep", [0, 6, 60, 0.5])
def test_damaged_files_are_named(tmp_path, suffix, keep):
    whole = tmp_path / f"whole{suffix}"
    write_image(whole, random_array((64, 64), "uint8"))
    data = whole.read_bytes()
    broken = tmp_path / f"broken{suffix}"
    broken.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(InputError) as error:
        read_image(broken)
    one_line(error, f"broken{suffix}")


def test_other_kinds_of_file_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match="PNG, JPEG, BMP, GIF") as error:
        read_image(tmp_path / "notes.txt")
    one_line(error, "notes.txt")
    with pytest.raises(InputError, match="No such file"):
        read_image(tmp_path / "missing.png")


@pytest.mark.parametrize(
    ("dtype", "largest", "read_as"),
    [
        ("int16", -(2**15), "float32"),
        ("uint32", 2**24, "float32"),
        ("uint32", 2**32 - 1, "float64"),
        ("int64", 2**53, "float64"),
        ("float16", 0.1, "float32"),
    ],
)
@pytest.mark.parametrize("ending", ["npy", "tif"])
def test_other_numbers_become_floats_of_the_same_value(tmp_path, dtype, largest, read_as, ending):
    array = np.array([[1, 2, 3], [0, 1, largest]], dtype)
    writer = np.save if ending == "npy" else tifffile.imwrite
    writer(tmp_path / f"a.{ending}", array)
    image = read_image(tmp_path / f"a.{ending}")
    assert image.array.dtype == read_as
    np.testing.assert_array_equal(image.array, array)
    assert image.metadata.changed == (f"{dtype} as {read_as}",)


def test_numbers_without_an_equal_float_are_refused(tmp_path):
    for array, words in ((np.full((2, 2), 2**53 + 1), "up to 2"), (np.ones((2, 2), "c8"), "angle")):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(InputError, match=words):
            read_image(tmp_path / "a.npy")
        with pytest.raises(InputError, match="allowed are uint8"):
            write_image(tmp_path / "b.npy", array)
    np.save(tmp_path / "a.npy", np.eye(2) > 0)
    np.testing.assert_array_equal(read_image(tmp_path / "a.npy").array, 255 * np.eye(2))


def test_inks_are_read_as_colours(tmp_path):
    inks = np.zeros((8, 8, 4), np.uint8)
    inks[:4, :, 1:3], inks[4:, :, 3] = 255, 102  # red above grey of 60 %
    Pillow.fromarray(inks, "CMYK").save(tmp_path / "a.jpg", quality=100)
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")
    for name in ("a.jpg", "a.tif"):
        image = read_image(tmp_path / name)
        assert image.metadata.changed == ("CMYK as RGB",)
        np.testing.assert_allclose(image.array[1, 1], [255, 0, 0], atol=2)
        np.testing.assert_allclose(image.array[6, 6], [153, 153, 153], atol=2)


@pytest.mark.parametrize("colours", [(), (3,)])
@pytest.mark.parametrize("name", ["a.webp", "a.avif", "a.jp2", "a.gif", "a.pnm"])
def test_other_pictures(tmp_path, name, colours):
    y, x = np.mgrid[:40, :50]
    array = np.stack([y * 6, x * 5, y + x], -1)[..., : len(colours) * 3 or 1].astype(np.uint8)
    picture = Pillow.fromarray(array.reshape(40, 50, *colours))
    picture.save(tmp_path / name, **({"quality": 100} if name[2:] in ("webp", "avif") else {}))
    with Pillow.open(tmp_path / name) as again:
        expected = np.asarray(again.convert("RGB" if colours else "L"))
    image = read_image(tmp_path / name)
    if name in ("a.webp", "a.avif") and not colours:  # these know no grey
        image = image.without_copies()
        expected = image.array
    np.testing.assert_array_equal(image.array, expected)
    np.testing.assert_allclose(image.array.astype(int), array.reshape(image.array.shape), atol=20)


def test_webp_files_hold_colours_and_transparency_of_8_bits(tmp_path):
    y, x = np.mgrid[:40, :50]
    array = np.stack([y * 6, x * 5, y + x], -1).astype(np.uint8)
    alpha = np.where(x < 25, 0, 255).astype(np.uint8)[..., None]
    metadata = Metadata((300.0, 300.0), "inch", icc_profile=b"profile")
    image = Image(array, "YXC", alpha, metadata)
    write_image(tmp_path / "a.webp", image)
    again = read_image(tmp_path / "a.webp")
    np.testing.assert_allclose(again.array[x >= 25], array[x >= 25], atol=20)
    np.testing.assert_array_equal(again.alpha, alpha)
    assert again.metadata.icc_profile == b"profile"
    assert not_kept(image, "a.webp") == ["pixel size"]
    for values, words in (
        (array / 255, "cannot hold float64"),
        (np.zeros((2, 16384), "u1"), "16383"),
    ):
        with pytest.raises(InputError, match=words):
            write_image(tmp_path / "b.webp", values)


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_animations_are_time_series(tmp_path, kind):
    frames = [np.roll(random_array((16, 20), "uint8"), k, 1) for k in range(4)]
    first, *rest = [Pillow.fromarray(frame) for frame in frames]
    options = {"lossless": True} if kind == "webp" else {}
    path = tmp_path / f"a.{kind}"
    first.save(path, save_all=True, append_images=rest, duration=40, **options)
    image = read_image(path)
    assert (image.axes, image.metadata.extra["finterval"]) == ("TYX", 0.04)
    np.testing.assert_array_equal(image.array, frames)
    assert read_image(path, stack="volume").axes == "ZYX"
    with pytest.raises(InputError, match="holds 5120 pixels"):
        read_image(path, max_pixels=5000)


def test_grey_values_of_pgm_files_are_brought_to_the_full_range(tmp_path):
    (tmp_path / "a.pgm").write_bytes(b"P5\n2 1\n4095\n" + bytes([0, 0, 15, 255]))
    image = read_image(tmp_path / "a.pgm")
    np.testing.assert_array_equal(image.array, np.array([[0, 65535]], np.uint16))
    assert image.metadata.changed == ("0 to 4095 as the full range",)


def test_heic_photographs_need_a_decoder(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match=r"a\.heic: HEIC .*pip install pillow-heif"):
        read_image(tmp_path / "a.heic")


def test_unequal_pages_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(random_array((4, 4), "uint8"))
        tif.write(random_array((5, 7), "uint8"))
    with pytest.raises(InputError, match=r"holds 2 images \(1: 4 x 4; 2: 5 x 7\); .*--scene N"):
        read_image(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif", scene=2).array.shape == (5, 7)


def test_unknown_planes_are_refused(tmp_path):
    """tifffile leaves the pixels of such a file as they were in memory."""
    path, planes = tmp_path / "a.tif", random_array((3, 20, 30), "uint8")
    tifffile.imwrite(path, planes, photometric="rgb", compression="zlib", tile=(16, 16))
    with tifffile.TiffFile(path) as tif:
        place = tif.pages[0].tags[284].valueoffset
    data = bytearray(path.read_bytes())
    assert data[place] == 2
    data[place] = 7
    path.write_bytes(data)
    with pytest.raises(InputError, match="planar configuration is 7"):
        read_image(path)


def test_empty_arrays_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((0, 4)))
    with pytest.raises(InputError, match="no pixels"):
        read_image(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "words"),
    [
        ("a.png", (4, 4), "float32", "cannot hold float32"),
        ("a.jpg", (4, 4), "uint16", "cannot hold uint16"),
        ("a.png", (6, 8, 8), "uint8", "one grey or RGB image"),
        ("a.gif", (4, 4), "uint8", ".gif files are read, not written"),
        ("a.eps", (4, 4), "uint8", "a .eps file"),
        ("a.tif", (9,), "float32", "1-D"),
    ],
)
def test_what_a_format_cannot_hold_is_said(tmp_path, name, shape, dtype, words):
    with pytest.raises(InputError, match=words):
        write_image(tmp_path / name, random_array(shape, dtype))
    assert os.listdir(tmp_path) == []


def test_jpeg_refuses_transparency():
    image = Image(np.zeros((2, 2), np.uint8), "YX", alpha=np.zeros((2, 2, 1), np.uint8))
    with pytest.raises(InputError, match="transparency"):
        check_target("a.jpg", image)


# ----------------------------------------------------------------------------- writing


def test_existing_files_are_not_overwritten(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"precious")
    with pytest.raises(InputError, match="exists already"):
        write_image(path, np.zeros((2, 2), np.uint8))
    assert path.read_bytes() == b"precious"
    write_image(path, np.zeros((2, 2), np.uint8), overwrite=True)
    assert read_image(path).array.shape == (2, 2)


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path):
    path = tmp_path / "a.bin"
    with pytest.raises(InputError, match="exists already"), OutputSet() as outputs:  # noqa: PT012
        with outputs.open(path) as file:
            file.write(b"mine")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_nothing_is_left_when_writing_fails(tmp_path, monkeypatch):
    class DiskFullError(OSError):
        pass

    def fail(file, *args, **keywords):
        file.write(b"half")
        raise DiskFullError("no space left")

    old = tmp_path / "old.tif"
    write_image(old, np.zeros((2, 2), np.uint8))
    before = old.read_bytes()
    monkeypatch.setattr(tifffile, "imwrite", fail)
    with pytest.raises(DiskFullError):
        write_image(old, np.ones((2, 2), np.uint8), overwrite=True)
    with pytest.raises(DiskFullError):
        write_image(tmp_path / "new" / "deep" / "a.tif", np.ones((2, 2), np.uint8))
    assert old.read_bytes() == before
    assert os.listdir(tmp_path) == ["old.tif"]


def test_a_set_appears_together(tmp_path):
    folder = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), OutputSet() as outputs:  # noqa: PT012
        write_image(folder / "1.png", np.zeros((2, 2), np.uint8), outputs=outputs)
        raise KeyboardInterrupt
    assert not folder.exists()
    with OutputSet() as outputs:
        write_image(folder / "1.png", np.zeros((2, 2), np.uint8), outputs=outputs)
        write_image(folder / "2.npy", np.zeros((2, 2), np.uint8), outputs=outputs)
        assert not (folder / "1.png").exists()
    assert sorted(os.listdir(folder)) == ["1.png", "2.npy"]
    assert outputs.paths == [folder / "1.png", folder / "2.npy"]


def test_new_files_have_ordinary_permissions(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    (tmp_path / "plain").touch()
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode


# ----------------------------------------------------------------------------- scale, samples


@given(st.sampled_from(["uint8", "uint16"]), st.integers(0, 65535))
def test_from_float_inverts_the_rule_for_integers(dtype, value):
    maximum = np.iinfo(dtype).max
    array = np.array([min(value, maximum)], dtype)
    scaled = array.astype(np.float32) / np.float32(maximum)
    assert from_float(scaled, dtype) == array
    assert from_float(np.array([-0.3, 1.7]), dtype).tolist() == [0, maximum]
