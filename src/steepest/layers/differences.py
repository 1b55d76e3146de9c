"""Finite differences on batches ``(N, C, *space)`` in torch, one to three spatial axes, spacing 1.

No convolutions: slices and concatenations, which every device, dtype, autograd mode and exporter
knows. All functions are linear, keep dtype and device, and can be differentiated any number of
times. The boundary says what lies one pixel outside: "neumann" the border pixel once more, "zero"
0 (as the padding of a convolution), "periodic" the pixel at the other end.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.numbers import check_choice

BOUNDARIES = ("neumann", "zero", "periodic")


def check_boundary(boundary: str) -> str:
    """One of `BOUNDARIES`, or `InputError`."""
    return check_choice(boundary, "boundary", BOUNDARIES)


def space_axes(u: Tensor) -> range:
    """The numbers of the spatial axes of ``(N, C, *space)``."""
    return range(2, u.ndim)


def extend(u: Tensor, axis: int, boundary: str) -> Tensor:
    """``u`` with one more pixel at both ends of ``axis``, as ``boundary`` says."""
    first, last = u.narrow(axis, 0, 1), u.narrow(axis, u.shape[axis] - 1, 1)
    if boundary == "zero":
        first, last = torch.zeros_like(first), torch.zeros_like(last)
    elif boundary == "periodic":
        first, last = last, first
    return torch.cat((first, u, last), axis)


def _differences(u: Tensor, axis: int, boundary: str) -> Tensor:
    """``u_{i+1} - u_i`` across all faces of ``axis``, those of the border too: one more than u."""
    wide = extend(u, axis, boundary)
    size = u.shape[axis] + 1
    return wide.narrow(axis, 1, size) - wide.narrow(axis, 0, size)


def laplacian(u: Tensor, boundary: str = "neumann") -> Tensor:
    """``sum_a u_{i+a} - 2 u_i + u_{i-a}``: the 5-point stencil in 2-D, the 7-point one in 3-D.

    Symmetric and negative semi-definite, eigenvalues in ``[-4 d, 0]`` for ``d`` spatial axes; its
    sum vanishes for "neumann" and "periodic". The first stencil of the paper on inverse evolution
    layers, Eq. (7), with a boundary.
    """
    return sum(
        (second_difference(u, axis, boundary) for axis in space_axes(u)), torch.zeros_like(u)
    )


def second_difference(u: Tensor, axis: int, boundary: str = "neumann") -> Tensor:
    """``u_{i+1} - 2 u_i + u_{i-1}`` along ``axis``."""
    slopes = _differences(u, axis, boundary)
    return slopes.narrow(axis, 1, u.shape[axis]) - slopes.narrow(axis, 0, u.shape[axis])


def central_difference(u: Tensor, axis: int, boundary: str = "neumann") -> Tensor:
    """``(u_{i+1} - u_{i-1}) / 2`` along ``axis``."""
    wide = extend(u, axis, boundary)
    return (wide.narrow(axis, 2, u.shape[axis]) - wide.narrow(axis, 0, u.shape[axis])) / 2


def forward_difference(u: Tensor, axis: int, boundary: str = "neumann") -> Tensor:
    """``u_{i+1} - u_i`` along ``axis``; zero at the last pixel for "neumann"."""
    return _differences(u, axis, boundary).narrow(axis, 1, u.shape[axis])


def backward_difference(u: Tensor, axis: int, boundary: str = "neumann") -> Tensor:
    """``u_i - u_{i-1}`` along ``axis``; zero at the first pixel for "neumann"."""
    return _differences(u, axis, boundary).narrow(axis, 0, u.shape[axis])


def gradient(u: Tensor) -> Tensor:
    """Forward differences, zero at the last pixel of each axis (the library's convention).

    ``(N, C, *space) -> (d, N, C, *space)`` for ``d`` spatial axes, as `steepest.gradient`.
    """
    return torch.stack([forward_difference(u, axis) for axis in space_axes(u)])


def divergence(p: Tensor) -> Tensor:
    """The exact negative adjoint of `gradient`: ``(d, N, C, *space) -> (N, C, *space)``.

    Component ``a`` at the last pixel of axis ``a`` is not used; the sum over pixels vanishes.
    """
    result = torch.zeros_like(p[0])
    for component, axis in zip(p, space_axes(result), strict=True):
        result = result + backward_difference(_close(component, axis), axis, "zero")
    return result


def _close(component: Tensor, axis: int) -> Tensor:
    """No flux across the last face. (Not by slicing: exported graphs would refuse two pixels.)"""
    size = component.shape[axis]
    inside = torch.arange(size, device=component.device) < size - 1
    return component * inside.view(-1, *(1,) * (component.ndim - axis - 1))
