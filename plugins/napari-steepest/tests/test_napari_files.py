"""Pixel sizes between files and napari's layers."""

import numpy as np
import pytest
import tifffile

from steepest import InputError
from steepest.io import read_image

pytest.importorskip("zarr")
from napari_steepest import _files

PIXELS = np.random.default_rng(0).normal(1000, 99, (2, 3, 32, 40)).astype(np.uint16)
SIZES = {
    f"PhysicalSize{axis}{end}": value
    for axis, size in {"X": 0.2, "Y": 0.25, "Z": 1.5}.items()
    for end, value in {"": size, "Unit": "µm"}.items()
}


@pytest.fixture
def micrograph(tmp_path):
    path = tmp_path / "cells.ome.tif"
    tifffile.imwrite(path, PIXELS, metadata={"axes": "CZYX", **SIZES})
    return path


def place(scale, units, labels=None):
    labels = labels or [f"-{k}" for k in range(len(scale), 0, -1)]
    return {"name": "cells", "scale": scale, "units": units, "axis_labels": labels}


@pytest.mark.parametrize(
    ("shape", "units", "axes"),
    [
        ((8, 9), ("um", "um"), "YX"),
        ((3, 8, 9), ("um", "um", "um"), "ZYX"),
        ((3, 8, 9), ("second", "um", "um"), "TYX"),
        ((2, 3, 8, 9), ("second", "um", "um", "um"), "TZYX"),
    ],
)
def test_a_layer_is_written_with_its_pixel_sizes(tmp_path, shape, units, axes):
    data, path = PIXELS[:2, :3, :8, :9].reshape(-1)[: np.prod(shape)].reshape(shape), "out.tif"
    units = [unit.replace("um", "micrometer") for unit in units]
    scale = (5.0, 1.5, 0.25, 0.2)[4 - len(shape) :]
    _files.write_tiff(str(tmp_path / path), data, {**place(scale, units), "rgb": False})
    found = read_image(tmp_path / path)
    np.testing.assert_array_equal(found, data)
    assert found.axes == axes
    assert found.metadata.unit == "µm"
    np.testing.assert_allclose(found.pixel_size, scale[-len(found.space) :])


def test_colours_labels_and_what_a_file_cannot_hold(tmp_path):
    path, units = str(tmp_path / "out.tif"), ["nanometer"] * 2
    colours = PIXELS[0, 0, :, :, None].repeat(4, -1).astype(np.uint8)
    _files.write_tiff(path, colours, {**place((3.0, 3.0), units), "rgb": True})
    found = read_image(path)
    assert (found.axes, found.pixel_size, found.metadata.unit) == ("YXC", (3, 3), "nm")
    np.testing.assert_array_equal(found.samples(), colours)
    _files.write_tiff(path, PIXELS[0, 0].astype(int), place((3.0, 3.0), units))
    np.testing.assert_array_equal(read_image(path), PIXELS[0, 0])
    for start, unit in ((2**16, "nanometer"), (0, "second")):
        with pytest.raises(InputError, match=r"out\.tif"):
            _files.write_tiff(path, PIXELS[0, 0] + np.int64(start), place((1.0, 1.0), [unit] * 2))


@pytest.mark.napari
@pytest.mark.filterwarnings("ignore")
def test_sizes_that_napari_does_not_read_come_from_the_file(
    make_napari_viewer, micrograph, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    viewer = make_napari_viewer()
    [layer] = viewer.open(micrograph, plugin="napari")
    painted = viewer.add_labels(np.zeros(layer.data.shape, int))
    other = viewer.add_image(PIXELS[0, 0], name="no file")
    _, panel = viewer.window.add_plugin_dock_widget("napari-steepest", "Denoise")
    for each in (layer, painted):
        np.testing.assert_allclose(each.scale, (1, 1.5, 0.25, 0.2))
        assert [str(unit) for unit in each.units] == ["pixel", *["micrometer"] * 3]
    np.testing.assert_array_equal(other.scale, (1, 1))
    assert "1.5 x 0.25 x 0.2 micrometer" in panel.status.value
    again = viewer.open(micrograph, plugin="napari")[0]  # while the panel is open
    assert again.scale[-1] == 0.2
    target = str(tmp_path / "back.tif")
    assert viewer.layers.save(target, plugin="napari-steepest") == []  # one layer at a time
    viewer.layers.selection = {layer}
    assert viewer.layers.save(target, selected=True, plugin="napari-steepest") == [target]
    back = read_image(target)
    assert back.pixel_size == read_image(micrograph).pixel_size == (1.5, 0.25, 0.2)
    np.testing.assert_array_equal(back, read_image(micrograph))


@pytest.mark.napari
@pytest.mark.filterwarnings("ignore")
def test_a_photograph_of_72_dots_per_inch_keeps_its_pixels(make_napari_viewer, tmp_path):
    path = tmp_path / "photo.tif"
    tifffile.imwrite(path, PIXELS[0, 0], resolution=(72, 72), resolutionunit="inch")
    viewer = make_napari_viewer()
    [layer] = viewer.open(path, plugin="napari")
    assert _files.adopt_sizes(viewer.layers) == []
    np.testing.assert_array_equal(layer.scale, (1, 1))
