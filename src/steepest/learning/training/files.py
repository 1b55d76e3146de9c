"""What a training writes: a log, weights, and a checkpoint in one safetensors file.

The header of the checkpoint has the settings and counters as JSON. The file is replaced atomically,
so a complete one is there whenever the program is stopped.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save

from ... import __version__
from ...core.errors import InputError
from ...io.outputs import OutputSet
from .learner import Learner
from .settings import Settings

S = TypeVar("S", bound=Settings)

_CHECKPOINT = "checkpoint.safetensors"
_BROKEN = (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError)


def write_log(folder: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write the log with a column for every name in a row; what a row lacks is an empty cell."""
    text = io.StringIO()
    columns = dict.fromkeys(name for row in rows for name in row)
    table = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    _write(folder / "log.csv", text.getvalue().encode())


def save_checkpoint(folder: Path, learner: Learner) -> None:
    """Save all that the next step depends on, and the best weights, if they are finite."""
    learner.check_finite()
    header = {"config": learner.config.as_json(), "numbers": learner.numbers()}
    text = {name: json.dumps(value) for name, value in header.items()}
    _write(folder / _CHECKPOINT, save(learner.tensors(), text))
    save_weights(folder, learner)


def save_weights(folder: Path, learner: Learner) -> None:
    """Save the best network with the facts of its training, if anything was validated."""
    if not learner.best:
        return
    device = learner.device
    facts = {
        "steepest": __version__,
        "torch": torch.__version__,
        "training": learner.config.as_json(),
        "steps": learner.step,
        "seconds": round(learner.seconds, 1),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "best_epoch": learner.best_epoch,
        "best_score": learner.best_score,
    }
    learner.task.save(learner.best_network(), folder / "weights", facts)


def has_checkpoint(folder: Path) -> bool:
    """Whether this folder contains a checkpoint."""
    return (folder / _CHECKPOINT).is_file()


def read_settings(folder: Path, kind: type[S]) -> S:
    """The settings of the training in this folder; `InputError` if none is of this kind."""
    if not has_checkpoint(folder):
        raise InputError(f"{folder}: holds no training to resume")
    return kind.from_json(_header(folder)["config"])


def can_resume(folder: Path, config: Settings) -> bool:
    """Whether there is a checkpoint to continue from; `InputError` if it does not fit."""
    if folder.is_file():
        raise InputError(f"{folder}: is a file, a folder is needed")
    if not has_checkpoint(folder):
        remains = ", ".join(sorted(path.name for path in folder.glob("weights.*")))
        if remains:
            raise InputError(
                f"{folder} contains {remains} but no checkpoint to continue from; choose another "
                "folder, or remove them"
            )
        return False
    differences = config.differences(read_settings(folder, type(config)))
    if differences:
        raise InputError(
            f"{folder}: the training there has other settings ({'; '.join(differences)}); change "
            "them, or choose another folder"
        )
    return True


def load_checkpoint(folder: Path, learner: Learner) -> None:
    """Restore the stored state of a learner, bit for bit; `InputError` if it does not fit."""
    path = folder / _CHECKPOINT
    try:
        content = path.read_bytes()  # to map the file would lock it
        learner.load_state(load(content), _header(folder)["numbers"])
    except _BROKEN as error:
        raise InputError(f"{path}: damaged, or belongs to another network ({error})") from None


def _header(folder: Path) -> dict[str, Any]:
    path = folder / _CHECKPOINT
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata()
        return {name: json.loads(header[name]) for name in ("config", "numbers")}
    except _BROKEN as error:
        raise InputError(f"{path}: damaged ({error})") from None


def _write(path: Path, content: bytes) -> None:
    with OutputSet(overwrite=True) as outputs, outputs.open(path) as file:
        file.write(content)
