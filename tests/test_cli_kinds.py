"""No command writes one kind of data into a file of another kind; it says so before it computes."""

from pathlib import Path

import numpy as np
import pytest

from cases.pixels import random_array
from steepest.cli.main import main
from steepest.core.errors import InputError
from steepest.io import check_kind, write_image

WRONG = [
    ("denoise a.png -o out.csv", "an image cannot be written to a .csv file"),
    ("denoise a.png -o out.stp", "a .stp file; allowed are names ending in .png, .jpg"),
    ("denoise a.png -o out.gif", ".gif files are read, not written"),
    ("denoise a.png -o out.BMP", ".bmp files are read, not written"),
    ("denoise a.png b.png -o out.csv", "a folder is needed for several images"),
    ("filter a.png --low-pass 0.1 -o out.csv", "an image cannot be written"),
    ("flow a.png --times 0.1 -o out.stp", "an image cannot be written"),
    ("flow a.png --times 0.1,0.2 -o out.csv", "a folder is needed"),
    ("decompose a.png -o out.csv", "a folder is needed"),
    ("inpaint a.png --unknown m.png -o out.csv", "an image cannot be written"),
    ("mask a.png -o out.stp", "a mask cannot be written"),
    ("mask a.png -o out.jpg", "a mask cannot be written to a .jpg file"),
    ("compress a.png out.png", "a compressed image cannot be written"),
    ("compress a.png b.png --overwrite", "a compressed image cannot be written"),
    ("compress a.png p.jpg --overwrite", "a compressed image cannot be written to a .jpg file"),
    ("compress a.png out", "the name of a compressed image needs a suffix"),
    ("decompress c.stp out.stp", "an image cannot be written"),
    ("decompress c.stp c.stp --overwrite", "an image cannot be written"),
    ("decompress c.stp out.csv", "an image cannot be written"),
]


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png", "p.jpg"):
        write_image(name, random_array((12, 10), "uint8"))
    write_image("m.png", np.eye(12, 10, dtype=np.uint8) * np.uint8(255))
    Path("c.stp").write_bytes(b"never read")
    return {path.name: path.read_bytes() for path in tmp_path.iterdir()}


@pytest.mark.parametrize(("line", "words"), WRONG)
def test_a_wrong_suffix_is_an_error_and_nothing_is_touched(
    line: str,
    words: str,
    files: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("steepest.cli.runner.describe", None)  # no image is looked at
    assert main(line.split()) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == files


@pytest.mark.parametrize("name", ["a.csv", "a.stp", "a", "a.png.csv", "a.bmp"])
def test_images_have_names_of_images(name: str) -> None:
    with pytest.raises(InputError, match=r"names ending in \.png, \.jpg"):
        check_kind(name, "image")
    with pytest.raises(InputError, match=r"names ending in \.png, \.jpg"):
        write_image(name, random_array((4, 4), "uint8"))
