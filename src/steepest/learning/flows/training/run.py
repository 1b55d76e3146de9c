"""Training a network on the total variation flow."""

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

    Writes into ``folder``: ``log.csv`` (one row an epoch), ``checkpoint.json`` with a safetensors
    file, and ``weights.safetensors`` with ``weights.json``, the best network so far, which
    :func:`steepest.learning.load` reads. A training that was stopped or killed continues from its
    checkpoint as if nothing had happened: weights, moments and log are the same bit for bit (on
    the same machine with the same number of threads).

    Started by ``torchrun`` in several processes, these share the batches; the result is that of
    one process up to rounding. A batch that is not a multiple of their number is enlarged.

    Parameters
    ----------
    config : TrainingConfig
        The recipe; :data:`.presets.PRESETS` has some.
    folder : path
        Made if it does not exist.
    on_epoch, on_step : callables
        Called (in the first process) with a :class:`Moment` after every epoch, every step. Where
        one returns True, the training stops as after ``max_minutes``: the checkpoint is written.
    resume : bool
        Continue what is in ``folder``; False: there must not be any checkpoint, weights or rows of
        a log. Weights without a checkpoint are never replaced.

    Raises
    ------
    InputError
        A setting is wrong; what is in ``folder`` is damaged or was made with other settings.
    NotConverged
        The loss or the weights are no longer finite. The last checkpoint and the best weights so
        far are kept.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM, when the checkpoint is written; a second Ctrl-C does not wait.
    """
    return run_training(
        config, folder, make_task, on_epoch=on_epoch, on_step=on_step, resume=resume
    )
