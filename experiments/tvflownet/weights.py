"""Load networks by name or weight file, with their rows in the tables."""

from __future__ import annotations

import math
import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steepest.core.errors import InputError

from .methods import Learned

if TYPE_CHECKING:
    from steepest.learning.weight_files import Registry

SHIPPED = ("semi-resnet", "unet", "lgd", "mean-flux")
_SIZE = re.compile(r"\d+|mixed")
_MIXED = (32, 256)
_ENDINGS = (".safetensors", ".json")


def load_method(spec: str, device: str = "cpu") -> Learned:
    """A network by name (`SHIPPED`) or by the path of its weights.

    ``spec`` may end in ``@SIZE``, where SIZE is the training size: a number or "mixed". Without it,
    the training size is the crop size recorded in the weights, else the end of the file's name
    (``unet-96``), else "32", the paper's best. The paper's tables have rows for "32", "96", "256"
    and "mixed". The label is the name of the file, or that of its folder if the file is called
    ``weights``, followed by the size.

    Raises
    ------
    InputError
        If the name is unknown, the file is missing or damaged, or the device is not available.
    """
    from steepest.learning.device import find_device

    name, given = split_spec(spec)
    registry = _registry_of(name)
    module = registry.load(name, map_location=find_device(device))
    metadata = dict(registry.read_description(name)["metadata"])
    stem = file_label(name)
    training = given or training_size(metadata, stem)
    label = stem if stem.endswith(f"-{training}") else f"{stem}-{training}"
    return Learned(module, registry.network_name(module), training, label, digest(module), metadata)


def shipped() -> list[str]:
    """The names in `SHIPPED` whose weights are in this installation.

    Raises
    ------
    InputError
        If there are none.
    """
    folders = {name: _registry_of(name).shipped for name in SHIPPED}
    found = [
        name
        for name, folder in folders.items()
        if folder and (folder / f"{name}.safetensors").is_file()
    ]
    if not found:
        raise InputError("this installation has no weights: give weight files by --networks")
    return found


def _registry_of(name: str) -> Registry:
    """The registry that knows a name; for a path, one that knows all networks."""
    from steepest.learning.flows import weights as own
    from steepest.learning.weight_files import Registry

    from .networks import REGISTRY

    if name in own.NETWORKS:
        return own.REGISTRY
    return Registry({**REGISTRY.networks, **own.NETWORKS}, REGISTRY.shipped)


def split_spec(spec: str) -> tuple[str, str]:
    """Name and training size ("" if not given) of ``NAME@SIZE``; paths may also contain "@"."""
    name, _, size = spec.rpartition("@")
    is_file = any(Path(f"{spec}{ending}").is_file() for ending in _ENDINGS)
    return (spec, "") if is_file or not name or not _SIZE.fullmatch(size) else (name, size)


def file_label(name: str) -> str:
    """The name of the file without suffix, or of its folder if the file is called "weights"."""
    path = Path(name)
    stem = path.name.removesuffix(".safetensors").removesuffix(".json")
    return path.absolute().parent.name or stem if stem == "weights" else stem


def training_size(metadata: dict[str, Any], stem: str) -> str:
    """The crop size in the metadata, else the end of the name, else "32".

    Random sizes are "mixed" if they are the paper's, 32 to 256, else for example "48-96".
    """
    training = metadata.get("training")
    crop = training.get("crop") if isinstance(training, dict) else None
    if isinstance(crop, (list, tuple)) and crop:
        low, high = crop[0], crop[-1]
        return "mixed" if (low, high) == _MIXED else str(low) if low == high else f"{low}-{high}"
    if isinstance(crop, int):
        return str(crop)
    ending = re.search(r"-(32|96|256|mixed)\b", stem)
    return ending[1] if ending else "32"


def training_times(metadata: dict[str, Any]) -> dict[str, float]:
    """Minutes of training and seconds per epoch, if the metadata record them (Table 8).

    The minutes include the trainings that this one continued; the seconds are those of the last.
    """
    training, seconds = metadata.get("training"), metadata.get("seconds")
    found = {}
    if isinstance(seconds, (int, float)):
        before = training_times(metadata.get("begun_from") or {}).get("training (min)", 0.0)
        found["training (min)"] = seconds / 60 + before
        steps = metadata.get("steps")
        if isinstance(training, dict) and isinstance(steps, int) and steps > 0:
            recipe = training.get("recipe", training)  # older files have the settings in one list
            per_epoch = math.ceil(recipe.get("images", 1) / max(1, recipe.get("batch", 1)))
            found["epoch (s)"] = seconds * per_epoch / steps
    return found


def digest(module: Any) -> str:
    """A digest of all weights of a module: equal for equal weights."""
    hasher = sha256()
    for key, value in sorted(module.state_dict().items()):
        hasher.update(key.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return hasher.hexdigest()[:16]
