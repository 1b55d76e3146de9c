"""The command: what it writes, what it prints, how it fails."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

import steepest
from steepest.cli.main import main
from steepest.cli.progress import progress
from steepest.io import read_image, sample, write_image


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photo(tmp_path):
    """A small 8-bit photograph, "photo.png"."""
    array = np.ascontiguousarray(sample()[100:148, 200:260])
    write_image("photo.png", array)
    return array


def make_scans(names=("a.tif", "b.tif", "c.tif"), dtype="uint16"):
    os.makedirs("scans", exist_ok=True)
    for i, name in enumerate(names):
        array = sample()[i * 40 + 100 : i * 40 + 132, 200:240].astype(dtype)
        write_image(f"scans/{name}", array * np.asarray(257, dtype))


def one_error(capsys, *words):
    """The single line on stderr, nothing on stdout."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("steepest: error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    for word in words:
        assert word in err
    return err


# ----------------------------------------------------------------------------- denoise


def test_denoise_writes_what_the_library_computes(photo, capsys):
    assert main(["denoise", "photo.png", "--strength", "0.1", "--tol", "1e-5"]) == 0
    expected = steepest.denoise_tv(photo, 0.1, tol=1e-5)
    assert np.array_equal(read_image("photo_denoised.png").array, expected.image)
    out, err = capsys.readouterr()
    assert err == ""
    assert f"PSNR >= {expected.psnr_bound:.1f} dB" in out
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
    assert record["strength"] == pytest.approx(steepest.discrepancy_strength(noisy, 0.08))
    assert record["sigma"] == 0.08
    distance = np.sqrt(np.mean((np.load("noisy_denoised.npy") - noisy) ** 2))
    assert distance == pytest.approx(0.08, rel=0.02)
    assert main(["denoise", "noisy.npy", "-o", "auto.npy"]) == 0
    assert "automatic, for noise of standard deviation" in capsys.readouterr().out


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
    expected = steepest.denoise_tv(photo, 0.2, isotropic=False, huber=0.05, spacing=(2, 1))
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
    monkeypatch.setattr(steepest, "denoise_tv", None, raising=False)  # must not be called
    assert main(["denoise", "scans", "-o", "clean", "--strength", "0.1"]) == 2
    one_error(capsys, "clean/c.tif", "exists already", "--overwrite")
    monkeypatch.undo()
    assert os.listdir("clean") == ["c.tif"] if os.path.isdir("clean") else True


def test_overwrite(photo, capsys):
    assert main(["denoise", "photo.png", "--strength", "0.1", "-q"]) == 0
    assert main(["denoise", "photo.png", "--strength", "0.2", "-q"]) == 2
    one_error(capsys, "photo_denoised.png", "exists already")
    assert main(["denoise", "photo.png", "--strength", "0.2", "-q", "--overwrite"]) == 0
    expected = steepest.denoise_tv(photo, 0.2).image
    assert np.array_equal(read_image("photo_denoised.png").array, expected)


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
        (["denoise", "."], ["no PNG, JPEG, BMP, TIFF or NPY file"]),
        (["denoise", "sample:nobody"], ["nobody", "camera, coffee"]),
        (["denoise"], ["IMAGE", "steepest denoise --help"]),
        (["denoise", "x.png", "--strength", "much"], ["'much' is not a number"]),
        (["denoise", "x.png", "--strength", "-1"], ["negative"]),
        (["denoise", "x.png", "--strength", "nan"], ["not finite"]),
        (["denoise", "x.png", "--tol", "0"], ["must be positive"]),
        (["denoise", "sample:camera", "--spacing", "1,2,3"], ["2 positive numbers"]),
        (["denoise", "sample:camera", "--spacing", "file"], ["no pixel size"]),
        (["denoise", "sample:camera", "--format", "gif"], ["invalid choice"]),
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
        (["paint"], ["paint"]),
    ],
)
def test_bad_usage_is_one_line_and_code_2(arguments, words, capsys):
    assert main(arguments) == 2
    one_error(capsys, *words)


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
    from functools import partial

    monkeypatch.setattr(
        steepest, "denoise_tv", partial(steepest.denoise_tv, max_num_iter=1), raising=False
    )
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

    monkeypatch.setattr(steepest, "denoise_tv", fail, raising=False)
    assert main(["denoise", "photo.png", "--strength", "0.1"]) == 1
    one_error(capsys, "unexpected RuntimeError: first second", "--traceback")
    with pytest.raises(RuntimeError):
        main(["denoise", "photo.png", "--strength", "0.1", "--traceback"])


def test_interruption(photo, capsys, monkeypatch):
    def interrupt(*args, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr(steepest, "denoise_tv", interrupt, raising=False)
    assert main(["denoise", "photo.png", "--strength", "0.1"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert os.listdir() == ["photo.png"]


# ----------------------------------------------------------------------------- flow


def test_flow_writes_every_time_with_its_certificate(photo, capsys):
    assert main(["flow", "photo.png", "--times", "0.05,0.2", "--strip"]) == 0
    result = steepest.tv_flow(photo, [0.05, 0.2])
    assert sorted(os.listdir("photo_flow")) == [
        "photo_flow.png",
        "photo_t0.05.png",
        "photo_t0.2.png",
    ]
    for time_, frame in zip(("0.05", "0.2"), result.images, strict=True):
        assert np.array_equal(read_image(f"photo_flow/photo_t{time_}.png").array, frame)
    out = capsys.readouterr().out
    for psnr in result.psnr_bound:
        assert f"PSNR >= {psnr:.1f} dB" in out


def test_flow_to_an_accuracy(photo, capsys):
    arguments = ["flow", "photo.png", "--times", "0.1", "--accuracy", "55", "--json", "--float"]
    assert main([*arguments, "-o", "out.npy"]) == 0
    document = json.loads(capsys.readouterr().out)
    record = document["results"][0]
    assert document["command"] == "flow"
    assert record["outputs"] == ["out.npy"]
    assert record["times"][0]["psnr_bound"] >= 55
    assert record["certificate"]["converged"] is True
    assert np.load("out.npy").dtype == np.float32


# ----------------------------------------------------------------------------- spectral


def test_decompose_adds_up(photo, capsys):
    assert main(["decompose", "photo.png", "--edges", "0.02,0.1,0.3", "-o", "out"]) == 0
    files = sorted(os.listdir("out"))
    bands = [f"band_{i:02d}.tif" for i in range(1, 5)]
    assert files == sorted([*bands, "residual.tif", "bands.png", "spectrum.png"])
    total = sum(tifffile.imread(f"out/{name}").astype(float) for name in [*bands, "residual.tif"])
    error = np.sqrt(np.mean((total - photo / 255) ** 2))
    assert -20 * np.log10(error) > 115
    out = capsys.readouterr().out
    for word in ("out/band_01.tif", "out/bands.png", "out/spectrum.png", "certificate", "PSNR >="):
        assert word in out
    for name in ("bands.png", "spectrum.png"):
        with Pillow.open(f"out/{name}") as figure:
            assert figure.size[0] > 500


def test_decompose_guards_its_folder(photo, capsys):
    command = ["decompose", "photo.png", "-o", "out", "--no-figures", "-q"]
    assert main([*command, "--edges", "0.02,0.1,0.3"]) == 0
    open("out/mine.txt", "w").close()
    assert main([*command, "--edges", "0.1"]) == 2
    one_error(capsys, "not empty", "--overwrite")
    assert main([*command, "--edges", "0.1", "--overwrite"]) == 0
    assert sorted(os.listdir("out")) == ["band_01.tif", "band_02.tif", "mine.txt", "residual.tif"]


def test_decompose_many_colour_and_signals(capsys):
    os.mkdir("in")
    write_image("in/c.png", np.ascontiguousarray(sample("coffee")[:24, :24]))
    np.save("in/s.npy", sample()[100].astype(np.float64) / 255)
    assert main(["decompose", "in", "-o", "out", "--edges", "0.05,0.5", "--json"]) == 0
    assert tifffile.imread("out/c/band_01.tif").shape == (24, 24, 3)
    assert np.load("out/s/band_01.npy").dtype == np.float64
    results = json.loads(capsys.readouterr().out)["results"]
    assert [len(record["edges"]) for record in results] == [4, 4]
    assert results[1]["reconstruction_psnr"] is None or results[1]["reconstruction_psnr"] > 250


def test_unit_gains_give_the_image_back(photo, capsys):
    assert main(["filter", "photo.png", "--edges", "0.05,0.5", "--gains", "1,1,1"]) == 0
    assert np.array_equal(read_image("photo_filtered.png").array, photo)
    assert "certificate" in capsys.readouterr().out


def test_low_and_high_pass_add_up_to_the_image(photo):
    for kind in ("low", "high"):
        command = ["filter", "photo.png", f"--{kind}-pass", "0.1", "--float", "-q"]
        assert main([*command, "-o", f"{kind}.tif"]) == 0
    low, high = tifffile.imread("low.tif"), tifffile.imread("high.tif")
    assert np.abs(low + high - photo / 255).max() < 1e-5
    assert abs(high.mean()) < 1e-4
    for kind, interval in (("pass", "in"), ("stop", "out")):
        command = ["filter", "photo.png", f"--band-{kind}", "0.05", "0.2", "--float", "-q"]
        assert main([*command, "-o", f"{interval}.tif"]) == 0
    assert np.abs(tifffile.imread("in.tif") + tifffile.imread("out.tif") - photo / 255).max() < 1e-5


def test_zero_is_mid_grey_in_integers(photo, capsys):
    assert main(["filter", "photo.png", "--high-pass", "0.1"]) == 0
    array = read_image("photo_filtered.png").array
    assert array.dtype == np.uint8
    assert abs(array.mean() - 127.5) < 3
    assert "zero is mid-grey" in capsys.readouterr().out


def test_gains_must_fit_the_bands_found(capsys):
    np.save("flat.npy", np.zeros((8, 8)))
    many = ",".join(["1"] * 80)  # more than the time grid has nodes
    assert main(["filter", "flat.npy", "--gains", many]) == 2
    one_error(capsys, "flat.npy", "80 factors", "--edges")


def test_filters_run_the_flow_no_longer_than_needed(photo, monkeypatch):
    from steepest import spectral

    seen, original = [], spectral.decompose

    def spy(*args, **keywords):
        seen.append(keywords["t_max"])
        return original(*args, **keywords)

    monkeypatch.setattr(spectral, "decompose", spy)
    assert main(["filter", "photo.png", "--low-pass", "0.1", "-q"]) == 0
    assert main(["filter", "photo.png", "--band-stop", "0.1", "0.2", "-q", "-o", "b.png"]) == 0
    assert seen == [0.1, 0.2]


def test_clipping_is_told(photo, capsys):
    assert main(["filter", "photo.png", "--edges", "0.05,0.5", "--gains", "20,20,1"]) == 0
    assert "lay outside of [0, 1]" in capsys.readouterr().out


def test_spectrum(photo, capsys):
    assert main(["spectrum", "photo.png", "--csv", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    with open("photo_spectrum.csv") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["t", "S"]
    assert [float(t) for t, _ in rows[1:]] == pytest.approx(record["times"])
    assert [float(s) for _, s in rows[1:]] == pytest.approx(record["spectrum"])
    assert record["certificate"]["psnr_bound"] > 20
    with Pillow.open("photo_spectrum.png") as figure:
        assert figure.format == "PNG"


def test_pages_are_not_decomposed(capsys):
    tifffile.imwrite("series.tif", np.zeros((3, 8, 8), np.uint8), photometric="minisblack")
    assert main(["decompose", "series.tif", "--pages"]) == 2
    one_error(capsys, "series.tif", "--volume")


# ----------------------------------------------------------------------------- info and shell


def test_info(photo, capsys):
    Pillow.fromarray(sample("coffee")[:32, :40]).save("a.png", dpi=(254, 254))
    assert main(["info", "a.png", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    record = document["results"][0]
    assert record["shape"] == [32, 40, 3]
    assert record["dtype"] == "uint8"
    assert record["channel_axis"] == -1
    assert record["pixel_size"] == pytest.approx([1 / 254, 1 / 254], rel=1e-4)
    assert record["pixel_unit"] == "inch"
    expected = steepest.estimate_noise(sample("coffee")[:32, :40], channel_axis=-1)
    assert record["noise"] == pytest.approx(expected)
    assert document["steepest"] == steepest.__version__
    assert document["threads"] >= 1
    assert main(["info", "a.png"]) == 0
    out = capsys.readouterr().out
    assert "32 x 40, uint8, 3 channels" in out
    assert "254 dpi" in out
    assert "numba" in out


def test_help_teaches_by_example(capsys):
    names = "denoise flow decompose filter spectrum inpaint mask compress decompress info"
    for command in ([], *([name] for name in names.split())):
        assert main([*command, "--help"]) == 0
        out = capsys.readouterr().out
        assert out.count("\n  steepest ") >= 3
        assert max(len(line) for line in out.splitlines()) <= 100
    assert main([]) == 2
    assert "examples:" in capsys.readouterr().err
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"steepest {steepest.__version__}\n"


def test_examples_of_the_help_are_valid(capsys):
    import shlex

    from steepest.cli.main import COMMANDS, EPILOG, make_parser

    for text in [EPILOG, *(module.EPILOG for module in COMMANDS)]:
        for line in text.splitlines():
            if line.startswith("  steepest "):
                example = line.strip().split("  ")[0].split(" certified")[0]
                make_parser().parse_args(shlex.split(example)[1:])


def run_process(*command):
    """Run Python from another folder, with the package where it is found now."""
    where = str(Path(steepest.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": where}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, env=environment
    )


def test_as_a_process():
    done = run_process("-m", "steepest.cli", "info", "nothing.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "steepest: error: nothing.png: no such file or folder\n"


def test_the_command_line_loads_no_numerics():
    code = (
        "import sys, steepest.cli.main\n"
        "bad = {'numba', 'torch', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = run_process("-c", code)
    assert done.returncode == 0, done.stderr


class Terminal:
    """A stream that says it is a terminal and remembers what was drawn."""

    def __init__(self, isatty):
        self._isatty, self.drawn = isatty, ""

    def isatty(self):
        return self._isatty

    def write(self, text):
        self.drawn += text
        return len(text)

    def flush(self):
        pass


@pytest.mark.parametrize(
    ("terminal", "seconds", "visible"), [(True, 1.7, True), (True, 0.1, False), (False, 1.7, False)]
)
def test_progress_is_drawn_on_terminals_after_a_second(monkeypatch, terminal, seconds, visible):
    stream = Terminal(terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    with progress("photo.png"):
        time.sleep(seconds)
    assert ("photo.png" in stream.drawn) == visible


def test_progress_counts_steps(monkeypatch):
    from types import SimpleNamespace

    stream = Terminal(True)
    monkeypatch.setattr(sys, "stderr", stream)
    with progress("photo.png") as on_step:
        for step in range(1, 4):
            on_step(SimpleNamespace(step=step, num_steps=5, gap=1e-3))
            time.sleep(0.6)
    assert "3/5" in stream.drawn
    assert "gap 1.0e-03" in stream.drawn


def test_progress_of_a_mask(monkeypatch):
    from steepest.inpainting.masks import MaskStep

    stream = Terminal(True)
    monkeypatch.setattr(sys, "stderr", stream)
    with progress("photo.png") as on_step:
        for known in (900, 500, 100):
            on_step(MaskStep(known, 100, 0.0123))
            time.sleep(0.6)
    assert "500 pixels, goal 100, error 0.0123" in stream.drawn
