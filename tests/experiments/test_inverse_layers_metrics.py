"""Measures against sets of pixels, and overlays against what must be seen in them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.inverse_layers import (
    IGNORE,
    confusion,
    dice,
    intersection_over_union,
    overlay,
    scores,
)
from experiments.inverse_layers.drawing import COLOURS


def random_labels(seed: int, num_classes: int, shape: tuple[int, ...] = (5, 6)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, num_classes, shape)


@given(st.integers(2, 5), st.integers(0, 2**31))
def test_against_sets_of_pixels(num_classes: int, seed: int) -> None:
    truth, guess = random_labels(seed, num_classes), random_labels(seed + 1, num_classes)
    truth[0] = IGNORE
    counts = confusion(guess, truth, num_classes)
    known = truth != IGNORE
    for k in range(num_classes):
        t = set(np.flatnonzero(known & (truth == k)))
        p = set(np.flatnonzero(known & (guess == k)))
        assert counts[k].sum() == len(t)
        assert counts[:, k].sum() == len(p)
        if t | p:
            assert intersection_over_union(counts)[k] == len(t & p) / len(t | p)
            if k:
                assert dice(counts)[k - 1] == 2 * len(t & p) / (len(t) + len(p))


def test_images_weigh_alike_in_dice_and_pixels_alike_in_intersections() -> None:
    small = confusion(np.array([1, 1]), np.array([1, 1]), 2)
    large = confusion(np.zeros(100, int), np.ones(100, int), 2)
    measured = scores([small, large])
    assert measured["dice"] == 0.5
    assert measured["mean_iou"] == pytest.approx((0 + 2 / 102) / 2)


def test_nothing_to_measure() -> None:
    ignored = confusion(np.zeros((2, 2), int), np.full((2, 2), IGNORE), 2)
    for counts in ([], [ignored]):
        assert all(np.isnan(value) for value in scores(counts).values())


# ------------------------------------------------------------------------- overlays


def disc(size: int = 40, radius: float = 12) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    return (rows**2 + columns**2 < radius**2).astype(np.int64)


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("fill", [0.0, 0.4])
def test_inside_is_mixed_and_outside_is_left(scale: int, fill: float) -> None:
    labels, image = disc(), np.full((40, 40), 0.5, np.float32)
    drawn = overlay(image, labels, 2, scale=scale, fill=fill, line=2)
    assert drawn.shape == (40 * scale, 40 * scale, 3)
    expected = 127.5 + fill * (np.array(COLOURS[0]) - 127.5)
    middle = drawn[20 * scale, 20 * scale].astype(float)
    assert np.abs(middle - expected).max() <= 0.51
    assert np.abs(drawn[: 4 * scale].astype(float) - 127.5).max() <= 0.51


@pytest.mark.parametrize("scale", [1, 2, 5])
@pytest.mark.parametrize("line", [1.0, 2.0, 4.0])
def test_contours_have_the_width_and_place_asked_for(scale: int, line: float) -> None:
    """A half plane: ink along a row adds up to the width, and its centre is the boundary."""
    labels = np.zeros((12, 30), np.int64)
    labels[:, 17:] = 1
    black = np.zeros((12, 30), np.uint8)
    drawn = overlay(black, labels, 2, scale=scale, fill=0, line=line)[6 * scale, :, 2]
    ink = drawn / COLOURS[0][2]
    centres = np.arange(ink.size) + 0.5
    assert ink.sum() == pytest.approx(line, abs=0.15)
    assert (ink * centres).sum() / ink.sum() == pytest.approx(17 * scale, abs=0.05)
