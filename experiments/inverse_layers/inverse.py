"""Build the inverse layer between logits and loss from its description."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from steepest import layers
from steepest.core.errors import InputError
from steepest.core.numbers import check_choice

from . import evolutions
from .presets import EVOLUTIONS, PRESETS


def make_layer(description: Mapping[str, Any]) -> nn.Module | None:
    """The described layer, or None for an empty description.

    ``{"preset": name}`` gives a heat layer of `PRESETS`; ``{"evolution": name, ...}`` one of
    `EVOLUTIONS` (default "heat") with its arguments.

    Raises
    ------
    InputError
        If the preset, the evolution or an argument is unknown or missing, or the layer refuses a
        value.
    """
    if not description:
        return None
    options = dict(description)
    if "preset" in options:
        name = options.pop("preset")
        if options:
            raise InputError(f"layer: preset={name!r} cannot be combined with {', '.join(options)}")
        return layers.InverseHeat(**PRESETS[check_choice(name, "preset", tuple(PRESETS))])
    name = options.pop("evolution", "heat")
    if name not in EVOLUTIONS:
        raise InputError(f"layer: evolution={name!r}; allowed are {', '.join(EVOLUTIONS)}")
    own_name = EVOLUTIONS[name]
    kind = getattr(layers if hasattr(layers, own_name) else evolutions, own_name)
    own = dict(inspect.signature(kind).parameters)
    parameters = dict(own)
    if name != "heat":
        parameters |= inspect.signature(layers.InverseEvolution).parameters
        del parameters["operator"]
    unknown = [option for option in options if option not in parameters]
    missing = [
        option
        for option, parameter in parameters.items()
        if parameter.default is parameter.empty and option not in options
    ]
    if unknown or missing:
        wrong = f"has no {', '.join(unknown)}" if unknown else f"needs {', '.join(missing)}"
        raise InputError(
            f"layer: evolution {name!r} {wrong}; its arguments are {', '.join(parameters)}"
        )
    if name == "heat":
        return layers.InverseHeat(**options)
    operator = kind(**{option: options.pop(option) for option in own if option in options})
    return layers.InverseEvolution(operator, **options)
