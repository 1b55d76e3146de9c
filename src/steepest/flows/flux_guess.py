"""Initial fluxes that the caller suggests: check them, and make them feasible."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.arrays import as_array, dtype_name
from ..core.errors import InputError
from ..core.namespace import Array, cast, detached, is_torch, namespace, to_float64
from .problem import Problem

Guess = Callable[[int, float, float], Array]  # step, its start and end (scaled) -> feasible flux


def part_guess(
    suggestion: Any, problem: Problem, index: int, num_steps: int | None
) -> Guess | None:
    """The fluxes of one part given as ``start``; ``num_steps`` is None if not known beforehand."""
    if suggestion is None:
        return None
    if callable(suggestion):

        def asked(step: int, begin: float, end: float) -> Array:
            begin, end = begin / problem.scale, end / problem.scale
            name = f"start({begin:g}, {end:g})"
            return feasible_part(suggestion(begin, end), problem, index, name)

        return asked
    if num_steps is None:
        raise InputError(
            "start as an array of fluxes needs steps known beforehand; with an Accuracy, give a "
            "function (t_start, t_stop) -> flux"
        )
    suggestion = as_array(suggestion, "start")
    if suggestion.ndim == 0 or suggestion.shape[0] != num_steps:
        raise InputError(
            f"start of shape {tuple(suggestion.shape)} must have one flux for each of the "
            f"{num_steps} steps, {(num_steps, *_wanted_shape(problem))}, or be a function"
        )
    return lambda step, begin, end: feasible_part(
        suggestion[step], problem, index, f"start[{step}]"
    )


def feasible_part(flux: Any, problem: Problem, index: int, name: str) -> Array:
    """One part (components, channels, \\*space) of a flux, made feasible."""
    part = problem.parts[index]
    flux = _like(flux, part, name)
    wanted = _wanted_shape(problem)
    if tuple(flux.shape) != wanted:
        raise InputError(
            f"{name} of shape {tuple(flux.shape)} must have the shape {wanted}: "
            "the components of the flux first, then the shape of the image"
        )
    own = problem.split(flux, leading=1)[index]
    if not bool(namespace(own).isfinite(own).all()):
        raise InputError(f"{name} holds NaN or infinite values; every value must be finite")
    return cast(problem.energy.feasible(own), part.dtype)


def _wanted_shape(problem: Problem) -> tuple[int, ...]:
    """Shape of a flux: (components, \\*image.shape), including the batch axis."""
    shape = list(problem.layout.shape)
    if problem.batch_axis is not None:
        shape.insert(problem.batch_axis, problem.num_items)
    return problem.energy.num_components(problem.parts[0].ndim - 1), *shape


def _like(flux: Any, part: Array, name: str) -> Array:
    """Convert the flux to the array library, the device and the dtype of the image."""
    flux = as_array(flux, name)
    if not dtype_name(flux).startswith(("float", "bfloat")):
        raise InputError(f"{name} has dtype {flux.dtype}; allowed are floating-point types")
    if is_torch(part):
        flux = flux.detach() if is_torch(flux) else flux
        return namespace(part).as_tensor(flux, dtype=part.dtype, device=part.device)
    flux = detached(to_float64(flux)) if is_torch(flux) else flux  # bfloat16, too
    with np.errstate(over="ignore"):  # the caller refuses infinite values
        return cast(flux, part.dtype)
