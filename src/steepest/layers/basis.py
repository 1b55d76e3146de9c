"""Orthonormal eigenbases of the one-dimensional Laplacian, as real matrices.

| boundary | basis | eigenvalues of ``-u_{i+1} + 2 u_i - u_{i-1}`` |
|---|---|---|
| neumann | DCT-II | ``4 sin^2(pi k / (2 n))``, k = 0 .. n-1 |
| zero | DST-I | ``4 sin^2(pi k / (2 (n+1)))``, k = 1 .. n |
| periodic | Hartley | ``4 sin^2(pi k / n)``, k = 0 .. n-1 |

Angles are reduced to one period in integer arithmetic before the cosine is taken, so float32
matrices are accurate to rounding at any size. Matrix products replace FFTs: they need no complex
numbers, every exporter supports them, and they are as fast at the usual sizes of logits.
"""

import torch
from torch import Tensor


def laplace_basis(
    size: int, boundary: str, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Orthonormal eigenvectors, as rows, and eigenvalues of the negative second difference."""
    index = torch.arange(size, device=device)
    if boundary == "neumann":
        basis = _cosine(torch.outer(index, 2 * index + 1), 4 * size, dtype)
        first = (index[:, None] == 0).to(dtype)
        basis = basis * (2 - first).sqrt() * _rsqrt(size, basis)
        return basis, _eigenvalues(index, 2 * size, dtype)
    if boundary == "zero":
        product = torch.outer(index + 1, index + 1)
        basis = _sine(product, 2 * (size + 1), dtype) * _rsqrt(size + 1, index.to(dtype)) * 2**0.5
        return basis, _eigenvalues(index + 1, 2 * (size + 1), dtype)
    product = torch.outer(index, index)
    basis = _cosine(product, size, dtype) + _sine(product, size, dtype)
    return basis * _rsqrt(size, basis), _eigenvalues(index, size, dtype)


def change_basis(u: Tensor, basis: Tensor, axis: int) -> Tensor:
    """Replace ``u`` along ``axis`` by its products with the rows of ``basis``."""
    if axis % u.ndim == u.ndim - 1:
        return u @ basis.T
    if axis % u.ndim == u.ndim - 2:
        return basis @ u
    return (u.transpose(axis, -1) @ basis.T).transpose(axis, -1)


def _angle(multiple: Tensor, period: int, dtype: torch.dtype) -> Tensor:
    """``2 pi multiple / period``, reduced exactly to [-pi, pi) before rounding."""
    half = period // 2
    modulus = torch.ones_like(multiple[:1, :1]) * period  # a tensor, for ONNX's modulo
    centred = (multiple + half) % modulus - half
    return centred.to(dtype) * (2 * torch.pi) / period


def _cosine(multiple: Tensor, period: int, dtype: torch.dtype) -> Tensor:
    return torch.cos(_angle(multiple, period, dtype))


def _sine(multiple: Tensor, period: int, dtype: torch.dtype) -> Tensor:
    return torch.sin(_angle(multiple, period, dtype))


def _eigenvalues(index: Tensor, period: int, dtype: torch.dtype) -> Tensor:
    """``4 sin^2(pi k / period)``; unlike ``2 - 2 cos``, accurate near zero."""
    return 4 * torch.sin(index.to(dtype) * torch.pi / period) ** 2


def _rsqrt(number: int, like: Tensor) -> Tensor:
    """``number ** -0.5`` as a tensor: the size may be symbolic in an exported graph."""
    return (like.new_ones(()) * number).rsqrt()
