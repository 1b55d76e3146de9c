"""The energy distance between two sets of points, summed by pairs, on a mesh or by slicing."""

from typing import Any

import numpy as np

from ..core.arrays import check_field, check_magnitude
from ..core.errors import InputError
from ..core.namespace import Array, detached, follows, is_torch, namespace, to_float64
from ..core.numbers import check_count
from ..core.rng import Rng, generator
from ..core.threads import resolve_num_threads
from .clouds import Sums
from .slices import directions


def energy_distance(
    x: Any,
    y: Any,
    *,
    num_directions: int | None = None,
    rng: Rng = 0,
    num_threads: int | None = None,
) -> Any:
    """Return ``F = mean |x_i - y_j| - 1/2 mean |x_i - x_k| - 1/2 mean |y_j - y_l|``.

    It is 0 only if both sets have the same points in the same shares. On a line, the sums take one
    sort. Many points in the plane or in space are summed on a mesh, in O((N + M) log (N + M)),
    others pair by pair in O((N + M)^2 d), whichever is faster. The mesh is right to 1e-9: its error
    relative to F, and that of the gradient relative to its largest entry.

    Above, ``num_directions`` estimates F in O((N + M) log (N + M)) for each direction: F is the
    slicing constant times its mean over all projections onto lines.

    Parameters
    ----------
    x, y : arrays or tensors (N, d), (M, d), or (N,), (M,)
        Points, float32 or float64. The sums are computed in float64, on the CPU.
    num_directions : int, optional
        Estimate F by at least this number of random directions (whole orthonormal bases). The
        relative standard error falls as ``1 / sqrt(num_directions)``, and faster in few dimensions.
    rng : int, numpy.random.Generator or None
        Draws the directions.
    num_threads : int, optional
        As in `steepest.Solver`.

    Returns
    -------
    float, or for tensors a float64 tensor without axes
        Differentiable once if the tensors are. The gradient for equal points is 0.

    Raises
    ------
    InputError
        If the arrays are not finite, of other types or of different dimensions, or if the largest
        number of one is neither 0 nor from 1e-100 to 1e100.
    """
    a, b = check_field(x, "x"), check_field(y, "y")
    for name, each in (("x", a), ("y", b)):
        if each.ndim not in (1, 2) or 0 in each.shape:
            raise InputError(f"{name} has shape {tuple(each.shape)}; allowed are (N,) and (N, d)")
    if is_torch(a) != is_torch(b) or tuple(a.shape[1:]) != tuple(b.shape[1:]):
        raise InputError(
            f"y is a {type(b).__name__} of shape {tuple(b.shape)}; x is a {type(a).__name__} of "
            f"shape {tuple(a.shape)}; both must be of one type and dimension"
        )
    a, b = (to_float64(each).reshape(len(each), -1) for each in (a, b))
    places = [np.ascontiguousarray(detached(each)) for each in (a, b)]
    for name, place in zip("xy", places, strict=True):
        check_magnitude(place, name)
    threads, random = resolve_num_threads(num_threads), generator(rng)
    axes = None
    if a.shape[1] == 1:
        axes = np.ones((1, 1))  # slicing is exact on a line
    elif num_directions is not None:
        axes = directions(a.shape[1], check_count(num_directions, "num_directions"), random)
    middle = places[0].mean(axis=0)  # smaller numbers, smaller errors of squares

    def to(target: np.ndarray) -> Sums:
        return Sums(target - middle, np.full(len(target), 1 / len(target)), 0.0, axes, threads)

    total, *slopes = to(places[1])(places[0] - middle)
    if not is_torch(a):
        return total
    if follows(b) and not len(slopes[1]):
        slopes[1] = to(places[0])(places[1] - middle)[1]
    return _followed(total, (a, b), slopes)


def _followed(total: float, tensors: tuple[Array, ...], slopes: list[np.ndarray]) -> Array:
    """Return the value as a tensor with these gradients, each times the number of points."""
    torch = namespace(tensors[0])

    class Total(torch.autograd.Function):  # type: ignore[name-defined, misc]
        @staticmethod
        def forward(ctx: Any, *tensors: Array) -> Array:
            return tensors[0].new_tensor(total)

        @staticmethod
        @torch.autograd.function.once_differentiable  # a second derivative is an error, not 0
        def backward(ctx: Any, gradient: Array) -> Any:
            needed = zip(ctx.needs_input_grad, tensors, slopes, strict=True)
            return tuple(
                gradient * each.new_tensor(slope / len(each)) if wanted else None
                for wanted, each, slope in needed
            )

    return Total.apply(*tensors)
