"""Messages of ``python -m experiments.inverse_layers`` about masks and pairs."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from cases.cells import write, write_cells  # noqa: E402
from cases.inverse_layers import PREDICT, TRAIN, here, refused  # noqa: E402, F401
from experiments.inverse_layers import task  # noqa: E402
from experiments.inverse_layers.__main__ import main  # noqa: E402

SHORT = [*TRAIN, "--epochs", "1"]


def rewrite_masks(change: Any) -> None:
    from steepest.io import read_labels

    for path in Path("masks").iterdir():
        write(path, change(read_labels(path)).astype(np.uint8))


def test_it_says_what_it_understood(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SHORT) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "classes 0, 128, 255 in 6 masks; 5 to train on, 1 held out"
    assert err == ""
    assert main([*SHORT, "-o", "run2", "--instances"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "objects (above 0) in 6 masks; 5 to train on, 1 held out"
    assert main([*SHORT, "-o", "run3", "--threshold", "200"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "objects (from 200 on) in 6 masks; 5 to train on, 1 held out"
    assert json.loads(Path("run3/weights.json").read_text())["metadata"]["classes"] == [0, 1]


def test_many_numbers_are_doubted(capsys: pytest.CaptureFixture[str]) -> None:
    rewrite_masks(lambda mask: mask // 32 + np.arange(24) % 3)  # 0 to 9, without 3
    assert main([*SHORT, "-q"]) == 0
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("steepest: warning: the masks contain 9 different numbers")
    assert "--instances" in err
    assert "--threshold" in err
    assert "--values 0,1,2,4,5,6,7,8,9" in err
    sure = (["--instances"], ["--threshold", "5"], ["--values", "0,1,2,4,5,6,7,8,9"])
    for i, words in enumerate(sure):
        assert main([*SHORT, "-q", "-o", f"sure{i}", *words]) == 0
        assert capsys.readouterr().err == ""


def test_finished_training_without_dice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dice is undefined, so its cells in the log are empty."""
    monkeypatch.setattr(task, "scores", lambda counts: {"dice": math.nan, "mean_iou": math.nan})
    assert main([*TRAIN, "--noise", "flip", "--criterion", "loss"]) == 0
    assert "dice nan, noisy dice nan, mean IoU nan" in capsys.readouterr().out


def test_suggested_commands_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "-o", "my run"]) == 0
    out = capsys.readouterr().out
    assert "python -m experiments.inverse_layers predict 'my run/weights.safetensors' IMAGES" in out


# ----------------------------------------------------------------------------- resuming


def test_moved_folders_are_resumed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*TRAIN, "--max-minutes", "1e-9", "-q"]) == 0
    Path("elsewhere").mkdir()
    Path("images").rename("elsewhere/images")
    Path("masks").rename("elsewhere/masks")
    resume = ["train", "-o", "run", "--resume", "--max-minutes", "9", "-q"]
    assert "images: no such folder" in refused(resume, capsys)
    assert main([*resume, "elsewhere/images", "elsewhere/masks"]) == 0
    monkeypatch.chdir("elsewhere")
    assert main([*resume, "images", "masks", "-o", "../run"]) == 0


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("removed", "missing: c2"),
        ("renamed", "new: z; missing: c2"),
        ("added", "new: c6"),
        ("classes", "classes 0, 128, 255 then, 0, 128, 254 now"),
    ],
)
def test_other_pairs_are_refused(how: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TRAIN, "-q"]) == 0
    if how == "classes":
        rewrite_masks(lambda mask: np.where(mask == 255, 254, mask))
    for folder in ("images", "masks"):
        path = Path(folder, "c2.png")
        if how == "renamed":
            path.rename(Path(folder, "z.png"))
        if how == "removed":
            path.unlink()
        if how == "added":
            Path(folder, "c6.png").write_bytes(path.read_bytes())
    err = refused(["train", "-o", "run", "--resume"], capsys)
    assert "run: pairs or classes are not those the training began with" in err
    assert words in err


def test_another_split_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TRAIN, "-q"]) == 0
    notes = json.loads(Path("run/weights.json").read_text())["metadata"]
    (before,) = notes["held_out"]
    err = refused([*TRAIN, "--resume", "--split-seed", "3"], capsys)
    assert f"held out then, trained on now: {before}; trained on then, held out now: c" in err
    Path("run/weights.json").unlink()
    err = refused([*TRAIN, "--resume", "--split-seed", "3"], capsys)
    assert "not those the training began with; restore them" in err


# ----------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--training", "6"], "num_training=6; allowed are 1 to 5"),
        (["--threshold", "9", "--instances"], "exclude each other"),
        (["--threshold", "256"], "every pixel is below threshold=256"),
        (["--threshold", "0"], "every pixel is above or at threshold=0"),
    ],
)
def test_mistakes(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in refused([*TRAIN, *options], capsys)


@pytest.mark.parametrize("options", [[], ["--validation", "1"]])
def test_one_pair(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("images", "masks"):
        for path in Path(folder).iterdir():
            path.unlink() if path.stem != "c0" else None
    err = refused([*TRAIN, *options], capsys)
    assert "only one pair; at least two are needed" in err


def test_scale_is_for_overlays(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--scale enlarges overlays: also give --overlay"
    assert words in refused([*PREDICT[:2], "images", "-o", "out", "--scale", "2"], capsys)


@pytest.mark.parametrize("place", ["a file", "/proc/steepest", "locked/run"])
def test_folders_that_cannot_be_written(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The error comes before masks and weights, which are damaged here, are read."""
    if place.startswith("/proc") and not Path("/proc/self").exists():
        pytest.skip("no /proc")
    if place.startswith("locked"):
        if os.geteuid() == 0:
            pytest.skip("root may write anywhere")
        Path("locked").mkdir(mode=0o555)
    Path("a file").write_text("")
    Path("damaged.safetensors").write_text("")
    write_cells("good")
    for path in Path("masks").iterdir():
        path.write_bytes(b"")
    train = ["train", "images", "masks", "-o", place]
    predict = ["predict", "damaged.safetensors", "good/images", "-o", place]
    for command in (train, predict):
        err = refused(command, capsys)
        assert "a file: is a file; a folder" in err or f"{place}: cannot write into" in err
