"""``steepest compress`` and ``steepest decompress``."""

import json
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("constriction")

from cases.terminal import one_error
from steepest.cli.main import main
from steepest.compression import compress, decompress
from steepest.io import read_image, sample, write_image

FAST = ["--mask", "laplacian_dither"]


pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def photo(here):
    """A small grey and a small colour photograph."""
    grey = np.ascontiguousarray(sample()[100:148, 200:260])
    colour = np.ascontiguousarray(sample("coffee")[100:140, 200:260])
    write_image("grey.png", grey)
    write_image("colour.png", colour)
    return SimpleNamespace(grey=grey, colour=colour)


def test_there_and_back(photo, capsys):
    assert main(["compress", "grey.png", "out.stp", "--density", "0.1", *FAST]) == 0
    data = Path("out.stp").read_bytes()
    assert data == compress(photo.grey, 0.1, mask_method="laplacian_dither", rng=0)
    out, err = capsys.readouterr()
    assert err == ""
    assert f"{len(data)} bytes" in out
    assert "288 kept, 10.00 %" in out
    assert main(["decompress", "out.stp", "back.png"]) == 0
    assert np.array_equal(read_image("back.png").array, decompress(data))


def test_the_choice_of_pixels_reports_progress(photo, monkeypatch):
    steps = []

    @contextmanager
    def recorded(label, *, enabled):
        assert label == "grey.png"
        assert enabled
        yield steps.append

    monkeypatch.setattr("steepest.cli.report.progress", recorded)
    assert main(["compress", "grey.png", "--density", "0.1", "--mask", "densify"]) == 0
    chosen = [step for step in steps if hasattr(step, "known")]
    assert len(chosen) > 5
    assert (chosen[-1].known, chosen[-1].target) == (288, 288)
    assert len(steps) > len(chosen)  # the values, too


def test_colour_and_names_by_default(photo, capsys):
    assert main(["compress", "colour.png", "--json", *FAST]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    assert record["outputs"] == ["colour.stp"]
    assert record["bytes"] == Path("colour.stp").stat().st_size
    assert record["density"] == 0.05
    Path("colour.png").unlink()
    assert main(["decompress", "colour.stp", "-q"]) == 0
    back = read_image("colour.png").array.astype(float)
    error = np.mean((back - photo.colour) ** 2)
    assert 10 * np.log10(255**2 / error) == pytest.approx(record["psnr"])


def test_size_and_quality(photo, capsys):
    assert main(["compress", "grey.png", "a.stp", "--size", "500", "-q", *FAST]) == 0
    assert 450 < Path("a.stp").stat().st_size <= 500
    assert main(["compress", "grey.png", "b.stp", "--psnr", "22", "--json", *FAST]) == 0
    assert 22 <= json.loads(capsys.readouterr().out)["results"][0]["psnr"] < 22.5


def test_16_bit_and_floats(capsys):
    ramp = np.add.outer(np.arange(40), np.arange(30)) * 900
    write_image("deep.png", ramp.astype(np.uint16))
    np.save("float.npy", ramp.astype(np.float32))
    for name, back in (("deep.png", "deep_back.png"), ("float.npy", "float_back.npy")):
        assert (
            main(["compress", name, "x.stp", "--density", "0.2", "-q", "--overwrite", *FAST]) == 0
        )
        assert main(["decompress", "x.stp", back, "-q"]) == 0
        image, original = read_image(back).array, read_image(name).array
        assert image.dtype == original.dtype
        assert np.abs(image.astype(float) - original).mean() < 0.05 * ramp.max()
    assert main(["decompress", "x.stp", "x.png"]) == 2
    one_error(capsys, "x.png", "float32")


def test_damaged_files_are_one_line_and_write_nothing(photo, capsys):
    assert main(["compress", "grey.png", "out.stp", "-q", *FAST]) == 0
    data = Path("out.stp").read_bytes()
    for damaged, words in (
        (data[:-7], "checksum"),
        (b"\x89PNG" + data, "not a compressed image"),
        (data[:40] + bytes([data[40] ^ 8]) + data[41:], "checksum"),
        (b"", "not a compressed image"),
    ):
        Path("bad.stp").write_bytes(damaged)
        assert main(["decompress", "bad.stp", "bad.png"]) == 2
        one_error(capsys, "bad.stp", words)
        assert not Path("bad.png").exists()
    assert main(["decompress", "out.stp", "bad.png", "--max-pixels", "100"]) == 2
    one_error(capsys, "allowed are max_pixels=100")
    assert main(["decompress", "absent.stp"]) == 2
    one_error(capsys, "absent.stp: no such file")


def test_bad_usage(photo, capsys):
    assert main(["compress", "grey.png", "--density", "1.5"]) == 2
    one_error(capsys, "1.5 is above 1")
    assert main(["compress", "grey.png", "--density", "0.1", "--size", "300"]) == 2
    one_error(capsys, "--density: cannot be combined with --size")
    assert main(["compress", "grey.png", "--mask", "magic"]) == 2
    one_error(capsys, "magic")
    assert main(["compress", "grey.png", "--size", "10", *FAST]) == 2
    one_error(capsys, "max_bytes=10")
    assert main(["compress", "."]) == 2
    one_error(capsys, "one image is compressed at a time")
