"""Results of finished measurements on disk, so that an interrupted evaluation goes on."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steepest import __version__

VERSION = 2
"""Raised by hand when a protocol or what a network computes changes in the code: results of another
version, or of another version of the package, are measured again."""


@dataclass(frozen=True)
class Store:
    """One JSON file a result, valid for the ``key`` that it was stored with only.

    ``folder`` None: nothing is kept. ``overwrite``: nothing stored is used.
    """

    folder: str | os.PathLike[str] | None = None
    overwrite: bool = False

    def load(self, name: str, key: dict[str, Any]) -> Any:
        """What was stored under this name and key; None where there is none, or it is damaged."""
        if self.folder is None or self.overwrite:
            return None
        try:
            document = json.loads(self._path(name).read_text("utf-8"))
            same = document["key"] == _plain(_with_versions(key))
            return document["result"] if same else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, name: str, key: dict[str, Any], result: Any) -> None:
        """Store a result, complete or not at all; an existing one is replaced."""
        if self.folder is not None:
            document = {"key": _with_versions(key), "result": result}
            write_texts({self._path(name): to_text(document)})

    def _path(self, name: str) -> Path:
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
        return Path(self.folder or ".") / f"{safe}.json"


def _with_versions(key: dict[str, Any]) -> dict[str, Any]:
    return {"version": VERSION, "steepest": __version__, **key}


def write_texts(files: dict[Path, str]) -> None:
    """Write text files together, each under a temporary name first; existing ones are replaced."""
    from steepest.io import OutputSet

    with OutputSet(overwrite=True) as outputs:
        for path, text in files.items():
            with outputs.open(path) as file:
                file.write(text.encode("utf-8"))


def to_text(document: Any) -> str:
    """JSON; numbers that are not finite as "inf", "-inf" and "nan", which ``float`` reads."""
    return json.dumps(_plain(document), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
