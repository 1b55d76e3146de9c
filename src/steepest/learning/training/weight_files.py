"""Weights on disk: ``NAME.safetensors`` and ``NAME.json`` beside it. Loading never runs code.

The JSON file is ``{"network": "unet", "config": {..}, "metadata": {..}}``: which class of a
`Registry`, its constructor arguments, and whatever was noted when it was saved (a model card).
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as serialise_tensors
from torch import Tensor, nn

from ...core.errors import InputError
from .device import usable_device

_LARGEST = 4096
"""No number of layers or channels in a file may be larger."""

_KEYS = {"network", "config", "metadata"}
_DTYPES = (torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True)
class Registry:
    """The networks that weight files may ask for.

    ``networks`` has ``"module:class"`` of ``package`` by the name in weight files; each class has
    ``config()``, its constructor arguments. ``shipped`` is the folder of the weights that come
    with the package, called by these names. Packages give their users these methods as functions.
    """

    networks: Mapping[str, str]
    package: str
    shipped: Path | None = None

    def network_class(self, name: str) -> type[nn.Module]:
        """The class of this name.

        Raises
        ------
        InputError
            There is no network of this name.
        """
        if not isinstance(name, str) or name not in self.networks:
            raise InputError(f"network={name!r}; allowed are {', '.join(self.networks)}")
        module, _, attribute = self.networks[name].partition(":")
        found: type[nn.Module] = getattr(import_module(f".{module}", self.package), attribute)
        return found

    def network_name(self, network: nn.Module) -> str:
        """The name of this network's class.

        Raises
        ------
        InputError
            Its class has none.
        """
        kind = type(network)
        where = f"{kind.__module__.removeprefix(f'{self.package}.')}:{kind.__qualname__}"
        for name, place in self.networks.items():
            if place == where:
                return name
        raise InputError(
            f"network is a {kind.__name__}; networks that can be saved are "
            f"{', '.join(self.networks)}"
        )

    def build(self, name: str, config: Any, where: str = "config") -> nn.Module:
        """A network from its name and constructor arguments; the global random state is left alone.

        Raises
        ------
        InputError
            Unknown name; ``config`` not a dictionary, with unknown keys, or with values that the
            constructor refuses.
        """
        kind = self.network_class(name)
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
            raise InputError(f"{where}: {name} cannot be made from {config}: {error}") from error

    def save(
        self,
        network: nn.Module,
        path: str | os.PathLike[str],
        metadata: Any = None,
        *,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Write ``path.safetensors`` and ``path.json``: both appear complete, or neither.

        Parameters
        ----------
        network : module
            Of one of the registry's classes, finite, all of it of one floating-point type but for
            integers (counters).
        path : path
            With or without the ending ``.safetensors``; existing files are replaced.
        metadata : dictionary, optional
            Anything that JSON can hold.
        dtype : torch.dtype, optional
            Round the weights to this: ``torch.bfloat16`` makes files half as large (`load` returns
            float32 all the same).

        Raises
        ------
        InputError
            Another class; NaN or infinite weights; metadata that JSON cannot hold.
        """
        from ...io.outputs import OutputSet  # files are needed for saving alone

        tensors_path, json_path = _files(path)
        name = self.network_name(network)
        config: Any = network.config  # type: ignore[assignment]
        document = {"network": name, "config": config(), "metadata": metadata or {}}
        try:
            text = json.dumps(document, indent=1, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(f"metadata must be a dictionary that JSON can hold: {error}") from None
        if not isinstance(document["metadata"], dict):
            raise InputError(f"metadata must be a dictionary, not {type(metadata).__name__}")
        tensors = {
            key: value.detach().to("cpu", dtype if value.is_floating_point() else None).contiguous()
            for key, value in _state(network).items()
        }
        _check_values(tensors, tensors, "network")
        with OutputSet(overwrite=True) as outputs:
            for target, content in (
                (tensors_path, serialise_tensors(tensors)),
                (json_path, f"{text}\n".encode()),
            ):
                with outputs.open(target) as file:
                    file.write(content)

    def load(
        self,
        name_or_path: str | os.PathLike[str],
        map_location: str | torch.device = "cpu",
    ) -> nn.Module:
        """A trained network, in evaluation mode. Nothing in a file is ever executed.

        Parameters
        ----------
        name_or_path : str or path
            A string that is a name of the registry means the weights shipped under that name, if
            the registry ships any; everything else is the files that `save` wrote, with or without
            their ending.
        map_location : device
            Where it shall be.

        Returns
        -------
        module
            float64 if the file is, else float32.

        Raises
        ------
        InputError
            No such name, file or device; a file that is damaged, does not fit its description, or
            holds NaN.

        Notes
        -----
        The network is made without memory first; it gets some when the file has been seen to hold
        tensors of the shapes that its description asks for.
        """
        device = usable_device(map_location, "map_location")
        tensors_path, json_path = _find(self, name_or_path)
        document = self.read_description(name_or_path)
        _check_sizes(document["config"], json_path)
        with torch.device("meta"):
            network = self.build(document["network"], document["config"], str(json_path))
        tensors = _read_tensors(self, tensors_path)
        _check_shapes(tensors, _state(network), tensors_path, document["network"])
        _check_values(tensors, _state(network), str(tensors_path))
        if torch.float64 in {value.dtype for value in tensors.values()}:
            network.double()
        network = network.to_empty(device=device)
        network.load_state_dict(tensors)
        return network.eval()

    def read_description(self, name_or_path: str | os.PathLike[str]) -> dict[str, Any]:
        """The JSON file of saved weights, by what `load` takes, checked: network, config, metadata.

        Raises
        ------
        InputError
            Missing, not JSON, or without these entries.
        """
        path = _find(self, name_or_path)[1]
        content = _read(self, path)
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:  # of UTF-8 or of JSON
            raise InputError(f"{path}: not a JSON file ({error})") from None
        if not isinstance(document, dict) or not set(document) >= _KEYS - {"metadata"}:
            raise InputError(f"{path}: must hold the entries 'network' and 'config'")
        unknown = sorted(set(document) - _KEYS)
        if unknown:
            raise InputError(f"{path}: unknown entries {', '.join(unknown)}")
        return {"metadata": {}, **document}


def _find(registry: Registry, name_or_path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """The two files of a shipped name (a string) or of a path."""
    shipped = isinstance(name_or_path, str) and name_or_path in registry.networks
    if shipped and registry.shipped is not None:
        return _files(registry.shipped / name_or_path)
    return _files(name_or_path)


def _files(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """The two files, whatever ending was given (names may hold dots)."""
    stem = os.fspath(path).removesuffix(".safetensors").removesuffix(".json")
    return Path(f"{stem}.safetensors"), Path(f"{stem}.json")


def _read(registry: Registry, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        names = f" or one of {', '.join(registry.networks)}" if registry.shipped else ""
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); give the path of saved weights{names}"
        ) from None


def _read_tensors(registry: Registry, path: Path) -> dict[str, Tensor]:
    content = _read(registry, path)
    try:
        return parse_tensors(content)
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a complete safetensors file ({error})") from None


def _state(network: nn.Module) -> dict[str, Tensor]:
    return dict(network.state_dict())


def _check_sizes(config: Any, path: Path) -> None:
    """No number of layers or channels is so large that only making the modules would take long."""
    for key, value in config.items() if isinstance(config, dict) else ():
        parts = value if isinstance(value, list) else [value]
        numbers = [part for part in parts if isinstance(part, (int, float))]
        if max([len(parts), *numbers]) > _LARGEST:
            raise InputError(f"{path}: {key} in the configuration must be {_LARGEST} at most")


def _check_shapes(
    given: dict[str, Tensor], expected: dict[str, Tensor], path: Path, name: str
) -> None:
    missing, unknown = sorted(set(expected) - set(given)), sorted(set(given) - set(expected))
    if missing or unknown:
        what = f"lacks {missing[0]}" if missing else f"holds {unknown[0]}, which it has not"
        raise InputError(f"{path}: not the weights of {name} as configured: it {what}")
    for key, tensor in expected.items():
        if given[key].shape != tensor.shape:
            raise InputError(
                f"{path}: {key} has shape {tuple(given[key].shape)}, {name} as configured needs "
                f"{tuple(tensor.shape)}"
            )


def _check_values(tensors: dict[str, Tensor], expected: dict[str, Tensor], where: str) -> None:
    """All finite; integers where integers are expected, all else of one of the allowed dtypes."""
    for key, tensor in tensors.items():
        if not expected[key].is_floating_point() and tensor.dtype != expected[key].dtype:
            raise InputError(f"{where}: {key} is {tensor.dtype}, not {expected[key].dtype}")
    floats = {key for key, tensor in expected.items() if tensor.is_floating_point()}
    dtypes = {tensors[key].dtype for key in floats}
    if len(dtypes) > 1 or not dtypes <= set(_DTYPES):
        names = ", ".join(sorted(map(str, dtypes)))
        raise InputError(
            f"{where}: weights must be all of one type, bfloat16, float32 or float64, not {names}"
        )
    for key in sorted(floats):
        if not bool(torch.isfinite(tensors[key]).all()):
            raise InputError(f"{where}: {key} holds NaN or infinity")
