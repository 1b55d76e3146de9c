"""Patch models by tiles: the same as in memory."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest
from steepest import InputError, Solver, Tiles, patches
from tests.test_patches_model import random_model

SMALL = Tiles(memory="9MB", num_workers=1)
VOLUME = Tiles(memory="42MB", num_workers=1)
ONE = Solver(num_threads=1)


def noisy(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


class Slices:
    """An array that is read by slices only."""

    def __init__(self, array: np.ndarray) -> None:
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        return self._array[index]


@pytest.mark.parametrize(
    ("shape", "size", "axis"),
    [((200, 170), (4, 3), None), ((2, 150, 140), (3, 3), 0), ((70, 40, 34), (2, 3, 2), None)],
)
def test_tiles_change_nothing_but_rounding(
    shape: tuple[int, ...], size: tuple[int, ...], axis: int | None
) -> None:
    image, seen, tiles = noisy(shape), [], VOLUME if len(size) == 3 else SMALL
    model = random_model(size, 3, 2, channels=1 if axis is None else 2)
    expected = patches.denoise(image, model, 0.5, channel_axis=axis)
    out = np.zeros(shape)
    found = patches.denoise(
        Slices(image), model, 0.5, channel_axis=axis, out=out, tiles=tiles, solver=ONE,
        on_step=lambda step: seen.append(step.num_steps) or False,
    )  # fmt: skip
    assert found is out
    assert seen[-1] > 1  # tiles
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    expected = patches.log_likelihood(image, model, noise=0.3, channel_axis=axis)
    found = patches.log_likelihood(image, model, noise=0.3, channel_axis=axis, tiles=tiles)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_noise_is_that_of_the_image_where_it_is_a_sample(tmp_path: Path) -> None:
    image = (steepest.io.sample("camera")[:128, :200] / 2).astype(np.uint8)
    model = random_model((4, 4), 4, 3)
    found = patches.denoise(image, model, tiles=Tiles("9MB", work=tmp_path / "w", num_workers=1))
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - patches.denoise(image, model).astype(int)).max() <= 1


def test_interrupted_work_goes_on_with_the_same_image_and_model(tmp_path: Path) -> None:
    image, model = noisy((200, 170)), random_model((3, 3), 2, 2)
    tiles, calls = Tiles("9MB", work=tmp_path / "w", num_workers=1), []

    def stop(step: Any) -> bool:
        calls.append(step.stage)
        return calls.count("patches") == 1

    patches.denoise(image, model, 0.5, tiles=tiles, on_step=stop)
    with pytest.raises(InputError, match="image"):
        patches.denoise(image + 1, model, 0.5, tiles=tiles)
    with pytest.raises(InputError, match="work"):
        patches.denoise(image, random_model((3, 3), 2, 3), 0.5, tiles=tiles)
    calls.clear()
    found = patches.denoise(image, model, 0.5, tiles=tiles, on_step=lambda s: calls.append(s.stage))
    whole = len(calls)
    np.testing.assert_allclose(found, patches.denoise(image, model, 0.5), rtol=0, atol=1e-12)
    calls.clear()
    patches.denoise(image, model, 0.5, tiles=SMALL, on_step=lambda s: calls.append(s.stage))
    assert calls.count("patches") > 1
    assert whole < len(calls)
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("channels", lambda m: patches.denoise(noisy((3, 90, 90)), m, tiles=SMALL, channel_axis=0)),
        ("noisy", lambda m: patches.denoise(noisy((90,)), m, 0.1, tiles=SMALL)),
        ("NaN", lambda m: patches.denoise(np.full((90, 90), np.nan), m, 0.1, tiles=SMALL)),
        ("sigma", lambda m: patches.denoise(noisy((90, 90)), m, -0.1, tiles=SMALL)),
        ("out", lambda m: patches.denoise(noisy((90, 90)), m, 0.1, out=np.zeros((9, 9)))),
        ("out", lambda m: patches.log_likelihood(noisy((90, 90)), m, out=np.zeros((9, 9)))),
        ("model", lambda m: patches.denoise(noisy((90, 90)), None, 0.1, tiles=SMALL)),
    ],
)
def test_bad_input_is_named(message: str, call: Any) -> None:
    with pytest.raises(InputError, match=message):
        call(random_model((3, 3), 2, 2))
