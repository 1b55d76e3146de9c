"""The command ``segment``."""

import csv
import json
import os

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from cases.terminal import one_error
from steepest.cli.main import main
from steepest.io import read_image, read_labels
from steepest.segmentation import regions, threshold_rof

pytestmark = pytest.mark.usefixtures("here")


def cells(seed=0) -> np.ndarray:
    """Two bright discs and a dark one with noise, 12-bit."""
    y, x = np.mgrid[:56, :72]
    image = 0.4 + 0.03 * np.random.default_rng(seed).standard_normal((56, 72))
    for cy, cx, radius, contrast in ((18, 18, 7, 0.4), (40, 24, 4, 0.5), (28, 52, 9, -0.3)):
        image[np.hypot(y - cy, x - cx) < radius] += contrast
    return np.rint(image * 4095).astype(np.uint16)


def test_labels_pictures_and_table(capsys):
    image = cells()
    tifffile.imwrite("cells.tif", image, imagej=True, resolution=(4, 4), metadata={"unit": "um"})
    files = ["--overlay", "o.png", "--doubt", "d.tif", "--areas", "a.csv"]
    options = ["--range", "0", "4095", "--classes", "3", "--strength", "0.2"]
    assert main(["segment", "cells.tif", *options, *files, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    expected = threshold_rof(image.astype(np.float32) / 4095, 0.2, 3)
    assert np.array_equal(read_labels("cells_labels.tif"), expected.labels)
    assert not read_labels("d.tif").any()
    assert Pillow.open("o.png").width > 500
    with tifffile.TiffFile("cells_labels.tif") as tif:
        assert tif.imagej_metadata["unit"] in ("um", "\\u00B5m")
    with open("a.csv", encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    table = regions(expected, pixel_size=0.25).table
    assert [float(row["area"]) for row in rows] == pytest.approx(table["area"].tolist(), rel=1e-5)
    assert [row["area_possible"] for row in rows] == [row["area"] for row in rows]
    assert {row["unit"] for row in rows} == {"um"}
    assert record["objects"] == [len(table)]
    assert record["certificate"]["doubtful"] == 0
    assert sum(area for area, _, _ in record["areas"]) == pytest.approx(56 * 72 / 16)


def test_numbered_objects(capsys):
    Pillow.fromarray((cells() // 16).astype(np.uint8)).save("c.png")
    assert main(["segment", "c.png", "--strength", "0.1", "--objects"]) == 0
    assert "all labels are proven" in capsys.readouterr().out
    expected = regions(threshold_rof(np.asarray(Pillow.open("c.png")), 0.1))
    assert np.array_equal(read_image("c_labels.png").array, expected.labels)


def test_a_series_is_segmented_page_by_page():
    film = np.stack([cells(0), cells(1)])
    tifffile.imwrite("film.tif", film)
    assert main(["segment", "film.tif", "--pages", "--classes", "3", "-q", "-o", "l.tif"]) == 0
    for page, labels in zip(film, read_image("l.tif", stack="pages").array, strict=True):
        strength = 0.1 * np.ptp(page / 65535)
        assert np.array_equal(labels, threshold_rof(page / 65535, strength, 3).labels)
    first, *others = (Pillow.fromarray((page >> 4).astype(np.uint8)) for page in film)
    first.save("film.gif", save_all=True, append_images=others)
    assert main(["segment", "film.gif", "-q"]) == 0  # PNG could not hold the frames
    assert read_image("film_labels.tif", stack="pages").array.shape == film.shape


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--thresholds", "0.2", "--classes", "2"], "--thresholds"),
        (["--thresholds", "0.5,0.2"], "thresholds"),
        (["--classes", "1"], "at least two"),
        (["--overlay", "o.tif"], "o.tif"),
        (["-o", "o.jpg"], "o.jpg"),
        (["-o", "o.png", "--doubt", "o.png"], "same name"),
    ],
)
def test_bad_options(options, words, capsys):
    Pillow.fromarray((cells() // 16).astype(np.uint8)).save("c.png")
    assert main(["segment", "c.png", *options]) == 2
    assert words in one_error(capsys)
    assert os.listdir() == ["c.png"]


def test_dark_objects_on_a_bright_background(capsys):
    image = np.full((40, 50), 230, np.uint8)
    image[5:15, 5:20] = image[25:35, 20:45] = 60
    Pillow.fromarray(image).save("slide.png")
    options = ["segment", "slide.png", "--objects", "--strength", "0.05"]
    assert main([*options, "--background", "1", "--areas", "a.csv"]) == 0
    numbers = read_labels("slide_labels.png")
    assert np.array_equal(numbers > 0, image == 60)
    assert numbers.max() == 2
    with open("a.csv", encoding="ascii") as file:
        assert [float(row["area"]) for row in csv.DictReader(file)] == [150, 250]
    capsys.readouterr()
    assert main([*options, "--background", "2", "--overwrite"]) == 2
    assert "the classes are 0 to 1" in one_error(capsys)


def test_thresholds_in_grey_values_of_the_file_are_refused(capsys):
    Pillow.fromarray((cells() // 16).astype(np.uint8)).save("c.png")
    assert main(["segment", "c.png", "--thresholds", "120"]) == 2
    assert "--thresholds 120: grey values lie between 0 and 1" in one_error(capsys)
    assert main(["segment", "c.png", "--thresholds", "120", "--range", "0", "1"]) == 0


def test_small_pixels_in_centimetres_are_reported_in_micrometres(capsys):
    size = (40_000, 40_000)  # pixels per cm: 0.25 micrometres each
    tifffile.imwrite("cells.tif", cells(), resolution=size, resolutionunit=3)
    assert main(["segment", "cells.tif", "--range", "0", "4095", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    assert record["unit"] == "\u00b5m"
    assert sum(area for area, _, _ in record["areas"]) == pytest.approx(56 * 72 / 16)
