"""Trainings by name."""

from __future__ import annotations

from .config import TrainingConfig

_PAPER = TrainingConfig()

PRESETS: dict[str, TrainingConfig] = {
    # Section 4.2 of the paper, and from its authors' code: one image at many times, including 0.
    "paper": _PAPER,
    # The same objective in hours on a CPU: fewer times per step, a larger rate that decays to 0.
    "paper-short": _PAPER.replace(
        epochs=40,
        times=8,
        learning_rate=1e-3,
        schedule="cosine",
        warmup=200,
        ema=0.999,
        precision="bfloat16",
        validate_every=4,
    ),
    # The preliminary report: its loss, Eq. (9), has no smoothing and no term of minimal norm.
    "report": _PAPER.replace(
        objective_options={"alpha1": 1.0, "alpha2": 0.0, "eps": 0.0},
        epochs=55,
        learning_rate=5e-4,
    ),
    # The mean-flux network: many images at one time each, slightly beyond the last time needed.
    "gap": _PAPER.replace(
        network="mean-flux",
        objective="gap",
        crop=64,
        images=600,
        epochs=320,
        batch=6,
        times=1,
        t_min=0.002,
        t_max=0.25,
        learning_rate=1e-3,
        schedule="cosine",
        warmup=100,
        betas=(0.9, 0.99),
        ema=0.999,
        precision="bfloat16",
        validate_every=10,
    ),
    # Takes seconds: checks that everything works.
    "smoke": _PAPER.replace(
        network="semi-resnet", data="generated", crop=16, images=4, epochs=2, times=4
    ),
}
"""``"paper"`` is the default: 625 images, 750 epochs, Adam at 3e-4."""
