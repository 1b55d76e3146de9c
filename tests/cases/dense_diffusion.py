"""Diffusion inpainting by a dense solve: slow, differentiable, and independent of the library."""

from types import SimpleNamespace

import torch
from torch import Tensor


def minus_laplacian(height: int, width: int) -> Tensor:
    """The five-point operator with reflecting boundary, (H W, H W), float64."""

    def line(n: int) -> Tensor:
        d = torch.diff(torch.eye(n, dtype=torch.float64), dim=0)
        return d.T @ d

    eye = [torch.eye(n, dtype=torch.float64) for n in (height, width)]
    return torch.kron(line(height), eye[1]) + torch.kron(eye[0], line(width))


def inpaint(image: Tensor, known: Tensor, *, channel_axis: int) -> SimpleNamespace:
    """The result of `steepest.inpaint` for (C, H, W) and confidences (H, W)."""
    assert channel_axis == 0
    c = known.double().flatten()
    system = torch.diag(c) + (1 - c)[:, None] * minus_laplacian(*known.shape).to(c)
    values = image.double().flatten(1)
    solution = torch.linalg.solve(system, (c * values).T).T
    return SimpleNamespace(image=solution.view_as(image).to(image.dtype))
