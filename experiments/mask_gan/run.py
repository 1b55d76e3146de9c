"""Train mask networks."""

from __future__ import annotations

import os

from steepest.core.progress import Callback
from steepest.learning.training.loop import TrainingResult, run_training

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
    """Train the three networks jointly, or those that belong to ``config.mode``.

    Writes into ``folder``:

    - ``log.csv``, with the losses (2), (3) and (4), the error and the density of every epoch.
      "total" is the sum of the losses of all networks and does not measure quality;
    - a checkpoint, from which an interrupted training resumes bit for bit;
    - ``weights.safetensors`` and ``weights.json`` of the epoch with the smallest Eq. (4) on
      held-out images, for `experiments.mask_gan.load`.

    Parameters
    ----------
    config : MaskTrainingConfig
        The settings.
    folder, on_epoch, on_step, resume
        See `steepest.learning.training.run_training`.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InputError, NotConverged, KeyboardInterrupt
        As `steepest.learning.training.run_training`.
    """
    return run_training(
        config, folder, make_task, on_epoch=on_epoch, on_step=on_step, resume=resume
    )
