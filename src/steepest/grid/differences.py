"""Forward differences and their exact negative adjoint: the conventions of the library.

Pixel spacing 1 unless given, Neumann boundary: the forward difference across the last face of
an axis is zero, so ``<gradient(u), p> = -<u, divergence(p)>`` holds to rounding for every ``u``
and ``p``. Works alike on NumPy arrays and torch tensors, keeps dtype and device.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.arrays import check_spacing
from ..core.errors import InputError
from ..core.namespace import Array, namespace


def _slices(ndim: int, axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Index of all but the last, and of all but the first, along ``axis``."""
    head = [slice(None)] * ndim
    tail = [slice(None)] * ndim
    head[axis], tail[axis] = slice(None, -1), slice(1, None)
    return tuple(head), tuple(tail)


def gradient(u: Array, spacing: float | Sequence[float] | None = None) -> Array:
    """Forward differences ``(D_a u)_i = (u_{i+1} - u_i) / h_a``, zero at the last pixel.

    Parameters
    ----------
    u : array of shape (\\*batch, \\*space)
        Float image. With ``spacing`` a sequence, its length is the number of (trailing) spatial
        axes; otherwise every axis is spatial.
    spacing : float or sequence of floats, optional
        Pixel spacing ``h_a`` of each spatial axis; default 1.

    Returns
    -------
    array of shape (len(spacing), \\*batch, \\*space), dtype of ``u``

    Raises
    ------
    InputError
        Spacing that is not positive, or of more axes than ``u`` has.
    """
    steps = _steps(u, spacing)
    xp = namespace(u)
    out = xp.zeros((len(steps), *u.shape), dtype=u.dtype, **_device(u))
    for a, h in enumerate(steps):
        axis = u.ndim - len(steps) + a
        head, tail = _slices(u.ndim, axis)
        out[a][head] = (u[tail] - u[head]) / h
    return out


def divergence(p: Array, spacing: float | Sequence[float] | None = None) -> Array:
    """The exact negative adjoint of :func:`gradient`; ``p`` at the last face is not used.

    Parameters
    ----------
    p : array of shape (ndim, \\*batch, \\*space)
    spacing : as in :func:`gradient`; ``ndim`` values.

    Returns
    -------
    array of shape (\\*batch, \\*space), dtype of ``p``. Its sum is zero to rounding.
    """
    ndim = p.shape[0]
    if p.ndim - 1 < ndim:
        raise InputError(f"p of shape {tuple(p.shape)} has {ndim} components but fewer space axes")
    steps = check_spacing(spacing, ndim)
    xp = namespace(p)
    out = xp.zeros_like(p[0])
    for a, h in enumerate(steps):
        head, tail = _slices(out.ndim, out.ndim - ndim + a)
        flux = p[a][head] / h
        out[head] += flux
        out[tail] -= flux
    return out


def gradient_norm_squared(spacing: Sequence[float], shape: Sequence[int]) -> float:
    """Upper bound of ``||gradient||^2``: the sum of ``4 / h_a^2`` over axes longer than one."""
    return sum(4.0 / h**2 for h, n in zip(spacing, shape, strict=True) if n > 1)


def _steps(u: Array, spacing: float | Sequence[float] | None) -> tuple[float, ...]:
    num_space = len(spacing) if isinstance(spacing, Sequence) else u.ndim
    if num_space > u.ndim:
        raise InputError(f"spacing={spacing!r} has more entries than the array has axes ({u.ndim})")
    return check_spacing(spacing, num_space)


def _device(u: Array) -> dict[str, object]:
    return {} if namespace(u).__name__ == "numpy" else {"device": u.device}
