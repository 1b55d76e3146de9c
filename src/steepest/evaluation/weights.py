"""Networks by name or by the files of their weights, with the row of the tables they belong to."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..core.errors import InputError
from .methods import Learned

SHIPPED = ("semi-resnet", "unet", "lgd", "mean-flux")
TRAININGS = ("32", "96", "256", "mixed")


def load_method(spec: str, device: str = "cpu") -> Learned:
    """A network by name or by the path of its weights, as `steepest.learning.load` takes them.

    ``spec`` may end in ``@SIZE``, the training size ("32", "96", "256", "mixed") whose row of the
    paper's tables it belongs to; else that is the crop size noted in the weights, else the end of
    the file's name (``unet-96``), else "32", what the paper found best.

    Raises
    ------
    InputError
        Unknown name, missing or damaged file, unknown training size.
    """
    from ..learning import load
    from ..learning.weights import network_name

    name, _, given = spec.partition("@")
    module = load(name, map_location=device)
    metadata = stored_metadata(name)
    stem = Path(name).name.removesuffix(".safetensors").removesuffix(".json")
    training = given or training_size(metadata, stem)
    if training not in TRAININGS:
        raise InputError(f"{spec}: training size {training!r}; allowed are {', '.join(TRAININGS)}")
    label = stem if stem.endswith(f"-{training}") else f"{stem}-{training}"
    return Learned(module, network_name(module), training, label, digest(module), metadata)


def training_size(metadata: dict[str, Any], stem: str) -> str:
    """By the crop size in the metadata, else by the end of the name, else "32"."""
    training = metadata.get("training")
    crop = training.get("crop") if isinstance(training, dict) else None
    if isinstance(crop, (list, tuple)):
        return "mixed" if len(set(crop)) > 1 else str(crop[0])
    if isinstance(crop, int):
        return str(min((32, 96, 256), key=lambda size: abs(size - crop)))
    ending = re.search(r"-(32|96|256|mixed)\b", stem)
    return ending[1] if ending else "32"


def training_times(metadata: dict[str, Any]) -> dict[str, float]:
    """Minutes of the training and seconds an epoch, where the metadata tell them (Table 8)."""
    training, seconds = metadata.get("training"), metadata.get("seconds")
    found = {}
    if isinstance(seconds, (int, float)):
        found["training (min)"] = seconds / 60
        steps = metadata.get("steps")
        if isinstance(training, dict) and isinstance(steps, int) and steps > 0:
            per_epoch = max(1, training.get("images", 1) // max(1, training.get("batch", 1)))
            found["epoch (s)"] = seconds * per_epoch / steps
    return found


def digest(module: Any) -> str:
    """A short name of all weights of a module: equal for equal weights."""
    hasher = sha256()
    for key, value in sorted(module.state_dict().items()):
        hasher.update(key.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return hasher.hexdigest()[:16]


def stored_metadata(name: str) -> dict[str, Any]:
    """The metadata of weights by name or path."""
    from ..learning import weights

    beside = Path(f"{name.removesuffix('.safetensors').removesuffix('.json')}.json")
    shipped = weights.PRETRAINED / f"{name}.json"
    path = shipped if name in weights.NETWORKS and not beside.is_file() else beside
    return dict(weights.read_description(path)["metadata"])
