"""``steepest inpaint`` and ``steepest mask``."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

import steepest
from cases.terminal import one_error
from steepest.cli.main import main
from steepest.inpainting import masks, reconstruct
from steepest.io import read_image, sample, write_image

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def photo(here):
    """A small photograph, "photo.png", and which of its pixels are known."""
    array = np.ascontiguousarray(sample("coffee")[100:140, 200:250])
    write_image("photo.png", array)
    known = np.random.default_rng(0).random(array.shape[:2]) < 0.3
    write_image("mask.png", known.astype(np.uint8) * np.uint8(255))
    return array, known


def record_of(capsys):
    return json.loads(capsys.readouterr().out)["results"][0]


# ----------------------------------------------------------------------------- inpaint


def test_known_and_unknown_are_opposites(photo, capsys):
    array, known = photo
    assert main(["inpaint", "photo.png", "--known", "mask.png"]) == 0
    expected = steepest.inpaint(array, known, channel_axis=-1)
    filled = read_image("photo_inpainted.png").array
    assert np.array_equal(filled, expected.image)
    assert np.array_equal(filled[known], array[known])
    out, err = capsys.readouterr()
    assert err == ""
    assert f"{np.sum(~known)} of 2000 pixels, " in out
    assert f"{expected.residual:.1e}, relative" in out
    assert f"{expected.iterations} iterations, " in out
    write_image("holes.png", (~known).astype(np.uint8))
    assert main(["inpaint", "photo.png", "--unknown", "holes.png", "-o", "b.png", "-q"]) == 0
    assert np.array_equal(read_image("b.png").array, filled)


def test_nothing_is_guessed_of_a_mask(photo, capsys):
    assert main(["inpaint", "photo.png"]) == 2
    one_error(capsys, "--known MASK or --unknown MASK", "NaN")
    both = ["--known", "mask.png", "--unknown", "mask.png"]
    assert main(["inpaint", "photo.png", *both]) == 2
    one_error(capsys, "--known: cannot be combined with --unknown")
    assert main(["inpaint", "photo.png", "--threshold", "3"]) == 2
    one_error(capsys, "--threshold")
    assert not list(Path().glob("*inpainted*"))


def test_masks_with_smooth_edges_need_a_threshold(photo, capsys):
    array, _ = photo
    ramp = np.broadcast_to(np.arange(0, 250, 5, dtype=np.uint8), (40, 50))
    write_image("soft.png", np.ascontiguousarray(ramp))
    assert main(["inpaint", "photo.png", "--known", "soft.png"]) == 2
    one_error(capsys, "soft.png", "50 values", "--threshold")
    options = ["--known", "soft.png", "--threshold", "100", "-q"]
    assert main(["inpaint", "photo.png", *options]) == 0
    expected = steepest.inpaint(array, ramp >= 100, channel_axis=-1).image
    assert np.array_equal(read_image("photo_inpainted.png").array, expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_masks_need_a_threshold(photo, channels):
    """JPEG changes 0 and 255 to numbers nearby."""
    array, known = photo
    white = known.astype(np.uint8) * np.uint8(255)
    white = np.repeat(white[..., None], 3, axis=-1) if channels == 3 else white
    Pillow.fromarray(white).save("mask.jpg", quality=90)
    assert len(np.unique(np.array(Pillow.open("mask.jpg")))) > 2
    assert main(["inpaint", "photo.png", "--known", "mask.jpg", "-q"]) == 2
    options = ["--known", "mask.jpg", "--threshold", "128", "-q"]
    assert main(["inpaint", "photo.png", *options]) == 0
    expected = steepest.inpaint(array, known, channel_axis=-1).image
    assert np.array_equal(read_image("photo_inpainted.png").array, expected)


@pytest.mark.parametrize("how", ["palette", "one bit", "colours", "numpy"])
def test_masks_as_programs_write_them(photo, how):
    array, known = photo
    name = "mask.npy" if how == "numpy" else "other.png"
    if how == "numpy":
        np.save(name, known)
    elif how == "palette":
        picture = Pillow.fromarray(known.astype(np.uint8), mode="P")
        picture.putpalette([255, 255, 255, 0, 0, 0])  # shown the other way round
        picture.save(name)
    elif how == "one bit":
        Pillow.fromarray(known).save(name)
    else:
        write_image(name, np.repeat(known[..., None].astype(np.uint8) * np.uint8(9), 3, axis=-1))
    assert main(["inpaint", "photo.png", "--known", name, "-q"]) == 0
    expected = steepest.inpaint(array, known, channel_axis=-1).image
    assert np.array_equal(read_image("photo_inpainted.png").array, expected)


def test_bad_masks(photo, capsys):
    write_image("small.png", np.ones((40, 49), np.uint8))
    assert main(["inpaint", "photo.png", "--known", "small.png"]) == 2
    one_error(capsys, "small.png", "40 x 49", "40 x 50")
    write_image("none.png", np.zeros((40, 50), np.uint8))
    assert main(["inpaint", "photo.png", "--known", "none.png"]) == 2
    one_error(capsys, "no known pixel")
    write_image("mask.jpg", np.ones((40, 50), np.uint8))
    assert main(["inpaint", "photo.png", "--known", "mask.jpg"]) == 2
    one_error(capsys, "JPEG changes", "--threshold 128")
    assert main(["inpaint", "photo.png", "--known", "absent.png"]) == 2
    one_error(capsys, "absent.png")


def test_nan_marks_what_is_unknown(capsys):
    depth = np.add.outer(np.arange(30.0), np.arange(20.0)).astype(np.float32)
    depth[5:15, 8:12] = np.nan
    tifffile.imwrite("depth.tif", depth)
    assert main(["inpaint", "depth.tif", "--json"]) == 0
    record = record_of(capsys)
    assert record["unknown"] == 40
    assert record["residual"]["converged"] is True
    assert record["residual"]["residual"] <= 1e-6
    filled = tifffile.imread("depth_inpainted.tif")
    assert np.isfinite(filled).all()
    assert np.array_equal(filled, steepest.inpaint(depth).image)


def test_volumes_pages_and_spacing():
    rng = np.random.default_rng(0)
    stack = rng.random((4, 12, 10)).astype(np.float32)
    known = rng.random(stack.shape) < 0.4
    tifffile.imwrite("stack.tif", stack, photometric="minisblack")
    tifffile.imwrite("known.tif", known.astype(np.uint8), photometric="minisblack")
    options = ["--known", "known.tif", "--spacing", "3,1,1", "--tol", "1e-9", "-q"]
    assert main(["inpaint", "stack.tif", *options]) == 0
    solver = steepest.Solver(tol=1e-9)
    expected = steepest.inpaint(stack, known, spacing=(3, 1, 1), solver=solver).image
    assert np.array_equal(tifffile.imread("stack_inpainted.tif"), expected)
    write_image("one.png", known[0].astype(np.uint8))
    options = ["--pages", "--known", "one.png", "-o", "pages.tif", "-q"]
    assert main(["inpaint", "stack.tif", *options]) == 0
    for page, filled in zip(stack, tifffile.imread("pages.tif"), strict=True):
        assert np.array_equal(filled, steepest.inpaint(page, known[0]).image)


@pytest.mark.parametrize(
    ("name", "kind"), [("biharmonic", "Biharmonic"), ("edge-enhancing", "EdgeEnhancing")]
)
def test_other_methods(photo, name, kind, capsys):
    array, known = photo
    options = ["--known", "mask.png", "--method", name, "--tol", "1e-3"]
    assert main(["inpaint", "photo.png", *options]) == 0
    method, solver = getattr(steepest.inpainting, kind)(), steepest.Solver(tol=1e-3)
    expected = steepest.inpaint(array, known, method, channel_axis=-1, solver=solver)
    assert np.array_equal(read_image("photo_inpainted.png").array, expected.image)
    assert f"{expected.residual:.1e}, relative" in capsys.readouterr().out
    assert main(["inpaint", "photo.png", *options, "--spacing", "2,1", "-o", "b.png"]) == 2
    one_error(capsys, "--spacing", name.replace("-", "_"))


def test_what_has_not_converged_is_said(photo, capsys, monkeypatch):
    monkeypatch.setattr(steepest.inpainting.Diffusion, "max_num_iter", 1)
    assert main(["inpaint", "photo.png", "--known", "mask.png", "--strict"]) == 1
    out, err = capsys.readouterr()
    assert "1 iteration, " in out
    assert err.startswith("steepest: error: photo.png: ")


# -------------------------------------------------------------------------------- mask


def test_mask_and_its_error(photo, capsys):
    array, _ = photo
    assert main(["mask", "photo.png", "--density", "0.1", "--json"]) == 0
    record = record_of(capsys)
    mask = masks.echo(array, 0.1, channel_axis=-1, rng=0)
    written = read_image("photo_mask.png").array
    assert written.dtype == np.uint8
    assert np.array_equal(written, np.where(mask, 255, 0))
    best = reconstruct(array, mask, channel_axis=-1)
    assert record["psnr"] == pytest.approx(best.psnr)
    assert record["mae"] == pytest.approx(best.mae)
    assert record["density"] == 0.1


def test_a_mask_says_what_is_known(photo, capsys):
    """What ``mask`` writes and prints is what ``inpaint --known`` does with it."""
    array, _ = photo
    options = ["--method", "laplacian-dither", "--density", "0.2", "--json"]
    assert main(["mask", "photo.png", "-o", "m.png", *options]) == 0
    psnr = record_of(capsys)["psnr"]
    options = ["--known", "m.png", "--float", "-o", "filled.npy"]
    assert main(["inpaint", "photo.png", *options]) == 0
    error = np.mean((np.load("filled.npy") - array / 255) ** 2)
    assert psnr == pytest.approx(-10 * np.log10(error), abs=1e-3)


def test_masks_of_many_images_and_of_volumes(photo, capsys):
    array, _ = photo
    write_image("grey.jpg", array[..., 0])
    assert main(["mask", "photo.png", "grey.jpg", "--method", "regular"]) == 2
    one_error(capsys, "-o FOLDER")
    assert main(["mask", "photo.png", "grey.jpg", "--method", "regular", "-o", "out", "-q"]) == 0
    assert sorted(map(str, Path("out").iterdir())) == ["out/grey.png", "out/photo.png"]
    stack = np.random.default_rng(0).random((4, 12, 10)).astype(np.float32)
    tifffile.imwrite("stack.tif", stack, photometric="minisblack")
    assert main(["mask", "stack.tif", "--method", "densify", "-q"]) == 0
    volume = tifffile.imread("stack_mask.tif")
    assert np.array_equal(volume > 0, masks.densify(stack, 0.05))
    assert main(["mask", "stack.tif", "--pages", "-o", "pages.tif", "-q"]) == 0
    assert np.array_equal(tifffile.imread("pages.tif")[2] > 0, masks.echo(stack[2], 0.05, rng=0))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--density", "1.5"], ["1.5 is above 1"]),
        (["--density", "0"], ["positive"]),
        (["--method", "nonlocal_pixel_exchange"], ['"nonlocal_pixel_exchange" for --method']),
        (["-o", "mask.jpg"], ["a mask cannot be written to a .jpg file"]),
        (["-o", "photo.png"], ["exists already"]),
    ],
)
def test_bad_usage(photo, options, words, capsys):
    assert main(["mask", "photo.png", *options]) == 2
    one_error(capsys, *words)
    assert not Path("out").exists()
