"""Arguments that the mask methods share, and their progress reports."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.arrays import as_array, dtype_name
from ...core.errors import InputError
from ...core.namespace import detached
from ...core.numbers import check_choice, check_fraction
from ...core.progress import Callback, Reporter
from ...core.rng import Rng, generator
from ..problem import prepare_numpy


@dataclass(frozen=True)
class MaskStep:
    """Progress of a mask method: ``step`` and ``num_steps`` as in `steepest.Progress`.

    Attributes
    ----------
    known, target : int
        Current and final number of pixels in the mask.
    error : float or None
        Mean absolute error of the inpainting, on the [0, 1] scale for integer images. Each method
        documents which mask it refers to. None if the method does not inpaint.
    """

    step: int
    num_steps: int
    known: int
    target: int
    error: float | None = None


@dataclass(frozen=True, eq=False)
class Request:
    """The checked arguments of a mask method: ``values`` (C, *space), and a ``count`` of pixels."""

    values: np.ndarray
    count: int
    random: np.random.Generator
    reporter: Reporter

    @property
    def space(self) -> tuple[int, ...]:
        """The shape of the mask."""
        return self.values.shape[1:]

    def finish(self, mask: np.ndarray) -> np.ndarray:
        """Report the mask of a method that takes one step, and return it."""
        self.reporter(MaskStep(1, 1, self.count, self.count))
        return mask


def check_request(
    image: Any,
    density: Any,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    on_step: Callback | None = None,
) -> Request:
    """Check the arguments that all mask methods share."""
    reporter, random = Reporter(on_step), generator(rng)
    values = np.ascontiguousarray(prepare_numpy(image, channel_axis)[0], np.float64)
    return Request(values, count_of(density, values[0].size), random, reporter)


def count_of(density: Any, num_pixels: int) -> int:
    """Return ``max(1, round(density * num_pixels))`` for a density above 0 and up to 1."""
    return max(1, round(check_fraction(density, "density") * num_pixels))


def check_mask(mask: Any, space: tuple[int, ...]) -> np.ndarray:
    """Return a copy of a nonempty Boolean mask of the spatial shape."""
    array = as_array(mask, "mask")
    if dtype_name(array) != "bool" or tuple(array.shape) != space:
        raise InputError(
            f"mask={array.dtype} array of shape {tuple(array.shape)}; allowed is a Boolean array "
            f"of the image's spatial shape {space}"
        )
    if not array.any():
        raise InputError("mask is empty; at least one of its pixels must be True")
    return np.array(detached(array))


def exponent(norm: Any) -> int:
    """Return 1 for ``norm="l1"`` and 2 for ``"l2"``."""
    return 1 if check_choice(norm, "norm", ("l1", "l2")) == "l1" else 2
