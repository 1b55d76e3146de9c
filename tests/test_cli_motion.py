"""``steepest strain`` and ``steepest magnify``, and the files that they write."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from benchmarks.speckle import speckle_pair
from steepest import motion
from steepest.cli.main import main


@pytest.fixture
def frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A pair in two files and in one stack, in the current folder."""
    monkeypatch.chdir(tmp_path)
    pair = speckle_pair((64, 72), lambda x: 0.01 * x, noise=0.005, rng=0)
    stack = (np.clip(np.stack(pair) * 0.8 + 0.1, 0, 1) * 65535).astype(np.uint16)
    tifffile.imwrite("before.tif", stack[0])
    tifffile.imwrite("after.tif", stack[1])
    tifffile.imwrite("stack.tif", stack)
    return stack


def test_strain_writes_maps_tables_and_numbers(
    frames: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["strain", "before.tif", "after.tif", "-o", "out", "--pixel-size", "2"]
    assert main([*words, "--line", "10,5,10,60", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)["results"][0]
    expected = motion.displacement(*frames, spacing=2.0)
    np.testing.assert_array_equal(tifffile.imread("out/strain_xx.tif"), expected.strain[1, 1])
    np.testing.assert_array_equal(
        tifffile.imread("out/displacement_y.tif"), expected.displacement[0]
    )
    assert result["strain"][0]["xx"]["mean"] == pytest.approx(0.01, rel=0.1)
    assert result["certificate"]["converged"]
    assert Path("out/strain_std.png").read_bytes().startswith(b"\x89PNG")
    with open("out/line.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 56
    assert float(rows[-1]["distance_\u00b5m"]) == pytest.approx(110)
    assert float(rows[3]["strain_yy"]) == pytest.approx(expected.strain[0, 0, 10, 8], rel=1e-4)
    assert main([*words, "-q"]) != 0  # exists


def test_images_larger_than_memory(frames: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    zarr = pytest.importorskip("zarr")
    for name, image in zip(("before", "after", "mask"), [*frames, 0 * frames[0] + 1], strict=True):
        zarr.create_array(f"{name}.zarr", data=image, chunks=(32, 32))
    words = ["strain", "before.zarr", "after.zarr", "-o", "out", "--mask", "mask.zarr"]
    assert main([*words, "--pixel-size", "2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)["results"][0]
    expected = motion.displacement(*frames, spacing=2.0)
    for name, values in {
        "strain_xx": expected.strain[1, 1], "displacement_y": expected.displacement[0],
        "residual": expected.residual, "strain_std": expected.strain_std.max((0, 1)),
    }.items():  # fmt: skip
        found = np.asarray(zarr.open(f"out/{name}.zarr", mode="r")["0"])
        np.testing.assert_allclose(found, values, rtol=1e-6, atol=1e-9)
    assert result["strain"][0]["xx"]["largest"] == pytest.approx(expected.strain[1, 1].max())
    assert Path("out/strain_xx.png").exists()


def test_magnify_writes_all_frames(frames: np.ndarray) -> None:
    assert main(["magnify", "stack.tif", "--factor", "0", "-q"]) == 0
    still = tifffile.imread("stack_magnified.tif")
    assert still.dtype == np.uint16
    assert np.abs(still.astype(int) - frames[0]).max() <= 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["strain", "before.tif"], "at least two"),
        (["strain", "before.tif", "after.tif", "--line", "1,2"], "--line"),
        (["strain", "before.tif", "after.tif", "--line", "0,0,0,99"], "not within"),
        (["strain", "before.tif", "sample:camera"], "frame 1"),
        (["strain", "before.tif", "--memory", "1GB"], "two are compared"),
        (["strain", "before.tif", "stack.tif", "--memory", "1GB"], "one grey image"),
        (["magnify", "before.tif"], "at least two"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    frames: np.ndarray, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == [
        "after.tif",
        "before.tif",
        "stack.tif",
    ]
