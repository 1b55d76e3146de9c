"""The commands that run networks: what is missing or does not fit is said in one line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from steepest.cli.main import main
from steepest.io import sample, write_image

EVALUATE = ["evaluate", "--images", ".", "--quick"]


@pytest.fixture(autouse=True)
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small photographs, alone in the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        write_image(name, np.ascontiguousarray(sample()[100:148, 200:260]))


def refusal(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The only line that is printed, on stderr, with exit code 2; nothing is written."""
    before = sorted(os.listdir())
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("steepest: error: ")
    assert err.count("\n") == 1
    assert sorted(os.listdir()) == before
    return err


@pytest.mark.parametrize("module", ["torch", "safetensors"])
@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (["flow", "a.png", "b.png", "--times", "0.1", "--method", "learned"], "torch"),
        (["decompose", "a.png", "--method", "learned"], "torch"),
        (["learn", "-o", "new"], "torch"),
        (EVALUATE, "evaluate"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_without_torch(
    command: list[str],
    extra: str,
    module: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if module != "torch":
        pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, module, None)
    err = refusal(command, capsys)
    assert f"needs {module}, which is not installed: pip install 'steepest[{extra}]'" in err


def test_without_scikit_image(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("safetensors")
    monkeypatch.setitem(sys.modules, "skimage", None)
    assert "needs skimage, which is not installed" in refusal(EVALUATE, capsys)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seed", "-1"], "--seed: '-1' must be a whole number from 0"),
        (["--seed", "1.5"], "must be a whole number from 0"),
        (["--euler", "--accuracy", "50"], "--euler takes 50 steps, --accuracy"),
    ],
)
def test_evaluate_refuses(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refusal([*EVALUATE, *options], capsys)


def test_evaluate_on_a_device_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    pytest.importorskip("skimage")
    missing = "cuda" if not torch.cuda.is_available() else "xpu"
    command = [*EVALUATE, "--networks", "mean-flux", "--device", missing]
    assert f"device='{missing}' cannot be used here" in refusal(command, capsys)


def test_learn_needs_a_time_besides_zero_to_compare(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    command = ["learn", "-o", "new", "--preset", "smoke", "--times", "1", "--criterion", "psnr"]
    err = refusal(command, capsys)
    assert "times=1; allowed is 2 or more with zero_time: criterion='psnr' needs" in err


def test_network_without_the_method(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["flow", "a.png", "b.png", "--times", "0.1", "--network", "unet"]
    assert "--network: also give --method learned" in refusal(command, capsys)


@pytest.mark.parametrize("command", ["flow", "decompose"])
def test_help_says_how_channels_are_treated(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "treats channels separately" in words
