"""What a training writes: a log, and a checkpoint in one safetensors file.

The header of the checkpoint has the settings and counters as JSON. The file is replaced atomically,
so a complete one is there whenever the program is stopped.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save

from ...core.errors import InputError
from ...io.outputs import OutputSet
from .learner import Learner
from .settings import Settings

S = TypeVar("S", bound=Settings)

_CHECKPOINT, LOG = "checkpoint.safetensors", "log.csv"


def write_log(folder: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write the log with a column for every name in a row; what a row lacks is an empty cell."""
    text = io.StringIO()
    columns = dict.fromkeys(name for row in rows for name in row)
    table = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    _write(folder / LOG, text.getvalue().encode())


def save_checkpoint(folder: Path, learner: Learner, config: Settings) -> None:
    """Store everything that the next step depends on."""
    header = {"config": config.as_json(), "numbers": learner.numbers()}
    text = {name: json.dumps(value) for name, value in header.items()}
    _write(folder / _CHECKPOINT, save(learner.tensors(), text))


def has_checkpoint(folder: Path) -> bool:
    """Whether this folder contains a checkpoint."""
    return (folder / _CHECKPOINT).is_file()


def stored_config(folder: Path, kind: type[S]) -> S:
    """The settings of the training in this folder, of the class ``kind``.

    Raises `InputError` if the checkpoint is damaged, or belongs to another kind of training.
    """
    return kind.from_json(_header(folder)["config"])


def restore(folder: Path, learner: Learner) -> None:
    """Restore the stored state of a learner, bit for bit.

    Raises `InputError` if the checkpoint is damaged, or belongs to another network.
    """
    try:
        content = (folder / _CHECKPOINT).read_bytes()  # mapped memory would lock the file
        learner.restore(load(content), _header(folder)["numbers"])
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise _damaged(folder, error) from None


def check_folder(folder: Path, config: Settings, resume: bool) -> bool:
    """Whether there is a checkpoint to continue from; False to start a new training.

    Raises `InputError` if the checkpoint is damaged or has other settings, there is a checkpoint
    but ``resume`` is False, ``folder`` contains weights (without ``resume``, also a log) but no
    checkpoint, or ``folder`` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, a folder is needed")
    if has_checkpoint(folder):
        if not resume:
            raise InputError(
                f"{folder} already contains a training; resume it, or choose another folder"
            )
        differences = config.differences(stored_config(folder, type(config)))
        if differences:
            raise InputError(
                f"{folder}: the training there has other settings ({'; '.join(differences)})"
            )
        return True
    remains = [*folder.glob("weights.*"), *([] if resume else folder.glob(LOG))]
    if remains:
        raise InputError(
            f"{folder} contains {', '.join(sorted(path.name for path in remains))} of a training, "
            "but no checkpoint to continue from; choose another folder, or remove them"
        )
    return False


def _header(folder: Path) -> dict[str, Any]:
    try:
        with safe_open(folder / _CHECKPOINT, framework="pt") as file:
            header = file.metadata()
        return {name: json.loads(header[name]) for name in ("config", "numbers")}
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _damaged(folder, error) from None


def _damaged(folder: Path, error: Exception) -> InputError:
    reason = str(error).splitlines()[0]
    return InputError(f"{folder / _CHECKPOINT}: damaged, or belongs to another network ({reason})")


def _write(path: Path, content: bytes) -> None:
    with OutputSet(overwrite=True) as outputs, outputs.open(path) as file:
        file.write(content)
