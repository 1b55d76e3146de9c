"""Weight files: ``NAME.safetensors`` with ``NAME.json`` beside it. Loading never runs code.

The JSON file is ``{"network": "unet", "config": {..}, "metadata": {..}}``: the name of a class in a
`Registry`, its constructor arguments, and metadata given when saving (a model card).
"""

import inspect
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as serialise_tensors
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.numbers import check_choice
from .device import find_device

_LARGEST = 4096
"""The largest number of layers or channels allowed in a file."""

_DTYPES = (torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True)
class Registry:
    """The networks that weight files may contain, by name, and the folder of ``shipped`` weights.

    Each class has a method ``config()`` that returns its constructor arguments.
    """

    networks: Mapping[str, type[nn.Module]]
    shipped: Path | None = None

    def network_name(self, network: nn.Module) -> str:
        """The name of this network's class; `InputError` if it is not in the registry."""
        for name, kind in self.networks.items():
            if type(network) is kind:
                return name
        raise InputError(
            f"network is a {type(network).__name__}; "
            f"allowed are the networks {', '.join(self.networks)}"
        )

    def build(self, name: str, config: Any, where: str = "config") -> nn.Module:
        """A network from its name and constructor arguments, without change of the random state.

        Raises `InputError`, which names ``where``, for unknown names, keys or bad values.
        """
        kind = self.networks[check_choice(name, "network", tuple(self.networks))]
        if not isinstance(config, dict):
            raise InputError(f"{where}: the configuration of {name} must be a dictionary")
        allowed = inspect.signature(kind).parameters
        unknown = sorted(set(config) - set(allowed))
        if unknown:
            raise InputError(
                f"{where}: {name} has no arguments {', '.join(unknown)}; "
                f"allowed are {', '.join(allowed)}"
            )
        try:
            with torch.random.fork_rng(devices=[]):
                return kind(**config)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"{where}: {name} cannot be built from {config}: {error}") from error

    def save(self, network: nn.Module, path: str | os.PathLike[str], metadata: Any = None) -> None:
        """Save a network as ``path.safetensors`` and ``path.json``: both complete, or neither.

        Parameters
        ----------
        network : nn.Module
            Of a class of the registry, with finite weights, all bfloat16 (`load` returns float32),
            float32 or float64. Integer buffers (counters) are allowed as well.
        path : path
            With or without the suffix ``.safetensors``. Existing files are replaced.
        metadata : dictionary, optional
            Any values that JSON can store.

        Raises
        ------
        InputError
            If the network or the metadata is not of this kind.
        """
        from ..io.outputs import OutputSet  # only saving needs it

        tensors_path, json_path = _files(path)
        name = self.network_name(network)
        config: Any = network.config  # type: ignore[assignment]
        document = {"network": name, "config": config(), "metadata": metadata or {}}
        try:
            text = json.dumps(document, indent=1, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"metadata must be a dictionary that JSON can store: {error}"
            ) from None
        if not isinstance(document["metadata"], dict):
            raise InputError(f"metadata must be a dictionary, not {type(metadata).__name__}")
        tensors = {
            key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()
        }
        _check_values(tensors, tensors, "network")
        with OutputSet(overwrite=True) as outputs:
            with outputs.open(tensors_path) as file:
                file.write(serialise_tensors(tensors))
            with outputs.open(json_path) as file:
                file.write(f"{text}\n".encode())

    def load(
        self, name_or_path: str | os.PathLike[str], map_location: str | torch.device = "cpu"
    ) -> nn.Module:
        """Load a trained network, in evaluation mode. Code in a file is never executed.

        Parameters
        ----------
        name_or_path : str or path
            A name of shipped weights, or the path of files that `save` wrote.
        map_location : str or torch.device
            The device to load the network to.

        Returns
        -------
        nn.Module
            In float64 if the file is, else in float32.

        Raises
        ------
        InputError
            If there is no such name, file or device, or a file is damaged, does not match its
            description, or contains NaN or infinity.
        """
        device = find_device(map_location, "map_location")
        tensors_path, json_path = self._find(name_or_path)
        document = self.read_description(name_or_path)
        name, config = document["network"], document["config"]
        _check_sizes(config, json_path)
        with torch.device("meta"):
            network = self.build(name, config, str(json_path))
        content = self._read(tensors_path)
        try:
            tensors = parse_tensors(content)
        except (SafetensorError, KeyError, ValueError) as error:
            raise InputError(f"{tensors_path}: not a complete safetensors file ({error})") from None
        _check_values(tensors, network.state_dict(), str(tensors_path))
        try:
            network.load_state_dict(tensors, assign=True)
        except RuntimeError as error:
            reason = str(error).splitlines()[1].strip()  # the first is a heading
            raise InputError(
                f"{tensors_path}: not the weights of {name} as configured: {reason}"
            ) from None
        double = torch.float64 in {value.dtype for value in tensors.values()}
        return network.to(device, torch.float64 if double else torch.float32).eval()

    def read_description(self, name_or_path: str | os.PathLike[str]) -> dict[str, Any]:
        """Read and check the JSON file of saved weights: network, config, metadata."""
        path = self._find(name_or_path)[1]
        content = self._read(path)
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:  # invalid UTF-8 or JSON
            raise InputError(f"{path}: not a JSON file ({error})") from None
        if not isinstance(document, dict) or not {"network", "config"} <= set(document):
            raise InputError(f"{path}: must contain the entries 'network' and 'config'")
        unknown = sorted(set(document) - {"network", "config", "metadata"})
        if unknown:
            raise InputError(f"{path}: unknown entries {', '.join(unknown)}")
        return {"metadata": {}, **document}

    def _find(self, name_or_path: str | os.PathLike[str]) -> tuple[Path, Path]:
        """The two files of a shipped name (a string) or a path."""
        shipped = isinstance(name_or_path, str) and name_or_path in self.networks
        if shipped and self.shipped is not None:
            return _files(self.shipped / name_or_path)
        return _files(name_or_path)

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            names = f" or one of {', '.join(self.networks)}" if self.shipped else ""
            raise InputError(
                f"{path}: cannot be read ({error.strerror}); give the path of saved weights{names}"
            ) from None


def _files(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """The two files, whichever suffix was given (names may contain dots)."""
    stem = os.fspath(path).removesuffix(".safetensors").removesuffix(".json")
    return Path(f"{stem}.safetensors"), Path(f"{stem}.json")


def _check_sizes(config: Any, path: Path) -> None:
    """Refuse numbers of layers or channels so large that even building the modules takes long."""
    for key, value in config.items() if isinstance(config, dict) else ():
        parts = value if isinstance(value, list) else [value]
        numbers = [part for part in parts if isinstance(part, (int, float))]
        if max([len(parts), *numbers]) > _LARGEST:
            raise InputError(f"{path}: {key} in the configuration must be at most {_LARGEST}")


def _check_values(tensors: dict[str, Tensor], expected: dict[str, Tensor], where: str) -> None:
    """Check that values are finite, counters are integers, and all other dtypes are the same."""
    floats = {}
    for key, tensor in tensors.items():
        wanted = expected.get(key, tensor)
        if wanted.is_floating_point():
            floats[key] = tensor
        elif tensor.dtype != wanted.dtype:
            raise InputError(f"{where}: {key} is {tensor.dtype}, not {wanted.dtype}")
    dtypes = {tensor.dtype for tensor in floats.values()}
    if len(dtypes) > 1 or not dtypes <= set(_DTYPES):
        names = ", ".join(sorted(map(str, dtypes)))
        raise InputError(
            f"{where}: weights must all have one dtype, bfloat16, float32 or float64, not {names}"
        )
    for key, tensor in floats.items():
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{where}: {key} contains NaN or infinity")
