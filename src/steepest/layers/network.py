"""A network with inverse evolution layers behind it, otherwise as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ..core.errors import InputError
from .outputs import Keys
from .training_only import TrainingOnly

_INNER = "network."


class InverseEvolutionNetwork(nn.Module):
    """What `with_inverse_evolution` returns: ``TrainingOnly(layer)`` behind ``network``.

    Attributes
    ----------
    network : nn.Module
        The wrapped network, the same object; what this wrapper lacks is looked up there.
    inverse_evolution : TrainingOnly
    """

    def __init__(self, network: nn.Module, layer: nn.Module, keys: Keys = None) -> None:
        super().__init__()
        if not isinstance(network, nn.Module):
            raise InputError(f"network={type(network).__name__}; allowed is an nn.Module")
        inverse = TrainingOnly(layer, keys)
        if inverse.state_dict():
            raise InputError(
                f"layer={type(layer).__name__} has parameters or buffers of its own "
                f"({', '.join(list(inverse.state_dict())[:3])}), which the network's state_dict "
                "cannot hold; allowed is a layer without"
            )
        self.network = network
        self.inverse_evolution = inverse.train(network.training)
        self.training = network.training  # not self.train(): a part of the network may be frozen
        self.register_load_state_dict_post_hook(_name_as_the_network)
        self._loaded_prefix = ""

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

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """That of the network, with the network's keys."""
        return self.network.state_dict(*args, **kwargs)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """As the network's."""
        return self.network.load_state_dict(state_dict, *args, **kwargs)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """As part of a larger module: hand the network's keys on to it."""
        for key in [key for key in state_dict if key.startswith(prefix)]:
            state_dict[prefix + _INNER + key[len(prefix) :]] = state_dict.pop(key)
        self._loaded_prefix = prefix
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


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
    weights go to and fro. Attributes of the network (``.config``, ``.encoder``) are found on the
    result. (Its ``named_parameters`` begin with ``network.``, as they must for a child.)

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
