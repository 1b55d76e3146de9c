"""Photographs whose EXIF data says how the camera was held."""

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from PIL import ImageOps

from steepest.cli.main import main
from steepest.io import read_image, read_labels, write_image

ORIENTATION, MAKE = 0x0112, 0x010F


def photograph(path, orientation, shape=(20, 30, 3), **options):
    """Save a picture of this EXIF orientation; return it upright, as Pillow turns it."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    pixels = np.stack([8 * y, 8 * x, 4 * (x + y)], -1).astype(np.uint8)
    exif = Pillow.Exif()
    exif[ORIENTATION], exif[MAKE] = orientation, "A camera"
    Pillow.fromarray(pixels).save(path, exif=exif, **options)
    with Pillow.open(path) as picture:
        return np.asarray(ImageOps.exif_transpose(picture))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_pictures_are_read_and_written_upright(tmp_path, name, orientation):
    upright = photograph(tmp_path / name, orientation, dpi=(300, 150))
    image = read_image(tmp_path / name)
    np.testing.assert_array_equal(image.array, upright)
    assert image.metadata.orientation == orientation
    dpi = (150, 300) if orientation > 4 else (300, 150)
    assert image.metadata.resolution == pytest.approx(dpi, abs=0.02)
    write_image(tmp_path / f"b{name}", image)
    with Pillow.open(tmp_path / f"b{name}") as copy:
        assert copy.getexif().get(ORIENTATION, 1) == 1
        assert copy.getexif()[MAKE] == "A camera"
        again = np.asarray(ImageOps.exif_transpose(copy)).astype(int)
    np.testing.assert_allclose(again, upright, atol=8 if name == "a.jpg" else 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", ["raw", "jpeg"])
def test_tiff_files_are_read_and_written_upright(tmp_path, orientation, compression):
    upright = photograph(tmp_path / "a.png", orientation)
    options = {"dpi": (300, 150), "compression": compression, "quality": 100}
    photograph(tmp_path / "a.tif", orientation, **options)
    image = read_image(tmp_path / "a.tif")
    lossy = 8 if compression == "jpeg" else 0
    np.testing.assert_allclose(image.array.astype(int), upright, atol=lossy)
    assert image.metadata.resolution == ((150, 300) if orientation > 4 else (300, 150))
    write_image(tmp_path / "b.tif", image)
    again = read_image(tmp_path / "b.tif")
    np.testing.assert_array_equal(again.array, image.array)
    assert again.metadata.orientation == 1
    labels = image.array[..., 0].astype(np.int32)
    tags = [(ORIENTATION, 3, 1, orientation, True)]
    tifffile.imwrite(tmp_path / "m.tif", labels, extratags=tags, metadata=None)
    turned = read_image(tmp_path / "m.tif").array
    np.testing.assert_array_equal(read_labels(tmp_path / "m.tif"), turned)


@pytest.mark.parametrize("orientation", [0, 9, 700])
def test_impossible_orientations_change_nothing(tmp_path, orientation):
    photograph(tmp_path / "a.png", orientation)
    assert read_image(tmp_path / "a.png").array.shape == (20, 30, 3)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_masks_of_either_orientation_fit(orientation, capsys):
    """One painted on the upright picture, one made from the pixels as they are stored."""
    upright = photograph("photo.png", orientation)
    mask = np.zeros(upright.shape[:2], np.uint8)
    mask[3:6, 4:9] = 255
    Pillow.fromarray(mask).save("upright.png")
    with Pillow.open("photo.png") as picture:
        stored = np.asarray(picture)
    colours = {tuple(each) for each in upright[mask > 0]}
    own = [[255 * (tuple(pixel) in colours) for pixel in row] for row in stored]
    Pillow.fromarray(np.uint8(own)).save("stored.png")
    for name in ("upright", "stored"):
        command = ["inpaint", "photo.png", "--unknown", f"{name}.png", "-o", f"{name}_filled.png"]
        assert main(command) == 0
        assert "turned upright" in capsys.readouterr().out
        filled = read_image(f"{name}_filled.png").array
        assert filled.shape == upright.shape
        np.testing.assert_array_equal(filled[mask == 0], upright[mask == 0])
    assert read_labels("stored.png").shape == stored.shape[:2]
