"""What commands print when they fail."""

from __future__ import annotations

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
