"""Optional supervised training with the certified solver as the teacher."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...flows.flow import tv_flow
from ...flows.time_grid import Accuracy

_ACCURACY = 55.0  # guaranteed PSNR of the teacher in dB; its true error is far smaller


def distillation_loss(network: torch.nn.Module, u0: Tensor, t: Tensor) -> dict[str, Tensor]:
    """Mean of ``||u - u*(t)|| / sqrt(pixels)`` over the batch; `steepest.tv_flow` gives ``u*``.

    This is supervised training; no shipped network uses it. The solver runs on the CPU, one image
    at a time, and takes about as long as the network's own step.

    Returns
    -------
    dict
        "total", and "mse", the mean squared error (detached).
    """
    images = u0.detach().double().cpu().numpy()[:, 0]
    flows = [_flow(image, float(time)) for image, time in zip(images, t, strict=True)]
    truth = torch.from_numpy(np.stack(flows)[:, None]).to(u0)
    squared = (network.solve(u0, t) - truth).square().mean((1, 2, 3))  # type: ignore[operator]
    return {"total": (squared + 1e-12).sqrt().mean(), "mse": squared.mean().detach()}


def _flow(image: np.ndarray, t: float) -> np.ndarray:
    if t == 0:
        return image
    return np.asarray(tv_flow(image, t, steps=Accuracy(db=_ACCURACY, data_range=1.0)).images[0])
