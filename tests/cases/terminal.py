"""The output of commands that fail."""

import os
from collections.abc import Callable
from typing import Any


def one_error(capsys: Any, *words: str) -> str:
    """The single line on stderr, nothing on stdout."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("steepest: error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    for word in words:
        assert word in err
    return err


def refusal(main: Callable[[list[str]], int], command: list[str], capsys: Any) -> str:
    """The single line on stderr, with exit code 2; nothing is written."""
    before = sorted(os.listdir())
    assert main(command) == 2
    assert sorted(os.listdir()) == before
    return one_error(capsys)
