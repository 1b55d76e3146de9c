"""The command: ``objects`` and ``scale-map``."""

import csv
import json
import os
import re

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from cases.terminal import one_error
from steepest.cli.main import main
from steepest.io import read_image, read_labels
from steepest.segmentation import find_objects

pytestmark = pytest.mark.usefixtures("here")


def cells(seed=0) -> np.ndarray:
    """Two bright discs and a dark one with noise, 12-bit."""
    y, x = np.mgrid[:56, :72]
    image = 0.4 + 0.02 * np.random.default_rng(seed).standard_normal((56, 72))
    for cy, cx, radius, contrast in ((18, 18, 7, 0.4), (40, 24, 4, 0.5), (28, 52, 9, -0.3)):
        image[np.hypot(y - cy, x - cx) < radius] += contrast
    return np.rint(image * 4095).astype(np.uint16)


def rows_of(name):
    with open(name, encoding="ascii") as file:
        return list(csv.DictReader(file))


def test_objects_are_a_table_in_micrometres(capsys):
    """The file says how large pixels are; contrasts are also in its grey values."""
    image = cells()
    tifffile.imwrite("cells.tif", image, imagej=True, resolution=(4, 4), metadata={"unit": "um"})
    assert main(["objects", "cells.tif", "--range", "0", "4095", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    rows = rows_of("cells_objects.csv")
    expected = find_objects((image / 4095).astype(np.float32), spacing=0.25).table
    assert len(rows) == len(expected) == record["objects"] == 3
    assert record["unit"] == "\u00b5m"
    for row, found in zip(rows, expected, strict=True):
        for name in ("area", "diameter", "contrast", "score", "edge", "snr"):
            assert float(row[name]) == pytest.approx(found[name], rel=1e-4)
        assert float(row["contrast_grey"]) == pytest.approx(4095 * found["contrast"], rel=1e-4)
        assert int(row["object"]) == found["label"]
        place = [float(row["y"]), float(row["x"])]
        assert place == pytest.approx(0.25 * found["centroid"], rel=1e-4)
        assert row["unit"] == "um"
    sizes = sorted(float(row["diameter"]) for row in rows)
    assert sizes == pytest.approx([2.0, 3.5, 4.5], rel=0.15)


def test_labels_and_overlay_show_the_same_objects(capsys):
    Pillow.fromarray(np.uint8(cells() >> 4)).save("a.png")
    assert main(["objects", "a.png", "--labels", "l.png", "--overlay", "o.png"]) == 0
    assert "3 (2 bright, 1 dark), diameter" in capsys.readouterr().out
    labels = read_labels("l.png")
    rows = rows_of("a_objects.csv")
    for row in rows:
        assert labels[round(float(row["y"])), round(float(row["x"]))] == int(row["object"])
        assert np.count_nonzero(labels == int(row["object"])) == float(row["area"])
    assert labels.max() == len(rows)
    picture = np.asarray(Pillow.open("o.png").convert("RGB")).astype(int)
    red, blue = ((picture[..., k] > picture[..., 2 - k] + 100).sum() for k in (0, 2))
    assert red > 300
    assert blue > 300


def test_polarity_and_least_score(capsys):
    Pillow.fromarray(np.uint8(cells() >> 4)).save("a.png")
    for options, count in ((["bright"], 2), (["dark"], 1), (["dark", "--min-score", "1000"], 0)):
        assert main(["objects", "a.png", "-q", "--overwrite", "--polarity", *options]) == 0
        assert len(rows_of("a_objects.csv")) == count


@pytest.mark.parametrize(
    ("options", "size", "unit"),
    [
        ([], 1.0, "px"),
        (["--pixel-size", "0.5"], 0.5, "um"),
        (["--pixel-size", "4nm"], 4.0, "nm"),
        (["--pixel-size", "4,4nm"], 4.0, "nm"),
        (["--spacing", "1,1"], 1.0, "px"),
    ],
)
def test_the_pixel_size_may_be_given(options, size, unit):
    Pillow.fromarray(np.uint8(cells() >> 4)).save("a.png", dpi=(72, 72))  # dots per inch are none
    assert main(["objects", "a.png", "-o", "table.csv", "-q", *options]) == 0
    rows = rows_of("table.csv")
    sizes = sorted(float(row["diameter"]) for row in rows)
    assert sizes == pytest.approx([8 * size, 14 * size, 18 * size], rel=0.15)
    assert {row["unit"] for row in rows} == {unit}


def test_objects_of_a_series_have_a_page(capsys):
    film = np.stack([cells(), cells(1), cells(2)])
    tifffile.imwrite("film.tif", film, photometric="minisblack")
    assert main(["objects", "film.tif", "--pages", "--range", "0", "4095"]) == 0
    pages = [int(row["page"]) for row in rows_of("film_objects.csv")]
    assert pages == sorted(pages)
    assert {page: pages.count(page) for page in (1, 2, 3)} == {1: 3, 2: 3, 3: 3}
    assert "9 (6 bright, 3 dark)" in capsys.readouterr().out


def test_grey_saved_as_colour_is_grey_and_colours_are_averaged():
    grey = np.uint8(cells() >> 4)
    Pillow.fromarray(np.stack([grey] * 3, -1)).save("grey.png")
    Pillow.fromarray(grey).save("plain.png")
    Pillow.fromarray(np.stack([grey - 9, grey, grey + 9], -1)).save("colour.png")
    for name in ("grey", "plain", "colour"):
        assert main(["objects", f"{name}.png", "-q"]) == 0
    assert rows_of("grey_objects.csv") == rows_of("plain_objects.csv")
    for first, second in zip(
        *(rows_of(f"{n}_objects.csv") for n in ("plain", "colour")), strict=True
    ):
        assert first["area"] == second["area"]


def test_a_scale_map_is_in_the_unit_of_the_file(capsys):
    tifffile.imwrite("cells.tif", cells(), imagej=True, resolution=(4, 4), metadata={"unit": "um"})
    assert main(["scale-map", "cells.tif"]) == 0
    image = read_image("cells_scale.tif")
    assert image.array.dtype == np.float32
    assert image.pixel_size == pytest.approx((0.25, 0.25))
    assert image.array[18, 18] == pytest.approx(7 * 0.25, rel=0.2)
    assert image.array[28, 52] == pytest.approx(9 * 0.25, rel=0.2)
    out = capsys.readouterr().out
    assert "0.25 x 0.25 \u00b5m" in out
    found = re.search(r"median ([\d.]+) .m; ([\d.]+) % is background, larger than ([\d.]+)", out)
    median, ground, widest = map(float, found.groups())
    sizes = image.array[image.array <= widest]
    assert median == pytest.approx(np.median(sizes), rel=1e-3)
    assert ground == pytest.approx(100 * (1 - sizes.size / image.array.size), rel=1e-2)
    assert main(["scale-map", "cells.tif", "-o", "px.tif", "--spacing", "1", "-q"]) == 0
    assert tifffile.imread("px.tif")[18, 18] == pytest.approx(7, rel=0.2)


def test_scale_maps_of_series_colours_and_signals():
    film = np.stack([cells(), cells(1)])
    tifffile.imwrite("film.tif", film, photometric="minisblack")
    Pillow.fromarray(np.uint8(np.stack([film[0], film[1], film[0]], -1) >> 4)).save("c.png")
    np.save("line.npy", film[0, 18] / 4095)
    assert main(["scale-map", "film.tif", "--pages", "-q"]) == 0
    assert main(["scale-map", "c.png", "--picture", "sizes.png", "-q"]) == 0
    assert main(["scale-map", "line.npy", "-q"]) == 0
    maps = tifffile.imread("film_scale.tif")
    assert maps.shape == film.shape
    assert maps[:, 18, 18] == pytest.approx([7, 7], rel=0.2)
    sizes = tifffile.imread("c_scale.tif")
    assert sizes.shape == film[0].shape
    seen = np.asarray(Pillow.open("sizes.png").convert("RGB")).astype(int)
    coloured = (np.ptp(seen, axis=2) > 60).mean()  # structures, and the colour bar
    assert 0.02 < coloured < 0.5 < (sizes > sizes.shape[0] / 4).mean() + coloured
    assert np.load("line_scale.npy").shape == (72,)


@pytest.mark.parametrize("command", ["objects", "scale-map"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--pixel-size", "0"], ["--pixel-size 0", "above zero"]),
        (["--pixel-size", "1,2,3"], ["--pixel-size 1,2,3", "one number or 2"]),
        (["--pixel-size", "small"], ["--pixel-size small"]),
        (["--pixel-size", "1", "--spacing", "2"], ["--spacing"]),
        (["--spacing", "file"], ["holds no pixel size"]),
        (["-o", "out.png"], ["out.png"]),
    ],
)
def test_bad_sizes_and_names_are_refused(command, options, words, capsys):
    np.save("a.npy", np.eye(8))
    assert main([command, "a.npy", *options]) == 2
    one_error(capsys, *words)
    assert os.listdir() == ["a.npy"]
