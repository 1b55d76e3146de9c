"""Small trainings, and helpers shared by the tests of training."""

import csv
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch

import steepest
from steepest.learning.flows.training import TrainingConfig, data
from steepest.learning.images import Collection

ELSEWHERE = {  # other processes find the same package
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(Path(steepest.__file__).parents[1]),
}
CPU = torch.device("cpu")
GAP = TrainingConfig(
    network_config={"channels": [4, 4, 4], "stages": 2}, data="generated", crop=16, t_max=0.2
).replace(images=6, batch=2, epochs=4, learning_rate=2e-3, ema=0.9, validate_every=1)
PLAIN = GAP.replace(schedule="constant", ema=0.0, precision="float32")


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


def read_log(folder):
    """The rows of ``log.csv`` without empty cells."""
    with (Path(folder) / "log.csv").open(newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def timeless(folder):
    """The log without the entries that differ between runs."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in read_log(folder)]
