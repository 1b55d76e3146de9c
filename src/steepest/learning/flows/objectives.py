"""Training objectives by name.

An objective is a function ``(network, u0, t, generator) -> dict``. ``u0`` are images (N, 1, H, W)
in [0, 1], ``t`` are times (N,) in the solver's units, and ``generator`` is the only source of
randomness. The dictionary has the entry ``"total"``, a scalar tensor to be minimised, and the
terms it consists of.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Generator, Tensor, nn

from ...core.errors import InputError
from ...core.numbers import check_choice
from .losses import paper_loss
from .mean_flux_loss import gap_loss

Objective = Callable[[nn.Module, Tensor, Tensor, Generator], Mapping[str, Tensor]]

OBJECTIVES: dict[str, Callable[..., Mapping[str, Tensor]]] = {"paper": paper_loss, "gap": gap_loss}
"""Functions ``(network, u0, t, [generator], **options)``; add your own here."""

_NEEDS = {"paper": "propose", "gap": "mean_flux"}


def find_objective(name: str, options: Mapping[str, Any] | None = None) -> Objective:
    """The objective of the given name, with options.

    ``name`` is "paper" (Eq. 12 of the paper) or "gap" (for mean-flux networks). ``options`` are
    keyword arguments of the function, whose values are checked when it is called.

    Raises `InputError` if the name is unknown, or the objective does not have one of the options.
    """
    function = OBJECTIVES[check_choice(name, "objective", tuple(OBJECTIVES))]
    parameters = inspect.signature(function).parameters
    allowed = [
        option
        for option, parameter in parameters.items()
        if parameter.default is not parameter.empty and option != "generator"
    ]
    unknown = [repr(option) for option in options or () if option not in allowed]
    if unknown:
        raise InputError(
            f"objective_options: objective {name!r} has no {', '.join(unknown)}; "
            f"allowed are {', '.join(allowed) or 'none'}"
        )
    objective = partial(function, **(options or {}))
    if "generator" in parameters:
        return objective
    return lambda network, u0, t, generator: objective(network, u0, t)


def check_objective(name: str, network: object) -> None:
    """Refuse an objective that calls a method this network does not have.

    Raises `InputError` if the method is missing: ``propose`` for "paper", ``mean_flux`` for "gap".
    """
    method = _NEEDS.get(name)
    if method is not None and not hasattr(network, method):
        kind = type(network).__name__
        raise InputError(f"objective={name!r} needs a method {method}, which {kind} does not have")
