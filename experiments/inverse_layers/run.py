"""Train a segmentation network."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from steepest.core.errors import InputError, NotConverged
from steepest.layers import check_gain
from steepest.learning.training.loop import TrainingResult, run_training

from .config import SegmentationConfig
from .data import Pairs
from .inverse import make_layer
from .same_pairs import check_same_pairs, digest
from .task import SegmentationTask, make_task, open_split


def train(
    config: SegmentationConfig,
    folder: str | os.PathLike[str],
    *,
    on_pairs: Callable[[Pairs, Pairs], None] | None = None,
    **options: Any,
) -> TrainingResult[SegmentationConfig]:
    """Train a network on images and masks, with or without an inverse layer after it.

    Writes into ``folder``: ``log.csv`` with the loss, dice and mean IoU of every epoch, a
    checkpoint, and ``weights.safetensors`` of the best epoch, for `load`. A training that was
    stopped resumes bit for bit if pairs and classes are still the same; the folders may have moved.

    Parameters
    ----------
    config : SegmentationConfig
        The settings.
    on_pairs : callable, optional
        Called with the training pairs and the held-out pairs once they are known.
    folder, options
        See `steepest.learning.training.run_training`.

    Raises
    ------
    InputError
        If a setting is wrong, the pairs do not fit together, the layer amplifies more than
        ``gain_limit``, or ``folder`` contains a training that is damaged or has other settings or
        pairs.
    NotConverged
        If the loss or the weights are no longer finite; the message says how much the layer
        amplifies.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM, once the checkpoint is written.
    """
    pairs = open_split(config)
    config = config.replace(images=len(pairs[0]), pairs=digest(*pairs))
    check_same_pairs(Path(folder), config, *pairs)
    if on_pairs is not None:
        on_pairs(*pairs)

    def make(config: SegmentationConfig, device: torch.device) -> SegmentationTask:
        return make_task(config, device, pairs)

    try:
        return run_training(config, folder, make, **options)
    except NotConverged as error:
        raise NotConverged(f"{error}{_amplified(config)}") from None


def _amplified(config: SegmentationConfig) -> str:
    """How much the layer amplifies, if it is too much."""
    layer = make_layer(config.layer)
    try:
        if layer is not None:
            check_gain(layer, 2)
    except InputError as error:
        return f"; {error}"
    return ""
