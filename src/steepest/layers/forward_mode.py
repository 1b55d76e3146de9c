"""Derivatives in one direction, without the warnings of torch's own code."""

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch


def jvp(function: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
    """`torch.func.jvp`, without the deprecation warning of torch's own code the first time."""
    if not torch.compiler.is_compiling():
        _load_formulas()
    return torch.func.jvp(function, primals, tangents)


@lru_cache(maxsize=1)
def _load_formulas() -> None:
    with warnings.catch_warnings(), torch.inference_mode(False):
        warnings.filterwarnings("ignore", r".*torch\.jit", DeprecationWarning)
        torch.func.jvp(torch.sin, (torch.zeros(()),), (torch.ones(()),))
