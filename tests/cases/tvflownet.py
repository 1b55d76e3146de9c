"""A method that must be best in every table, and photographs to crop."""

from pathlib import Path

import numpy as np
import pytest

import steepest
from experiments.tvflownet.methods import Still
from experiments.tvflownet.runner import Evaluation
from experiments.tvflownet.truth import STEP, time_derivative
from steepest.core.grey import to_grey
from steepest.io import write_image

METRICS = pytest.importorskip("skimage.metrics")


class Solver:
    """The certified solver as a method, which must be best in every table."""

    network, training, label, digest = "solver", "32", "solver", ""

    def frames(self, image: np.ndarray, times: np.ndarray) -> np.ndarray:
        scale = float(image.max()) or 1.0
        steps = steepest.Accuracy(db=66, data_range=scale)
        return np.asarray(steepest.tv_flow(image, times, steps=steps).images)

    def divergences(self, image: np.ndarray, times: np.ndarray) -> np.ndarray:
        wanted = np.append(times, times[-1] + STEP)
        return time_derivative(self.frames(image, wanted), STEP)

    def derivatives(self, image: np.ndarray, times: np.ndarray) -> None:
        return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small photographs, one of them in colour, one too small for most crops."""
    place = tmp_path_factory.mktemp("photographs")
    camera = steepest.io.read_image("sample:camera").array
    write_image(place / "a.png", np.ascontiguousarray(camera[:120, 100:230]))
    coffee = steepest.io.read_image("sample:coffee").array
    write_image(place / "b.png", np.ascontiguousarray(coffee[50:180, 60:200]))
    write_image(place / "c.png", np.ascontiguousarray(camera[200:240, 200:240]))
    return place


@pytest.fixture(scope="module")
def evaluation(folder: Path) -> Evaluation:
    return Evaluation([Still(), Solver()], folder, count=2)


def crops_of_camera(size: int) -> np.ndarray:
    camera = steepest.io.read_image("sample:camera").array
    return to_grey(camera[100 : 100 + size, 200 : 200 + size])
