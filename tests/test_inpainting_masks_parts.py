"""What the mask methods are made of: lattices, error diffusion, smoothing, cells."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.grid.dithering import dither, scale_to
from steepest.inpainting.masks.densification import worst_pixels
from steepest.inpainting.masks.lattice import lattice

SPACES = st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple)
SEEDS = st.integers(0, 2**31)


@given(st.tuples(st.integers(1, 30), st.integers(1, 30)), st.data())
def test_lattices_are_even(space: tuple[int, int], data: st.DataObject) -> None:
    """Used rows differ by one pixel at most, gaps in a row and between rows too."""
    count = data.draw(st.integers(1, space[0] * space[1]))
    mask = lattice(space, count)
    used = np.flatnonzero(mask.any(axis=1))
    shares = mask.sum(axis=1)[used]
    assert np.ptp(shares) <= 1
    for places in (used, *(np.flatnonzero(mask[row]) for row in used)):
        assert len(places) < 3 or np.ptp(np.diff(places)) <= 1


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40), st.data())
def test_densities_sum_to_the_count_and_are_proportional(
    importance: list[int], data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, len(importance)))
    given_ = np.array(importance, float)
    density = scale_to(given_, count)
    assert density.sum() == pytest.approx(count, rel=1e-9)
    assert density.min() >= 0
    assert density.max() <= 1
    inside = (density < 1) & (given_ > 0)
    if inside.any() and count <= (given_ > 0).sum():
        ratio = density[inside] / given_[inside]
        assert np.ptp(ratio) <= 1e-6 * ratio.max()


@given(SPACES, SEEDS, st.data())
@settings(deadline=None)
def test_dithering_is_exact(space: tuple[int, ...], seed: int, data: st.DataObject) -> None:
    importance = np.random.default_rng(seed).exponential(size=space) ** 3
    count = data.draw(st.integers(1, importance.size))
    assert dither(importance, count).sum() == count


def slow_cells(local: np.ndarray, mask: np.ndarray) -> dict[tuple[int, ...], float]:
    """Total error of the pixels nearest (city block) to each mask pixel, where that is unique."""
    owners = np.argwhere(mask)
    totals = {tuple(owner): 0.0 for owner in owners}
    for place in np.ndindex(mask.shape):
        distance = np.abs(owners - place).sum(axis=1)
        nearest = np.flatnonzero(distance == distance.min())
        if len(nearest) > 1:
            return {}
        totals[tuple(owners[nearest[0]])] += float(local[place])
    return totals


@pytest.mark.parametrize("shape", [(17,), (9, 1), (5, 5, 5)])
def test_cells_against_brute_force(shape: tuple[int, ...]) -> None:
    """Two mask pixels an odd number of steps apart: every pixel has one that is nearest."""
    rng = np.random.default_rng(0)
    mask, local = np.zeros(shape, bool), rng.random(shape)
    mask[(0,) * len(shape)] = mask[tuple(n - 1 - (k == 0) for k, n in enumerate(shape))] = True
    local[mask] = 0
    totals = slow_cells(local, mask)
    assert len(totals) == 2
    order = sorted(totals, key=lambda owner: -totals[owner])
    owners = np.argwhere(mask)
    expected = []
    for owner in order:
        best = max(
            np.ndindex(shape),
            key=lambda place: (
                local[place]
                if np.abs(owners - place).sum(1).min() == np.abs(np.array(owner) - place).sum()
                else -1.0
            ),
        )
        expected.append(int(np.ravel_multi_index(best, shape)))
    assert worst_pixels(local, mask, 2).tolist() == expected
    assert worst_pixels(local, mask, 1).tolist() == expected[:1]


@given(st.tuples(st.integers(1, 8), st.integers(1, 8)), SEEDS, st.data())
@settings(deadline=None)
def test_worst_pixels_are_new_and_distinct(
    space: tuple[int, int], seed: int, data: st.DataObject
) -> None:
    mask = lattice(space, data.draw(st.integers(1, space[0] * space[1])))
    local = np.random.default_rng(seed).random(space) * ~mask
    found = worst_pixels(local, mask, 5)
    assert len(set(found.tolist())) == len(found) <= 5
    assert not mask.reshape(-1)[found].any()
    assert len(found) > 0 or mask.all()
