"""Wrap a network so that inverse evolution layers follow it in training."""

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
    """The result of `with_inverse_evolution`: ``network`` followed by ``TrainingOnly(layer)``.

    Reading, setting or deleting an attribute that only the network has acts on the network:
    ``wrapped.classifier = nn.Conv2d(4, 2, 1)`` gives the network another head. Methods of the
    network (``predict``, ``encode``) called this way bypass the layer.

    Attributes
    ----------
    network : nn.Module
        The wrapped network, the same object.
    inverse_evolution : TrainingOnly
        The layer, active in training mode only.
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
                "cannot hold; allowed is a layer without parameters or persistent buffers"
            )
        self.inverse_evolution = inverse.train(network.training)
        self.network = network
        self.training = network.training  # not self.train(): a part of the network may be frozen
        self.register_load_state_dict_post_hook(_name_as_the_network)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The network's output; in training mode the layer is applied to its logits."""
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
        """Whether the network has the attribute and this wrapper does not."""
        mine = self.__dict__
        registers = [mine.get(kind, {}) for kind in ("_modules", "_parameters", "_buffers")]
        network = registers[0].get("network")
        if network is None or name in _OWN or hasattr(type(self), name):
            return False
        return not any(name in held for held in (mine, *registers)) and hasattr(network, name)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The network's state_dict, with the network's own keys."""
        state = self.network.state_dict(*args, **kwargs)
        prefix = kwargs.get("prefix", args[1] if len(args) > 1 else "")
        versions = getattr(state, "_metadata", None)
        if prefix and versions is not None:
            # A larger module that loads this looks up the versions under the inner name.
            for name, version in _below_network(versions, prefix).items():
                versions.setdefault(name, version)
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Load a state_dict of the network."""
        return self.network.load_state_dict(state_dict, *args, **kwargs)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """As part of a larger module: pass the network's keys on to it."""
        mine = [key for key in state_dict if key.startswith(prefix)]
        # Remove all keys before adding any: the network may have a part called "network".
        moved = {prefix + _INNER + key[len(prefix) :]: state_dict.pop(key) for key in mine}
        state_dict.update(moved)
        self._loaded_prefix = prefix
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _below_network(versions: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The versions of the modules at ``prefix`` (keys without the last dot), by inner name."""
    name = prefix + _INNER.rstrip(".")
    below = {f"{name}.{k[len(prefix) :]}": v for k, v in versions.items() if k.startswith(prefix)}
    return {name: versions.get(prefix[:-1], {}), **below}


def _name_as_the_network(wrapper: nn.Module, incompatible: Any) -> None:
    """Remove the inner name from the keys reported as missing or unexpected."""
    prefix = str(wrapper._loaded_prefix)
    for keys in (incompatible.missing_keys, incompatible.unexpected_keys):
        keys[:] = [
            prefix + key[len(prefix + _INNER) :] if key.startswith(prefix + _INNER) else key
            for key in keys
        ]


def with_inverse_evolution(
    network: nn.Module, layer: nn.Module, keys: Keys = None
) -> InverseEvolutionNetwork:
    """Apply ``layer`` to the output of ``network`` in training mode, but not in evaluation mode.

    >>> network = with_inverse_evolution(network, InverseHeat(20, 0.025))    # doctest: +SKIP
    >>> loss = cross_entropy(network(images), labels)                        # doctest: +SKIP

    The wrapper shares its parameters with ``network``, which is not modified. Its ``state_dict``
    has exactly the network's keys, also as part of a larger module (DistributedDataParallel), so
    weights can be exchanged with the plain network. Attributes of the network (``.config``,
    ``.encoder``) can be read and replaced on the wrapper; its methods (``predict``, ``encode``)
    bypass the layer.

    Parameters
    ----------
    network : nn.Module
        Any network that returns logits: torchvision, segmentation_models_pytorch, MONAI, Hugging
        Face. The wrapper starts in the network's mode, training or evaluation.
    layer : nn.Module
        `InverseHeat`, any `InverseEvolution`, or another module without parameters.
    keys : key, sequence of keys or None
        Which entries of the output are logits; see `TrainingOnly`.

    Returns
    -------
    InverseEvolutionNetwork

    Raises
    ------
    InputError
        If ``network`` or ``layer`` is not a module, ``layer`` has parameters or persistent
        buffers, or ``keys`` is empty.

    Notes
    -----
    *FSDP and torch.distributed.checkpoint.* The names in ``named_parameters`` begin with
    ``network.``, because the network is a child module. FSDP and ``torch.distributed.checkpoint``
    use these names, so load the network before wrapping it, and save ``wrapped.network``.

    *Hugging Face.* A network called with labels computes its loss without the layer, so that is an
    error here. The Trainer passes labels to the network and reads the signature of its
    ``forward``: subclass the Trainer with a ``compute_loss`` that removes ``labels`` from the
    inputs and computes the loss from ``outputs.logits``, and set ``remove_unused_columns=False``.
    If the logits have a quarter of the image's resolution (SegFormer), ``dt`` refers to the pixels
    of the logits.
    """
    return InverseEvolutionNetwork(network, layer, keys)
