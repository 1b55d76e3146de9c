"""NumPy or torch, whichever an array belongs to, without importing torch."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np

Array = Any  # np.ndarray or torch.Tensor: the plain array code works alike on both


def is_torch(array: object) -> bool:
    """True for a torch tensor (never imports torch)."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def follows(array: object) -> bool:
    """True for a torch tensor whose use autograd records."""
    return is_torch(array) and array.requires_grad and namespace(array).is_grad_enabled()  # type: ignore[attr-defined]


def detached(array: Any) -> Any:
    """A torch tensor as a NumPy array without its history; anything else as it is."""
    return array.detach().cpu().numpy() if is_torch(array) else array


def namespace(array: Array) -> ModuleType:
    """The module (numpy or torch) whose functions act on ``array``."""
    return sys.modules["torch"] if is_torch(array) else np


def sum64(array: Array) -> float:
    """Sum over all entries, accumulated in float64."""
    return float(array.sum(dtype=namespace(array).float64))


def to_float64(array: Array) -> Array:
    """The array in double precision (no copy where it is so already)."""
    return array.double() if is_torch(array) else np.asarray(array, dtype=np.float64)


def cast(array: Array, dtype: Any) -> Array:
    """The array in another dtype of its own library."""
    return array.to(dtype) if is_torch(array) else array.astype(dtype)


def epsilon(array: Array) -> float:
    """Unit roundoff times two (``finfo.eps``) of the array's floating-point type."""
    return float(namespace(array).finfo(array.dtype).eps)
