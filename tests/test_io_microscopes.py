"""Files of microscopes and scanners: pixels, axes and pixel sizes, or the package that is needed.

Those of Zeiss are written here; pydicom and nibabel bring files of machines. LIF and ND2 files
cannot be written, so only their detection is tested (docs/cli.md says so).
"""

from pathlib import Path

import numpy as np
import pytest

from steepest import InputError
from steepest.cli.main import main
from steepest.core import lazy
from steepest.io import read_image

pydicom = pytest.importorskip("pydicom")
nibabel = pytest.importorskip("nibabel")
czi = pytest.importorskip("pylibCZIrw.czi")

SLICES = Path(pydicom.__file__).parent / "data" / "test_files"
BRAINS = Path(nibabel.__file__).parent / "tests" / "data"


def test_a_ct_slice_is_in_hounsfield_units(capsys):
    image = read_image(SLICES / "CT_small.dcm")
    stored = pydicom.dcmread(SLICES / "CT_small.dcm")
    np.testing.assert_array_equal(image.array, stored.pixel_array.astype(float) - 1024)
    assert image.pixel_size == pytest.approx(stored.PixelSpacing)
    assert (image.metadata.unit, image.metadata.changed) == ("mm", ("in HU",))
    assert main(["info", str(SLICES / "CT_small.dcm")]) == 0
    assert "float32, in HU" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "axes", "shape"),
    [
        ("MR_small_RLE", "YX", (64, 64)),
        ("JPEG2000", "YX", (1024, 256)),
        ("SC_rgb_jpeg_dcmtk", "YXC", (100, 100, 3)),
        ("SC_rgb_rle_2frame", "ZYXC", (2, 100, 100, 3)),
    ],
)
def test_other_dicom_files(name, axes, shape):
    image = read_image(SLICES / f"{name}.dcm")
    assert (image.axes, image.array.shape) == (axes, shape)


def test_dicom_files_that_cannot_be_decoded():
    with pytest.raises(InputError, match="no decoder for JPEG-LS"):
        read_image(SLICES / "JPEGLSNearLossless_16.dcm")
    with pytest.raises(InputError, match="less than expected"):
        read_image(SLICES / "MR_truncated.dcm")
    with pytest.raises(InputError, match="allowed are max_pixels=9"):
        read_image(SLICES / "CT_small.dcm", max_pixels=9)


def test_white_may_be_zero(tmp_path):
    data = pydicom.dcmread(SLICES / "MR_small.dcm")
    data.PhotometricInterpretation, data.PixelRepresentation = "MONOCHROME1", 0
    data.BitsStored, data.HighBit = 12, 11
    data.save_as(tmp_path / "a.dcm")
    expected = 4095 - data.pixel_array
    np.testing.assert_array_equal(read_image(tmp_path / "a.dcm").array, expected)


def test_nifti_series_are_t_z_y_x():
    path = BRAINS / "example4d.nii.gz"
    image, stored = read_image(path), nibabel.load(path)
    assert image.axes == "TZYX"
    np.testing.assert_array_equal(image.array, np.asarray(stored.dataobj).T)
    assert image.pixel_size == pytest.approx(stored.header.get_zooms()[2::-1])
    assert read_image(BRAINS / "anatomical.nii").axes == "ZYX"


def test_nifti_files_have_scales_and_units(tmp_path):
    array = np.arange(60, dtype=np.int16).reshape(5, 4, 3)
    stored = nibabel.Nifti2Image(array, np.diag([0.5, 0.5, 2, 1]))
    stored.header.set_slope_inter(0.25, 7)
    stored.header.set_xyzt_units("micron")
    nibabel.save(stored, tmp_path / "a.nii")
    image = read_image(tmp_path / "a.nii")
    np.testing.assert_allclose(image.array, nibabel.load(tmp_path / "a.nii").get_fdata().T)
    assert (image.pixel_size, image.metadata.unit) == ((2, 0.5, 0.5), "µm")


@pytest.fixture
def cells(tmp_path):
    path, planes = tmp_path / "cells.czi", np.arange(2400, dtype=np.uint16).reshape(2, 2, 20, 30)
    with czi.create_czi(str(path), compression_options="zstd0:") as file:
        for z, c in np.ndindex(2, 2):
            file.write(planes[z, c, ..., None], plane={"Z": z, "C": c}, location=(3, 5))
        file.write_metadata("cells", scale_x=1e-7, scale_y=2e-7, scale_z=5e-7)
    return path, planes


def test_czi_files_have_channels_and_micrometres(cells):
    path, planes = cells
    for image in (read_image(path), read_image(path, scene=1)):
        assert image.axes == "ZYXC"
        np.testing.assert_array_equal(np.moveaxis(image.array, -1, 1), planes)
        assert image.pixel_size == pytest.approx((0.5, 0.2, 0.1))
        assert image.metadata.unit == "µm"
    with pytest.raises(InputError, match="scene=2; the file holds 1"):
        read_image(path, scene=2)


def test_one_of_several_scenes(tmp_path):
    with czi.create_czi(str(tmp_path / "a.czi")) as file:
        for scene in range(2):
            tile = np.full((10, 12, 3), 40 * scene + np.arange(3), np.uint8)
            file.write(tile, scene=scene, location=(50 * scene, 0))
    with pytest.raises(InputError, match=r"holds 2 images \(1: scene 0; 2: scene 1\); .*--scene N"):
        read_image(tmp_path / "a.czi")
    image = read_image(tmp_path / "a.czi", scene=2)
    assert image.axes == "YXC"
    np.testing.assert_array_equal(image.array[0, 0], [42, 41, 40])  # blue is stored first


@pytest.mark.parametrize("name", ["a.dcm", "a.nii", "a.czi", "a.lif", "a.nd2"])
def test_without_the_extra_the_message_names_it(tmp_path, name, monkeypatch):
    heads = {
        "a.dcm": bytes(128) + b"DICM",
        "a.nii": (348).to_bytes(4, "little"),
        "a.czi": b"ZISRAWFILE",
        "a.lif": b"\x70\0\0\0\1\0\0\0\x2a",
        "a.nd2": b"\xda\xce\xbe\x0a",
    }
    (tmp_path / name).write_bytes(heads[name])

    def missing(module):
        raise ModuleNotFoundError(name=module)

    with pytest.raises(InputError, match=r"damaged or not readable|no image"):
        read_image(tmp_path / name)
    monkeypatch.setattr(lazy, "import_module", missing)
    with pytest.raises(InputError, match=r"'steepest\[microscopy\]'; or open the file in Fiji"):
        read_image(tmp_path / name)
