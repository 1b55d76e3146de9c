"""Logarithms and exponentials of the manifolds of `steepest.manifold`, for PyTorch.

Points are (..., *point_shape). A tangent vector at x is an array that only the same manifold's
``exp`` at the same x reads. All functions have finite derivatives at equal points.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from steepest.core.errors import InputError
from steepest.manifold import SPD, Circle, Euclidean, Rotations, Sphere
from steepest.manifold.symmetry import multiply

_SERIES = 1e-2  # squared angle below which power series replace quotients


def geometry_of(manifold: Any) -> Flat:
    """Return the functions for a manifold; `InputError` for products and unknown ones."""
    for kind, geometry in _KINDS.items():
        if type(manifold) is kind:
            return geometry(manifold)
    names = ", ".join(kind.__name__ for kind in _KINDS)
    raise InputError(f"manifold={manifold!r}; allowed in layers are {names}")


def check_features(features: Tensor, manifold: Any, channels: int) -> None:
    """Refuse features that are not (V, channels, *point_shape) in float32 or float64."""
    shape = (channels, *manifold.point_shape)
    if features.ndim != 1 + len(shape) or features.shape[1:] != shape:
        allowed = ", ".join(map(str, ("V", *shape)))
        raise InputError(f"features of shape {tuple(features.shape)}; allowed is ({allowed})")
    if not features.is_floating_point() or features.element_size() < 4:
        raise InputError(f"features of {features.dtype}; allowed are float32 and float64")


class Flat:
    """Euclidean space, and what other manifolds replace.

    ``dims`` is the number of axes of a tangent vector.
    """

    dims = 1

    def __init__(self, manifold: Any) -> None:
        del manifold

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the tangent vector at ``x`` whose exponential is ``y``."""
        return y - x

    def exp(self, x: Tensor, v: Tensor) -> Tensor:
        """Return the point where the geodesic of ``v`` is at time 1."""
        return x + v


class _Phases(Flat):
    dims = 0

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        return _wrapped(y - x)

    def exp(self, x: Tensor, v: Tensor) -> Tensor:
        return _wrapped(x + v)


class _Directions(Flat):
    def log(self, x: Tensor, y: Tensor) -> Tensor:
        quarter = ((y - x) ** 2).sum(-1, keepdim=True) / 4  # sin(angle / 2)^2
        return _angle_by_sine(quarter) * (y - x + 2 * quarter * x)

    def exp(self, x: Tensor, v: Tensor) -> Tensor:
        square = (v * v).sum(-1, keepdim=True)
        point = _cos(square) * x + _sinc(square) * v
        return point / torch.linalg.vector_norm(point, dim=-1, keepdim=True)


class _Orientations(_Directions):
    """Unit quaternions; logarithms are half those of `Rotations`, in quaternion space."""

    def __init__(self, manifold: Rotations) -> None:
        rows = [multiply(np.eye(4), s).T for s in manifold.operators[:, None]]
        self.matrices = torch.tensor(np.stack(rows))  # of the products q s

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        matrices = self.matrices.to(y)
        with torch.no_grad():
            cosines = torch.einsum("...i,kij,...j->...k", x, matrices, y)
            nearest = cosines.abs().argmax(-1)
            sign = torch.where(cosines.gather(-1, nearest[..., None]) < 0, -1.0, 1.0).to(y)
        return super().log(x, sign * (matrices[nearest] @ y[..., None])[..., 0])


class _Tensors(Flat):
    dims = 2

    def __init__(self, manifold: SPD) -> None:
        self.flat = manifold.curvature == "flat"

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        if self.flat:
            return _of_matrix(y, torch.log) - _of_matrix(x, torch.log)
        factor = torch.linalg.cholesky(x)
        half = torch.linalg.solve_triangular(factor, y, upper=False)
        whole = torch.linalg.solve_triangular(factor, half.mT, upper=False)
        return _of_matrix((whole + whole.mT) / 2, torch.log)

    def exp(self, x: Tensor, v: Tensor) -> Tensor:
        if self.flat:
            return _of_matrix(_of_matrix(x, torch.log) + v, torch.exp)
        factor = torch.linalg.cholesky(x)
        return factor @ _of_matrix(v, torch.exp) @ factor.mT


_KINDS: dict[type, Any] = {
    Circle: _Phases,
    Euclidean: Flat,
    Rotations: _Orientations,
    Sphere: _Directions,
    SPD: _Tensors,
}


def _wrapped(angles: Tensor) -> Tensor:
    return angles - 2 * math.pi * torch.round(angles.detach() / (2 * math.pi))


def _angle_by_sine(quarter: Tensor) -> Tensor:
    """Return angle / sin(angle) for sin(angle / 2)^2."""
    small = quarter < _SERIES
    most = 1 - 8 * torch.finfo(quarter.dtype).eps  # opposite: finite, times the vector 0
    q = torch.where(small, 0.5, quarter).clamp(max=most)
    exact = torch.arcsin(q.sqrt()) / (q * (1 - q)).sqrt()
    return torch.where(small, _series(quarter, _ARCSINE), exact)


def _cos(square: Tensor) -> Tensor:
    small = square < _SERIES
    exact = torch.where(small, 1.0, square).sqrt().cos()
    return torch.where(small, _series(square, _COSINE), exact)


def _sinc(square: Tensor) -> Tensor:
    small = square < _SERIES
    angle = torch.where(small, 1.0, square).sqrt()
    return torch.where(small, _series(square, _SINE), angle.sin() / angle)


def _series(x: Tensor, coefficients: list[float]) -> Tensor:
    total = torch.zeros_like(x)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total


_COSINE = [(-1) ** k / math.factorial(2 * k) for k in range(6)]
_SINE = [(-1) ** k / math.factorial(2 * k + 1) for k in range(6)]
# arcsin(r) / (r sqrt(1 - r^2)) in powers of r^2
_ARCSINE = [(2**k * math.factorial(k)) ** 2 / math.factorial(2 * k + 1) for k in range(9)]


class _MatrixFunction(torch.autograd.Function):
    """A function of symmetric matrices, differentiated by divided differences.

    Derivatives of eigenvectors, which are infinite where eigenvalues repeat, are not needed.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, function: Any) -> Tensor:
        values, vectors = torch.linalg.eigh(a)
        images = function(values)
        ctx.is_log = function is torch.log
        ctx.save_for_backward(values, vectors, images)
        return vectors * images[..., None, :] @ vectors.mT

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        values, vectors, images = ctx.saved_tensors
        quotients = _quotients(values, images, ctx.is_log)
        inside = vectors.mT @ ((gradient + gradient.mT) / 2) @ vectors
        return vectors @ (quotients * inside) @ vectors.mT, None


def _of_matrix(a: Tensor, function: Any) -> Tensor:
    return _MatrixFunction.apply(a, function)


def _quotients(values: Tensor, images: Tensor, is_log: bool) -> Tensor:
    """Return (f(a) - f(b)) / (a - b) for pairs of eigenvalues.

    For logarithms s and t of the values it is (s - t) / (exp(s) - exp(t)), and its inverse for
    exp: 2 sinh((s - t) / 2) / (s - t) times exp((s + t) / 2).
    """
    logs = images if is_log else values
    half = (logs[..., :, None] - logs[..., None, :]) / 2
    mean = (logs[..., :, None] + logs[..., None, :]) / 2
    small = half.abs() < 1e-4
    safe = torch.where(small, 1.0, half)
    ratio = torch.where(small, 1 + half**2 / 6, torch.sinh(safe) / safe) * torch.exp(mean)
    return 1 / ratio if is_log else ratio
