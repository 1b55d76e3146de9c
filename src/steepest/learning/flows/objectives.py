"""What a network can be trained on, by name.

An objective is a function ``(network, u0, t, generator) -> dict``: ``u0`` images (N, 1, H, W) in
[0, 1], ``t`` times (N,) in the engine's units, ``generator`` the only source of randomness. The
dictionary holds ``"total"``, a scalar tensor to be minimised, and the terms it is made of.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from ...core.errors import InputError

Objective = Callable[..., Mapping[str, Any]]

OBJECTIVES: dict[str, str | Objective] = {
    "paper": "losses:paper_objective",
    "report": "losses:report_objective",
    "gap": "mean_flux_loss:gap_loss",
    "distillation": "distillation:distillation_loss",
}
"""``"module:function"`` of this package, or the function itself (for objectives of your own)."""

_TAKES_OPTIONS_OF = {"paper": "losses:weighted_sum", "report": "losses:weighted_sum"}
"""The function that takes the options in the end, where it is not the objective itself."""

_NEEDS = {"paper": "propose", "report": "propose", "gap": "mean_flux", "distillation": "solve"}


def find_objective(name: str, options: Mapping[str, Any] | None = None) -> Objective:
    """The objective of this name: ``"paper"`` (its Eq. 12), ``"report"`` (the report's Eq. 9),
    ``"gap"`` (that of the mean-flux network), or ``"distillation"`` (of the solver: supervised).

    ``options`` are keyword arguments that it shall always be given: ``alpha1``, ``alpha2``,
    ``eps``, ``tv_term`` and ``penalty`` of `losses.paper_loss` for the first two,
    ``excess_weight`` of `mean_flux_loss.gap_loss` for the last. The weights and forms are checked
    when the objective is called.

    Raises
    ------
    InputError
        There is no objective of this name, or it has no option of a name in ``options``.
    """
    if name not in OBJECTIVES:
        raise InputError(f"objective={name!r}; allowed are {', '.join(OBJECTIVES)}")
    found = _function(OBJECTIVES[name])
    if not options:
        return found
    allowed = _options(_function(_TAKES_OPTIONS_OF.get(name, found)))
    unknown = [repr(option) for option in options if option not in allowed]
    if unknown:
        raise InputError(
            f"objective_options: objective {name!r} has no {', '.join(unknown)}; "
            f"allowed are {', '.join(allowed) or 'none'}"
        )
    return partial(found, **options)


def check_objective(name: str, network: object) -> None:
    """Refuse an objective that asks for what this network does not have.

    Raises
    ------
    InputError
        "paper" and "report" need ``propose``, "gap" needs ``mean_flux``.
    """
    method = _NEEDS.get(name)
    if method is not None and not hasattr(network, method):
        kind = type(network).__name__
        raise InputError(f"objective={name!r} is not for {kind}, which has no method {method}")


def _function(where: str | Objective) -> Objective:
    if not isinstance(where, str):
        return where
    module, _, function = where.partition(":")
    found: Objective = getattr(import_module(f".{module}", __package__), function)
    return found


def _options(function: Objective) -> list[str]:
    """The names of the arguments that have a default, but for the generator."""
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not parameter.empty and name != "generator"
    ]
