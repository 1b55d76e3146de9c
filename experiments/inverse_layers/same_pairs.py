"""Whether a training that is resumed sees the pairs and classes that it began with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from steepest.core.errors import InputError
from steepest.learning.training.checkpoint import has_checkpoint, stored_recipe

from .config import SegmentationConfig
from .data import Pairs
from .matching import shortened

_TRAINED, _HELD_OUT, _CLASSES = "trained_on", "held_out", "classes"


def describe(training: Pairs, held_out: Pairs) -> dict[str, Any]:
    """What a training notes beside its weights: numbers of the classes, names of the pairs."""
    return {
        _CLASSES: list(training.classes.values),
        _HELD_OUT: list(held_out.names),
        _TRAINED: list(training.names),
    }


def digest(training: Pairs, held_out: Pairs) -> str:
    """16 hexadecimal digits from the names of all pairs, and how their masks are read."""
    document = {**describe(training, held_out), "masks": asdict(training.classes)}
    text = json.dumps(document, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_same_pairs(
    folder: Path, config: SegmentationConfig, training: Pairs, held_out: Pairs
) -> None:
    """Refuse to continue the training in ``folder`` with other pairs, or another split of them.

    The split depends on how many pairs there are: one more would move held-out pairs among those
    trained on. A checkpoint without a digest is not compared.

    Raises
    ------
    InputError
        ``config.pairs`` is not what is stored; the message names what differs, as far as
        ``weights.json`` tells.
    """
    if not has_checkpoint(folder):
        return
    stored = stored_recipe(folder, SegmentationConfig).pairs
    if stored in ("", config.pairs):
        return
    words = _changes(_noted(folder), describe(training, held_out))
    raise InputError(
        f"{folder}: pairs or classes are not those the training began with"
        + (f" ({'; '.join(words)})" if words else "")
        + "; restore them, or begin another training in another folder"
    )


def _noted(folder: Path) -> Mapping[str, Any]:
    """What `describe` said when the weights were saved; empty where that cannot be read."""
    try:
        notes = json.loads((folder / "weights.json").read_text())["metadata"]
        return {name: list(notes[name]) for name in (_CLASSES, _HELD_OUT, _TRAINED)}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    if not then:
        return []
    before, after = ({*each[_TRAINED], *each[_HELD_OUT]} for each in (then, now))
    both = before & after
    found = {
        "new": after - before,
        "missing": before - after,
        "held out then, trained on now": both & {*then[_HELD_OUT]} & {*now[_TRAINED]},
        "trained on then, held out now": both & {*then[_TRAINED]} & {*now[_HELD_OUT]},
    }
    words = [f"{what}: {shortened(sorted(names))}" for what, names in found.items() if names]
    if then[_CLASSES] != now[_CLASSES]:
        words.append(f"classes {_listed(then)} then, {_listed(now)} now")
    return words


def _listed(notes: Mapping[str, Any]) -> str:
    values: Sequence[Any] = notes[_CLASSES]
    return ", ".join(map(str, values))
