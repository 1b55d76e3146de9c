"""The synthetic street scenes."""

from pathlib import Path

import numpy as np
import pytest

from experiments.inverse_layers import IGNORE, open_pairs
from experiments.inverse_layers.streets import STREET_CLASSES, draw_street, write_streets
from steepest.io import read_labels


def scenes(size: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
    return [draw_street(np.random.default_rng(seed), size) for seed in range(30)]


@pytest.mark.parametrize("size", [(32, 32), (48, 80), (128, 256)])
def test_every_scene_holds_every_class(size: tuple[int, int]) -> None:
    for image, labels in scenes(size):
        assert image.shape == (*size, 3)
        assert image.dtype == labels.dtype == np.uint8
        assert set(np.unique(labels)) == {*range(len(STREET_CLASSES)), IGNORE}


def test_files_are_pairs_and_depend_on_the_seed(tmp_path: Path) -> None:
    images, masks = write_streets(tmp_path / "a", 4, (40, 64))
    pairs = open_pairs(images, masks, ignore=IGNORE)
    assert len(pairs) == 4
    assert pairs.channels == 3
    assert pairs.num_classes == len(STREET_CLASSES)
    image, labels = draw_street(
        np.random.default_rng(np.random.SeedSequence(0, spawn_key=(2,))), (40, 64)
    )
    assert np.array_equal(pairs.read(2)[1], labels)
    assert np.allclose(pairs.read(2)[0], image.transpose(2, 0, 1) / 255)
    again, others = write_streets(tmp_path / "b", 2, (40, 64))[1], tmp_path / "c"
    write_streets(others, 2, (40, 64), seed=1)
    for name in ("000.png", "001.png"):
        assert np.array_equal(read_labels(again / name), read_labels(masks / name))
        assert not np.array_equal(read_labels(others / "masks" / name), read_labels(masks / name))
