"""A network with inverse evolution layers behind it, otherwise as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ..core.errors import InputError
from .outputs import Keys
from .training_only import TrainingOnly, check_module

_INNER = "network."
_OWN = ("network", "inverse_evolution")


class InverseEvolutionNetwork(nn.Module):
    """What `with_inverse_evolution` returns: ``TrainingOnly(layer)`` behind ``network``.

    Attributes that this wrapper lacks and the network has are read, replaced and deleted there:
    ``wrapped.classifier = nn.Conv2d(4, 2, 1)`` gives the network another head. Methods found so
    (``predict``, ``encode``) are the network's own and bypass the layer.

    Attributes
    ----------
    network : nn.Module
        The wrapped network, the same object.
    inverse_evolution : TrainingOnly
    """

    _loaded_prefix = ""

    def __init__(self, network: nn.Module, layer: nn.Module, keys: Keys = None) -> None:
        super().__init__()
        check_module(network, "network")
        inverse = TrainingOnly(layer, keys)
        if inverse.state_dict():
            raise InputError(
                f"layer={type(layer).__name__} has parameters or buffers of its own "
                f"({', '.join(list(inverse.state_dict())[:3])}), which the network's state_dict "
                "cannot hold; allowed is a layer without"
            )
        self.inverse_evolution = inverse.train(network.training)
        self.network = network
        self.training = network.training  # not self.train(): a part of the network may be frozen
        self.register_load_state_dict_post_hook(_name_as_the_network)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The network's output; in training mode with its logits through the layer."""
        return self.inverse_evolution(self.network(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            network = self.__dict__.get("_modules", {}).get("network")
            if network is None:
                raise
            return getattr(network, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._is_the_network_s(name):
            setattr(self.network, name, value)
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if self._is_the_network_s(name):
            delattr(self.network, name)
        else:
            super().__delattr__(name)

    def _is_the_network_s(self, name: str) -> bool:
        """This wrapper has no such attribute, the network has."""
        mine = self.__dict__
        registers = [mine.get(kind, {}) for kind in ("_modules", "_parameters", "_buffers")]
        network = registers[0].get("network")
        if network is None or name in _OWN or hasattr(type(self), name):
            return False
        return not any(name in held for held in (mine, *registers)) and hasattr(network, name)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """That of the network, with the network's keys."""
        state = self.network.state_dict(*args, **kwargs)
        prefix = kwargs.get("prefix", args[1] if len(args) > 1 else "")
        versions = getattr(state, "_metadata", None)
        if prefix and versions is not None:
            # A larger module that loads this looks the versions up under the inner name.
            for name, version in _below_network(versions, prefix).items():
                versions.setdefault(name, version)
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """As the network's."""
        return self.network.load_state_dict(state_dict, *args, **kwargs)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """As part of a larger module: hand the network's keys on to it."""
        mine = [key for key in state_dict if key.startswith(prefix)]
        # All out before any goes in: the network may have a part called "network".
        moved = {prefix + _INNER + key[len(prefix) :]: state_dict.pop(key) for key in mine}
        state_dict.update(moved)
        self._loaded_prefix = prefix
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _below_network(versions: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Versions of the modules at ``prefix`` (keys without the last dot), under the inner name."""
    name = prefix + _INNER.rstrip(".")
    below = {f"{name}.{k[len(prefix) :]}": v for k, v in versions.items() if k.startswith(prefix)}
    return {name: versions.get(prefix[:-1], {}), **below}


def _name_as_the_network(wrapper: nn.Module, incompatible: Any) -> None:
    """Take the inner name out of the keys reported as missing or unexpected."""
    prefix = str(wrapper._loaded_prefix)
    for keys in (incompatible.missing_keys, incompatible.unexpected_keys):
        keys[:] = [
            prefix + key[len(prefix + _INNER) :] if key.startswith(prefix + _INNER) else key
            for key in keys
        ]


def with_inverse_evolution(
    network: nn.Module, layer: nn.Module, keys: Keys = None
) -> InverseEvolutionNetwork:
    """``network`` with ``layer`` behind its output in training mode, and as it was in evaluation.

    >>> network = with_inverse_evolution(network, InverseHeat(20, 0.025))    # doctest: +SKIP
    >>> loss = cross_entropy(network(images), labels)                        # doctest: +SKIP

    The network object is not modified; parameters are shared with it, and ``state_dict`` has its
    keys and no others, alone and as a part of a larger module (DistributedDataParallel), so
    weights go to and fro. Attributes of the network (``.config``, ``.encoder``) are read and
    replaced on the result; methods of the network found there (``predict``, ``encode``) bypass the
    layer.

    ``named_parameters`` begin with ``network.``, as they must for a child. FSDP and
    ``torch.distributed.checkpoint``, which go by them, therefore see that prefix: load a network
    before wrapping it, and save ``wrapped.network``.

    A Hugging Face network called with labels computes its loss without the layer, which is refused
    here. The Trainer passes labels to the network and goes by the signature of its ``forward``, so
    subclass it with a ``compute_loss`` that takes ``labels`` out of the inputs and computes the
    loss from ``outputs.logits``, and set ``remove_unused_columns=False``. Where logits come at a
    quarter of the resolution (SegFormer), ``dt`` acts in their pixels, not in the image's.

    Parameters
    ----------
    network : nn.Module
        Any that returns logits: torchvision, segmentation_models_pytorch, MONAI, Hugging Face.
        The mode, training or evaluation, is taken over from it.
    layer : nn.Module
        `InverseHeat`, any `InverseEvolution`, or another module without parameters.
    keys : key, sequence of keys or None
        Which entries of the output are logits, see `TrainingOnly`.

    Raises
    ------
    InputError
        ``network`` or ``layer`` is no module; ``layer`` has parameters or persistent buffers.
    """
    return InverseEvolutionNetwork(network, layer, keys)
