"""Training a segmentation network."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from ..training import Moment, Team, TrainingResult, run_training
from .config import SegmentationConfig
from .task import SegmentationTask, make_task, open_split


def train(
    config: SegmentationConfig,
    folder: str | os.PathLike[str],
    *,
    on_epoch: Callable[[Moment], None] | None = None,
    on_step: Callable[[Moment], None] | None = None,
    resume: bool = True,
) -> TrainingResult[SegmentationConfig]:
    """Train a network on images and masks, with or without an inverse layer behind it.

    Writes into ``folder`` what `steepest.training.run_training` says: ``log.csv`` with loss, dice
    and mean IoU of every epoch, a checkpoint, and ``weights.safetensors`` of the best epoch, which
    `steepest.segmentation.load` reads. Continues bit for bit what was stopped.

    Raises
    ------
    InputError
        A setting is wrong, the pairs do not fit together, the layer amplifies more than
        ``gain_limit``, or what is in ``folder`` is damaged or was made with other settings.
    NotConverged
        The loss or the weights are no longer finite; the message says by how much the layer
        amplifies.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM, when the checkpoint is written.
    """
    pairs = open_split(config)
    config = replace(config, images=len(pairs[0]))

    def make(recipe: SegmentationConfig, team: Team) -> SegmentationTask:
        return make_task(recipe, team, pairs)

    return run_training(config, folder, make, on_epoch=on_epoch, on_step=on_step, resume=resume)
