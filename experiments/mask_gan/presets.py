"""Trainings by name; to set a density: ``PRESETS["paper-128"].replace(density=0.1)``."""

from __future__ import annotations

from .config import MaskTrainingConfig

_PAPER = MaskTrainingConfig()

PRESETS = {
    "paper-128": _PAPER,
    "paper-64": _PAPER.replace(crop=64, batch=128, validation_batches=2),
    "inpainting": _PAPER.replace(mode="inpainting"),
    "diffusion": _PAPER.replace(mode="diffusion"),
    "small": _PAPER.replace(
        base_channels=16,
        crop=64,
        batch=8,
        images=800,
        epochs=45,
        learning_rate=5e-4,
        schedule="cosine",
        betas=(0.5, 0.99),  # with 0.9, critic and generator oscillate: 13 to 21 dB
        ema=0.995,
    ),
}
"""The paper's two trainings (5 %), its inpainting GAN on random masks, masks for diffusion, and a
joint training that takes half an hour on one core."""
