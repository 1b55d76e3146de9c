"""Training mask networks."""

from __future__ import annotations

import os

from ...core.progress import Callback
from ..training.loop import TrainingResult, run_training
from .config import MaskTrainingConfig
from .task import make_task


def train(
    config: MaskTrainingConfig,
    folder: str | os.PathLike[str],
    *,
    on_epoch: Callback | None = None,
    on_step: Callback | None = None,
    resume: bool = True,
) -> TrainingResult[MaskTrainingConfig]:
    """Train the three networks jointly, or the parts that ``config.mode`` names.

    Writes into ``folder`` what `steepest.learning.training.run_training` says: ``log.csv`` with the
    losses (2), (3), (4), error and density of every epoch, a checkpoint, and
    ``weights.safetensors`` of the epoch with the smallest Eq. (4) on held-out images, which
    `steepest.learning.masks.load` reads. Continues bit for bit what was stopped.

    In the log, "total" is the sum of the losses of all networks; it says nothing of quality.

    Raises
    ------
    InputError
        A setting is wrong; what is in ``folder`` is damaged or was made with other settings.
    NotConverged
        The losses or the weights are no longer finite.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM, when the checkpoint is written.
    """
    return run_training(
        config, folder, make_task, on_epoch=on_epoch, on_step=on_step, resume=resume
    )
