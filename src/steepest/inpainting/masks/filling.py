"""How the mask methods inpaint, and the error they reduce."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ...core.errors import InputError


class Reconstruct(Protocol):
    """An inpainting operator, as `probabilistic_sparsification` and others take it."""

    def __call__(
        self, values: np.ndarray, known: np.ndarray, start: np.ndarray | None, /
    ) -> np.ndarray:
        """The inpainting of ``values`` (channels, \\*space), read where ``known`` is True.

        ``start`` is an earlier inpainting for a similar mask, or None; it may be ignored, and must
        not be changed. The result has the shape of ``values``; both are float64.
        """


def check_reconstruct(reconstruct: Any) -> None:
    """Callable."""
    if not callable(reconstruct):
        raise InputError(
            f"reconstruct={reconstruct!r}; allowed is a function of values, known pixels and start"
        )


def diffusion(values: np.ndarray, known: np.ndarray, start: np.ndarray | None) -> np.ndarray:
    """Homogeneous diffusion inpainting by the library's solver, to a relative residual of 1e-6."""
    from ..steady_state import fill

    return fill(values, known, (1.0,) * known.ndim, 1e-6, start=start).image


def local_error(image: np.ndarray, values: np.ndarray, exponent: int) -> np.ndarray:
    """``|image - values|^exponent``, summed over the channels (first axis), in float64."""
    difference = np.abs(np.subtract(image, values, dtype=np.float64))
    if exponent == 2:
        difference *= difference
    return difference.sum(axis=0)


def mean_absolute_error(image: np.ndarray, values: np.ndarray) -> float:
    """Over all pixels and channels."""
    return float(np.abs(np.subtract(image, values, dtype=np.float64)).mean())
