"""The inpainting that the mask methods use, and the error that they reduce."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ...core.errors import InputError


class Reconstruct(Protocol):
    """An inpainting operator, as used by `probabilistic_sparsification` and others."""

    def __call__(
        self, values: np.ndarray, known: np.ndarray, start: np.ndarray | None, /
    ) -> np.ndarray:
        """Inpaint ``values`` (channels, \\*space), which are read only where ``known`` is True.

        ``start`` is an earlier inpainting for a similar mask, or None. It may be ignored and must
        not be modified. The result has the shape of ``values``; both are float64.
        """


def check_reconstruct(reconstruct: Any) -> None:
    """Check that ``reconstruct`` is callable."""
    if not callable(reconstruct):
        raise InputError(
            f"reconstruct={reconstruct!r}; allowed is a function of values, known pixels and start"
        )


def diffusion(values: np.ndarray, known: np.ndarray, start: np.ndarray | None) -> np.ndarray:
    """Inpaint by homogeneous diffusion with the library's solver, to a relative residual 1e-6."""
    from ..steady_state import fill

    return fill(values, known, (1.0,) * known.ndim, 1e-6, start=start).image


def local_error(image: np.ndarray, values: np.ndarray, exponent: int) -> np.ndarray:
    """Compute ``|image - values|^exponent``, summed over the channels (first axis), in float64."""
    difference = np.abs(np.subtract(image, values, dtype=np.float64))
    if exponent == 2:
        difference *= difference
    return difference.sum(axis=0)


def mean_absolute_error(image: np.ndarray, values: np.ndarray) -> float:
    """Compute the mean absolute error over all pixels and channels."""
    return float(np.abs(np.subtract(image, values, dtype=np.float64)).mean())
