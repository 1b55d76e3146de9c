"""Train a network on the total variation flow."""

from __future__ import annotations

import os

from ....core.progress import Callback
from ...training.loop import TrainingResult, run_training
from .config import TrainingConfig
from .task import make_task


def train(
    config: TrainingConfig,
    folder: str | os.PathLike[str],
    *,
    on_epoch: Callback | None = None,
    on_step: Callback | None = None,
    resume: bool = True,
) -> TrainingResult[TrainingConfig]:
    """Train a network without ground truth.

    Writes into ``folder``:

    - ``log.csv``, with one row per epoch;
    - ``checkpoint.json`` and a safetensors file, from which an interrupted training resumes;
    - ``weights.safetensors`` and ``weights.json``, the best network so far, for
      :func:`steepest.learning.load`.

    Parameters
    ----------
    config : TrainingConfig
        The recipe; :data:`.presets.PRESETS` has some.
    folder, on_epoch, on_step, resume
        See `steepest.learning.training.run_training`, also on interrupted trainings and on several
        processes.

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
