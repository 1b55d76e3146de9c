"""``--recursive`` and ``**`` reach subfolders; results go into the same subfolders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cases.pixels import random_array
from steepest.cli.main import main
from steepest.core.errors import InputError
from steepest.io import image_files, write_image

FILES = ("top.png", "one/a.png", "one/deep/a.png", "two/a.png")


@pytest.fixture(autouse=True)
def plates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for index, name in enumerate((*FILES, ".hidden/a.png", "two/.b.png")):
        write_image(Path("plates") / name, random_array((9, 8), "uint8", seed=index))


def below(folder: str) -> list[str]:
    paths = Path(folder).rglob("*")
    return sorted(str(path.relative_to(folder)) for path in paths if path.is_file())


def read_by(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["info", *words, "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    return sorted(str(Path(each["input"]).relative_to("plates")) for each in results)


@pytest.mark.parametrize(
    "images", [["plates", "--recursive"], ["plates/**/*.png"], ["./plates/", "--recursive"]]
)
def test_results_keep_their_subfolder(images: list[str]) -> None:
    for _ in range(2):
        assert main(["denoise", *images, "-o", "clean", "--strength", "0", "--overwrite"]) == 0
        assert below("clean") == sorted(FILES)
        for name in FILES:
            assert Path("clean", name).read_bytes() == Path("plates", name).read_bytes()


def test_what_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert read_by(capsys, "plates") == ["top.png"]
    assert read_by(capsys, "plates", "--recursive") == sorted(FILES)
    assert read_by(capsys, "plates/*/a.png") == ["one/a.png", "two/a.png"]
    assert read_by(capsys, "plates/**/a.png") == ["one/a.png", "one/deep/a.png", "two/a.png"]
    assert read_by(capsys, "plates/o*", "--recursive") == ["one/a.png", "one/deep/a.png"]
    assert read_by(capsys, "plates", "plates/top.png", "--recursive") == sorted(FILES)


def test_links_in_a_circle(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plates/again").symlink_to(Path("plates").resolve())
    assert read_by(capsys, "plates/**/*.png") == sorted(FILES)
    assert read_by(capsys, "plates", "--recursive") == sorted(FILES)


def test_earlier_results_are_no_images() -> None:
    """The folder for results may lie in the one that is searched."""
    command = ["denoise", "plates", "--recursive", "-o", "plates/clean", "--strength", "0", "-q"]
    assert main(command) == 0
    assert main([*command, "--overwrite"]) == 0
    assert below("plates/clean") == sorted(FILES)


def test_no_two_results_have_one_name(capsys: pytest.CaptureFixture[str]) -> None:
    alike = ["plates/one/a.png", "plates/two/a.png"]
    assert main(["denoise", *alike, "-o", "clean", "--strength", "0"]) == 2
    assert "--recursive" in capsys.readouterr().err
    write_image("plates/one/a.tif", random_array((9, 8), "uint8"))
    command = ["denoise", "plates", "--recursive", "-o", "clean", "--format", "npy"]
    assert main([*command, "--strength", "0"]) == 2
    assert "clean/one/a.npy: two results" in capsys.readouterr().err
    assert not Path("clean").exists()


def test_other_commands() -> None:
    search = ["plates/*/a.png", "-q", "-o", "out"]
    assert main(["mask", *search, "--method", "laplacian_dither", "--density", "0.3"]) == 0
    assert below("out") == ["one/a.png", "two/a.png"]
    bands = ["--bands", "1", "--steps", "3", "--no-figures"]
    assert main(["decompose", *search[:3], "out2", *bands]) == 0
    assert below("out2") == [
        f"{n}/a/{f}.tif" for n in ("one", "two") for f in ("band_01", "residual")
    ]
    assert main(["flow", *search[:3], "out4", "--times", "0.1,0.2", "--steps", "2"]) == 0
    assert below("out4") == [f"{n}/a_t0.{t}.png" for n in ("one", "two") for t in (1, 2)]


def test_a_folder_of_folders_says_so() -> None:
    Path("outer/inner").mkdir(parents=True)
    with pytest.raises(InputError, match="--recursive"):
        image_files("outer")
    assert len(image_files("plates", recursive=True)) == len(FILES)
