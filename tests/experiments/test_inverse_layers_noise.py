"""Label noise: the requested kind and amount, by explicit generators."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.inverse_layers import IGNORE, LabelNoise, cover_with_windows, flip_labels
from steepest.core.errors import InputError

KINDS = ("independent", "redrawn", "shared", "flip")
SHAPES = st.tuples(st.integers(5, 30), st.integers(5, 30))
AREAS = st.floats(0, 1)


def covered(shape: tuple[int, int], seed: int, **options: Any) -> np.ndarray:
    """Which pixels windows cover: those changed where every label is out of the way."""
    far = np.full(shape, 99)
    return cover_with_windows(far, 3, np.random.default_rng(seed), **options) != 99


@given(SHAPES, AREAS, st.integers(0, 2**31))
def test_flips_change_exactly_the_area(shape: tuple[int, int], area: float, seed: int) -> None:
    labels = np.random.default_rng(seed + 1).integers(0, 4, shape)
    noisy = flip_labels(labels, 4, np.random.default_rng(seed), area=area)
    assert (noisy != labels).sum() == round(area * labels.size)
    assert 0 <= noisy.min() <= noisy.max() < 4


def slow_windows(
    labels: np.ndarray, num_classes: int, rng: np.random.Generator, window: int, count: int
) -> np.ndarray:
    """One window after the other, as the docstring says."""
    rows, columns = (n - window + 1 for n in labels.shape)
    order = rng.permutation(rows * columns)
    classes = rng.integers(num_classes, size=rows * columns)
    noisy, free = labels.copy(), np.ones(labels.shape, bool)
    for when in range(rows * columns):
        row, column = divmod(int(np.flatnonzero(order == when)[0]), columns)
        for i in range(row, row + window):
            for j in range(column, column + window):
                if free[i, j] and (~free).sum() < count:
                    noisy[i, j], free[i, j] = classes[when], False
    return noisy


@pytest.mark.parametrize(("window", "area"), [(1, 0.3), (2, 0.1), (3, 0.35), (5, 0.9), (4, 1.0)])
def test_windows_against_the_slow_way(window: int, area: float) -> None:
    labels = np.random.default_rng(0).integers(0, 5, (9, 11))
    fast = cover_with_windows(labels, 5, np.random.default_rng(7), window=window, area=area)
    slow = slow_windows(labels, 5, np.random.default_rng(7), window, round(area * 99))
    assert np.array_equal(fast, slow)


@given(SHAPES, AREAS, st.integers(0, 2**31), st.sampled_from(KINDS))
def test_other_pixels_and_the_labels_given_stay(
    shape: tuple[int, int], area: float, seed: int, kind: str
) -> None:
    labels = np.random.default_rng(seed).integers(0, 3, shape).astype(np.uint8)
    labels[0] = IGNORE
    before = labels.copy()
    noisy = LabelNoise(kind, area, 3, seed)(labels, 3, image=4, epoch=2)
    assert np.array_equal(labels, before)
    assert noisy.dtype == labels.dtype
    assert (noisy[0] == IGNORE).all()
    assert noisy[1:].max() < 3
    if kind != "flip":
        kept = LabelNoise(kind, area, 3, seed)(np.full(shape, 99), 3, image=4, epoch=2) == 99
        assert np.array_equal(noisy[kept], labels[kept])


def draws(kind: str, image: int = 0, epoch: int = 0, seed: int = 0) -> bytes:
    labels = np.zeros((40, 30), np.int64)
    return LabelNoise(kind, 0.1, 2, seed)(labels, 3, image, epoch).tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_noise_depends_on(kind: str) -> None:
    assert draws(kind) == draws(kind)
    assert draws(kind) != draws(kind, seed=1)
    assert (draws(kind) == draws(kind, image=1)) == (kind == "shared")
    assert (draws(kind) == draws(kind, epoch=1)) == (kind != "redrawn")


def test_shared_windows_hold_the_same_classes_over_any_labels() -> None:
    noise = LabelNoise("shared", 0.3, 2)
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, (2, 20, 20))
    where = covered((20, 20), 0, area=0) | (noise(np.full((20, 20), 99), 3, 0) != 99)
    assert np.array_equal(noise(a, 3, 0)[where], noise(b, 3, 1)[where])
    assert where.sum() == 120


def test_windows_and_classes_are_uniform() -> None:
    """Far from the boundary every pixel is covered equally often, by every class equally often."""
    noise = LabelNoise("independent", 0.1, 2)
    far = np.full((12, 12), 99)
    noisy = np.stack([noise(far, 4, image) for image in range(4000)])[:, 2:-2, 2:-2]
    frequency = (noisy != 99).mean(0)
    assert np.abs(frequency - frequency.mean()).max() < 5 * np.sqrt(0.12 / 4000)
    share = np.bincount(noisy[noisy != 99], minlength=4) / (noisy != 99).sum()
    assert np.abs(share - 0.25).max() < 0.01


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "salt"}, "allowed are none, independent, redrawn, shared, flip"),
        ({"area": 1.5}, "area=1.5; allowed are numbers from 0 to 1"),
        ({"area": float("nan")}, "area=nan"),
        ({"area": "0.1"}, "area='0.1'"),
        ({"window": 0}, "window=0 must be a positive integer"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_bad_noise(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        LabelNoise(**options)


@given(SHAPES, AREAS, st.integers(0, 2**31))
def test_sparse_labels_are_exactly_as_many_as_asked_for(
    shape: tuple[int, int], area: float, seed: int
) -> None:
    labels = np.random.default_rng(seed).integers(0, 3, shape)
    thin = LabelNoise("sparse", area, seed=seed)(labels, 3, 0)
    lost = thin == IGNORE
    assert lost.sum() == round(area * labels.size)
    assert np.array_equal(thin[~lost], labels[~lost])


def test_coarse_labels_are_squares_of_what_was_in_their_middle() -> None:
    labels = np.random.default_rng(0).integers(0, 5, (9, 14))
    coarse = LabelNoise("coarse", window=4)(labels, 5, 0)
    for row in range(9):
        for column in range(14):
            middle = min(row // 4 * 4 + 2, 8), min(column // 4 * 4 + 2, 13)
            assert coarse[row, column] == labels[middle]
    assert np.array_equal(LabelNoise("coarse", window=1)(labels, 5, 0), labels)
