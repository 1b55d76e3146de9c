"""Train mask networks."""

from __future__ import annotations

import os
from typing import Any

from steepest.learning.training.loop import TrainingResult, run_training

from .config import MaskTrainingConfig
from .task import make_task


def train(
    config: MaskTrainingConfig,
    folder: str | os.PathLike[str],
    **options: Any,
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
    folder, options
        See `steepest.learning.training.run_training`.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InputError, NotConverged, KeyboardInterrupt
        As `steepest.learning.training.run_training`.
    """
    return run_training(config, folder, make_task, **options)
