"""``python -m experiments.tvflownet tables``: errors are reported in one line."""

import sys

import pytest

from cases.terminal import refusal
from experiments.tvflownet.__main__ import main

QUICK = ["tables", "--images", ".", "--quick"]


@pytest.fixture(autouse=True)
def photos(photo):
    """A small photograph, alone in the working folder."""


@pytest.mark.parametrize("module", ["torch", "safetensors"])
def test_without_torch(
    module: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if module != "torch":
        pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, module, None)
    err = refusal(main, QUICK, capsys)
    assert f"needs {module}, which is not installed: pip install 'steepest[experiments]'" in err


def test_without_scikit_image(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("safetensors")
    monkeypatch.setitem(sys.modules, "skimage", None)
    assert "needs skimage, which is not installed" in refusal(main, QUICK, capsys)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seed", "-1"], "--seed: '-1' must be a whole number from 0"),
        (["--seed", "1.5"], "must be a whole number from 0"),
        (["--euler", "--accuracy", "50"], "--euler and --accuracy exclude each other"),
    ],
)
def test_refuses(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in refusal(main, [*QUICK, *options], capsys)


def test_on_a_device_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    pytest.importorskip("skimage")
    missing = "cuda" if not torch.cuda.is_available() else "xpu"
    command = [*QUICK, "--networks", "mean-flux", "--device", missing]
    assert f"device='{missing}' cannot be used here" in refusal(main, command, capsys)
