"""Second-order differences: the symmetrised gradient, the Hessian, and their adjoints.

Vector fields have shape (d, \\*batch, \\*space), with component ``a`` at the faces between pixels
``i`` and ``i + 1`` of axis ``a``, as `gradient` returns them. Symmetric tensors have their
``d (d + 1) / 2`` different entries along the first axis, row by row (00, 01, 11 in 2-D; 00, 01, 02,
11, 12, 22 in 3-D), **with entries off the diagonal multiplied by the root of 2**. The Euclidean
norm of the components is then the Frobenius norm of the tensor, and adjoints are transposes.

With the boundary "neumann", differences that need a pixel or a face outside the image are zero. The
Hessian of an affine image is therefore zero, including the border. As in `differences`, arguments
are not checked.

Backward differences of forward differences are usual for total generalised variation (Bredies,
Kunisch & Pock, SIAM J. Imaging Sci. 3 (2010) 492-526, for the functional).
"""

from collections.abc import Sequence
from functools import reduce
from operator import add

from ..core.namespace import Array, is_torch, namespace
from .differences import (
    backward_difference,
    divergence,
    forward_difference,
    gradient,
    gradient_norm_squared,
    over,
    without_first,
    without_last,
)

_ROOT = 2**0.5  # the factor of entries off the diagonal


def symmetrised_gradient(
    w: Array, spacing: Sequence[float] | None = None, boundary: str = "neumann"
) -> Array:
    """``E w``, with entries ``(d_a w_b + d_b w_a) / 2`` and backward differences ``d_a``.

    Maps (d, \\*batch, \\*space) to (d (d + 1) / 2, \\*batch, \\*space); entries off the diagonal
    are multiplied by the root of 2. For "neumann", component ``a`` is not used at the last pixel of
    axis ``a``.
    """
    ndim, ahead = w.shape[0], w.ndim - 1 - w.shape[0]
    steps = (1.0,) * ndim if spacing is None else spacing

    def slope(a: int, b: int) -> Array:
        """``d_b w_a``; off the diagonal times 1/2 and the root of 2."""
        v = backward_difference(w[a], ahead + b, boundary)
        v = v if boundary == "periodic" else without_last(v, ahead + a)
        return over(v, steps[b] if a == b else steps[b] * _ROOT)

    entries = [slope(a, b) if a == b else slope(a, b) + slope(b, a) for a, b in _pairs(ndim)]
    return namespace(w).stack(entries)


def symmetrised_divergence(
    q: Array, spacing: Sequence[float] | None = None, boundary: str = "neumann"
) -> Array:
    """The exact negative adjoint of `symmetrised_gradient`; maps tensors to vector fields."""
    ndim = {1: 1, 3: 2, 6: 3}[q.shape[0]]
    ahead = q.ndim - 1 - ndim
    steps = (1.0,) * ndim if spacing is None else spacing
    entries = {pair: q[k] for k, pair in enumerate(_pairs(ndim))}

    def slope(a: int, b: int) -> Array:
        """The contribution of differences along ``b`` to component ``a``."""
        v = entries[min(a, b), max(a, b)]
        if boundary == "periodic":
            v = forward_difference(v, ahead + b, boundary)
        else:
            v = without_last(v if is_torch(v) else v.copy(), ahead + a)
            v = forward_difference(without_first(v, ahead + b), ahead + b, "zero")
        return over(v, steps[b] if a == b else steps[b] * _ROOT)

    axes = range(ndim)
    return namespace(q).stack([reduce(add, (slope(a, b) for b in axes)) for a in axes])


def hessian(u: Array, spacing: Sequence[float] | None = None, boundary: str = "neumann") -> Array:
    """`symmetrised_gradient` of the `gradient`: backward differences of forward differences."""
    steps = (1.0,) * u.ndim if spacing is None else spacing
    return symmetrised_gradient(gradient(u, steps, boundary), steps, boundary)


def hessian_adjoint(
    q: Array, spacing: Sequence[float] | None = None, boundary: str = "neumann"
) -> Array:
    """The exact adjoint of `hessian`; maps tensors to images (\\*batch, \\*space)."""
    return divergence(symmetrised_divergence(q, spacing, boundary), spacing, boundary)


def hessian_norm_squared(spacing: Sequence[float], shape: Sequence[int]) -> float:
    """Upper bound of ``||hessian||^2`` for both boundaries: the square of the gradient's bound.

    The latter also bounds ``||E||^2``, as ``(x + y)^2 / 2 <= x^2 + y^2``.
    """
    return gradient_norm_squared(spacing, shape) ** 2


def _pairs(ndim: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(ndim) for b in range(a, ndim)]
