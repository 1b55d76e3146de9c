"""Training a segmentation network."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from steepest.learning.training.distributed import Team
from steepest.learning.training.loop import Moment, TrainingResult, run_training

from .config import SegmentationConfig
from .data import Pairs
from .same_pairs import check_same_pairs, digest
from .task import SegmentationTask, make_task, open_split


def train(
    config: SegmentationConfig,
    folder: str | os.PathLike[str],
    *,
    on_epoch: Callable[[Moment], None] | None = None,
    on_step: Callable[[Moment], None] | None = None,
    on_pairs: Callable[[Pairs, Pairs], None] | None = None,
    resume: bool = True,
) -> TrainingResult[SegmentationConfig]:
    """Train a network on images and masks, with or without an inverse layer behind it.

    Writes into ``folder`` what `steepest.learning.training.run_training` says: ``log.csv`` with
    loss, dice and mean IoU of every epoch, a checkpoint, and ``weights.safetensors`` of the best
    epoch, which `load` reads. Continues bit for bit what was stopped, if pairs and classes are
    still the same (the folders may have moved). ``on_pairs`` is called with the pairs to train on
    and those held out, once they are known.

    Raises
    ------
    InputError
        A setting is wrong, the pairs do not fit together, the layer amplifies more than
        ``gain_limit``, or what is in ``folder`` is damaged or was made with other settings or
        pairs.
    NotConverged
        The loss or the weights are no longer finite; the message says by how much the layer
        amplifies.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM, when the checkpoint is written.
    """
    pairs = open_split(config)
    config = replace(config, images=len(pairs[0]), pairs=digest(*pairs))
    if resume:
        check_same_pairs(Path(folder), config, *pairs)
    if on_pairs is not None:
        on_pairs(*pairs)

    def make(recipe: SegmentationConfig, team: Team) -> SegmentationTask:
        return make_task(recipe, team, pairs)

    return run_training(config, folder, make, on_epoch=on_epoch, on_step=on_step, resume=resume)
