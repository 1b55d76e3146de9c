"""`tonal` with levels: never worse than rounding, near dense coordinate descent."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from cases import dense_grids
from steepest import Solver
from steepest.core.errors import InputError
from steepest.core.progress import Reporter
from steepest.inpainting import masks, tonal
from steepest.inpainting.echo_matrix import echo_matrix
from steepest.inpainting.tonal_levels import Levels, _blocks, round_values


def problem(space: tuple[int, ...], seed: int, density: float = 1 / 6) -> tuple[Any, Any]:
    """A smooth image with noise that spans [0, 1], and a mask drawn at random."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=space)
    image = gaussian_filter(noise, 1.5) + 0.1 * noise
    return (image - image.min()) / np.ptp(image), masks.random(image, density, rng=seed)


def on_levels(values: np.ndarray, levels: int) -> np.ndarray:
    """The nearest levels of [0, 1]."""
    return np.clip(np.rint(values * (levels - 1)), 0, levels - 1) / (levels - 1)


def dense_descent(echoes: np.ndarray, f: np.ndarray, g: np.ndarray, levels: int) -> np.ndarray:
    """Coordinate descent over the levels of [0, 1], on dense echoes, until nothing changes."""
    gram, right, g = echoes.T @ echoes, echoes.T @ f, g.copy()
    for _ in range(100):
        before = g.copy()
        for k in range(g.size):
            g[k] = on_levels(g[k] + (right[k] - gram[k] @ g) / gram[k, k], levels)
        if np.array_equal(g, before):
            break
    return g


@given(st.integers(0, 10**6), st.integers(2, 300), st.sampled_from([(40,), (13, 17), (5, 6, 7)]))
@settings(max_examples=40)
def test_never_worse_than_rounding(seed: int, levels: int, space: tuple[int, ...]) -> None:
    image, mask = problem(space, seed)
    echoes, f = dense_grids.echoes(mask), image.ravel()
    best = np.linalg.lstsq(echoes, f, rcond=None)[0]
    rounded = on_levels(tonal(image, mask)[mask], levels)
    found = tonal(image, mask, levels=levels)[mask]
    least, own, plain = (float(np.mean((echoes @ g - f) ** 2)) for g in (best, found, rounded))
    assert least * (1 - 1e-9) <= own <= plain * (1 + 1e-3)


@pytest.mark.parametrize("levels", [3, 4, 8])
def test_most_of_what_coordinate_descent_gains(levels: int) -> None:
    gains = []
    for seed in range(8):
        image, mask = problem((24, 25), seed, density=0.1)
        echoes, f = dense_grids.echoes(mask), image.ravel()
        rounded = on_levels(np.linalg.lstsq(echoes, f, rcond=None)[0], levels)
        descended = dense_descent(echoes, f, rounded, levels)
        found = tonal(image, mask, levels=levels, solver=Solver(tol=0.0001))[mask]
        gains.append([np.log(np.mean((echoes @ g - f) ** 2)) for g in (rounded, found, descended)])
    plain, own, other = np.mean(gains, axis=0)
    assert plain - own > 0.5 * (plain - other)
    assert plain - other > 0.01


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("levels", [2, 16, 256])
def test_values_are_levels_and_the_rest_is_inpainted(dtype: str, levels: int) -> None:
    image, mask = problem((15, 16), 1)
    top = {"uint8": 255, "uint16": 65535}.get(dtype, 3)
    image = (0.1 + 0.8 * image) * top
    image = (np.rint(image) if top > 3 else image).astype(dtype)
    found = tonal(image, mask, levels=levels)
    assert found.dtype == (np.float64 if dtype == "float64" else np.float32)
    low, high = (0, 1) if top > 3 else (float(image.min()), float(image.max()))
    share = np.arange(levels) / (levels - 1)
    assert np.isin(found[mask], ((1 - share) * low + share * high).astype(found.dtype)).all()
    expected = dense_grids.inpainted(found[None].astype(float), mask)[0]
    np.testing.assert_allclose(found, expected, atol=1e-4 * (high - low))


def test_blocks_part_the_mask_and_their_sums_bound_the_error() -> None:
    """D are the row sums of ``B_S^T B_S``, and ``D - B_S^T B_S`` has no negative eigenvalue."""
    _, mask = problem((16, 17), 4, density=0.3)
    echoes = dense_grids.echoes(mask)
    number = np.full(mask.shape, -1)
    number[mask] = np.arange(mask.sum())
    total = np.zeros(mask.shape, int)
    for own, sums in _blocks(echo_matrix(mask), 1):
        chosen = echoes[:, number[own]]
        gram = chosen.T @ chosen
        np.testing.assert_allclose(sums, gram.sum(1), rtol=0.05)
        assert np.linalg.eigvalsh(np.diag(1.05 * sums) - gram).min() >= 0
        total += own
    assert np.array_equal(total, mask)


def test_clipped_values_are_made_up_for() -> None:
    """With levels so fine that rounding is nothing, the best values within the range are found."""
    image, mask = problem((20, 21), 5, density=0.1)
    echoes, f = dense_grids.echoes(mask), image.ravel()
    free = np.linalg.lstsq(echoes, f, rcond=None)[0]
    assert free.min() < 0 or free.max() > 1
    bounded = dense_descent(echoes, f, np.clip(free, 0, 1), 65536)
    found = tonal(image, mask, levels=65536)[mask]
    errors = [np.mean((echoes @ g - f) ** 2) for g in (np.clip(free, 0, 1), found, bounded)]
    assert errors[1] - errors[2] < 0.2 * (errors[0] - errors[2])


def test_threads_do_not_change_a_bit_and_scaling_is_exact() -> None:
    image, mask = problem((20, 31), 6)
    three = np.stack([image, image[::-1], image[:, ::-1]])
    one, two = (
        tonal(three, mask, channel_axis=0, levels=7, solver=Solver(num_threads=n)) for n in (1, 2)
    )
    assert np.array_equal(one, two)
    for exponent in (-1000, 600):
        scaled = tonal(np.ldexp(image, exponent), mask, levels=7)
        np.testing.assert_array_equal(scaled, np.ldexp(tonal(image, mask, levels=7), exponent))


def test_round_values_reads_nothing_off_the_mask() -> None:
    image, mask = problem((12, 13), 7)
    matrix, levels = echo_matrix(mask), Levels(0.0, 1.0, 12)
    start = np.where(mask, image, np.nan)
    g = round_values(matrix, image[None], start[None], levels, 1, Reporter(None))[0]
    assert not g[~mask].any()
    assert np.array_equal(
        g, round_values(matrix, image[None], image[None], levels, 1, Reporter(None))[0]
    )


@pytest.mark.parametrize("levels", [1, 65537, 2.0, True, "many"])
def test_bad_levels_are_named(levels: Any) -> None:
    with pytest.raises(InputError, match=r"levels=.* must be an integer of at"):
        tonal(np.zeros((4, 5)), np.ones((4, 5), bool), levels=levels)
