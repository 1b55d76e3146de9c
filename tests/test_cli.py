"""The command: ``denoise``, many images, safety."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

import steepest
from cases import bombs
from cases.terminal import one_error
from steepest.cli.main import main
from steepest.io import read_image, sample, write_image

pytestmark = pytest.mark.usefixtures("here")


def make_scans(names=("a.tif", "b.tif", "c.tif"), dtype="uint16"):
    os.makedirs("scans", exist_ok=True)
    for i, name in enumerate(names):
        array = sample()[i * 40 + 100 : i * 40 + 132, 200:240].astype(dtype)
        write_image(f"scans/{name}", array * np.asarray(257, dtype))


# ----------------------------------------------------------------------------- denoise


def test_denoise_writes_what_the_library_computes(photo, capsys):
    assert main(["denoise", "photo.png", "--strength", "0.1", "--tol", "1e-5"]) == 0
    expected = steepest.denoise_tv(photo, 0.1, solver=steepest.Solver(tol=1e-5))
    assert np.array_equal(read_image("photo_denoised.png").array, expected.image)
    out, err = capsys.readouterr()
    assert err == ""
    assert f"PSNR >= {expected.psnr_bound():.1f} dB" in out
    assert f"L2 error <= {expected.error_bound:.2g}" in out
    assert f"relative gap {expected.gap:.1e}" in out
    assert f"{expected.iterations} iterations, " in out
    assert expected.status.value in out
    assert "photo_denoised.png" in out


def test_denoise_finds_the_strength(photo, capsys):
    rng = np.random.default_rng(0)
    noisy = (photo / 255 + 0.08 * rng.standard_normal(photo.shape)).astype(np.float32)
    np.save("noisy.npy", noisy)
    assert main(["denoise", "noisy.npy", "--sigma", "0.08", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    expected = steepest.denoise_least_risk(noisy, 0.08)
    assert record["strength"] == pytest.approx(expected.strength)
    assert record["sigma"] == pytest.approx(0.08)
    assert np.array_equal(np.load("noisy_denoised.npy"), expected.image)
    assert main(["denoise", "noisy.npy", "-o", "auto.npy"]) == 0
    assert "automatic, for noise of standard deviation" in capsys.readouterr().out


def test_every_separate_channel_has_a_strength_of_its_own(capsys):
    """And every page: two pages with two channels have four strengths, all of them printed."""
    rng, sigmas = np.random.default_rng(0), np.array([[70.0, 10.0], [35.0, 5.0]])
    clean = 1000 + 500 * np.kron(np.eye(2), np.ones((16, 16)))
    film = [[clean + s * rng.standard_normal(clean.shape) for s in page] for page in sigmas]
    film = np.array(film, np.float32)
    tifffile.imwrite("film.tif", film, metadata={"axes": "TCYX"})
    command = ["denoise", "film.tif", "--separate-channels"]
    assert main([*command, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    assert np.array(record["sigma"]) == pytest.approx(sigmas, rel=0.15)
    result = tifffile.imread("film_denoised.tif")
    for page in range(2):
        for channel in range(2):
            alone = steepest.denoise(film[page, channel])
            assert record["strength"][page][channel] == pytest.approx(alone.strength)
            assert np.array_equal(result[page, channel], alone.image)
    assert main([*command, "--overwrite"]) == 0
    out = capsys.readouterr().out
    for channel, line in enumerate(zip(*record["strength"], strict=True)):
        words = ", ".join(f"{strength:.4g}" for strength in line)
        assert f"strength {channel + 1}   {words} (automatic" in out


def test_a_strength_in_grey_values_is_told(photo, capsys):
    for strength, told in (
        ("25.5", "25.5 (for values in [0, 1]: 25.5 of 255 is 0.1)"),
        ("0.5", "0.5"),
    ):
        assert main(["denoise", "photo.png", "--strength", strength, "--overwrite"]) == 0
        assert f"  strength     {told}\n" in capsys.readouterr().out


def test_nothing_removed_is_said_in_words(capsys):
    noise = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    np.save("clean.npy", np.zeros((64, 64)))
    np.save("half.npy", np.vstack([noise, 0 * noise]))
    tifffile.imwrite("film.tif", np.stack([0 * noise, noise]), metadata={"axes": "TYX"})
    assert main(["denoise", "clean.npy"]) == 0
    out = capsys.readouterr().out
    assert "automatic: no noise was found, so nothing was removed" in out
    assert "status       nothing was removed" in out
    assert main(["denoise", "half.npy", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    assert record["noise_share"] == pytest.approx(0.5, abs=0.01)
    assert main(["denoise", "half.npy", "--overwrite"]) == 0
    assert "measured in the flattest " in capsys.readouterr().out
    assert main(["denoise", "film.tif"]) == 0
    out = capsys.readouterr().out
    assert "nothing was removed from 1 of 2 pages" in out
    assert "status       converged" in out
    assert main(["info", "clean.npy"]) == 0
    assert "none found" in capsys.readouterr().out


def test_negative_counts_are_refused_or_counted(capsys):
    light = np.full((40, 50), 5) + 20 * (np.arange(50) > 25)
    counts = np.random.default_rng(0).poisson(light).astype(np.float32)
    np.save("negative.npy", counts / 100 - 1)
    assert main(["denoise", "negative.npy", "--noise", "poisson"]) == 2
    one_error(capsys, "negative.npy: image has 2000 of 2000 values below 0", "one in 20")
    assert not os.path.exists("negative_denoised.npy")
    counts[0, :6] = -3
    np.save("few.npy", counts)
    assert main(["denoise", "few.npy", "--noise", "poisson"]) == 0
    assert "6 values (0.3 %), too far below the offset for counts" in capsys.readouterr().out
    np.save("nan.npy", np.where(counts < 0, np.nan, counts))
    assert main(["denoise", "nan.npy", "--noise", "poisson"]) == 2
    one_error(capsys, "nan.npy: image holds NaN")


def test_photon_counts_are_made_gaussian_and_brought_back(photo, capsys):
    """In the grey values of the camera, as integers and as floats."""
    camera = dict(gain=2.0, read_noise=3.0, offset=100.0)
    rng = np.random.default_rng(0)
    counts = 2 * rng.poisson(photo / 8) + 100 + 3 * rng.standard_normal(photo.shape)
    counts = np.rint(counts).astype(np.uint16)
    tifffile.imwrite("counts.tif", counts)
    options = ["--noise", "poisson", "--gain", "2", "--read-noise", "3", "--offset", "100"]
    assert main(["denoise", "counts.tif", *options, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    sigma = steepest.anscombe_noise(counts, **camera)
    result = steepest.denoise_least_risk(steepest.anscombe(counts, **camera), sigma)
    expected = steepest.inverse_anscombe(result.image, **camera)
    assert np.array_equal(tifffile.imread("counts_denoised.tif"), np.rint(expected))
    assert record["strength"] == result.strength
    assert record["sigma"] == pytest.approx(sigma)
    assert record["noise"] == {"model": "poisson", **camera}
    assert main(["denoise", "counts.tif", *options, "--float", "-o", "float.tif"]) == 0
    assert tifffile.imread("float.tif") == pytest.approx(expected, rel=1e-5)
    assert "poisson, gain 2, read noise 3, offset 100" in capsys.readouterr().out


def test_rounding_to_a_few_photons_is_told(photo, capsys):
    counts = np.random.default_rng(0).poisson(photo / 60).astype(np.uint8)
    tifffile.imwrite("counts.tif", counts)
    assert main(["denoise", "counts.tif"]) == 0
    assert f"whole grey values, up to {counts.max()}; --float" in capsys.readouterr().out
    assert main(["denoise", "counts.tif", "--float", "-o", "float.tif"]) == 0
    assert "whole grey values" not in capsys.readouterr().out


def test_12_bit_data_are_as_on_a_scale_of_their_own(photo, capsys):
    """Strengths and noise refer to the range; what lies outside of it is not clipped."""
    low, high = 100, 4195
    scan = (16 * photo.astype(np.uint16)) + np.uint16(low)
    scan[0, :3] = [0, 5000, 65535]
    tifffile.imwrite("scan.tif", scan)
    unit = ((scan - float(low)) / (high - low)).astype(np.float32)
    command = ["denoise", "scan.tif", "--range", "100", "4195"]
    assert main([*command, "--strength", "0.02"]) == 0
    expected = steepest.denoise_tv(unit, 0.02).image * float(high - low) + low
    result = tifffile.imread("scan_denoised.tif")
    assert result.dtype == np.uint16
    assert np.abs(result - expected).max() <= 0.51
    assert result.max() > high
    assert "100 to 4195 stand for 0 to 1" in capsys.readouterr().out
    assert main([*command, "--strength", "0", "-o", "same.tif", "-q"]) == 0
    assert np.array_equal(tifffile.imread("same.tif"), scan)
    assert main([*command, "--strength", "0", "--float", "-o", "float.tif", "-q"]) == 0
    assert np.array_equal(tifffile.imread("float.tif"), unit)
    assert main([*command, "--sigma", "0.1", "-o", "auto.tif", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    assert record["range"] == [low, high]
    assert record["strength"] == pytest.approx(steepest.denoise_least_risk(unit, 0.1).strength)
    assert record["certificate"]["data_range"] == 1
    assert main([*command, "--sigma", "0.1", "-o", "auto.tif", "--overwrite"]) == 0
    assert "standard deviation 0.1; 410 in the file" in capsys.readouterr().out


def test_16_bit_tiff_stays_so_and_keeps_its_spacing():
    volume = np.random.default_rng(0).integers(0, 65536, (6, 16, 18)).astype(np.uint16)
    tifffile.imwrite(
        "stack.tif",
        volume,
        imagej=True,
        resolution=(4, 4),
        metadata={"spacing": 0.75, "unit": "um", "axes": "ZYX"},
    )
    assert main(["denoise", "stack.tif", "--strength", "0.1", "--spacing", "file", "-q"]) == 0
    image = read_image("stack_denoised.tif")
    assert image.pixel_size == pytest.approx((0.75, 0.25, 0.25))
    expected = steepest.denoise_tv(volume, 0.1, spacing=(3, 1, 1)).image
    assert image.array.dtype == np.uint16
    assert np.array_equal(image.array, expected)


def test_pages_are_computed_one_by_one():
    pages = np.random.default_rng(0).random((3, 16, 18)).astype(np.float32)
    tifffile.imwrite("series.tif", pages, photometric="minisblack")
    assert main(["denoise", "series.tif", "--pages", "--strength", "0.1", "-q"]) == 0
    result = tifffile.imread("series_denoised.tif")
    for page, denoised in zip(pages, result, strict=True):
        assert np.array_equal(denoised, steepest.denoise_tv(page, 0.1).image)


def test_colour_and_transparency():
    picture = np.array(sample("coffee")[:32, :40])
    alpha = np.random.default_rng(0).integers(0, 256, (32, 40, 1), dtype=np.uint8)
    Pillow.fromarray(np.concatenate([picture, alpha], axis=-1)).save("a.png", dpi=(200, 200))
    assert main(["denoise", "a.png", "--strength", "0.05", "-o", "b.png", "-q"]) == 0
    image = read_image("b.png")
    assert np.array_equal(image.alpha, alpha)
    expected = steepest.denoise_tv(picture, 0.05, channel_axis=-1).image
    assert np.array_equal(image.array, expected)
    assert image.metadata.resolution == pytest.approx((200, 200), abs=0.1)


def test_jpeg_and_float(photo):
    Pillow.fromarray(photo).save("a.jpg", quality=95)
    assert main(["denoise", "a.jpg", "--strength", "0.05", "-q"]) == 0
    assert read_image("a_denoised.jpg").format == "jpeg"
    assert main(["denoise", "a.jpg", "--strength", "0.05", "-q", "--float"]) == 0
    exact = read_image("a_denoised.tif").array
    assert exact.dtype == np.float32
    array = read_image("a.jpg").array.astype(np.float32) / np.float32(255)
    assert np.array_equal(exact, steepest.denoise_tv(array, 0.05).image)


def test_options_reach_the_numerics(photo):
    options = ["--anisotropic", "--huber", "0.05", "--threads", "1", "--spacing", "2,1"]
    assert main(["denoise", "photo.png", "--strength", "0.2", "-q", *options]) == 0
    expected = steepest.denoise(
        photo, 0.2, energy=steepest.TotalVariation(norm="anisotropic", huber=0.05), spacing=(2, 1)
    )
    assert np.array_equal(read_image("photo_denoised.png").array, expected.image)


# ----------------------------------------------------------------------------- many images


@pytest.mark.parametrize("images", [["scans"], ["scans/*.tif"], ["scans/a.tif", "scans/[bc].tif"]])
def test_folders_and_globs(images, capsys):
    make_scans()
    (open("scans/notes.txt", "w")).close()
    assert main(["denoise", *images, "-o", "clean", "--strength", "0.1"]) == 0
    assert sorted(os.listdir("clean")) == ["a.tif", "b.tif", "c.tif"]
    assert read_image("clean/b.tif").array.dtype == np.uint16
    out, err = capsys.readouterr()
    assert out.count("certificate") == 3
    assert "3 of 3 images done" in out
    assert err == ""


def test_a_bad_image_does_not_stop_the_others(capsys):
    make_scans()
    with open("scans/b.tif", "wb") as file:
        file.write(b"II*\0rubbish")
    assert main(["denoise", "scans", "-o", "clean", "--strength", "0.1"]) == 1
    assert sorted(os.listdir("clean")) == ["a.tif", "c.tif"]
    out, err = capsys.readouterr()
    assert "2 of 3 images done" in out
    assert err.count("\n") == 1
    assert "scans/b.tif" in err


def test_many_images_need_a_folder(capsys):
    make_scans()
    assert main(["denoise", "scans"]) == 2
    one_error(capsys, "-o FOLDER")
    assert main(["denoise", "scans", "-o", "one.tif"]) == 2
    one_error(capsys, "one.tif", "folder")


def test_two_results_of_one_name_are_refused(capsys):
    make_scans(("a.tif",))
    write_image("a.tif", np.zeros((8, 8), np.uint8))
    assert main(["denoise", "a.tif", "scans/a.tif", "-o", "out"]) == 2
    one_error(capsys, "two results")
    assert not os.path.exists("out")


# ----------------------------------------------------------------------------- safety


def test_existing_files_stop_it_before_it_computes(photo, capsys, monkeypatch):
    make_scans()
    os.mkdir("clean")
    with open("clean/c.tif", "w") as file:
        file.write("precious")
    monkeypatch.setattr(steepest, "denoise", None, raising=False)  # must not be called
    assert main(["denoise", "scans", "-o", "clean", "--strength", "0.1"]) == 2
    one_error(capsys, "clean/c.tif", "exists already", "--overwrite")
    monkeypatch.undo()
    assert os.listdir("clean") == ["c.tif"] if os.path.isdir("clean") else True


def test_nothing_is_half_written(photo, capsys, monkeypatch):
    before = sorted(os.listdir())

    def fail(*args, **keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("steepest.io.outputs.os.fsync", fail)
    assert main(["flow", "photo.png", "--times", "0.1,0.2", "-o", "deep/out"]) == 1
    one_error(capsys, "photo.png", "No space left")
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["denoise", "missing.png"], ["missing.png", "no such file"]),
        (["denoise", "*.nothing"], ["no file matches"]),
        (["denoise", "sample:camera", "-o", "a.zarr"], ["a.zarr", "with --memory"]),
        (["decompose", "sample:camera", "-o", "a.zarr"], ["a.zarr", "with --memory"]),
        (["denoise", "sample:camera", "-o", "a.zarr", "--memory", "1GB"], ["leave out --memory"]),
        (["denoise", "."], ["no image file"]),
        (["denoise", "sample:nobody"], ["nobody", "camera, coffee"]),
        (["denoise"], ["IMAGE", "steepest denoise --help"]),
        (["denoise", "x.png", "--strength", "much"], ["'much' is not a number"]),
        (["denoise", "x.png", "--strength", "-1"], ["negative"]),
        (["denoise", "x.png", "--strength", "nan"], ["not finite"]),
        (["denoise", "x.png", "--tol", "0"], ["must be positive"]),
        (["denoise", "sample:camera", "--spacing", "1,2,3"], ["2 positive numbers"]),
        (["denoise", "sample:camera", "--spacing", "file"], ["no pixel size"]),
        (["denoise", "sample:camera", "--format", "gif"], ['"gif" for --format', "npy"]),
        *[
            ([*command.split(), "-o", "a.jpg", "--format", "png"], ["--format png", "a.jpg"])
            for command in (
                "denoise sample:camera",
                "flow sample:camera --times 0.1",
                "filter sample:camera --low-pass 0.1",
            )
        ],
        (["stipple", "sample:camera", "-o", "a.pdf", "--format", "svg"], ["--format svg", "a.pdf"]),
        (["denoise", "sample:camera", "-o", "a.bmp/b.png", "--sigma", "9"], ["sigma"]),
        (["flow", "sample:camera"], ["--times"]),
        (["flow", "sample:camera", "--times", "0.2,0.1"], ["increase"]),
        (
            ["flow", "sample:camera", "--times", "0.2", "--accuracy", "50", "--steps", "5"],
            ["--steps"],
        ),
        (["filter", "sample:camera"], ["--low-pass"]),
        (["filter", "sample:camera", "--band-pass", "0.2", "0.1"], ["not below"]),
        (["filter", "sample:camera", "--low-pass", "0.2", "--t-max", "0.1"], ["--t-max"]),
        (["decompose", "sample:camera", "--edges", "0.1", "--bands", "2"], ["--bands"]),
        (["filter", "sample:camera", "--gains", "1,2", "--bands", "3"], ["2 factors for 3 bands"]),
        (["filter", "sample:camera", "--low-pass", "1", "--residual-gain", "0"], ["--gains"]),
        (["info", "sample:camera", "--max-pixels", "0"], ["whole number from 1"]),
        (["denoise", "sample:camera", "--range", "5", "5"], ["--range: 5 is not below 5"]),
        (["denoise", "sample:camera", "--gain", "2"], ["--gain", "--noise poisson"]),
        (["denoise", "sample:camera", "--noise", "poisson", "--sigma", "1"], ["--sigma"]),
        (["denoise", "sample:camera", "--strength", "1", "--sigma", "1"], ["--sigma"]),
        (["denoise", "sample:camera", "--noise", "poisson", "--range", "0", "9"], ["--range"]),
        (["paint"], ["paint"]),
    ],
)
def test_bad_usage_is_one_line_and_code_2(arguments, words, capsys):
    assert main(arguments) == 2
    one_error(capsys, *words)


@pytest.mark.parametrize(
    "command",
    [
        *[
            "info -q",
            "denoise",
            "decompose",
            "mask",
            "compress",
            "inpaint --known one.png",
        ],
        *["flow --times 1", "filter --low-pass 1"],
    ],
)
def test_every_command_limits_what_it_reads(command, photo, capsys):
    write_image("one.png", np.eye(5, dtype=np.uint8))
    name, *options = command.split()
    assert main([name, "photo.png", *options, "--max-pixels", "2000"]) == 2
    one_error(capsys, "photo.png: holds 2880 pixels", "allowed are max_pixels=2000")
    assert main([name, "--help"]) == 0
    assert "[default: 134,217,728]" in capsys.readouterr().out
    assert sorted(os.listdir()) == ["one.png", "photo.png"]


def test_remarks_of_other_packages_are_not_shown():
    lost = (65000, 2, 100, 1 << 20)  # a tag of nobody's, whose value is not in the file
    with open("odd.tif", "wb") as file:
        file.write(bombs.tiff([*bombs.sizes(4, 4, (8, 16)), lost], bytes(16)))
    command = [sys.executable, "-m", "steepest.cli", "info", "-q", "odd.tif"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_masks_have_the_limit_of_images(photo, capsys):
    write_image("large.png", np.zeros((60, 60), np.uint8))
    command = ["inpaint", "photo.png", "--known", "large.png", "--max-pixels", "3000"]
    assert main(command) == 2
    one_error(capsys, "large.png: holds 3600 pixels", "allowed are max_pixels=3000")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_refused(value, capsys):
    array = np.zeros((8, 8), np.float32)
    array[3, 3] = value
    np.save("a.npy", array)
    assert main(["denoise", "a.npy", "--strength", "0.1"]) == 2
    one_error(capsys, "a.npy", "NaN or infinite")
    assert main(["info", "a.npy"]) == 0
    assert "1 NaN or infinite" in capsys.readouterr().out


def test_not_converged_is_said_and_strict_fails(photo, capsys, monkeypatch):
    few = partial(steepest.Solver, max_num_iter=1)
    monkeypatch.setattr(steepest, "Solver", few, raising=False)
    command = ["denoise", "photo.png", "--strength", "0.3", "--tol", "1e-6"]
    assert main([*command, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("steepest: warning: photo.png: not converged")
    assert json.loads(out)["results"][0]["certificate"]["converged"] is False
    assert main([*command, "--strict", "--overwrite"]) == 1
    assert capsys.readouterr().err.startswith("steepest: error: photo.png: not converged")


def test_unexpected_errors_are_one_line(photo, capsys, monkeypatch):
    def fail(*args, **keywords):
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr(steepest, "denoise", fail, raising=False)
    assert main(["denoise", "photo.png", "--strength", "0.1"]) == 1
    one_error(capsys, "unexpected RuntimeError: first second", "--traceback")
    with pytest.raises(RuntimeError):
        main(["denoise", "photo.png", "--strength", "0.1", "--traceback"])


def test_interruption(photo, capsys, monkeypatch):
    def interrupt(*args, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr(steepest, "denoise", interrupt, raising=False)
    assert main(["denoise", "photo.png", "--strength", "0.1"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert os.listdir() == ["photo.png"]


def test_the_camera_is_estimated(capsys):
    """Photon noise is found and stabilised; noise of one level stays Gaussian."""
    rng = np.random.default_rng(2)
    waves = np.add.outer(np.sin(np.arange(96) / 15), np.cos(np.arange(120) / 20))
    clean = 300 + 80 * waves
    images = {
        "camera.tif": 100 + 2 * rng.poisson((clean - 100) / 2),
        "white.tif": clean + 9 * rng.standard_normal(clean.shape),
    }
    said = {}
    for name, noisy in images.items():
        write_image(name, np.rint(noisy).astype(np.uint16))
        assert main(["denoise", name, "--noise", "auto", "-o", f"out-{name}"]) == 0
        error = np.abs(read_image(f"out-{name}").array - clean).mean()
        assert error < np.abs(noisy - clean).mean() / 2.5
        said[name] = capsys.readouterr().out
    assert "poisson (estimated), gain 2" in said["camera.tif"]
    assert "poisson" not in said["white.tif"]
    assert main(["denoise", "white.tif", "--noise", "auto", "--gain", "2"]) == 2
    assert "--gain" in one_error(capsys)
