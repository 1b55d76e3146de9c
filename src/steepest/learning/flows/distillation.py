"""Supervised training, as an option: the certified solver as the teacher."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...flows.flow import tv_flow

_ACCURACY = 55.0  # dB that the teacher guarantees; its true error is smaller by far


def distillation_loss(
    network: torch.nn.Module,
    u0: Tensor,
    t: Tensor,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Mean of ``||u - u*(t)|| / sqrt(pixels)`` over the batch, ``u*`` by `steepest.tv_flow`.

    Not unsupervised: no shipped network is trained on it. The solver runs on the CPU, one image
    after the other, about as long as the network's own step. ``generator`` is not used.

    Returns
    -------
    dict
        "total", and "mse", the mean squared error.
    """
    images = u0.detach().double().cpu().numpy()[:, 0]
    flows = [_flow(image, float(time)) for image, time in zip(images, t, strict=True)]
    truth = torch.from_numpy(np.stack(flows)[:, None]).to(u0)
    squared = (network.solve(u0, t) - truth).square().mean((1, 2, 3))  # type: ignore[operator]
    return {"total": (squared + 1e-12).sqrt().mean(), "mse": squared.mean().detach()}


def _flow(image: np.ndarray, t: float) -> np.ndarray:
    if t == 0:
        return image
    return np.asarray(tv_flow(image, t, accuracy=_ACCURACY, data_range=1.0).images[0])
