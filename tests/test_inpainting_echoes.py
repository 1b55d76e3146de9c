"""Echo sparsification: what it keeps against dense solves, its order against brute force."""

from typing import Any

import numpy as np
import pytest

from cases import dense_grids
from cases.echo_states import check_blocks, check_heaps, picture, removal, windows
from steepest.core.errors import InputError
from steepest.inpainting import masks, reconstruct
from steepest.inpainting.echoes import state, thinning, tiles
from steepest.inpainting.echoes.inserting import relax_tile
from steepest.inpainting.echoes.removing import neighbours, thin
from steepest.inpainting.echoes.state import Echoes, buffers_for, grow

HEIGHT, WIDTH = 12, 10
UNCUT = (np.float32(1e-9), np.float32(1e-9), 24)  # windows hold all of a small image
NORMS = pytest.mark.parametrize("exponent", [1, 2])


@pytest.fixture
def uncut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut off."""
    monkeypatch.setattr(thinning, "LIMITS", UNCUT)


def ties(image: np.ndarray, seed: int = 0) -> np.ndarray:
    return thinning.jitter(image, np.random.default_rng(seed))


def thinned(image: np.ndarray, target: int, exponent: int = 1, seed: int = 0) -> tuple[Echoes, Any]:
    """Echoes of a mask of ``target`` pixels, and the pixels in the order of their removal."""
    rank = np.zeros(image[0].size, np.int32)
    echoes = thinning.echoes_of_all(
        image, thinning.jitter(image, np.random.default_rng(seed)), exponent == 1
    )
    thinning.thin_to(echoes, target, exponent == 1, rank=rank)
    assert int(echoes.tile_size.sum()) == int(echoes.known.sum()) == target
    return echoes, np.argsort(-rank, kind="stable")[: rank.size - target]


def removals(image: np.ndarray, known: np.ndarray, exponent: int) -> tuple[Any, Any, Any]:
    """For each known pixel by dense solves: its t (C, K), error change (K,), and all echoes."""
    values = image.reshape(len(image), -1).astype(float)
    matrix, echoes = dense_grids.minus_laplacian(known.shape), dense_grids.echoes(known)
    pixels = np.flatnonzero(known)
    u = values[:, pixels] @ echoes.T
    t = -(u @ matrix)[:, pixels] / (matrix @ echoes)[pixels].diagonal()
    error = (u - values)[:, :, None]
    after = np.abs(error + t[:, None, :] * echoes) ** exponent
    return t, (after - np.abs(error) ** exponent).sum((0, 1)), echoes


def mean_error(image: np.ndarray, known: np.ndarray, exponent: int = 1) -> float:
    filled = dense_grids.inpainted(image.astype(float), known > 0)
    return float((np.abs(filled - image) ** exponent).mean())


@NORMS
@pytest.mark.parametrize("target", [119, 60, 15, 3, 2])
def test_everything_kept_is_what_dense_solves_give(uncut: None, exponent: int, target: int) -> None:
    image = picture()
    echoes, _ = thinned(image, target, exponent)
    known = echoes.known > 0
    t_exact, change, columns = removals(image, known, exponent)
    np.testing.assert_allclose(windows(echoes), columns, atol=2e-5)
    filled = dense_grids.inpainted(image.astype(float), known)
    np.testing.assert_allclose(echoes.error, filled - image, atol=2e-5)
    flows = -(dense_grids.minus_laplacian(known.shape) @ columns)
    buffers, pixels = buffers_for(echoes, 24), np.flatnonzero(known)
    for k, pixel in enumerate(pixels):
        key = removal(echoes, pixel, buffers.t, exponent == 1)
        np.testing.assert_allclose(buffers.t, t_exact[:, k], atol=1e-4)
        assert key - echoes.jitter[pixel] == pytest.approx(change[k], rel=1e-3, abs=2e-4)
        count = neighbours(echoes, pixel, np.float32(1e-6), buffers)
        found, shares = buffers.found, buffers.shares
        assert shares[:count].sum() == pytest.approx(1, abs=1e-5)
        exact = np.zeros(known.size)
        exact[pixels] = flows[pixels, k] / -flows[pixel, k]
        exact[pixel] = 0
        ours = np.zeros(known.size)
        ours[found[:count]] = shares[:count]
        np.testing.assert_allclose(ours, exact, atol=1e-4)


@NORMS
@pytest.mark.parametrize(("channels", "seed"), [(1, 1), (1, 2), (3, 3)])
def test_order_is_the_true_greedy_order(
    uncut: None, exponent: int, channels: int, seed: int
) -> None:
    image = picture(channels=channels, seed=seed)
    echoes, removed = thinned(image, 12, exponent)
    known = np.ones((HEIGHT, WIDTH), bool)
    for step, pixel in enumerate(removed):
        change = removals(image, known, exponent)[1] + echoes.jitter[known.ravel()]
        assert np.flatnonzero(known)[change.argmin()] == pixel, f"removal {step}"
        known.flat[pixel] = False


@NORMS
def test_cutting_off_costs_little(exponent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ratios = []
    for seed in range(8):
        image = picture(20, 22, seed=seed)
        cut = mean_error(image, thinned(image, 30, exponent)[0].known, exponent)
        with monkeypatch.context() as patch:
            patch.setattr(thinning, "LIMITS", UNCUT)
            exact = mean_error(image, thinned(image, 30, exponent)[0].known, exponent)
        ratios.append(cut / exact)
    assert np.mean(ratios) < 1.03
    assert max(ratios) < 1.15


def test_relaxed_echoes_are_closer_to_the_exact_ones() -> None:
    echoes, _ = thinned(picture(20, 22), 40)
    exact, before = dense_grids.echoes(echoes.known > 0), windows(echoes)
    assert relax_tile(echoes, buffers_for(echoes, 24), 0, thinning.LIMITS)
    assert np.abs(windows(echoes) - exact).mean() < 0.7 * np.abs(before - exact).mean()


def test_echoes_of_a_given_mask() -> None:
    image = picture(20, 22)
    known = np.random.default_rng(0).random((20, 22)) < 0.15
    echoes = thinning.echoes_of_mask(image, known, ties(image), True)
    assert np.array_equal(echoes.known > 0, known)
    np.testing.assert_allclose(windows(echoes), dense_grids.echoes(known), atol=0.06)
    exact = dense_grids.inpainted(image.astype(float), known) - image
    np.testing.assert_allclose(echoes.error, exact, atol=1e-3)
    check_heaps(echoes)


def test_ranking_holds_the_masks_of_all_densities() -> None:
    image = picture(30, 21)
    ranking = masks.echo_ranking(image, channel_axis=0, rng=3, density=0.02)
    least = round(0.02 * 630)
    assert (ranking == 0).sum() == least
    for k in range(least, 631):
        assert (ranking < k).sum() == k
    for density in (0.02, 0.1, 0.37, 1.0):
        mask = masks.echo(image, density, channel_axis=0, rng=3)
        assert np.array_equal(mask, ranking < max(1, round(density * 630)))


@pytest.mark.parametrize("space", [(1, 1), (1, 2), (2, 1), (1, 70), (70, 1), (2, 2), (3, 67)])
def test_exact_counts_on_the_thinnest_images(space: tuple[int, int]) -> None:
    image = np.random.default_rng(0).random(space)
    for density in (1e-9, 0.1, 0.5, 0.93, 1):
        mask = masks.echo(image, density, rng=0)
        assert mask.shape == space
        assert mask.dtype == bool
        assert mask.sum() == max(1, round(density * image.size))


def test_kinks_of_a_piecewise_linear_line_are_kept() -> None:
    line = np.interp(np.arange(60), [0, 20, 41, 59], [0, 1, 0.2, 0.7])
    for image in (line[None], line[:, None]):
        mask = masks.echo(image, 4 / 60, rng=0)
        assert np.flatnonzero(mask).tolist() == [0, 20, 41, 59]


def test_same_seed_same_mask_and_what_masks_are_invariant_to() -> None:
    image = np.round(64 * picture(35, 24)) / 64  # dyadic: shifts are exact
    base = masks.echo(image, 0.1, channel_axis=0, rng=5)
    rng = np.random.default_rng(5)
    assert np.array_equal(base, masks.echo(image, 0.1, channel_axis=0, rng=rng))
    shifted = image.astype(np.float64) + np.array([2.0**20, -3])[:, None, None]
    for other in (shifted, 2.0**40 * image, 2.0**-600 * image.astype(np.float64), -image):
        assert np.array_equal(base, masks.echo(other, 0.1, channel_axis=0, rng=5))
    turned = np.moveaxis(image, 0, -1)
    assert np.array_equal(base, masks.echo(turned, 0.1, channel_axis=-1, rng=5))


def test_tiles_cost_little() -> None:
    image = picture(100, 90, seed=6)
    tiled, _ = thinned(image, 600)
    check_heaps(tiled)
    check_blocks(tiled)
    whole = thinning.echoes_of_all(image, ties(image), True)
    anywhere, progress, any_key = np.array([-1]), np.array([9000 - 600, 0]), np.float32(np.inf)
    buffers = buffers_for(whole, 24)
    while not thin(whole, buffers, anywhere, progress, any_key, thinning.LIMITS, True):
        grow(whole)
        buffers = buffers_for(whole, 24)
    errors = [reconstruct(image, echoes.known > 0, channel_axis=0).mae for echoes in (tiled, whole)]
    assert errors[0] < 1.03 * errors[1]


@pytest.fixture
def growths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How long the arena was each time that it had to grow."""
    seen: list[int] = []

    def counted(echoes: Echoes) -> None:
        seen.append(len(echoes.arena))
        grow(echoes)

    monkeypatch.setattr(tiles, "grow", counted)
    return seen


def test_an_arena_that_grows_changes_nothing(
    growths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = picture(70, 66)
    monkeypatch.setattr(state, "_FLOATS_PER_PIXEL", 100)
    expected, removed = thinned(image, 231)
    assert not growths
    monkeypatch.setattr(state, "_FLOATS_PER_PIXEL", 5)
    monkeypatch.setattr(state, "_LEAST_WINDOWS", 1)
    found, again = thinned(image, 231)
    assert len(growths) > 3
    assert np.array_equal(again, removed)
    np.testing.assert_array_equal(found.error, expected.error)
    np.testing.assert_array_equal(windows(found), windows(expected))
    check_blocks(found)
    check_heaps(found)


def test_progress_tells_the_error_on_the_scale_of_the_image() -> None:
    image = np.round(40 * picture(80, 70, 3) + 60).astype(np.uint8)
    steps: list[Any] = []
    mask = masks.echo(image, 0.1, channel_axis=0, rng=0, on_step=steps.append)
    known = [step.known for step in steps]
    assert known == sorted(known, reverse=True)
    assert known[-1] == mask.sum() == 560
    assert {step.target for step in steps} == {560}
    mae = reconstruct(image, mask, channel_axis=0).mae
    assert steps[-1].error == pytest.approx(mae, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": np.zeros((4, 5, 6))}, "spatial axes"),
        ({"image": np.zeros(9)}, "spatial axes"),
        ({"image": np.full((4, 5), np.nan)}, "NaN"),
        ({"density": 0}, "density"),
        ({"density": 1.01}, "density"),
        ({"norm": "l3"}, "norm"),
        ({"rng": "a"}, "rng"),
        ({"on_step": 3}, "on_step"),
    ],
)
def test_bad_input_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        masks.echo(**({"image": np.zeros((4, 5)), "density": 0.5} | arguments))
