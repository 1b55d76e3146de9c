"""Estimate the displacement between two images in memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.arrays import check_spacing, check_weights, prepare_image
from ..core.errors import InputError
from ..core.numbers import check_choice, check_number, check_numbers
from ..core.progress import Reporter
from ..core.result import Result
from ..core.solver import Limits, Solver, limits
from ..core.status import Status
from .blocks import block_shifts
from .strains import MEASURES
from .strains import strain as strain_of
from .uncertainty import deviations
from .warping import check_displacement
from .warps import SMOOTHNESS, Search

LEAST = 16  # pixels of an image along each axis
_LARGE = 2.0  # pixels: larger shifts are guessed from blocks


@dataclass(frozen=True)
class Displacement(Result):
    """The displacement u between two images: ``reference(x) = moved(x + u(x))``.

    Attributes
    ----------
    displacement : (2, H, W) array
        u along the two axes, in pixels times ``spacing``.
    gradient : (2, 2, H, W) array
        The displacement gradient w of the model; ``gradient[c, d]`` is that of component c along
        axis d. At cracks, ``grad u - w`` is the part that is not smooth.
    strain : (2, 2, H, W) array
        The strain tensor, of ``gradient``.
    residual : (H, W) array
        ``moved(x + u) - reference``, both normalised locally to standard deviation 0.2: what the
        displacement does not explain. 0 where the weight is 0.
    displacement_std, strain_std : arrays
        Estimated standard deviations (see `displacement`), infinite where there is no texture.
    gaps : tuple of floats
        The relative duality gap of the convex problem of each warp; by tiles, the largest one of
        the last warp. It says nothing about the linearisation.
    iterations : int
    smoothness : two floats
        alpha1 and alpha0 of the last warp; by tiles, the largest.
    spacing : two floats
    status : Status
    """

    displacement: np.ndarray
    gradient: np.ndarray
    strain: np.ndarray
    residual: np.ndarray
    displacement_std: np.ndarray
    strain_std: np.ndarray
    gaps: tuple[float, ...]
    iterations: int
    smoothness: tuple[float, ...]
    spacing: tuple[float, ...]
    status: Status


@dataclass(frozen=True)
class Settings:
    """The options of `displacement`, checked as far as they do not depend on the images."""

    smoothness: tuple[float, ...] | None = None
    measure: str = "infinitesimal"
    max_shift: float = 2.0
    weights: Any = None
    spacing: float | Sequence[float] | None = None
    load_axis: int | None = None
    solver: Solver | None = None
    steps: np.ndarray = field(init=False)
    limit: Limits = field(init=False)

    def __post_init__(self) -> None:
        if self.smoothness is not None:
            radii = check_numbers(self.smoothness, "smoothness")
            if radii.shape != (2,) or not np.all((radii >= 1e-6) & (radii <= 1e6)):
                raise InputError(
                    f"smoothness={self.smoothness!r}; allowed are two numbers from 1e-6 to 1e6"
                )
            object.__setattr__(self, "smoothness", tuple(radii.tolist()))
        if self.load_axis not in (None, 0, 1) or isinstance(self.load_axis, bool):
            raise InputError(f"load_axis={self.load_axis!r}; allowed are None, 0 and 1")
        check_choice(self.measure, "measure", MEASURES)
        check_number(self.max_shift, "max_shift")
        object.__setattr__(self, "steps", np.array(check_spacing(self.spacing, 2)))
        object.__setattr__(self, "limit", limits(self.solver, 1e-2, 3000, positive=True))

    @property
    def raises(self) -> bool:
        """Whether an exception is wanted if the tolerance is not met."""
        return self.limit.raise_on_failure

    def check_shape(self, first: tuple[int, ...], second: tuple[int, ...]) -> None:
        """Raise `InputError` if the images do not have one shape, or are too small."""
        for name, shape in (("reference", first), ("moved", second)):
            if len(shape) != 2 or min(shape) < LEAST:
                raise InputError(
                    f"{name} of shape {shape}; allowed are grey images (H, W) of at least "
                    f"{LEAST} x {LEAST} pixels"
                )
        if first != second:
            raise InputError(f"moved of shape {second} must have that of reference, {first}")
        check_number(self.max_shift, "max_shift", most=float(max(first)))


def between(
    reference: Any, moved: Any, settings: Settings, reporter: Reporter, start: Any = None
) -> Displacement:
    """`displacement` in memory, from the displacement ``start`` in pixels, if that is given."""
    images = []
    for name, image in (("reference", reference), ("moved", moved)):
        array, _ = prepare_image(image, None, name)
        images.append(np.asarray(array)[0])
    first, second = images
    settings.check_shape(first.shape, second.shape)
    for name, array in (("reference", first), ("moved", second)):
        if np.ptp(array) == 0:
            raise InputError(f"{name} is constant: there is no texture to follow")
    weight = check_weights(settings.weights, first.shape, first)
    weight = np.ones(first.shape) if weight is None else weight
    if not weight.any():
        raise InputError("weights are all zero; at least one pixel must count")
    return estimate(first, second, weight, float(np.ptp(first)), settings, reporter, start)


def estimate(
    first: np.ndarray,
    second: np.ndarray,
    weight: np.ndarray,
    span: float,
    settings: Settings,
    reporter: Reporter,
    start: Any = None,
) -> Displacement:
    """The displacement between two images with texture, whose grey values have the range span."""
    shape, dtype = first.shape, np.result_type(first, second)
    search = Search(
        first / np.float64(span), second / np.float64(span), weight, settings.smoothness,
        settings.load_axis, settings.limit,
    )  # fmt: skip
    u = np.zeros((2, *shape), np.float32)
    if start is not None:
        u = check_displacement(start, shape).astype(np.float32)
    elif settings.max_shift > _LARGE:
        u = block_shifts(search.first, search.second, math.ceil(settings.max_shift))
    w = np.stack([np.gradient(u, axis=1), np.gradient(u, axis=2)], 1)
    u, w, gaps, iterations, status = search.run(u, w, reporter)
    gradient, residual, valid = search.linearised(u)
    factor = search.radii[0] / SMOOTHNESS[0]
    of_u, of_strain = deviations(gradient, residual, valid, w, factor, search.soft)
    h = settings.steps
    w = (w * (h[:, None] / h)[..., None, None]).astype(dtype)
    return Displacement(
        (u * h[:, None, None]).astype(dtype), w, strain_of(w, settings.measure),
        residual.astype(dtype), (of_u * h[:, None, None]).astype(dtype), of_strain(h).astype(dtype),
        tuple(gaps), iterations, tuple(search.radii), tuple(h.tolist()), status,
    )  # fmt: skip
