"""The command: ``flow``, ``decompose``, ``spectrum``, ``filter``."""

from __future__ import annotations

import csv
import json
import os

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

import steepest
from cases.terminal import one_error
from steepest.cli.main import main
from steepest.io import read_image, sample, write_image

pytestmark = pytest.mark.usefixtures("here")


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


def test_the_gain_of_the_residual(photo, capsys):
    """Bands and residual add up; a residual of gain 0 leaves signed values, drawn on mid-grey."""
    command = ["filter", "photo.png", "--edges", "0.05,0.5", "--t-max", "0.6", "--float", "-q"]
    gains = {"bands": ("1,1,1", "0"), "rest": ("0,0,0", "1"), "more": ("1,1,1", "2.5")}
    for name, (bands, rest) in gains.items():
        more = ["--gains", bands, "--residual-gain", rest, "-o", f"{name}.tif"]
        assert main([*command, *more]) == 0
    found = {name: tifffile.imread(f"{name}.tif") for name in gains}
    assert np.abs(found["bands"] + found["rest"] - photo / 255).max() < 1e-5
    assert np.abs(found["more"] - found["bands"] - 2.5 * found["rest"]).max() < 1e-5
    assert abs(found["bands"].mean()) < 1e-4
    assert np.ptp(found["rest"]) > 0.01
    command = ["filter", "photo.png", "--edges", "0.05", "--gains", "1,0", "--residual-gain", "0"]
    assert main(command) == 0
    assert "gain 0 for the residual; zero is mid-grey" in capsys.readouterr().out
    assert abs(read_image("photo_filtered.png").array.mean() - 127.5) < 3


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
