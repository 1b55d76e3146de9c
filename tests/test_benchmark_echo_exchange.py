"""Insertions and exchanges of pixels by their echoes."""

import numpy as np
import pytest

from benchmarks import echo_exchange as exchanges
from benchmarks.echo_exchange import echo_exchange, exchange_groups
from cases.echo_states import check_heaps, copied, picture, removal, remove, windows
from steepest.core.compiled import lean_kernel
from steepest.inpainting import masks
from steepest.inpainting.echoes import state, thinning
from steepest.inpainting.echoes.score import score
from steepest.inpainting.echoes.state import buffers_for
from test_inpainting_echoes import growths, mean_error, thinned  # noqa: F401

insert = lean_kernel(exchanges.insert)  # else for kernels only


def test_insertion_is_the_inverse_of_removal() -> None:
    image = picture(20, 22)
    echoes, _ = thinned(image, 80)
    buffers = buffers_for(echoes, 24)
    score(echoes, buffers, 0, True)
    for pixel in np.flatnonzero(echoes.known)[::7]:
        changed = copied(echoes)
        removal(changed, pixel, buffers.t, True)
        assert remove(changed, pixel, thinning.LIMITS, True, buffers)
        check_heaps(changed)
        assert np.abs(changed.error - echoes.error).max() > 0
        assert insert(changed, pixel, thinning.LIMITS, True, buffers)
        check_heaps(changed)
        assert changed.tile_size.sum() == 80
        assert not changed.error[:, pixel // 22, pixel % 22].any()
        np.testing.assert_allclose(changed.error, echoes.error, atol=0.02)
        np.testing.assert_allclose(windows(changed), windows(echoes), atol=0.03)


def test_one_exchange_inserts_the_largest_error() -> None:
    image = picture(20, 22)
    echoes, _ = thinned(image, 60)
    before = echoes.known.copy()
    candidates = np.random.default_rng(0).choice(440, (1, 20), replace=False)
    free = [pixel for pixel in candidates[0] if not before.flat[pixel]]
    sizes = np.abs(echoes.error).sum(0).ravel()
    best = max(free, key=lambda pixel: sizes[pixel])
    exchange_groups(echoes, candidates, 60, True)
    added = np.flatnonzero((echoes.known == 1) & (before == 0))
    assert list(added) in ([best], [])
    assert echoes.known.sum() == 60


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("density", [0.05, 0.2])
def test_exchange_lowers_the_true_error(norm: str, density: float) -> None:
    image = picture(30, 33)
    exponent = 1 if norm == "l1" else 2
    start = masks.random(image[0], density, rng=0)
    given = start.copy()
    errors = [mean_error(image, start, exponent)]
    for cycle in range(3):
        start = echo_exchange(image, start, channel_axis=0, rng=cycle, norm=norm, cycles=1)
        assert start.sum() == given.sum()
        errors.append(mean_error(image, start, exponent))
    assert errors[1] < 0.8 * errors[0]
    assert errors[3] < 1.01 * errors[2] < 1.02 * errors[1]
    assert np.array_equal(given, masks.random(image[0], density, rng=0))
    assert np.array_equal(echo_exchange(image, given, channel_axis=0, cycles=0), given)


def test_exchanges_in_an_arena_that_grows(
    growths: list[int],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = picture(70, 66)
    start = masks.random(image[0], 0.03, rng=0)
    monkeypatch.setattr(state, "_FLOATS_PER_PIXEL", 100)
    expected = echo_exchange(image, start, channel_axis=0, rng=0, cycles=2)
    assert not growths
    monkeypatch.setattr(state, "_FLOATS_PER_PIXEL", 1)
    monkeypatch.setattr(state, "_LEAST_WINDOWS", 1)
    found = echo_exchange(image, start, channel_axis=0, rng=0, cycles=2)
    assert growths
    assert np.array_equal(found, expected)


def test_exchanges_are_the_same() -> None:
    image = picture(150, 140, seed=1)
    start = masks.random(image[0], 0.04, rng=0)
    found = [
        echo_exchange(image, start, channel_axis=0, rng=0, cycles=1, num_threads=n) for n in (1, 3)
    ]
    assert np.array_equal(*found)
    assert not np.array_equal(found[0], start)
