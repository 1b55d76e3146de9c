"""The command: ``flow``, ``decompose``, ``filter``."""

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
    for psnr in result.psnr_bound():
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


def test_spectrum(photo, capsys):
    assert main(["decompose", "photo.png", "--no-bands", "--csv", "--json", "-o", "out"]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    with open("out/spectrum.csv") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["t", "S"]
    assert [float(t) for t, _ in rows[1:]] == pytest.approx(record["times"])
    assert [float(s) for _, s in rows[1:]] == pytest.approx(record["spectrum"])
    assert record["certificate"]["psnr_bound"] > 20
    assert sorted(os.listdir("out")) == ["bands.png", "spectrum.csv", "spectrum.png"]


@pytest.fixture
def scan(photo):
    """12-bit data in a 16-bit file, "scan.tif", and the same on a scale from 0 to 1."""
    array = photo.astype(np.uint16) * np.uint16(16)
    tifffile.imwrite("scan.tif", array)
    return (array / 4095.0).astype(np.float32)


def test_a_range_holds_for_flows_and_their_strips(scan, monkeypatch):
    from steepest import plot

    shown, original = [], plot.flow_strip

    def spy(images, times, **keywords):
        shown.extend([*images, keywords["limits"]])
        return original(images, times, **keywords)

    monkeypatch.setattr(plot, "flow_strip", spy)
    assert main(["flow", "scan.tif", "--times", "0.1", "--range", "0", "4095", "--strip"]) == 0
    flow = steepest.tv_flow(scan, 0.1)
    result = tifffile.imread("scan_t0.1.tif")
    assert result.dtype == np.uint16
    assert np.abs(result - 4095 * flow.images[0]).max() <= 0.51
    assert np.array_equal(shown[0], scan)
    assert np.array_equal(shown[1], flow.images[0])
    assert shown[2] == (0, 1)


# ----------------------------------------------------------------------------- time series


def make_film(pages=4, name="film.tif"):
    """A disc that fades and one that grows, a little noise; 16 bit, with the time between pages."""
    rng, (y, x) = np.random.default_rng(0), np.mgrid[:28, :40]
    film = np.full((pages, 28, 40), 0.2)
    for i, page in enumerate(film):
        page[np.hypot(y - 10, x - 12) < 6] += 0.6 - 0.05 * i
        page[np.hypot(y - 20, x - 30) < 2 + i / 2] += 0.3
        page += 0.01 * rng.standard_normal(page.shape)
    film = (film * 65535).astype(np.uint16)
    tifffile.imwrite(name, film, imagej=True, metadata={"axes": "TYX", "finterval": 2.0})
    return film


def test_every_page_of_a_series_is_decomposed_into_the_same_bands(capsys):
    film = make_film()
    assert main(["decompose", "film.tif", "-o", "out", "--bands", "3"]) == 0
    names = ["band_01.tif", "band_02.tif", "band_03.tif", "residual.tif"]
    assert sorted(os.listdir("out")) == sorted([*names, "bands.png", "spectrum.png"])
    parts = [tifffile.imread(f"out/{name}") for name in names]
    assert np.abs(sum(part.astype(float) for part in parts) - film / 65535).max() < 1e-6
    image = read_image("out/band_02.tif")
    assert image.axes == "TYX"
    assert image.metadata.extra["finterval"] == 2.0
    series = steepest.spectral.decompose_series(film, bands=3)
    for i, decomposition in enumerate(series):
        assert np.array_equal(decomposition.edges, series.edges)
        for part, band in zip(parts, [*decomposition.bands, decomposition.residual], strict=True):
            assert np.array_equal(part[i], band)
    out = capsys.readouterr().out
    assert "chosen from the spectra of pages 1, 3, 4, the same on all pages" in out
    assert ", ".join(f"{edge:.3g}" for edge in series.edges[1:-1]) in out


def test_pages_are_a_series_where_that_is_asked_for(capsys):
    """Without a word on time in the file --pages says so; given edges need no other pages."""
    film = make_film()
    tifffile.imwrite("pages.tif", film, photometric="minisblack")
    command = ["decompose", "pages.tif", "--pages", "--edges", "0.1", "--no-figures", "--json"]
    assert main([*command, "-o", "out"]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    assert record["edges"] == [0, 0.1, None]
    assert "edge_pages" not in record
    fine = tifffile.imread("out/band_01.tif")
    for page, band in zip(film, fine, strict=True):
        alone = steepest.spectral.decompose(page, bands=[0.1])
        assert np.sqrt(np.mean((alone.bands[0] - band) ** 2)) < 0.01


def test_filters_go_page_by_page(capsys):
    film = make_film()
    for kind in ("low", "high"):
        command = ["filter", "film.tif", f"--{kind}-pass", "0.1", "--float", "-q"]
        assert main([*command, "-o", f"{kind}.tif"]) == 0
    low, high = tifffile.imread("low.tif"), tifffile.imread("high.tif")
    assert low.shape == film.shape
    assert np.abs(low + high - film / 65535).max() < 1e-5
    assert np.abs(high.mean(axis=(1, 2))).max() < 1e-4
    assert main(["filter", "film.tif", "--gains", "1,1,1"]) == 0
    assert np.array_equal(tifffile.imread("film_filtered.tif"), film)
    assert "chosen from the spectra of pages 1, 3, 4" in capsys.readouterr().out


def test_the_spectrum_of_a_series_has_a_column_for_the_page(capsys):
    film = make_film(3)
    assert main(["decompose", "film.tif", "--no-bands", "--no-figures", "--csv", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    with open("film_bands/spectrum.csv") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["page", "t", "S"]
    table = np.array(rows[1:], dtype=float)
    series = steepest.spectral.decompose_series(film)
    assert record["times"] == pytest.approx(series.nodes[1:-1])
    for page, decomposition in enumerate(series):
        own = table[table[:, 0] == page + 1]
        assert own[:, 1] == pytest.approx(decomposition.times)
        assert own[:, 2] == pytest.approx(decomposition.spectrum)
        assert record["spectrum"][page] == pytest.approx(decomposition.spectrum)
    assert os.listdir("film_bands") == ["spectrum.csv"]


def test_the_pages_of_a_result_are_not_held_in_memory(monkeypatch):
    """Results of a series lie in scratch files, of which nothing is left."""
    from steepest.cli.commands import decompose

    make_film()
    kept = []

    class Spy(decompose.Stack):
        def add(self, page):
            super().add(page)
            kept.append(type(self.array))

    monkeypatch.setattr(decompose, "Stack", Spy)
    assert main(["decompose", "film.tif", "--edges", "0.1", "--no-figures", "-o", "a/b", "-q"]) == 0
    assert set(kept) == {np.memmap}
    assert sorted(os.listdir()) == ["a", "film.tif"]
    assert sorted(os.listdir("a/b")) == ["band_01.tif", "band_02.tif", "residual.tif"]


def test_what_is_wrong_with_a_page_is_told_with_its_number(capsys):
    film = np.ones((3, 8, 8), np.float32)
    film[1, 2, 2] = np.nan
    tifffile.imwrite("film.tif", film, photometric="minisblack")
    for command in (["decompose"], ["denoise", "--strength", "0.1"], ["flow", "--times", "0.1"]):
        assert main([*command, "film.tif", "--pages", "-o", "out"]) == 2
        one_error(capsys, "film.tif", "page 2 of 3", "NaN")
        assert os.listdir() == ["film.tif"]
