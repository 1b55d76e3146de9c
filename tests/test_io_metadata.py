"""What microscopes and ImageJ write about an image is in the result, too, or said to be lost."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cases.pixels import random_array
from steepest.cli.main import main
from steepest.io import Image, Metadata, describe_metadata, not_kept, read_image, write_image

OME: dict[str, Any] = {
    "Name": "cells",
    "Description": "HeLa, 37 °C & <fixed>",
    "Channel": {
        "Name": ["DAPI", "GFP"],
        "EmissionWavelength": [461, 525],
        "EmissionWavelengthUnit": ["nm", "nm"],
        "ExcitationWavelength": [405, 488],
        "Color": [255, 16711935],
    },
    "TimeIncrement": 0.5,
    "TimeIncrementUnit": "s",
    "PhysicalSizeX": 0.1,
    "PhysicalSizeXUnit": "µm",
    "PhysicalSizeY": 0.2,
    "PhysicalSizeYUnit": "µm",
    "PhysicalSizeZ": 300.0,
    "PhysicalSizeZUnit": "nm",
    "SignificantBits": 12,
    "Plane": {"DeltaT": [0.25 * index for index in range(24)]},
}
LUTS = [np.stack([np.arange(256) * (c == k) for c in range(3)]).astype(np.uint8) for k in range(2)]
IMAGEJ: dict[str, Any] = {
    "unit": "um",
    "spacing": 0.3,
    "finterval": 0.5,
    "mode": "composite",
    "min": 10.0,
    "max": 300.0,
    "Ranges": (0.0, 100.0, 10.0, 4000.0),
    "LUTs": LUTS,
    "Info": "objective = 63x\nµm",
    "Labels": [f"slice {index}" for index in range(24)],
    "Properties": {"stain": "DAPI"},
    "Overlays": [b"first", b"second"],
    "ROI": b"region",
}
HYPERSTACK = random_array((3, 4, 2, 6, 7), "uint16")


def ome_of(path: Path) -> dict[str, Any]:
    with tifffile.TiffFile(path) as tif:
        document: dict[str, Any] = tifffile.xml2dict(tif.ome_metadata)["OME"]
    return document


def imagej_of(path: Path) -> dict[str, Any]:
    with tifffile.TiffFile(path) as tif:
        assert tif.is_imagej
        return dict(tif.imagej_metadata)


def copied(folder: Path, name: str) -> Image:
    """Read the file, and write it as "copy.tif" """
    image = read_image(folder / name)
    write_image(folder / "copy.tif", image)
    return image


# ----------------------------------------------------------------------------- OME


@pytest.mark.parametrize("axes", ["TZCYX", "TCZYX", "CTZYX", "ZTCYX"])
def test_ome_xml_is_kept(tmp_path: Path, axes: str) -> None:
    array = HYPERSTACK.transpose(["TZCYX".index(axis) for axis in axes])
    tifffile.imwrite(tmp_path / "a.ome.tif", array, metadata={**OME, "axes": axes})
    image = copied(tmp_path, "a.ome.tif")
    assert image.pixel_size == pytest.approx((0.3, 0.2, 0.1))
    assert image.metadata.unit == "µm"
    assert not_kept(image, "copy.tif") == []
    with tifffile.TiffFile(tmp_path / "copy.tif") as tif:
        assert tif.series[0].axes == axes
        assert np.array_equal(tif.asarray(), array)
    before, after = ome_of(tmp_path / "a.ome.tif"), ome_of(tmp_path / "copy.tif")
    for each in (before, after):
        each.pop("UUID", None)
        each["Image"]["Pixels"].pop("TiffData")
        each["Image"]["Pixels"].pop("BigEndian", None)
    assert after == before
    assert after["Image"]["Pixels"]["Channel"][1]["Name"] == "GFP"  # it is not both empty


@pytest.mark.parametrize(("dtype", "kind"), [("float32", "float"), ("float64", "double")])
def test_ome_xml_of_floats_and_of_parts(tmp_path: Path, dtype: str, kind: str) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", HYPERSTACK, metadata={**OME, "axes": "TZCYX"})
    image = read_image(tmp_path / "a.ome.tif")
    part = replace(image, array=np.ascontiguousarray(image.array[:, :, :5, :4].astype(dtype)))
    write_image(tmp_path / "copy.tif", part)
    pixels = ome_of(tmp_path / "copy.tif")["Image"]["Pixels"]
    assert (pixels["SizeX"], pixels["SizeY"], pixels["Type"]) == (4, 5, kind)
    assert "SignificantBits" not in pixels
    assert pixels["Channel"][0]["EmissionWavelength"] == 461
    again = read_image(tmp_path / "copy.tif")
    assert again.axes == image.axes
    assert np.array_equal(again.array, part.array)


def test_ome_pixel_sizes_that_were_changed(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", HYPERSTACK, metadata={**OME, "axes": "TZCYX"})
    image = read_image(tmp_path / "a.ome.tif")
    metadata = replace(image.metadata, resolution=(4.0, 2.0), z_step=1.5)
    write_image(tmp_path / "b.tif", replace(image, metadata=metadata))
    assert read_image(tmp_path / "b.tif").pixel_size == pytest.approx((1.5, 0.5, 0.25))


@pytest.mark.parametrize("planar", [False, True])
def test_ome_colours(tmp_path: Path, planar: bool) -> None:
    array = random_array((4, 8, 9, 3), "uint8")
    stored = np.ascontiguousarray(np.moveaxis(array, -1, 1)) if planar else array
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        stored,
        photometric="rgb",
        planarconfig="separate" if planar else "contig",
        metadata={"axes": "ZSYX" if planar else "ZYXS", "Channel": {"Name": ["eosin"]}},
    )
    image = copied(tmp_path, "a.ome.tif")
    assert not_kept(image, "copy.tif") == []
    assert describe_metadata(read_image(tmp_path / "copy.tif").metadata)["channels"] == "eosin"
    assert np.array_equal(read_image(tmp_path / "copy.tif").array, array)
    with tifffile.TiffFile(tmp_path / "copy.tif") as tif:
        assert tif.is_ome
        assert np.array_equal(tif.asarray(), array)


def test_pages_that_are_called_otherwise_stay_what_they_were(tmp_path: Path) -> None:
    array = random_array((4, 6, 7), "uint16")
    tifffile.imwrite(tmp_path / "a.ome.tif", array, metadata={"axes": "ZYX", "PhysicalSizeZ": 2.0})
    image = read_image(tmp_path / "a.ome.tif", stack="pages")
    assert image.axes == "TYX"
    write_image(tmp_path / "copy.tif", image)
    pixels = ome_of(tmp_path / "copy.tif")["Image"]["Pixels"]
    assert (pixels["SizeZ"], pixels["SizeT"]) == (4, 1)
    assert np.array_equal(tifffile.imread(tmp_path / "copy.tif"), array)


def test_ome_xml_of_another_image_is_not_written(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", HYPERSTACK, metadata={**OME, "axes": "TZCYX"})
    image = read_image(tmp_path / "a.ome.tif")
    first = replace(image, array=image.array[:, :2])
    assert {"channels", "time step"} <= set(not_kept(first, "b.tif"))
    write_image(tmp_path / "b.tif", first)
    again = read_image(tmp_path / "b.tif")
    assert np.array_equal(again.array, first.array)
    assert again.pixel_size == pytest.approx(image.pixel_size)


BROKEN = [
    "",
    "<OME",
    "<a><Pixels/></a>",
    "<OME xmlns='x'><Image/></OME>",
    "<OME><Pixels SizeX='5' SizeY='4' SizeZ='many'/></OME>",
    "<OME><Pixels/>" + "<a>" * 5000 + "</a>" * 5000 + "</OME>",
]


@pytest.mark.parametrize("xml", BROKEN, ids=range(len(BROKEN)))
def test_xml_that_is_none_is_not_written(tmp_path: Path, xml: str) -> None:
    metadata = Metadata(flavour="ome", extra={"xml": xml})
    image = Image(random_array((4, 5), "uint8"), "YX", metadata=metadata)
    write_image(tmp_path / "a.tif", image)
    assert np.array_equal(read_image(tmp_path / "a.tif").array, image.array)


# ----------------------------------------------------------------------------- ImageJ


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_imagej_notes_are_kept(tmp_path: Path, dtype: str) -> None:
    array = random_array((3, 4, 2, 6, 7), dtype)
    options = {"resolution": (10, 10), "metadata": {**IMAGEJ, "axes": "TZCYX"}}
    tifffile.imwrite(tmp_path / "a.tif", array, imagej=True, **options)
    image = copied(tmp_path, "a.tif")
    assert not_kept(image, "copy.tif") == []
    before, after = imagej_of(tmp_path / "a.tif"), imagej_of(tmp_path / "copy.tif")
    assert {"LUTs", "Ranges", "Info", "Labels", "Overlays", "min", "mode"} <= set(before)
    luts = before.pop("LUTs"), after.pop("LUTs")
    assert np.array_equal(*luts)
    assert after == before
    assert np.array_equal(tifffile.imread(tmp_path / "copy.tif"), array)


@pytest.mark.parametrize("order", ["czt", "ztc", "tzc"])
def test_other_orders_of_imagej(tmp_path: Path, order: str) -> None:
    pages = random_array((12, 5, 6), "uint16")
    text = f"ImageJ=1.54f\nimages=12\nchannels=2\nslices=3\nframes=2\norder={order}\nunit=µm\n"
    tifffile.imwrite(tmp_path / "a.tif", pages, metadata=None, description=text.encode())
    image = copied(tmp_path, "a.tif")
    assert image.metadata.unit == "µm"
    assert np.array_equal(read_image(tmp_path / "copy.tif").array, image.array)
    assert imagej_of(tmp_path / "copy.tif")["unit"] == "\\u00B5m"  # as ImageJ writes it


def test_a_look_up_table_is_no_palette(tmp_path: Path) -> None:
    """Grey values that ImageJ shows in colour are grey values, and are shown in colour again."""
    array, drawing = random_array((6, 7), "uint8"), random_array((3, 256), "uint16")
    ramp = np.arange(256, dtype=np.uint16)
    fire = np.stack([ramp * 257, ramp[::-1] * 257, (ramp // 2) * 257])
    for name, table in (("a.tif", fire), ("b.tif", drawing)):
        options: dict[str, Any] = {"photometric": "palette", "colormap": table}
        tifffile.imwrite(tmp_path / name, array, imagej=True, **options)
    assert np.array_equal(copied(tmp_path, "a.tif").array, array)
    with tifffile.TiffFile(tmp_path / "copy.tif") as tif:
        assert tif.is_imagej
        assert np.array_equal(tif.pages[0].colormap, fire)
        assert np.array_equal(tif.asarray(), array)
    assert read_image(tmp_path / "b.tif").axes == "YXC"


def test_odd_entries_of_imagej_are_named_not_written(tmp_path: Path) -> None:
    """Whatever a file says, the result of a long computation can be written."""
    text = "ImageJ=1.54f\nimages=1\nrgb=1\nshape=3\nspacing=nan\nunit=\\u00C5\nmode=?\nLabels=7\n"
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, random_array((5, 6), "uint8"), metadata=None, description=text)
    image = copied(tmp_path, "a.tif")
    assert not_kept(image, "copy.tif") == ["ImageJ's Labels"]
    assert image.metadata.unit == "Å"
    assert image.metadata.z_step is None
    assert np.array_equal(tifffile.imread(tmp_path / "copy.tif"), image.array)


def test_what_imagej_cannot_hold_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", HYPERSTACK, imagej=True, metadata={**IMAGEJ, "axes": "TZCYX"}
    )
    image = read_image(tmp_path / "a.tif")
    wide = replace(image, array=image.array.astype(np.float64))
    assert {"look-up tables", "display range", "info"} <= set(not_kept(wide, "b.tif"))
    assert "slice distance" not in not_kept(wide, "b.tif")
    write_image(tmp_path / "b.tif", wide)
    assert read_image(tmp_path / "b.tif").pixel_size[0] == pytest.approx(0.3)


# ----------------------------------------------------------------------------- other TIFF files


def test_tags_are_kept_or_named(tmp_path: Path) -> None:
    kept = [
        (306, 2, 20, "2026:11:22 15:00:00", True),
        (315, 2, 0, "Ann", True),
        (33550, 12, 3, (0.5, 0.5, 0.0), True),
        (42113, 2, 0, "-9999", True),
    ]
    lost = [(65123, 2, 0, "of a camera", True), (33434, 5, 1, (1, 100), True)]
    array = random_array((5, 6), "float32")
    tifffile.imwrite(tmp_path / "a.tif", array, metadata=None, extratags=[*kept, *lost])
    image = copied(tmp_path, "a.tif")
    assert not_kept(image, "copy.tif") == ["ExposureTime", "tag 65123"]
    with tifffile.TiffFile(tmp_path / "copy.tif") as tif:
        for code, _, _, value, _ in kept:
            assert tif.pages[0].tags[code].value == value
    assert describe_metadata(image.metadata)["artist"] == "Ann"


def test_notes_of_single_pages_are_named(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for index, page in enumerate(random_array((3, 5, 6), "uint8")):
            file.write(page, contiguous=False, metadata=None, description=f"page {index}")
    assert not_kept(copied(tmp_path, "a.tif"), "copy.tif") == ["description of each page"]


def test_own_notes_of_tifffile_are_kept(tmp_path: Path) -> None:
    notes_of_file = {"axes": "ZYX", "exposure": 0.25, "stage": [1, 2]}
    array = random_array((4, 5, 6), "uint16")
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", metadata=notes_of_file)
    assert not_kept(copied(tmp_path, "a.tif"), "copy.tif") == []
    with tifffile.TiffFile(tmp_path / "copy.tif") as tif:
        assert tif.shaped_metadata[0]["exposure"] == 0.25
        assert tif.shaped_metadata[0]["stage"] == [1, 2]


# ----------------------------------------------------------------------------- the commands


@pytest.fixture
def stained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ "a.ome.tif" of two channels, and "b.tif" of ImageJ."""
    monkeypatch.chdir(tmp_path)
    array = random_array((2, 9, 8), "uint16")
    tifffile.imwrite("a.ome.tif", array, metadata={**OME, "Plane": {}, "axes": "CYX"})
    noted = {key: IMAGEJ[key] for key in ("Ranges", "LUTs", "Info", "unit")}
    tifffile.imwrite("b.tif", array, imagej=True, metadata={**noted, "axes": "CYX"})


def test_info_shows_metadata(stained: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "a.ome.tif", "b.tif"]) == 0
    shown = capsys.readouterr().out
    assert "DAPI (excitation 405 nm, emission 461 nm)" in shown
    assert re.search(r"time step +0\.5 s\n", shown)
    assert "objective = 63x" in shown
    assert "0 to 100, 10 to 4000" in shown
    assert main(["info", "a.ome.tif", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["results"][0]["metadata"]
    assert found["description"] == "HeLa, 37 °C & <fixed>"


def test_commands_say_what_is_not_kept(stained: None, capsys: pytest.CaptureFixture[str]) -> None:
    fast = ["--strength", "0"]
    assert main(["denoise", "a.ome.tif", "b.tif", *fast, "-o", "out"]) == 0
    assert "not kept" not in capsys.readouterr().out
    assert describe_metadata(read_image("out/a.tif").metadata)["channels"].startswith("DAPI")
    assert main(["denoise", "a.ome.tif", *fast, "-o", "a.npy"]) == 0
    out = capsys.readouterr().out
    assert "not kept     pixel size, slice distance, name, description, channels, time step" in out
    assert main(["denoise", "b.tif", *fast, "--float", "-o", "f.tif", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    assert record["not_kept"] == ["display range"]
    assert "Ranges" not in imagej_of(Path("f.tif"))
    assert np.array_equal(imagej_of(Path("f.tif"))["LUTs"], LUTS)
