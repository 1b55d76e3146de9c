"""Checkpoints: ``checkpoint.json`` and the safetensors file that it names.

The tensors are written first, under a new name; then the JSON file is replaced atomically. A
complete checkpoint therefore exists whenever the program is stopped.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from ...core.errors import InputError
from ...io.outputs import OutputSet
from .learner import Learner, snapshot
from .log import NAME as LOG_NAME
from .recipe import Recipe

R = TypeVar("R", bound=Recipe)

_NAME = "checkpoint.json"
_FORMAT = 1
_ENTRIES = {  # the types of the entries
    "config": dict,
    "tensors": str,
    "step": int,
    "seconds": (int, float),
    "sums": dict,
    "best_score": (int, float, type(None)),
    "best_epoch": int,
    "log_bytes": int,
}


def has_checkpoint(folder: Path) -> bool:
    """Whether this folder contains a checkpoint."""
    return (folder / _NAME).is_file()


def save_checkpoint(folder: Path, learner: Learner, recipe: Recipe, log_bytes: int) -> None:
    """Store everything that the next step depends on, and the length of the log."""
    tensors = f"checkpoint-{learner.step}.safetensors"
    document = {
        "format": _FORMAT,
        "config": recipe.as_json(),
        "tensors": tensors,
        "step": learner.step,
        "seconds": learner.seconds,
        "sums": {name: float(value) for name, value in learner.sums.items()},
        "best_score": learner.best_score if learner.best else None,
        "best_epoch": learner.best_epoch,
        "log_bytes": log_bytes,
    }
    with OutputSet(overwrite=True) as outputs, outputs.open(folder / tensors) as file:
        file.write(save(_tensors(learner)))
    with OutputSet(overwrite=True) as outputs, outputs.open(folder / _NAME) as file:
        file.write(json.dumps(document, indent=1).encode())
    for path in folder.glob("checkpoint-*.safetensors"):
        if path.name != tensors:
            with suppress(OSError):
                path.unlink()


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """The JSON part of the checkpoint.

    Raises `InputError` if it is damaged, lacks an entry, or has another format version.
    """
    path = folder / _NAME
    try:
        document = json.loads(path.read_text())
        known = document["format"] == _FORMAT
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged or not readable ({error})") from None
    if not known:
        raise InputError(f"{path}: format {document['format']}; this version reads {_FORMAT}")
    for name, kind in _ENTRIES.items():
        if name not in document or not isinstance(document[name], kind):  # type: ignore[arg-type]
            state = "of the wrong type" if name in document else "missing"
            raise InputError(f"{path}: damaged, its entry {name!r} is {state}")
    return dict(document)


def stored_recipe(folder: Path, kind: type[R]) -> R:
    """The recipe of the training in this folder, of the class ``kind``.

    Raises `InputError` if the checkpoint is damaged, or belongs to another kind of training.
    """
    return kind.from_json(read_checkpoint(folder)["config"])


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


def restore(folder: Path, document: dict[str, Any], learner: Learner) -> None:
    """Restore the stored state of a learner, bit for bit.

    Raises `InputError` if the safetensors file is missing, damaged or belongs to another network.
    """
    path = folder / document["tensors"]
    try:
        tensors = load_file(path)
        _load(learner, tensors)
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: damaged, or belongs to another network ({reason})") from None
    device = next(learner.network.parameters()).device
    learner.step, learner.seconds = document["step"], document["seconds"]
    learner.sums = {
        name: torch.tensor(value, dtype=torch.float64, device=device)
        for name, value in document["sums"].items()
    }
    if document["best_score"] is not None:
        learner.best_score, learner.best_epoch = document["best_score"], document["best_epoch"]


def _tensors(learner: Learner) -> dict[str, Tensor]:
    found = {f"network.{name}": value for name, value in snapshot(learner.network).items()}
    if learner.average is not None:
        found |= {f"average.{name}": value for name, value in snapshot(learner.average).items()}
    found |= {f"best.{name}": value for name, value in learner.best.items()}
    for index, moments in learner.optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            found[f"adam.{index}.{name}"] = value.detach().to("cpu", copy=True).contiguous()
    return found


def _load(learner: Learner, tensors: dict[str, Tensor]) -> None:
    learner.network.load_state_dict(_part(tensors, "network"))
    if learner.average is not None:
        learner.average.load_state_dict(_part(tensors, "average"))
    learner.best = _part(tensors, "best")
    parameters = [p for group in learner.optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in _part(tensors, "adam").items():
        index, _, name = key.partition(".")
        if value.ndim:  # keep the strides of the parameter, which decide how sums are rounded
            value = torch.empty_like(parameters[int(index)]).detach().copy_(value)
        state.setdefault(int(index), {})[name] = value
    document = learner.optimizer.state_dict()
    learner.optimizer.load_state_dict({**document, "state": state})


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = prefix + "."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
