"""The mask GAN paper: its trainings by name."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from experiments.mask_gan.presets import PRESETS


def test_the_presets_are_the_papers() -> None:
    large, small = PRESETS["paper-128"], PRESETS["paper-64"]
    assert (large.batch, small.batch, small.crop, large.learning_rate) == (32, 128, 64, 5e-5)
    assert (large.alpha, large.beta, large.base_channels, large.clip) == (0.005, 1, 128, 0)
    assert PRESETS["inpainting"].mode == "inpainting"
