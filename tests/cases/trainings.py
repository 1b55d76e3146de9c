"""Small trainings, and helpers shared by the tests of training."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import steepest
from steepest.learning.flows.training import PRESETS, TrainingConfig, data
from steepest.learning.training import Team
from steepest.learning.training.sources import Collection

ELSEWHERE = {  # other processes find the same package
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(Path(steepest.__file__).parents[1]),
}
ALONE = Team(0, 1, torch.device("cpu"))
PAPER = replace(
    PRESETS["smoke"],
    network_config={"channels": 4, "depth": 3},
    crop=12,
    images=6,
    batch=2,
    epochs=4,
    times=3,
)
GAP = TrainingConfig(
    network="mean-flux",
    network_config={"channels": [4, 4, 4], "stages": 2},
    objective="gap",
    data="generated",
    crop=16,
    images=6,
    batch=2,
    epochs=4,
    times=1,
    zero_time=False,
    t_min=0.002,
    learning_rate=2e-3,
    schedule="cosine",
    warmup=3,
    ema=0.9,
    precision="bfloat16",
    channels_last=True,
    validation_batches=2,
)


@pytest.fixture(scope="module", autouse=True)
def few_generated_images():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "_NUM_GENERATED", 8)
        patch.setattr(data, "_SMALLEST_GENERATED", 32)
        yield


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)  # --threads must not last


def one_image(shape=(20, 30)):
    """A source of one image, all of whose values are different and in (0, 1/2)."""
    image = (np.arange(math.prod(shape), dtype=np.float32).reshape(shape) + 1) / 2048
    return Collection("one", 1, lambda index: image, (1.0,)), image
