"""Check the arguments of `denoise`, and make a problem of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..convex.combined import CombinedTotalVariation
from ..convex.energy import own_spacing
from ..convex.second_order import SecondOrderTotalVariation
from ..convex.total_generalised_variation import TotalGeneralisedVariation
from ..convex.total_variation import TotalVariation
from ..core.arrays import as_array, check_weights, dtype_name
from ..core.errors import InputError
from ..core.namespace import detached, follows, is_torch, namespace
from ..core.numbers import check_number
from .generalised import GeneralisedProblem
from .geometry import as_manifold
from .neighbours import nearest_known
from .problem import Problem

_STRONGEST = 1e12  # largest strength at spacing 1, and one over the smallest
_LONGEST = 1e6  # largest spacing, relative to the smallest
_WEIGHTS: dict[type, tuple[str | None, str | None]] = {
    TotalVariation: ("", None),
    SecondOrderTotalVariation: (None, ""),
    CombinedTotalVariation: ("alpha", "beta"),
    TotalGeneralisedVariation: ("alpha1", "alpha0"),
}  # the attributes that hold the weights of first and second order; "" is 1 and None is 0


def prepare(
    image: Any, strength: Any, manifold: Any, energy: Any = None, *, known: Any = None,
    spacing: Any = None, num_threads: int = 1,
) -> tuple[Problem, Callable[[np.ndarray], Any]]:  # fmt: skip
    """The problem, and a function that returns points as an array like ``image``."""
    energy = TotalVariation() if energy is None else energy
    _check_energy(energy)
    given = as_array(image, "image")
    if dtype_name(given) not in ("float16", "float32", "float64"):
        raise InputError(
            f"image has dtype {dtype_name(given)}; allowed are float16, float32 and float64"
        )
    if follows(given):
        raise InputError("image requires grad, and the result is not differentiable; detach it")
    array = detached(given)
    space_of = as_manifold(manifold, array.shape)
    own = space_of.point_shape
    num_space = array.ndim - len(own)
    if not 1 <= num_space <= 3 or array.shape[num_space:] != own:
        raise InputError(
            f"image of shape {array.shape}; allowed for {space_of!r} are 1 to 3 axes of space"
            + (f" followed by the shape {own} of a point" if own else "")
        )
    space = array.shape[:num_space]
    if 0 in space:
        raise InputError(f"image of shape {array.shape} has no pixels")
    points = np.ascontiguousarray(array, np.float64).reshape(-1, *own)
    mask = _mask(known, space)
    if mask is not None:
        points = points[nearest_known(mask.reshape(space))]
    data = np.ascontiguousarray(space_of.check(points, "image"))
    weights = check_weights(getattr(energy, "weights", None), space, np.zeros(1))
    lengths = own_spacing(energy, energy.spacing if spacing is None else spacing, num_space)
    unit = min((h for h, n in zip(lengths, space, strict=True) if n > 1), default=1.0)
    relative = tuple(h / unit if n > 1 else 1.0 for h, n in zip(lengths, space, strict=True))
    if max(relative) > _LONGEST:
        raise InputError(
            f"spacing={spacing!r}; allowed are spacings that differ at most by a factor of "
            f"{_LONGEST:g}"
        )
    (alpha, first_zone), (beta, second_zone) = _orders(energy, strength, unit)
    kind = GeneralisedProblem if isinstance(energy, TotalGeneralisedVariation) else Problem
    problem = kind(
        manifold=space_of, data=data, space=space, spacing=relative, alpha=alpha, beta=beta,
        isotropic=getattr(energy, "isotropic", True), known=mask,
        weights=None if weights is None else weights.ravel(), num_threads=num_threads,
        huber=(first_zone, second_zone),
    )  # fmt: skip

    def to_image(x: np.ndarray) -> Any:
        own_type = array.dtype.newbyteorder("=")
        points = x.reshape(array.shape).astype(own_type, copy=True)
        return (
            namespace(given).as_tensor(points, device=given.device) if is_torch(given) else points
        )

    return problem, to_image


def _check_energy(energy: Any) -> None:
    """Refuse what is not defined for points of a manifold."""
    if type(energy) not in _WEIGHTS:
        names = [f"{kind.__name__}()" for kind in _WEIGHTS]
        raise InputError(
            f"energy={energy!r}; allowed on manifolds are {', '.join(names[:-1])} and {names[-1]}"
        )
    for name, allowed in (("coupled", True), ("boundary", "neumann")):
        if getattr(energy, name) != allowed:
            raise InputError(
                f"energy has {name}={getattr(energy, name)!r}; allowed on manifolds is "
                f"{name}={allowed!r}"
            )


def _orders(energy: Any, strength: Any, unit: float) -> list[tuple[float, float]]:
    """Weight and half-width of Huber's quadratic zone of each order, in units of length."""
    strength, found = check_number(strength, "strength"), []
    for order, name in enumerate(_WEIGHTS[type(energy)], 1):
        own = 0.0 if name is None else getattr(energy, name) if name else 1.0
        times, over = (f" * {name}", f" / {name}") if name else ("", "")
        weight = _in_units(strength * own, f"strength{times}", unit**order)
        huber = getattr(energy, "huber", 0.0) / own if weight else 0.0
        _in_units(huber, f"huber{over}", unit**-order)
        found.append((weight, huber * unit**order))
    return found


def _in_units(number: float, name: str, unit: float) -> float:
    """A number divided by its unit, if this is 0 or of a size that single precision can take."""
    scaled = number / unit
    if scaled and not 1 / _STRONGEST <= scaled <= _STRONGEST:
        raise InputError(
            f"{name}={number:g}; allowed with this spacing are 0 and numbers from "
            f"{unit / _STRONGEST:g} to {unit * _STRONGEST:g}"
        )
    return scaled


def _mask(known: Any, space: tuple[int, ...]) -> np.ndarray | None:
    if known is None:
        return None
    array = np.asarray(as_array(known, "known"))
    if array.dtype != bool or array.shape != space:
        raise InputError(
            f"known has dtype {array.dtype} and shape {array.shape}; allowed are Boolean arrays of "
            f"the spatial shape {space}"
        )
    if not array.any():
        raise InputError("known is False everywhere; at least one pixel must be known")
    return None if array.all() else array.ravel().copy()
