"""Trainings by name; densities by ``dataclasses.replace(PRESETS["paper-128"], density=0.1)``."""

from __future__ import annotations

from dataclasses import replace

from .config import MaskTrainingConfig

_PAPER = MaskTrainingConfig()

PRESETS = {
    "paper-128": _PAPER,
    "paper-64": replace(_PAPER, crop=64, batch=128, validation_batches=2),
    "inpainting": replace(_PAPER, mode="inpainting"),
    "diffusion": replace(_PAPER, mode="diffusion"),
    "small": replace(
        _PAPER,
        base_channels=16,
        crop=32,
        batch=16,
        images=1600,
        epochs=100,
        learning_rate=1e-3,
        validation_batches=4,
    ),
}
"""The paper's two trainings (5 %), its inpainting GAN on random masks, masks for diffusion, and a
joint training that two cores can do."""
