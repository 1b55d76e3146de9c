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
"""``"module:function"`` of this package, or a function (to add an objective of your own)."""

_TAKES_OPTIONS_OF = {"paper": "losses:weighted_sum", "report": "losses:weighted_sum"}
"""The function that receives the options, where it is not the objective itself."""

_NEEDS = {"paper": "propose", "report": "propose", "gap": "mean_flux", "distillation": "solve"}


def find_objective(name: str, options: Mapping[str, Any] | None = None) -> Objective:
    """The objective of the given name, with options.

    ``name`` is "paper" (Eq. 12 of the paper), "report" (Eq. 9 of the preliminary report), "gap"
    (for mean-flux networks) or "distillation" (supervised by the solver). ``options`` are keyword
    arguments passed to every call: ``alpha1``, ``alpha2``, ``eps``, ``tv_term`` and ``penalty`` of
    `losses.paper_loss` for "paper" and "report", ``excess_weight`` of `mean_flux_loss.gap_loss` for
    "gap". Their values are checked when the objective is called.

    Raises `InputError` if the name is unknown, or the objective does not have one of the options.
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
    """Refuse an objective that calls a method this network does not have.

    Raises `InputError` if the method is missing: ``propose`` for "paper" and "report",
    ``mean_flux`` for "gap", ``solve`` for "distillation".
    """
    method = _NEEDS.get(name)
    if method is not None and not hasattr(network, method):
        kind = type(network).__name__
        raise InputError(f"objective={name!r} needs a method {method}, which {kind} does not have")


def _function(where: str | Objective) -> Objective:
    if not isinstance(where, str):
        return where
    module, _, function = where.partition(":")
    found: Objective = getattr(import_module(f".{module}", __package__), function)
    return found


def _options(function: Objective) -> list[str]:
    """The names of the arguments that have a default, except the generator."""
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not parameter.empty and name != "generator"
    ]
