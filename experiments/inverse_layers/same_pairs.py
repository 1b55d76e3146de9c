"""Check that a resumed training has the same pairs and classes as before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from steepest.core.errors import InputError
from steepest.learning.training.files import has_checkpoint, read_settings

from .config import SegmentationConfig
from .data import Pairs
from .matching import shortened

_TRAINED, _HELD_OUT, _CLASSES = "trained_on", "held_out", "classes"


def describe(training: Pairs, held_out: Pairs) -> dict[str, Any]:
    """Metadata of a training: the numbers of the classes and the names of the pairs."""
    return {
        _CLASSES: list(training.classes.values),
        _HELD_OUT: list(held_out.names),
        _TRAINED: list(training.names),
    }


def digest(training: Pairs, held_out: Pairs) -> str:
    """A digest (16 hexadecimal digits) of the names of all pairs and of how masks are read."""
    document = {**describe(training, held_out), "masks": asdict(training.classes)}
    text = json.dumps(document, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_same_pairs(
    folder: Path, config: SegmentationConfig, training: Pairs, held_out: Pairs
) -> None:
    """Refuse to continue the training in ``folder`` with other pairs or another split.

    The split depends on the number of pairs: with one more pair, held-out pairs could become
    training pairs. A checkpoint without a digest is not checked.

    Raises
    ------
    InputError
        If ``config.pairs`` differs from the stored digest. The message names the differences, as
        far as ``weights.json`` records them.
    """
    if not has_checkpoint(folder):
        return
    stored = read_settings(folder, SegmentationConfig).pairs
    if stored in ("", config.pairs):
        return
    words = _changes(_noted(folder), describe(training, held_out))
    raise InputError(
        f"{folder}: pairs or classes are not those the training began with"
        + (f" ({'; '.join(words)})" if words else "")
        + "; restore them, or start a new training in another folder"
    )


def _noted(folder: Path) -> Mapping[str, Any]:
    """The result of `describe` saved with the weights; empty if it cannot be read."""
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
