"""Helpers for assertions: distances, and the rounding errors to allow for."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .case import Array, Case
from .independent import functional


def distance(a: ArrayLike, b: ArrayLike) -> float:
    """L2 distance: root of the sum over pixels of squared differences, in float64."""
    return float(np.linalg.norm(np.ravel(np.asarray(a, float) - np.asarray(b, float))))


def distances(images: ArrayLike, exact: ArrayLike) -> Array:
    """L2 distance of each image of a stack (first axis) to its counterpart."""
    stacks = zip(np.asarray(images), np.asarray(exact), strict=True)
    return np.array([distance(a, b) for a, b in stacks])


def float64_slack(image: ArrayLike) -> float:
    """The rounding error of the comparison itself, which is in float64."""
    return 1e-14 * (1e-300 + float(np.linalg.norm(np.ravel(np.asarray(image, float)))))


def solver_distance(image: Array, time: float, tol: float, num_steps: int, **options: Any) -> float:
    """Bound of the distance to exact implicit Euler iterates on the same steps up to ``time``.

    A step of gap e ends within sqrt(2 e) of the exact step, and steps are non-expansive. A
    relative gap ``tol`` means e <= tol * step * J(image) / (1 - tol): Cauchy-Schwarz over steps.
    """
    axis = options.get("channel_axis")
    array = np.asarray(image, dtype=np.float64)
    flat = np.ravel(array if axis is None else np.moveaxis(array, axis, 0))
    value = functional(array.shape, **options).value(flat)
    return float(np.sqrt(2 * tol * num_steps * time * value) * 1.01) + float64_slack(array)


def assert_within_bound(case: Case, result: Any) -> None:
    """The true error is at most the certified one, at every time."""
    errors = distances(result.images, case.exact)
    allowed = np.asarray(result.error_bound) + case.uncertainty + float64_slack(case.image)
    assert np.all(errors <= allowed), f"{case}: error {errors} above the certified {allowed}"
