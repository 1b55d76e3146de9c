"""Find the logits in the output of a segmentation network and replace them."""

import copy
import dataclasses
from collections.abc import Callable, Hashable, Mapping, MutableMapping, Sequence
from typing import Any

from torch import Tensor

from ..core.errors import InputError

Transform = Callable[[Tensor], Tensor]
Keys = Hashable | Sequence[Hashable] | None

DEFAULT_KEYS = ("out", "logits")
"""Where torchvision and Hugging Face networks keep their logits."""


def check_keys(keys: Keys) -> tuple[Hashable, ...] | None:
    """One key or several, as a tuple; None stays None."""
    if keys is None:
        return None
    chosen = tuple(keys) if isinstance(keys, (list, tuple, set, frozenset)) else (keys,)
    if not chosen:
        raise InputError("keys=() selects nothing; allowed is None, one key or several")
    return chosen


def transform_output(function: Transform, output: Any, keys: tuple[Hashable, ...] | None) -> Any:
    """Apply ``function`` to the logits in ``output``; returns a new object of the same type.

    | output | transformed by default | transformed with ``keys`` |
    |---|---|---|
    | tensor | the tensor | the tensor |
    | mapping or dataclass | "out" or "logits", the first that is present | the items ``keys`` |
    | tuple | the first entry | the entries at these positions (named tuples: or names) |
    | list | every entry (deep supervision) | the entries at these positions |

    Raises `InputError` if ``output`` has another type, a key is missing, an entry is not a tensor,
    or the output contains a ``loss`` (which was computed without ``function``).
    """
    if isinstance(output, Tensor):
        return function(output)
    if isinstance(output, Mapping):
        return _with_items(output, _changed(function, dict(output), keys))
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        names = [f.name for f in dataclasses.fields(output)]
        values = {name: getattr(output, name) for name in names}
        return dataclasses.replace(output, **_changed(function, values, keys))
    if isinstance(output, (tuple, list)):
        return _transform_sequence(function, output, keys)
    raise InputError(
        f"network returns {type(output).__name__}; allowed is a tensor, or a dictionary, "
        "dataclass, tuple or list of tensors"
    )


def _changed(
    function: Transform, values: dict[Any, Any], keys: tuple[Hashable, ...] | None
) -> dict[Any, Tensor]:
    """The transformed values, by key."""
    if values.get("loss") is not None:
        raise InputError(
            "the network returned a loss, which it computed without the inverse layers: call it "
            "without labels and compute the loss from its logits"
        )
    if keys is None:
        keys = tuple(key for key in DEFAULT_KEYS if values.get(key) is not None)[:1]
    there = [key for key in values if values[key] is not None]
    missing = [key for key in keys if key not in there]
    if missing or not keys:
        named = f"keys={missing} are not in the output" if missing else "give keys= to attach"
        raise InputError(f"{named}; allowed are {there}")
    return {key: function(_tensor(values[key], key)) for key in keys}


def _with_items(output: Mapping[Any, Any], changes: dict[Any, Tensor]) -> Any:
    """A mapping of the same type and order with some items replaced."""
    kind: Any = type(output)
    if dataclasses.is_dataclass(output):  # a Hugging Face ModelOutput
        return kind(**{**output, **changes})
    if not isinstance(output, MutableMapping):
        return kind({**output, **changes})
    result: Any = copy.copy(output)  # a defaultdict holds more than its items
    result.update(changes)
    return result


def _transform_sequence(
    function: Transform, output: Sequence[Any], keys: tuple[Hashable, ...] | None
) -> Any:
    """A tuple or list of the same type with some entries replaced."""
    if not output:
        raise InputError("the network returned an empty tuple or list; allowed is one with tensors")
    fields = getattr(output, "_fields", ())
    if keys is None:
        chosen = list(range(len(output))) if isinstance(output, list) else [0]
    else:
        chosen = [_position(key, len(output), fields) for key in keys]
    entries = list(output)
    for k in chosen:
        entries[k] = function(_tensor(entries[k], k))
    if fields:
        return type(output)(*entries)  # type: ignore[call-arg]
    return tuple(entries) if isinstance(output, tuple) else entries


def _position(key: Hashable, length: int, fields: Sequence[str]) -> int:
    """The index of an entry given by position or name."""
    if key in fields:
        return fields.index(str(key))
    if isinstance(key, bool) or not isinstance(key, int) or not -length <= key < length:
        names = f" or a name of {tuple(fields)}" if fields else ""
        raise InputError(f"keys={key!r}; allowed is a position below {length}{names}")
    return key % length


def _tensor(value: Any, key: object) -> Tensor:
    if not isinstance(value, Tensor):
        raise InputError(
            f"entry {key!r} of the output is {type(value).__name__}; allowed is a tensor (select "
            "other entries with keys=)"
        )
    return value
