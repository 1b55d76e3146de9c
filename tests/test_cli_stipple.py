"""``steepest stipple`` and the files that it writes."""

import json
import re
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from steepest import InputError
from steepest.cli.main import main
from steepest.io import read_image, write_dots, write_image


@pytest.fixture(autouse=True)
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.chdir(tmp_path)
    image = np.tile(np.linspace(0, 255, 60).astype(np.uint8), (40, 1))
    write_image("photo.png", image)
    return image


def pdf_page(name: str) -> str:
    """The drawing commands of a page; its first path is the paper."""
    stream = re.search(rb"stream\r?\n(.*?)\r?\nendstream", Path(name).read_bytes(), re.DOTALL)
    return zlib.decompress(stream[1]).decode()


def test_all_formats_hold_the_same_dots(photo: np.ndarray) -> None:
    for suffix in ("svg", "pdf", "png", "csv", "npy"):
        assert main(["stipple", "photo.png", "--points", "300", "--format", suffix, "-q"]) == 0
    points = np.load("photo_dots.npy")
    assert points.shape == (300, 2)
    assert points[:, 1].mean() < 25  # dense where it is dark
    table = np.loadtxt("photo_dots.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(table[:, ::-1], points, rtol=1e-9)
    root = ElementTree.parse("photo_dots.svg").getroot()
    circles = list(root.iter("{http://www.w3.org/2000/svg}circle"))
    centres = [(float(c.get("cy")), float(c.get("cx"))) for c in circles]
    np.testing.assert_allclose(centres, points + 0.5, atol=1e-3)
    assert root.get("viewBox") == "0 0 60 40"
    moves = np.array(re.findall(r"0 1 (\S+) (\S+) cm", pdf_page("photo_dots.pdf")), float).cumsum(0)
    np.testing.assert_allclose(moves, points[:, ::-1] * [1, -1] + [0.5, 39.5], atol=1e-3)
    assert read_image("photo_dots.png").array.shape == (160, 240)


def test_dots_sized_by_tone_in_all_formats(photo: np.ndarray) -> None:
    for suffix in ("svg", "pdf", "csv", "npy"):
        options = ["--points", "200", "--size-by-tone", "1", "--format", suffix, "-q"]
        assert main(["stipple", "photo.png", *options]) == 0
    table = np.load("photo_dots.npy")
    ink = (1 - photo / 255).sum()
    assert np.pi * (table[:, 2] ** 2).sum() == pytest.approx(ink, rel=1e-6)
    assert np.corrcoef(table[:, 1], table[:, 2] ** 2)[0, 1] < -0.98  # smaller where it is light
    rows = np.loadtxt("photo_dots.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(rows, table[:, [1, 0, 2]], rtol=1e-9)
    assert Path("photo_dots.csv").read_text().startswith("x,y,radius\n")
    circles = re.findall(r'r="(\S+)"', Path("photo_dots.svg").read_text())
    np.testing.assert_allclose(np.array(circles, float), table[:, 2], rtol=1e-3)
    tops = np.array(re.findall(r"(\S+) (\S+) m", pdf_page("photo_dots.pdf"))[1:], float)
    np.testing.assert_allclose(tops[:, 0], table[:, 1] + 0.5, atol=1e-3)
    np.testing.assert_allclose(tops[:, 1], 39.5 - table[:, 0] + table[:, 2], atol=1e-3)
    options = ["--points", "200", "--size-by-tone", "1", "--radius", "0.5", "-o", "thin.npy", "-q"]
    assert main(["stipple", "photo.png", *options]) == 0
    assert (np.load("thin.npy")[:, 2] ** 2).mean() == pytest.approx(0.25)


def test_report_width_and_folder(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--points", "200", "--width", "90", "-o", "out/", "--json", "--invert"]
    assert main(["stipple", "photo.png", *options]) == 0
    record = json.loads(capsys.readouterr().out)["results"][0]
    assert record["points"] == 200
    assert record["discrepancy"]["quality"] <= 1.05
    text = Path("out/photo.svg").read_text()
    assert 'width="90mm" height="60mm"' in text
    assert 'fill="white"' in text
    assert main(["stipple", "photo.png", *options]) == 2  # exists


def test_transparent_parts_get_no_dots() -> None:
    from PIL import Image

    pixels = np.zeros((40, 60, 4), np.uint8)
    pixels[:, :30, 3] = 255
    Image.fromarray(pixels).save("half.png")
    assert main(["stipple", "half.png", "--points", "100", "-o", "half.npy", "-q"]) == 0
    assert np.load("half.npy")[:, 1].max() < 30


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["photo.png", "-o", "dots.jpg"], "dots cannot be written to a .jpg file"),
        (["photo.png", "--points", "0"], "--points"),
        (["photo.png", "-o", "dots.png", "--width", "30"], "SVG and PDF"),
        (["volume.npy"], "2-D image"),
        (["white.png"], "white everywhere"),
    ],
)
def test_errors(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("volume.npy", np.zeros((5, 6, 7), np.uint8))
    write_image("white.png", np.full((8, 8), 255, np.uint8))
    assert main(["stipple", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not list(Path().glob("*_dots*"))


def test_a_file_is_not_replaced_and_arguments_are_checked() -> None:
    write_dots("a.svg", np.zeros((1, 2)), (3, 4), 1.0)
    with pytest.raises(InputError, match="exists already"):
        write_dots("a.svg", np.zeros((1, 2)), (3, 4), 1.0)
    with pytest.raises(InputError, match="points"):
        write_dots("b.svg", np.zeros((2, 3)), (3, 4), 1.0)
    with pytest.raises(InputError, match="radius"):
        write_dots("b.svg", np.zeros((2, 2)), (3, 4), 0)
    with pytest.raises(InputError, match="radius"):
        write_dots("b.svg", np.zeros((2, 2)), (3, 4), np.ones(3))
    with pytest.raises(InputError, match="max_pixels"):
        write_dots("b.png", np.zeros((1, 2)), (3000, 4000), 1.0, scale=1000)
    assert not Path("b.svg").exists()


@pytest.mark.parametrize("settings", [{}, {"savefig.dpi": 200, "savefig.bbox": "tight"}])
@pytest.mark.parametrize("scale", [0.3, 0.5, 1.5, 4.0])
def test_pictures_have_the_size_of_the_image_times_the_scale(scale: float, settings: dict) -> None:
    import matplotlib

    for shape in ((1, 100), (7, 7), (5, 9)):
        with matplotlib.rc_context(settings):  # of a user
            write_dots("a.png", np.zeros((1, 2)), shape, 1.0, scale=scale, overwrite=True)
        assert read_image("a.png").array.shape == tuple(max(round(n * scale), 1) for n in shape)


def test_pages_without_dots_are_blank_and_the_same_dots_make_the_same_file() -> None:
    nothing = np.zeros((0, 2))
    for name in ("a.svg", "a.pdf", "a.csv", "a.npy"):
        write_dots(name, nothing, (3, 4), 1.0)
    assert len(re.findall(r" m\n", pdf_page("a.pdf"))) == 1  # the paper
    assert np.load("a.npy").shape == (0, 2)
    for light, grey in ((False, 255), (True, 0)):
        write_dots("a.png", nothing, (3, 4), 1.0, light=light, overwrite=True)
        assert (read_image("a.png").array == grey).all()
    assert b"Date" not in Path("a.pdf").read_bytes()
