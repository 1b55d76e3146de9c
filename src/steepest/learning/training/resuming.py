"""Find the checkpoint to resume from, and refuse to overwrite earlier results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...core.errors import InputError
from .checkpoint import has_checkpoint, read_checkpoint
from .log import NAME as LOG_NAME
from .recipe import Recipe


def find_checkpoint(folder: Path, recipe: Recipe, resume: bool) -> dict[str, Any] | None:
    """The checkpoint to continue from; None to start a new training.

    Raises `InputError` if the checkpoint is damaged or has other settings, there is a checkpoint
    but ``resume`` is False, ``folder`` contains weights without a checkpoint, or ``folder`` is a
    file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, a folder is needed")
    if not has_checkpoint(folder):
        _refuse_remains(folder, resume)
        return None
    if not resume:
        raise InputError(
            f"{folder} already contains a training; resume it, or choose another folder"
        )
    document = read_checkpoint(folder)
    differences = recipe.differences(type(recipe).from_json(document["config"]))
    if recipe.schedule == "constant":
        differences = [text for text in differences if not text.startswith("epochs:")]
    if differences:
        raise InputError(
            f"{folder}: the training there has other settings ({'; '.join(differences)})"
        )
    return document


def _refuse_remains(folder: Path, resume: bool) -> None:
    """Refuse to overwrite weights and, without ``resume``, a log with rows."""
    remains = sorted(folder.glob("weights.*"))
    log = folder / LOG_NAME
    if not resume and log.is_file() and log.stat().st_size:
        remains.append(log)
    if remains:
        names = ", ".join(path.name for path in remains)
        raise InputError(
            f"{folder} contains {names} of a training, but no checkpoint to continue from; choose "
            "another folder, or remove them"
        )
