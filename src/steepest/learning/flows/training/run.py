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

    A training that was stopped or killed resumes from its checkpoint. The weights, the optimiser's
    moments and the log are then the same bit for bit as without the interruption, on the same
    machine with the same number of threads.

    Processes started by ``torchrun`` share the batches; the result equals that of one process up to
    rounding. The batch is enlarged to a size that they can share evenly, if necessary.

    Parameters
    ----------
    config : TrainingConfig
        The recipe; :data:`.presets.PRESETS` has some.
    folder : path
        Created if it does not exist.
    on_epoch, on_step : callable, optional
        Called in the first process with a :class:`Moment` after every epoch and every step. If one
        returns True, the training writes its checkpoint and stops, as after ``max_minutes``.
    resume : bool
        True: continue the training in ``folder``, if there is one. False: ``folder`` must not
        contain a checkpoint, weights or a log with rows. Weights without a checkpoint are never
        replaced.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InputError
        If a setting is wrong, or ``folder`` contains a training that is damaged or has other
        settings.
    NotConverged
        If the loss or the weights are no longer finite. The last checkpoint and the best weights so
        far are kept.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM, once the checkpoint is written. A second Ctrl-C interrupts
        immediately.
    """
    return run_training(
        config, folder, make_task, on_epoch=on_epoch, on_step=on_step, resume=resume
    )
