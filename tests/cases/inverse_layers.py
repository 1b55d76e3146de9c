"""What tests of ``experiments.inverse_layers`` share: cells, a command that is refused."""

import re
from pathlib import Path

import pytest
import torch

from experiments.inverse_layers.__main__ import main

from .cells import write_cells

WEIGHTS = "run/weights.safetensors"
TRAIN = ["train", "images", "masks", "-o", "run", "--base", "2", "--depth", "2"]
TRAIN += ["--size", "16", "--epochs", "2"]
PREDICT = ["predict", WEIGHTS, "photos", "-o", "results"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six images of cells in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)  # --threads must not last
    write_cells(".")


def refused(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The only line on stderr, with exit code 2; nothing is written.

    On stdout nothing, or what the command understood before it met the mistake.
    """
    before = sorted(map(str, Path().rglob("*")))
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert re.fullmatch(r"((classes|objects) .* held out\n)?", out)
    assert err.startswith("steepest: error: ")
    assert err.count("\n") == 1
    assert sorted(map(str, Path().rglob("*"))) == before
    return err
