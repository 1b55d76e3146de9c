"""BMP files, and label files of the many programs that write them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from steepest.core.errors import InputError
from steepest.io import image_files, read_image, read_labels, write_image

LABELS = np.arange(20).reshape(4, 5) % 7


@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.integers(0, 2**31))
def test_bmp_holds_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, colour: bool, seed: int
) -> None:
    shape = (height, width, 3) if colour else (height, width)
    array = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    path = tmp_path_factory.mktemp("bmp") / "a.bmp"
    Pillow.fromarray(array).save(path)
    image = read_image(path)
    assert image.format == "bmp"
    assert image.axes == ("YXC" if colour else "YX")
    assert image.array.dtype == np.uint8
    assert np.array_equal(image.array, array)


def test_bmp_files_are_listed_and_not_written(tmp_path: Path) -> None:
    Pillow.new("L", (3, 2)).save(tmp_path / "a.BMP", "BMP")
    assert [path.name for path in image_files(tmp_path)] == ["a.BMP"]
    with pytest.raises(InputError, match=r"b\.bmp: .bmp files are read, not written"):
        write_image(tmp_path / "b.bmp", np.zeros((2, 2), np.uint8))
    assert not (tmp_path / "b.bmp").exists()


WRITTEN = [(".png", dtype) for dtype in ("uint8", "uint16")] + [
    (suffix, dtype)
    for suffix in (".tif", ".npy")
    for dtype in ("uint8", "uint16", "int16", "int32", "uint32", "float32")
]


@pytest.mark.parametrize(("suffix", "dtype"), WRITTEN)
def test_labels_of_every_type(tmp_path: Path, suffix: str, dtype: str) -> None:
    array = (LABELS * (1 if dtype == "uint8" else 100)).astype(dtype)
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, array)
    elif suffix == ".tif":
        tifffile.imwrite(path, array)
    else:
        Pillow.fromarray(array).save(path)
    labels = read_labels(path)
    assert labels.dtype == np.int64
    assert np.array_equal(labels, array)


def test_palette_indices_are_labels(tmp_path: Path) -> None:
    picture = Pillow.fromarray(LABELS.astype(np.uint8), "P")
    picture.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    for name in ("a.png", "a.tif"):
        picture.save(tmp_path / name)
        assert np.array_equal(read_labels(tmp_path / name), LABELS)


def test_grey_masks_stored_as_colours_or_bits(tmp_path: Path) -> None:
    grey = LABELS.astype(np.uint8)
    opaque = np.full((4, 5), 255, np.uint8)
    Pillow.fromarray(np.stack([grey] * 3 + [opaque], -1)).save(tmp_path / "rgba.png")
    assert np.array_equal(read_labels(tmp_path / "rgba.png"), LABELS)
    Pillow.fromarray(LABELS > 3).save(tmp_path / "bits.png")
    assert np.array_equal(read_labels(tmp_path / "bits.png"), 255 * (LABELS > 3))


def save_colours(path: Path) -> None:
    Pillow.new("RGB", (3, 2), (1, 2, 3)).save(path)


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("a.png", save_colours, "colours"),
        ("a.jpg", lambda path: Pillow.new("L", (3, 2)).save(path), "JPEG changes the numbers"),
        ("a.tif", lambda path: tifffile.imwrite(path, np.full((2, 3), 0.5, "f4")), "not whole"),
        ("a.npy", lambda path: np.save(path, np.full((2, 3), np.nan)), "not whole"),
        ("a.npy", lambda path: np.save(path, np.ones((2, 3), complex)), "complex128"),
        ("a.npy", lambda path: np.save(path, np.ones((2, 3, 5), int)), r"shape \(2, 3, 5\)"),
        ("a.npy", lambda path: np.save(path, np.array([{}]), allow_pickle=True), "Python objects"),
        ("a.png", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"), "damaged or not readable"),
        ("a.png", lambda path: path.write_bytes(b""), "an empty file"),
    ],
)
def test_what_is_no_label_file(tmp_path: Path, name: str, write: Any, words: str) -> None:
    write(tmp_path / name)
    with pytest.raises(InputError, match=words) as error:
        read_labels(tmp_path / name)
    assert name in str(error.value)
