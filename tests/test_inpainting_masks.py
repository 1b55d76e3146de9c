"""Mask methods: exact counts, what they are invariant to, and errors recomputed independently."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import spsolve

from steepest.core.errors import InputError
from steepest.inpainting import masks

SPACES = st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple)
DENSITIES = st.floats(0, 1, exclude_min=True)
SEEDS = st.integers(0, 2**31)


def planar(method: str) -> bool:
    """Whether it is only for images with two spatial axes."""
    try:
        getattr(masks, method)(np.zeros((2, 2, 2)), 0.5)
    except InputError as error:
        assert "spatial axes" in str(error)
        return True
    return False


def photograph(size: int = 24, channels: int = 2) -> np.ndarray:
    """Smooth blobs, an edge and a little noise, (size, size, channels) in [0, 1]."""
    rng = np.random.default_rng(3)
    smooth = gaussian_filter(rng.normal(size=(size, size, channels)), (2.5, 2.5, 0)) * 3
    smooth[size // 3 :, size // 2 :] += 0.4
    return np.clip(0.4 + smooth + 0.01 * rng.normal(size=smooth.shape), 0, 1)


def direct(values: np.ndarray, known: np.ndarray, start: Any = None) -> np.ndarray:
    """Inpainting (channels, space) by SciPy's direct solver, the neighbours written out."""
    del start
    index = np.arange(known.size).reshape(known.shape)
    pairs = [
        (
            np.take(index, np.arange(1, n), axis).ravel(),
            np.take(index, np.arange(n - 1), axis).ravel(),
        )
        for axis, n in enumerate(known.shape)
    ]
    i, j = (np.concatenate(part) for part in zip(*pairs, strict=True))
    links = coo_array((np.ones(2 * len(i)), (np.r_[i, j], np.r_[j, i])), (known.size,) * 2).tocsr()
    matrix = (diags_array(links.sum(axis=0)) - links).tocsr()
    out, flat = values.reshape(len(values), -1).copy(), known.reshape(-1)
    if not flat.all():
        right = -(matrix[~flat][:, flat] @ out[:, flat].T)
        out[:, ~flat] = spsolve(matrix[~flat][:, ~flat].tocsc(), right).reshape(right.shape).T
    return out.reshape(values.shape)


def error(image: np.ndarray, mask: np.ndarray, exponent: int = 1) -> float:
    """Mean error of the inpainting of a channels-last float image, by the direct solver."""
    values = np.moveaxis(image, -1, 0)
    return float((np.abs(direct(values, mask) - values) ** exponent).mean())


@pytest.mark.parametrize("method", masks.METHODS)
@settings(max_examples=25, deadline=None)
@given(space=SPACES, density=DENSITIES, seed=SEEDS, colour=st.booleans())
def test_exact_count(
    method: str, space: tuple[int, ...], density: float, seed: int, colour: bool
) -> None:
    space = (7, *space)[-2:] if planar(method) else space
    image = np.random.default_rng(seed).random((*space, 2) if colour else space)
    axis = -1 if colour else None
    mask = getattr(masks, method)(image, density, channel_axis=axis, rng=seed)
    assert mask.dtype == bool
    assert mask.shape == space
    assert mask.sum() == max(1, round(density * mask.size))


@pytest.mark.parametrize("method", masks.METHODS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_constant_images_and_all_pixels(method: str, dtype: str) -> None:
    flat = np.full((7, 9), 3, dtype)
    assert getattr(masks, method)(flat, 0.2).sum() == 13
    assert getattr(masks, method)(flat, 1.0).all()
    assert getattr(masks, method)(flat[:1, :1], 0.01).all()


@pytest.mark.parametrize("method", masks.METHODS)
def test_randomness_is_that_of_the_generator(method: str) -> None:
    image = photograph()
    draw = lambda rng: getattr(masks, method)(image, 0.1, channel_axis=-1, rng=rng)  # noqa: E731
    assert np.array_equal(draw(1), draw(np.random.default_rng(1)))


@given(SPACES, DENSITIES, DENSITIES, SEEDS)
def test_random_masks_are_nested(space: tuple[int, ...], one: float, two: float, seed: int) -> None:
    image = np.zeros(space)
    few, many = (masks.random(image, d, rng=seed) for d in sorted((one, two)))
    assert not (few & ~many).any()


def test_random_masks_depend_on_the_seed() -> None:
    one, two = (masks.random(np.zeros((9, 9)), 0.3, rng=seed) for seed in (1, 2))
    assert not np.array_equal(one, two)


def test_random_pixels_are_uniform() -> None:
    rng = np.random.default_rng(0)
    image = np.zeros((4, 5))
    share = np.mean([masks.random(image, 0.3, rng=rng) for _ in range(4000)], axis=0)
    assert np.abs(share - 0.3).max() < 5 * np.sqrt(0.21 / 4000)


@pytest.mark.parametrize(("space", "step"), [((12, 20), 4), ((9, 15), 3), ((6, 4, 8), 2)])
def test_regular_masks_are_square_lattices(space: tuple[int, ...], step: int) -> None:
    expected = np.zeros(space, bool)
    expected[(slice(step // 2, None, step),) * len(space)] = True
    assert np.array_equal(masks.regular(np.zeros(space), 1 / step ** len(space)), expected)


@pytest.mark.parametrize("method", masks.METHODS)
def test_negation_a_shift_and_an_order_of_channels_change_nothing(method: str) -> None:
    """Powers of two, so that nothing is rounded differently."""
    image = np.round(photograph(14) * 256) / 256
    keep = lambda u, axis=-1: getattr(masks, method)(u, 0.1, channel_axis=axis, rng=0)  # noqa: E731
    assert np.array_equal(keep(image), keep(-image))
    assert np.array_equal(keep(image), keep(image[..., ::-1]))
    assert np.array_equal(keep(image), keep(image.transpose(2, 0, 1), 0))


def test_laplacian_masks_stay_near_the_curvature() -> None:
    """A disc: with enough pixels for its rim, few are far from it (by chance it would be half)."""
    rows, columns = np.mgrid[:48, :48] - 23.5
    radius = np.hypot(rows, columns)
    mask = masks.laplacian_dither((radius < 14).astype(float), 0.1, sigma=1)
    assert (np.abs(radius[mask] - 14) < 6).mean() > 0.95


def test_optimised_masks_beat_random_ones() -> None:
    image = photograph(32)
    errors = {
        method: error(image, getattr(masks, method)(image, 0.1, channel_axis=-1, rng=0))
        for method in masks.METHODS
    }
    assert max(e for method, e in errors.items() if method != "random") < errors["random"]
    assert errors["densify"] < 0.8 * errors["random"]


def test_a_volume() -> None:
    rng = np.random.default_rng(0)
    volume = gaussian_filter(rng.normal(size=(8, 9, 10)), 1.5)[..., None]
    errors = {
        m: error(volume, getattr(masks, m)(volume[..., 0], 0.1, rng=0))
        for m in ("random", "densify")
    }
    assert errors["densify"] < errors["random"]


@pytest.mark.parametrize("method", masks.METHODS)
def test_progress(method: str) -> None:
    steps: list[Any] = []
    image = photograph()
    getattr(masks, method)(image, 0.1, channel_axis=-1, rng=0, on_step=steps.append)
    known = [step.known for step in steps]
    assert {step.target for step in steps} == {58}
    assert known[-1] == 58
    assert known in (sorted(known), sorted(known, reverse=True))


@pytest.mark.parametrize("method", masks.METHODS)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"density": 0}, "density=0; allowed are numbers above 0"),
        ({"density": 1.01}, "density=1.01"),
        ({"density": float("nan")}, "density=nan"),
        ({"density": "0.1"}, "density='0.1'"),
        ({"rng": -1}, "rng=-1; allowed are None"),
        ({"rng": "seed"}, "rng='seed'"),
        ({"on_step": 3}, "on_step=3"),
        ({"channel_axis": 2}, "channel_axis=2 is out of range"),
        ({"image": np.full((4, 4), np.nan)}, "NaN"),
        ({"image": np.zeros((4, 4), int)}, "dtype int64"),
    ],
)
def test_bad_input(method: str, options: dict[str, Any], words: str) -> None:
    arguments = {"image": np.zeros((6, 6)), "density": 0.2, **options}
    with pytest.raises(InputError, match=words):
        getattr(masks, method)(**arguments)


def test_bad_options() -> None:
    image = np.zeros((6, 6))
    with pytest.raises(InputError, match="norm='linf'; allowed is one of l1, l2"):
        masks.echo(image, 0.2, norm="linf")
    with pytest.raises(InputError, match="rounds=0"):
        masks.densify(image, 0.2, rounds=0)
    with pytest.raises(InputError, match="sigma=-1"):
        masks.laplacian_dither(image, 0.2, sigma=-1)
