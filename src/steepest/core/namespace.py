"""Dispatch between NumPy and torch by the type of an array, without importing torch."""

import sys
from types import ModuleType
from typing import Any

import numpy as np

Array = Any  # np.ndarray or torch.Tensor: plain array code works on both


def is_torch(array: object) -> bool:
    """Return True for a torch tensor (never imports torch)."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def follows(array: object) -> bool:
    """Return True for a torch tensor whose operations autograd records."""
    return is_torch(array) and array.requires_grad and namespace(array).is_grad_enabled()  # type: ignore[attr-defined]


def detached(array: Any) -> Any:
    """Convert a torch tensor to a NumPy array without its history; return others unchanged."""
    return array.detach().cpu().numpy() if is_torch(array) else array


def namespace(array: Array) -> ModuleType:
    """Return the module (numpy or torch) whose functions operate on ``array``."""
    return sys.modules["torch"] if is_torch(array) else np


def sum64(array: Array) -> float:
    """Return the sum over all entries, accumulated in float64."""
    return float(array.sum(dtype=namespace(array).float64))


def to_float64(array: Array) -> Array:
    """Return the array in double precision (not copied if it is already)."""
    return array.double() if is_torch(array) else np.asarray(array, dtype=np.float64)


def cast(array: Array, dtype: Any) -> Array:
    """Return the array in another dtype of its own library (not copied if it is already)."""
    return array.to(dtype) if is_torch(array) else array.astype(dtype, copy=False)


def magnitude(array: Array) -> float:
    """Return the largest absolute value, without a copy; NaN if there is one."""
    return max(float(array.max()), -float(array.min()))


def epsilon(array: Array) -> float:
    """Return ``finfo.eps``, twice the unit roundoff, of the array's floating-point type."""
    return float(namespace(array).finfo(array.dtype).eps)
