"""Packages that show their public names only, and that import them on first use."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from .errors import InputError

_EXTRA = ("torch", "safetensors")


def public(names: Sequence[str]) -> Callable[[], list[str]]:
    """Return ``__dir__`` of a package: its public names, without its submodules."""
    return lambda: list(names)


def lazily(
    package: str, where: Mapping[str, str], modules: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package.

    ``where[name]`` is the submodule that defines ``name``; ``modules`` are those available as
    attributes. If an optional dependency is missing, the error names it.
    """
    names = [*where, *modules]

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            module = import_module(f".{where.get(name, name)}", package)
        except ModuleNotFoundError as error:
            if error.name in _EXTRA:
                extra = "posterior" if package == "steepest.posterior" else "torch"
                message = f"{package}.{name} needs {error.name}: pip install 'steepest[{extra}]'"
                raise ModuleNotFoundError(message, name=error.name) from None
            raise
        value = getattr(module, name) if name in where else module
        setattr(sys.modules[package], name, value)
        return value

    def show() -> list[str]:
        return [name for name in sys.modules[package].__all__ if not name.startswith("_")]

    return get, show


def import_extra(module: str, what: str, install: str, package: str = "") -> Any:
    """Import a module that is not installed with this package, or say what needs it.

    ``what`` begins the message ("DICOM files need"), ``install`` follows "pip install", and
    ``package`` is the package's name, if not that of the module.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = package or error.name or module
        text = f"{what} {missing}, which is not installed: pip install {install}"
        raise InputError(text) from None
