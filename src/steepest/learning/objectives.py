"""What a network can be trained on, by name.

An objective is a function ``(network, u0, t, generator) -> dict``: ``u0`` images (N, 1, H, W) in
[0, 1], ``t`` times (N,) in the engine's units, ``generator`` the only source of randomness. The
dictionary holds ``"total"``, a scalar tensor to be minimised, and the terms it is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from ..core.errors import InputError

Objective = Callable[..., Mapping[str, Any]]

OBJECTIVES: dict[str, str | Objective] = {
    "paper": "losses:paper_objective",
    "report": "losses:report_objective",
    "gap": "mean_flux_loss:gap_loss",
}
"""``"module:function"`` of this package, or the function itself (for objectives of your own)."""

_NEEDS = {"paper": "propose", "report": "propose", "gap": "mean_flux"}


def find_objective(name: str) -> Objective:
    """The objective of this name: ``"paper"`` (its Eq. 12), ``"report"`` (the report's Eq. 9) or
    ``"gap"`` (the certificate of the mean-flux network).

    Raises
    ------
    InputError
        There is no objective of this name.
    """
    if name not in OBJECTIVES:
        raise InputError(f"objective={name!r}; allowed are {', '.join(OBJECTIVES)}")
    where = OBJECTIVES[name]
    if not isinstance(where, str):
        return where
    module, _, function = where.partition(":")
    found: Objective = getattr(import_module(f".{module}", __package__), function)
    return found


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
