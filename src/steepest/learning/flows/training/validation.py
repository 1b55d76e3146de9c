"""Validation on fixed crops at fixed times, none of which is used for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ...training.sources import Source
from ...training.streams import torch_stream
from ..objectives import Objective
from .config import TrainingConfig
from .sampling import OBJECTIVE, VALIDATION, draw_batch

_SEED = 0  # independent of the training's seed, so that scores of trainings can be compared
_TRUTH_PSNR = 60.0  # guaranteed PSNR of the solver in dB
_DATA_RANGE = 1.0


@dataclass(frozen=True, eq=False)
class Validation:
    """Fixed batches ``(u0, t)`` and, for the criterion "psnr", the certified flow of each."""

    config: TrainingConfig
    objective: Objective
    batches: Sequence[tuple[Tensor, Tensor]]
    truths: Sequence[Tensor]

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> dict[str, float]:
        """The terms of the objective and ``"score"``, the criterion (smaller is better).

        - "loss": the objective's total.
        - "certificate": the guaranteed error, as root mean square over all pixels.
        - "psnr": minus the PSNR in dB for data range 1, computed over all times of an image
          together, then averaged over images.
        """
        sums: dict[str, float] = {}
        for index, (u0, t) in enumerate(self.batches):
            generator = torch_stream(u0.device, _SEED, OBJECTIVE, VALIDATION, index)
            for name, value in self.objective(network, u0, t, generator).items():
                sums[name] = sums.get(name, 0.0) + float(value) / len(self.batches)
        return {**sums, "score": self._score(network, sums["total"])}

    def _score(self, network: nn.Module, total: float) -> float:
        if self.config.criterion == "loss":
            return total
        if self.config.criterion == "certificate":
            return _guaranteed_error(network, self.batches)
        rows = [
            _psnr(network.solve(u0, t), truth, self.config.times)  # type: ignore[operator]
            for (u0, t), truth in zip(self.batches, self.truths, strict=True)
        ]
        return -float(torch.cat(rows).mean())


def make_validation(
    source: Source, config: TrainingConfig, objective: Objective, device: torch.device
) -> Validation:
    """Draw the batches; for the criterion "psnr" also solve for the flow of each."""
    batches = []
    for index in range(config.validation_batches):
        u0, t = draw_batch(source, config, _SEED, VALIDATION, index, range(config.batch))
        batches.append((u0.to(device), t.to(device)))
    wanted = config.criterion == "psnr"
    truths = [_truth(u0, t, config.times) for u0, t in batches] if wanted else []
    return Validation(config, objective, batches, truths)


def _guaranteed_error(network: nn.Module, batches: Sequence[tuple[Tensor, Tensor]]) -> float:
    from ... import certify

    squares, pixels = 0.0, 0
    for u0, t in batches:
        bounds = certify(network, u0, t).double()
        squares, pixels = squares + float(bounds.square().sum()), pixels + u0.numel()
    return float(np.sqrt(squares / pixels))


def _psnr(images: Tensor, truth: Tensor, times: int) -> Tensor:
    """The PSNR in dB of every image, over all its ``times`` together."""
    errors = (images - truth).double().square().unflatten(0, (-1, times)).mean((1, 2, 3, 4))
    return 10 * torch.log10(_DATA_RANGE**2 / errors.clamp(min=1e-20))


def _truth(u0: Tensor, t: Tensor, times: int) -> Tensor:
    """The flow of every sample to 60 dB, by the solver; samples of one image are adjacent."""
    from steepest.flows.flow import tv_flow
    from steepest.flows.time_grid import Accuracy

    images, instants = u0.double().cpu().numpy(), t.double().cpu().numpy()
    found = np.empty_like(images)
    for start in range(0, len(images), times):
        own = slice(start, start + times)
        later = np.unique(instants[own][instants[own] > 0])
        flows = tv_flow(
            images[start, 0], later, steps=Accuracy(db=_TRUTH_PSNR, data_range=_DATA_RANGE)
        ).images
        for index in range(start, start + times):
            now = instants[index]
            found[index, 0] = flows[np.searchsorted(later, now)] if now > 0 else images[index, 0]
    return torch.from_numpy(found).to(u0)
