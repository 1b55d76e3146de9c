"""Images and masks in folders: matching, classes, and errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from experiments.inverse_layers import IGNORE, Classes, fit_size, open_pairs, split
from steepest.core.errors import InputError
from steepest.core.grey import to_planes

RNG = np.random.default_rng(5)


def photo(height: int = 6, width: int = 8, colour: bool = True) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3) if colour else (height, width), np.uint8)


def save(path: Path, array: np.ndarray) -> np.ndarray:
    path.parent.mkdir(exist_ok=True)
    Pillow.fromarray(array).save(path)
    return array


def mask(*values: int, height: int = 6, width: int = 8) -> np.ndarray:
    return np.resize(np.array(values, np.uint8), (height, width))


def test_one_folder_as_the_wbc_images(tmp_path: Path) -> None:
    images = {name: save(tmp_path / f"{name}.bmp", photo()) for name in ("003", "001", "002")}
    masks = {name: save(tmp_path / f"{name}.png", mask(0, 128, 255, 128)) for name in images}
    (tmp_path / "notes.txt").write_text("not an image")
    pairs = open_pairs(tmp_path)
    assert pairs.names == ("001", "002", "003")
    assert len(pairs) == pairs.num_classes == pairs.channels == 3
    assert pairs.classes == Classes((0, 128, 255))
    for i, name in enumerate(pairs.names):
        image, labels = pairs.read(i)
        assert image.dtype == np.float32
        assert np.allclose(255 * image, np.moveaxis(images[name], -1, 0), atol=1e-4)
        assert labels.dtype == np.int64
        assert np.array_equal(labels, (masks[name].astype(int) + 1) // 128)


def test_two_folders_with_instances(tmp_path: Path) -> None:
    numbers = np.arange(48, dtype=np.uint16).reshape(6, 8) // 5
    for name in "ab":
        save(tmp_path / "images" / f"{name}.png", photo(colour=False))
        save(tmp_path / "labels" / f"{name}.tif", numbers)
    pairs = open_pairs(tmp_path / "images", tmp_path / "labels", instances=True)
    image, labels = pairs.read(1)
    assert image.shape == (1, 6, 8)
    assert pairs.num_classes == 2
    assert np.array_equal(labels, numbers > 0)


@given(st.permutations([0, 3, 7, 200, 90]), st.integers(0, 2**31))
def test_values_are_classes_in_the_order_given(values: list[int], seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 5, (4, 5))
    stored = np.array(values)[labels]
    assert np.array_equal(Classes(tuple(values)).labels(stored), labels)
    stored[0, 0] = 17
    assert Classes(tuple(values), ignore=17).labels(stored)[0, 0] == IGNORE
    with pytest.raises(InputError, match="has the values 17; allowed are"):
        Classes(tuple(values)).labels(stored)


def test_ignored_pixels(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", photo())
    stored = save(tmp_path / "a.png", mask(0, 1, 255))
    pairs = open_pairs(tmp_path, ignore=255)
    assert pairs.num_classes == 2
    assert np.array_equal(pairs.read(0)[1], np.where(stored == 255, IGNORE, stored))


def test_classes_that_a_mask_lacks(tmp_path: Path) -> None:
    """Values are collected over all masks; a listed class may be missing in all of them."""
    for name, stored in (("a", mask(0, 0)), ("b", mask(0, 2))):
        save(tmp_path / f"{name}.bmp", photo())
        save(tmp_path / f"{name}.png", stored)
    assert open_pairs(tmp_path).read(1)[1].max() == 1
    listed = open_pairs(tmp_path, values=(0, 1, 2))
    assert (listed.num_classes, listed.read(1)[1].max()) == (3, 2)


BAD_CASES: list[tuple[dict[str, np.ndarray], dict[str, Any], str]] = [
    ({"a.png": mask(0, 1), "b.png": mask(0, 1)}, {}, "masks without an image: b"),
    ({"b.bmp": photo(), "c.bmp": photo()}, {}, "images without a mask: b, c"),
    ({f"{i:02}.bmp": photo() for i in range(9)}, {}, "00, 01, 02, 03, 04 and 4 more"),
    ({"a.png": mask(0, 1, width=9)}, {}, r"a\.png: 6x9 pixels, but its image a\.bmp has 6x8"),
    ({"a.png": mask(0, 1, 2)}, {"values": (0, 1)}, r"a\.png: has the values 2; allowed are 0, 1"),
    ({"a.png": mask(0, 0)}, {}, "only one class in all masks .every pixel is 0"),
    ({"a.png": mask(3, 4)}, {"instances": True}, "only one class in all masks"),
    ({"a.png": mask(7, 7)}, {"ignore": 7}, "every pixel ignored"),
    ({"a.png": mask(*range(40))}, {}, "40 different values .*instances=True.*values="),
    ({"a.tif": mask(0, 1)}, {}, "two masks are called a"),
    ({}, {"values": (0, 0)}, "2 to 255 different integers"),
    ({}, {"values": (0,)}, "2 to 255 different integers"),
    ({}, {"values": (0, 0.5)}, "integers, one per class"),
    ({}, {"values": (0, 1), "ignore": 1}, "must be another number"),
    ({}, {"values": (0, 1), "instances": True}, "exclude each other"),
    ({}, {"channels": 2}, "channels=2; allowed are 1, 3"),
    ({"b.bmp": photo(colour=False), "b.png": mask(0, 1)}, {}, r"partly colour .grey: b\.bmp"),
    ({}, {"ending": "_m"}, "cannot be told apart"),
]


@pytest.mark.parametrize(("files", "arguments", "words"), BAD_CASES)
def test_bad_folders(
    tmp_path: Path, files: dict[str, np.ndarray], arguments: dict[str, Any], words: str
) -> None:
    """One good pair, with one mistake in it or next to it."""
    for name, array in {"a.bmp": photo(), "a.png": mask(0, 1), **files}.items():
        save(tmp_path / name, array)
    with pytest.raises(InputError, match=words):
        open_pairs(tmp_path, **arguments)


def test_folders_without_pairs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        open_pairs(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no image file"):
        open_pairs(tmp_path)
    for name in "ab":
        save(tmp_path / f"{name}.png", photo())
    with pytest.raises(InputError, match="put the masks into their own folder"):
        open_pairs(tmp_path)


def test_split_is_a_partition(tmp_path: Path) -> None:
    for i in range(10):
        save(tmp_path / f"{i}.bmp", photo())
        save(tmp_path / f"{i}.png", mask(0, 1))
    pairs = open_pairs(tmp_path)
    training, validation = split(pairs, 3, seed=1)
    assert (len(training), len(validation)) == (7, 3)
    assert set(training.names) | set(validation.names) == set(pairs.names)
    assert list(validation.names) == sorted(validation.names)
    assert split(pairs, 3, seed=1)[1].names == validation.names
    assert len({split(pairs, 3, seed=s)[1].names for s in range(20)}) > 5
    assert validation.image_paths[0].stem == validation.mask_paths[0].stem == validation.names[0]
    for count in (0, 10, 2.5):
        with pytest.raises(InputError, match="num_validation"):
            split(pairs, count)  # type: ignore[arg-type]


@given(st.sampled_from(["bool", "uint8", "uint16", "float32", "float64"]), st.integers(1, 4))
def test_planes(dtype: str, samples: int) -> None:
    values = np.random.default_rng(samples).random((4, 5, samples))
    top = {"bool": 1, "uint8": 255, "uint16": 65535}.get(dtype)
    array = values.astype(dtype) if top is None else np.rint(top * values).astype(dtype)
    shown = array[..., : samples if samples % 2 else samples - 1].astype(float) / (top or 1)
    own = to_planes(array)
    assert own.dtype == np.float32
    assert np.allclose(own, np.moveaxis(shown, -1, 0), atol=1e-6)
    luma = shown @ ([1.0] if shown.shape[2] == 1 else [0.299, 0.587, 0.114])
    assert np.allclose(to_planes(array, 1), luma[None], atol=1e-6)
    three = to_planes(array, 3)
    assert np.allclose(three, np.broadcast_to(own, three.shape), atol=1e-6)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 3, 5)), "allowed are"),
        (np.zeros(4), "allowed are"),
        (np.zeros((0, 4)), "allowed are"),
        (np.zeros((2, 3), np.int32), "int32 values"),
        (np.zeros((2, 3), np.uint32), "uint32 values"),
        (np.full((2, 3), 1.5), r"must lie in \[0, 1\]"),
        (np.full((2, 3), np.nan), r"must lie in \[0, 1\]"),
    ],
)
def test_what_is_no_image(array: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=f"cells: .*{words}"):
        to_planes(array, name="cells")


# ------------------------------------------------------------------------- one size for all

SIZES = st.tuples(st.integers(1, 12), st.integers(1, 12))


@given(SIZES, SIZES, st.integers(0, 2**31))
def test_crop_takes_a_window_and_ignores_what_is_outside(
    old: tuple[int, int], new: tuple[int, int], seed: int
) -> None:
    labels = np.arange(old[0] * old[1]).reshape(old) + 1000
    image = labels[None].astype(np.float32)
    rng = np.random.default_rng(seed)
    cut, kept = fit_size(image, labels, new, "crop", rng)
    assert cut.shape == (1, *new)
    assert kept.shape == new
    inside = kept != IGNORE
    assert inside.sum() == min(old[0], new[0]) * min(old[1], new[1])
    assert np.array_equal(cut[0][inside], kept[inside])
    row, column = divmod(int(kept[0, 0]) - 1000, old[1])
    window = labels[row : row + new[0], column : column + new[1]]
    assert np.array_equal(kept[: window.shape[0], : window.shape[1]], window)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**31))
def test_resizing_labels_by_a_factor_repeats_them(rows: int, columns: int, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 3, (4, 5))
    image = labels[None].astype(np.float32)
    larger = np.kron(labels, np.ones((rows, columns), int))
    assert np.array_equal(fit_size(image, labels, larger.shape, "resize")[1], larger)
    back_image, back = fit_size(larger[None].astype(np.float32), larger, (4, 5), "resize")
    assert np.array_equal(back, labels)
    assert back_image.shape == (1, 4, 5)


def test_resizing_keeps_a_linear_image_and_its_labels_together() -> None:
    """Image and labels are sampled at the same positions."""
    ramp = np.tile(np.arange(40, dtype=np.float32), (40, 1))
    image, labels = fit_size(ramp[None], ramp.astype(np.int64), (30, 27), "resize")
    assert np.abs(image[0, :, 2:-2] - labels[:, 2:-2]).max() <= 0.55
