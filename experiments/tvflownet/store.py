"""Store the results of measurements, so that an interrupted evaluation can be resumed."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steepest import __version__

VERSION = 2
"""Increase this when the code of a protocol or of a network's computation changes. Measurements
stored with another version, or another version of the package, are repeated."""


@dataclass(frozen=True)
class Store:
    """One JSON file per result, valid only for the ``key`` it was stored with.

    Without a ``folder`` nothing is stored. With ``overwrite`` stored results are not used.
    """

    folder: str | os.PathLike[str] | None = None
    overwrite: bool = False

    def load(self, name: str, key: dict[str, Any]) -> Any:
        """The result stored under this name and key; None if there is none or it is damaged."""
        if self.folder is None or self.overwrite:
            return None
        try:
            document = json.loads(self._path(name).read_text("utf-8"))
            same = document["key"] == _plain(_with_versions(key))
            return document["result"] if same else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, name: str, key: dict[str, Any], result: Any) -> None:
        """Store a result, completely or not at all; an existing one is replaced."""
        if self.folder is not None:
            document = {"key": _with_versions(key), "result": result}
            write_texts({self._path(name): to_text(document)})

    def _path(self, name: str) -> Path:
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
        return Path(self.folder or ".") / f"{safe}.json"


def _with_versions(key: dict[str, Any]) -> dict[str, Any]:
    return {"version": VERSION, "steepest": __version__, **key}


def write_texts(files: dict[Path, str]) -> None:
    """Write text files together, each under a temporary name first, replacing existing files."""
    from steepest.io import OutputSet

    with OutputSet(overwrite=True) as outputs:
        for path, text in files.items():
            with outputs.open(path) as file:
                file.write(text.encode("utf-8"))


def to_text(document: Any) -> str:
    """JSON text, with the strings "inf", "-inf" and "nan" for numbers that are not finite."""
    return json.dumps(_plain(document), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
