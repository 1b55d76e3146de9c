"""Packages that only some commands need."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from steepest.core.errors import InputError


def need(what: str, modules: Sequence[str], extra: str) -> None:
    """Say in one line what to install for ``what`` the user asked for, before it computes.

    ``extra`` is the extra of this package that brings all ``modules``.

    Raises
    ------
    InputError
        One of them is not installed.
    """
    for name in modules:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise InputError(
                f"{what} needs {error.name or name}, which is not installed: "
                f"pip install 'steepest[{extra}]'"
            ) from None


def need_torch(what: str) -> None:
    """What runs networks needs torch and safetensors."""
    need(what, ("torch", "safetensors"), "torch")


def need_coder(what: str) -> None:
    """What reads or writes compressed images needs the entropy coder."""
    need(what, ("constriction",), "compression")
