"""Difficult pairs: smooth edges, accents, palettes, stored numbers, display."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from cases.cells import write
from experiments.inverse_layers import IGNORE, Classes, open_pairs
from experiments.inverse_layers.matching import match
from experiments.inverse_layers.palettes import label_colours
from steepest.core.errors import InputError
from steepest.io import read_labels

LABELS = np.arange(48).reshape(6, 8) % 5
PHOTO = np.random.default_rng(1).integers(0, 256, (6, 8, 3), np.uint8)


# ----------------------------------------------------------------------------- threshold


@given(st.integers(-3, 260), st.integers(0, 2**31))
def test_threshold(threshold: int, seed: int) -> None:
    mask = np.random.default_rng(seed).integers(0, 256, (5, 6))
    classes = Classes((0, 1), threshold=threshold, ignore=int(mask[0, 0]))
    expected = np.where(mask == mask[0, 0], IGNORE, mask >= threshold)
    assert np.array_equal(classes.labels(mask), expected)
    assert classes.num_classes == 2


def test_smooth_masks(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 48).astype(np.uint8).reshape(6, 8)
    write(tmp_path / "images/a.png", PHOTO)
    write(tmp_path / "masks/a.png", smooth)
    folders = tmp_path / "images", tmp_path / "masks"
    with pytest.raises(InputError, match=r"48 different values .*threshold="):
        open_pairs(*folders)
    with pytest.raises(InputError, match="threshold= exclude each other"):
        open_pairs(*folders, values=(0, 1), threshold=3)
    with pytest.raises(InputError, match=r"threshold=1\.5; allowed is a whole number"):
        open_pairs(*folders, threshold=1.5)  # type: ignore[arg-type]
    assert np.array_equal(open_pairs(*folders, threshold=128).read(0)[1], smooth >= 128)


# ----------------------------------------------------------------------------- names


def test_names_in_either_form_of_unicode(tmp_path: Path) -> None:
    one, other = (unicodedata.normalize(form, "Zelle-ä") for form in ("NFC", "NFD"))
    assert one != other
    for name in (one, "Zelle-z"):
        write(tmp_path / f"images/{name}.png", PHOTO)
    for name in (other, "Zelle-z"):
        write(tmp_path / f"masks/{name}.png", np.eye(6, 8, dtype=np.uint8))
    pairs = open_pairs(tmp_path / "images", tmp_path / "masks")
    assert pairs.names == ("Zelle-z", one)
    write(tmp_path / f"both/{one}.png", PHOTO)
    write(tmp_path / f"both/{one}_{other}.png", PHOTO)
    ((image, mask),) = match(tmp_path / "both", ending=f"_{one}")
    assert (image.name, mask.name) == (f"{one}.png", f"{one}_{other}.png")


# ----------------------------------------------------------------------------- stored numbers


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int32"])
def test_white_is_zero_masks_hold_what_is_stored(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, LABELS.astype(dtype), photometric="miniswhite")
    assert np.array_equal(read_labels(path), LABELS)


def save_palette(path: Path, colours: dict[int, tuple[int, int, int]]) -> None:
    table = np.zeros((256, 3), np.uint8)
    for number, colour in colours.items():
        table[number] = colour
    path.parent.mkdir(exist_ok=True)
    picture = Pillow.fromarray(np.resize(np.uint8([0, 1, 3]), (6, 8)), "P")
    picture.putpalette(table.reshape(-1).tolist())
    picture.save(path)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_palettes_must_agree_where_they_are_used(tmp_path: Path, suffix: str) -> None:
    images, masks = tmp_path / "images", tmp_path / "masks"
    common = {1: (255, 0, 0), 3: (0, 255, 0)}
    for name in "abc":
        write(images / f"{name}.png", PHOTO)
        save_palette(masks / f"{name}{suffix}", {**common, 2: (ord(name), 0, 0)})
    assert open_pairs(images, masks).classes.values == (0, 1, 3)
    colours = label_colours(masks / f"a{suffix}")
    assert colours is not None
    assert np.array_equal(colours[:4], [[0, 0, 0], common[1], [97, 0, 0], common[3]])
    save_palette(masks / f"c{suffix}", {1: common[3], 3: common[1]})
    with pytest.raises(InputError, match=rf"c\{suffix}: its palette shows 1 .* that of a\{suffix}"):
        open_pairs(images, masks)
    assert open_pairs(images, masks, instances=True).num_classes == 2
    write(masks / "plain.png", LABELS.astype(np.uint8))
    assert label_colours(masks / "plain.png") is None
