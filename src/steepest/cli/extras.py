"""Packages that only some commands need."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from steepest.core.errors import InputError


def need_torch(what: str, *more: str, extra: str = "torch") -> None:
    """Say in one line what to install for a command that runs networks, before it computes.

    Parameters
    ----------
    what : str
        What the user asked for.
    more : str
        Modules besides torch and safetensors.
    extra : str
        The extra of this package that brings all of them.

    Raises
    ------
    InputError
        One of them is not installed.
    """
    _need(what, ("torch", "safetensors", *more), extra)


def need_coder(what: str) -> None:
    """The same for commands that write compressed images.

    Raises
    ------
    InputError
        The entropy coder is not installed.
    """
    _need(what, ("constriction",), "compression")


def _need(what: str, modules: Sequence[str], extra: str) -> None:
    for name in modules:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise InputError(
                f"{what} needs {error.name or name}, which is not installed: "
                f"pip install 'steepest[{extra}]'"
            ) from None
