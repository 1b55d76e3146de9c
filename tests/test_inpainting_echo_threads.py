"""Echo sparsification on several threads: the same result, bit for bit."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.echo_states import check_blocks, check_heaps, copied, picture, removal, remove
from steepest.core.errors import InputError
from steepest.inpainting import masks
from steepest.inpainting.echoes import state, thinning, tiles
from steepest.inpainting.echoes.state import TILE, Echoes, buffers_for
from steepest.inpainting.steady_state import fill

HEIGHT, WIDTH = 300, 270  # three blocks by three


def ties(image: np.ndarray, seed: int = 0) -> np.ndarray:
    return thinning.jitter(image, np.random.default_rng(seed))


def thinned(target: int, num_threads: int) -> tuple[Echoes, np.ndarray]:
    """Echoes of a mask of ``target`` pixels, and the ranks of the others."""
    image = picture(HEIGHT, WIDTH, seed=2)
    echoes = thinning.echoes_of_all(image, ties(image), True, num_threads)
    rank = np.zeros(image[0].size, np.int32)
    thinning.thin_to(echoes, target, True, num_threads, rank=rank)
    return echoes, rank


@pytest.fixture(scope="module")
def expected() -> tuple[Echoes, np.ndarray]:
    return thinned(4050, 1)


def assert_same(found: Echoes, expected: Echoes) -> None:
    for name in set(Echoes._fields) - {"arena"}:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    used = np.zeros(len(expected.arena), bool)
    for pixel in np.flatnonzero(expected.known):
        start, (rows, columns) = expected.offset[pixel], expected.window[pixel, 2:]
        used[start : start + rows * columns] = True
    np.testing.assert_array_equal(found.arena[used], expected.arena[used])


@given(st.integers(1, 900), st.integers(1, 900))
def test_blocks_at_once_cannot_touch_each_other(height: int, width: int) -> None:
    across = -(-width // TILE)
    seen: list[int] = []
    for blocks in tiles.phases((height, width)):
        writers = np.zeros(-(-height // TILE) * across, int)
        for _, block in blocks:
            seen.extend(block)
            y, x = block // across, block % across
            for tile in range(len(writers)):
                apart = max(
                    np.abs(tile // across - y).min(initial=99),
                    np.abs(tile % across - x).min(initial=99),
                )
                writers[tile] += apart <= 1
        assert writers.max(initial=0) <= 1
    assert sorted(seen) == list(range(-(-height // TILE) * across))
    assert thinning.RADIUS + 1 <= TILE
    assert 3 * thinning.RADIUS + 1 <= 2 * TILE


def test_a_removal_changes_nothing_far_away() -> None:
    echoes, _ = thinned(2000, 1)
    buffers = buffers_for(echoes, thinning.RADIUS)
    pixel = int(np.flatnonzero(echoes.known)[1000])
    before = copied(echoes)
    removal(echoes, pixel, buffers.t, True)
    assert remove(echoes, pixel, thinning.LIMITS, True, buffers)
    y, x = np.indices((HEIGHT, WIDTH))
    distance = np.maximum(abs(y - pixel // WIDTH), abs(x - pixel % WIDTH))
    changed = (echoes.error != before.error).any(0)
    assert 0 < distance[changed].max() <= thinning.RADIUS
    changed = (echoes.key != before.key).reshape(changed.shape)
    changed |= (echoes.window != before.window).any(1).reshape(changed.shape)
    assert 0 < distance[changed].max() <= thinning.RADIUS + 1


def test_same_echoes_for_any_number_of_threads(expected: Any) -> None:
    expected, ranks = expected
    for num_threads in (2, 3):
        found, again = thinned(4050, num_threads)
        assert_same(found, expected)
        np.testing.assert_array_equal(again, ranks)
        check_blocks(found)
        check_heaps(found)


def test_order_of_blocks_at_once_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, expected: Any
) -> None:
    expected, ranks = expected

    def reverse(shape: tuple[int, ...]) -> list[list[tuple[int, np.ndarray]]]:
        return [blocks[::-1] for blocks in tiles.phases(shape)]

    monkeypatch.setattr(thinning, "phases", reverse)
    found, again = thinned(4050, 1)
    assert_same(found, expected)
    np.testing.assert_array_equal(again, ranks)


def test_regions_that_grow_while_threads_share_them_change_nothing(
    monkeypatch: pytest.MonkeyPatch, expected: Any
) -> None:
    expected, ranks = expected
    monkeypatch.setattr(state, "_FLOATS_PER_PIXEL", 5)
    monkeypatch.setattr(state, "_LEAST_WINDOWS", 1)
    found, again = thinned(4050, 3)
    assert (np.diff(found.region)[:, 0] > 5 * TILE**2).sum() > 10
    for name in ("known", "error", "window", "key"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    np.testing.assert_array_equal(again, ranks)
    check_blocks(found)
    check_heaps(found)


def test_error_is_that_of_the_inpainting(expected: Any) -> None:
    echoes, _ = expected
    known = echoes.known > 0
    exact = fill(echoes.image, known, (1.0, 1.0), 1e-7).image - echoes.image
    difference = echoes.error - exact
    assert np.abs(difference).mean() < 0.1 * np.abs(exact).mean()
    assert np.abs(echoes.error).mean() == pytest.approx(np.abs(exact).mean(), rel=0.05)
    assert not echoes.error[:, known].any()


def test_masks_and_rankings_are_the_same_and_of_the_right_size() -> None:
    image = picture(HEIGHT, WIDTH, seed=5)
    options: dict[str, Any] = {"channel_axis": 0, "rng": 3}
    for density in (0.03, 0.6):
        one, three = (masks.echo(image, density, num_threads=n, **options) for n in (1, 3))
        assert np.array_equal(one, three)
        assert one.sum() == round(density * one.size)
    one, three = (masks.echo_ranking(image, num_threads=n, **options) for n in (1, 3))
    assert np.array_equal(one, three)
    least = round(0.01 * one.size)
    counts = np.bincount(one.ravel())
    assert counts[0] == least
    assert not counts[1:least].any()
    assert (counts[least:] == 1).all()


@pytest.mark.parametrize("most", [1, 7, 5000])
def test_a_round_removes_no_more_than_it_may(most: int) -> None:
    image = picture(HEIGHT, WIDTH, seed=2)
    echoes = thinning.echoes_of_all(image, ties(image), True)
    thinning._thin_round(echoes, most, np.float32(1e30), True, 2)
    assert echoes.known.sum() == echoes.tile_size.sum() == HEIGHT * WIDTH - most


@pytest.mark.parametrize("num_threads", [0, -1, 1.5, "2", True])
def test_bad_numbers_of_threads_are_named(num_threads: Any) -> None:
    image = np.zeros((4, 5))
    with pytest.raises(InputError, match="num_threads"):
        masks.echo(image, 0.5, num_threads=num_threads)
    with pytest.raises(InputError, match="num_threads"):
        masks.echo_ranking(image, num_threads=num_threads)
