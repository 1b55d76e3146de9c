"""The training task for segmentation networks."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from steepest.core.errors import InputError
from steepest.layers import attach, check_gain, linear_ramp, set_scale
from steepest.learning.training.task import Task

from . import weights
from .batches import Samples, draw, one_pair
from .classes import IGNORE
from .config import SegmentationConfig
from .data import Pairs, open_pairs, split
from .inverse import make_layer
from .losses import Loss, make_loss
from .matching import shortened
from .metrics import confusion, scores
from .noise import LabelNoise
from .prediction import logits_of
from .same_pairs import describe

_SPATIAL_NDIM = 2
_HELD_OUT = 1_000_003  # validation image i gets the noise of image number i + this


@dataclass(frozen=True, eq=False)
class SegmentationTask(Task):
    """The task of a segmentation training: network, layer, loss and pairs."""

    config: SegmentationConfig
    device: torch.device
    training: Samples
    held_out: Samples
    noise: LabelNoise
    function: Loss

    def build(self) -> nn.Module:
        """The network without a layer."""
        pairs = self.training.pairs
        given = {"in_channels": pairs.channels, "num_classes": pairs.num_classes}
        return weights.REGISTRY.build(
            self.config.network, {**dict(self.config.network_config), **given}
        )

    def prepare(self, network: nn.Module, *, begin: bool) -> nn.Module:
        """Attach the inverse layer to the network; it is not part of weight files.

        Raises
        ------
        InputError
            If the gain is above ``gain_limit``, the network refuses the batch, a noise window is
            larger than an image, an image is too large for "pad", or the validation images have no
            foreground to measure dice on.
        """
        layer = make_layer(self.config.layer)
        if layer is not None:
            attach(network, layer)
        if self.config.gain_limit is not None:
            try:
                check_gain(network, _SPATIAL_NDIM, self.config.gain_limit)
            except InputError as error:
                raise InputError(f"{error}; or gain_limit=None to train anyway") from None
        self._try_network(network)
        if self.config.fit == "pad" or self.noise.kind != "none":
            self._try_all_images()
        if self.config.criterion != "loss" and not self._any_foreground():
            names = self.held_out.pairs.names
            raise InputError(
                f"num_validation={len(names)}: only background in {shortened(names)}, so dice is "
                "undefined; hold out more pairs, or others by split_seed"
            )
        return network

    def _try_network(self, network: nn.Module) -> None:
        """Run a batch through a copy, so that batch normalisation is not affected."""
        images = range(self.config.recipe.batch)
        batch, _ = draw(self.training, self.config, self.noise, 0, images)
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the training itself will warn
                logits_of(copy.deepcopy(network).to(self.device).train()(batch.to(self.device)))
        except InputError:
            raise
        except (ValueError, RuntimeError) as error:
            what = f"batch={self.config.recipe.batch}, size={self.config.size}"
            raise InputError(f"{what}: the network does not accept these images: {error}") from None

    def _try_all_images(self) -> None:
        """Try the size and the noise on all images: what fits the first may not fit another."""
        classes = self.training.pairs.num_classes
        for index in range(len(self.training)):
            one_pair(self.training, self.config, self.noise, 0, index)
        for index in range(len(self.held_out)):
            self.noise(self.held_out.read(index)[1], classes, index + _HELD_OUT)

    def _any_foreground(self) -> bool:
        held_out = (self.held_out.read(index)[1] for index in range(len(self.held_out)))
        return any(bool(((labels > 0) & (labels != IGNORE)).any()) for labels in held_out)

    def loss(self, network: nn.Module, step: int) -> Mapping[str, Tensor]:
        """The loss after the layer, against noisy labels."""
        config = self.config
        if config.layer and config.ramp:
            epoch = (step + 1) / config.recipe.steps_per_epoch
            set_scale(network, linear_ramp(epoch, 0.0, config.ramp))
        images = range(config.recipe.batch)
        batch, labels = draw(self.training, config, self.noise, step, images)
        logits = self._logits(network, batch)
        return {"total": self.function(logits, labels.to(self.device))}

    def _logits(self, network: nn.Module, batch: Tensor) -> Tensor:
        """The logits in float32; the network runs in the precision of the settings."""
        low = self.config.recipe.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, low):
            return logits_of(network(batch.to(self.device))).float()

    @torch.no_grad()
    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Loss, dice and mean IoU on held-out images; with noise, dice against noisy labels too."""
        losses, clean, noisy = [], [], []
        classes = self.training.pairs.num_classes
        for index in range(len(self.held_out)):
            image, labels = self.held_out.read(index)
            logits = self._logits(network, torch.from_numpy(image)[None])
            target = torch.from_numpy(labels.astype(np.int64))[None].to(self.device)
            losses.append(float(self.function(logits, target)))
            predicted = logits[0].argmax(0).cpu().numpy()
            clean.append(confusion(predicted, labels, classes))
            if self.noise.kind != "none":
                wrong = self.noise(labels, classes, index + _HELD_OUT)
                noisy.append(confusion(predicted, wrong, classes))
        found = {"total": float(np.mean(losses)), **scores(clean)}
        found["noisy_dice"] = scores(noisy)["dice"] if noisy else found["dice"]
        criteria = {"loss": found["total"], "dice": 1 - found["dice"]}
        criteria |= {"noisy-dice": 1 - found["noisy_dice"], "mean-iou": 1 - found["mean_iou"]}
        return {**found, "score": criteria[self.config.criterion]}

    def save(self, network: nn.Module, path: Path, metadata: Mapping[str, Any]) -> None:
        """Write the network for `experiments.inverse_layers.load`.

        The metadata also have the numbers of the classes in masks, and the names of training and
        held-out images.
        """
        notes = describe(self.training.pairs, self.held_out.pairs)
        weights.save(network, path, {**metadata, **notes})


def make_task(
    config: SegmentationConfig, device: torch.device, pairs: tuple[Pairs, Pairs]
) -> SegmentationTask:
    """The task for the pairs from `open_split`.

    Raises
    ------
    InputError
        If the settings of the loss or the noise are not valid.
    """
    training, held_out = pairs
    noise = LabelNoise(**{"kind": "none", "seed": config.recipe.seed, **dict(config.noise)})
    function = make_loss(config.loss, **dict(config.loss_options))
    size = config.size if config.fit == "resize" else None
    return SegmentationTask(
        config, device, Samples(training, size), Samples(held_out, size), noise, function
    )


def open_split(config: SegmentationConfig) -> tuple[Pairs, Pairs]:
    """The training pairs and the held-out pairs.

    Raises
    ------
    InputError
        If the folders or the split are not valid.
    """
    pairs = open_pairs(
        config.data,
        config.masks,
        values=config.values,
        instances=config.instances,
        threshold=config.threshold,
        ignore=config.ignore,
        channels=config.channels,
        ending=config.ending,
    )
    training, held_out = split(pairs, config.num_validation, config.split_seed)
    wanted = len(training) if config.num_training is None else config.num_training
    if wanted > len(training):
        raise InputError(
            f"num_training={wanted}; allowed are 1 to {len(training)}, the pairs not held out"
        )
    if wanted < len(training):
        training = split(training, wanted, config.split_seed)[1]
    return training, held_out
