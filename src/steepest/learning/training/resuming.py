"""What is in the folder of a training before it begins: nothing, a checkpoint, or remains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...core.errors import InputError
from .checkpoint import has_checkpoint, read_checkpoint
from .log import NAME as LOG_NAME
from .recipe import Recipe


def find_checkpoint(folder: Path, recipe: Recipe, resume: bool) -> dict[str, Any] | None:
    """The checkpoint to continue from, None to begin.

    Raises
    ------
    InputError
        The checkpoint is damaged or was made with other settings; there is one and ``resume`` is
        False; weights lie there without one; ``folder`` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, a folder is needed")
    if not has_checkpoint(folder):
        _refuse_remains(folder, resume)
        return None
    if not resume:
        raise InputError(f"{folder}: holds a training already; resume it, or take another folder")
    document = read_checkpoint(folder)
    differences = recipe.differences(type(recipe).from_json(document["config"]))
    if recipe.schedule == "constant":
        differences = [text for text in differences if not text.startswith("epochs:")]
    if differences:
        raise InputError(f"{folder}: was begun with other settings ({'; '.join(differences)})")
    return document


def _refuse_remains(folder: Path, resume: bool) -> None:
    """Nothing that a training has left is lost: weights, and without ``resume`` a log with rows."""
    remains = sorted(folder.glob("weights.*"))
    log = folder / LOG_NAME
    if not resume and log.is_file() and log.stat().st_size:
        remains.append(log)
    if remains:
        names = ", ".join(path.name for path in remains)
        raise InputError(
            f"{folder}: holds {names} of a training, but no checkpoint to continue from; take "
            "another folder, or remove them"
        )
