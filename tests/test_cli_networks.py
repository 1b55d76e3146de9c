"""The commands that run networks: what is missing or does not fit is said in one line."""

import sys
from pathlib import Path

import numpy as np
import pytest

from cases.terminal import refusal
from steepest.cli.main import main
from steepest.io import sample, write_image


@pytest.fixture(autouse=True)
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small photographs, alone in the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        write_image(name, np.ascontiguousarray(sample()[100:148, 200:260]))


@pytest.mark.parametrize("module", ["torch", "safetensors"])
@pytest.mark.parametrize(
    "command",
    [
        ["flow", "a.png", "b.png", "--times", "0.1", "--method", "learned"],
        ["decompose", "a.png", "--method", "learned"],
        ["learn", "-o", "new"],
    ],
    ids=lambda command: command[0],
)
def test_without_torch(
    command: list[str],
    module: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if module != "torch":
        pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, module, None)
    err = refusal(main, command, capsys)
    assert f"needs {module}, which is not installed: pip install 'steepest[torch]'" in err


def test_bands_of_a_series_by_a_network_need_edges(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    np.save("film.npy", np.zeros((3, 16, 16)))
    for given in ([], ["--edges", "0.1"], ["--t-max", "0.2"]):
        command = ["decompose", "film.npy", "--pages", "--method", "learned", *given]
        assert "give --edges and --t-max" in refusal(main, command, capsys)


@pytest.mark.parametrize("command", ["flow", "decompose"])
def test_help_says_how_channels_are_treated(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "treats channels separately" in words


def test_threads_are_those_of_the_network(capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    np.save("a.npy", np.eye(16))
    before, seen = torch.get_num_threads(), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "set_num_threads", seen.append)
        assert (
            main(["flow", "a.npy", "--times", "0.1", "--method", "learned", "--threads", "1"]) == 0
        )
    assert seen == [1]
    assert torch.get_num_threads() == before
