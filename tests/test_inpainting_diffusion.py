"""`steepest.inpaint`, `reconstruct`: dense solves, maximum principle, symmetries, edge cases."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import dense_grids
from steepest import Solver, denoise_tv, inpaint, inpainting
from steepest.core.errors import InputError, NotConverged
from steepest.core.status import Status
from steepest.inpainting import reconstruct
from steepest.inpainting.steady_state import fill

SPACES = st.lists(st.integers(1, 12), min_size=1, max_size=2).map(tuple) | st.tuples(
    *[st.integers(1, 6)] * 3
)
SEEDS = st.integers(0, 999)


def random_mask(space: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """About a tenth of the pixels, at least one."""
    mask = rng.random(space) < 0.1
    mask.flat[rng.integers(mask.size)] = True
    return mask


def random_confidence(space: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Zeros, ones, values near one and others."""
    values = np.array([0, 1, 1 - 1e-9, 1 - 2**-53, 1e-6, 0.5])
    confidence = np.where(rng.random(space) < 0.5, rng.choice(values, space), rng.random(space))
    confidence.flat[rng.integers(confidence.size)] = 0.3
    return confidence


@given(space=SPACES, seed=SEEDS, soft=st.booleans())
@settings(max_examples=40)
def test_agrees_with_a_dense_solve(space: tuple[int, ...], seed: int, soft: bool) -> None:
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(2, *space))
    spacing = rng.choice([1.0, 5.0, 0.7], len(space))
    known = (random_confidence if soft else random_mask)(space, rng)
    found = inpaint(image, known, channel_axis=0, spacing=spacing, solver=Solver(tol=1e-12))
    expected = dense_grids.inpainted(image, known, spacing)
    assert found.converged
    np.testing.assert_allclose(found.image, expected, atol=1e-8)


@given(space=SPACES, seed=SEEDS, soft=st.booleans())
@settings(max_examples=15)
def test_reports_the_true_residual(space: tuple[int, ...], seed: int, soft: bool) -> None:
    rng = np.random.default_rng(seed)
    image = rng.random((3, *space))
    known = (random_confidence if soft else random_mask)(space, rng)
    found = inpaint(image, known, channel_axis=0, solver=Solver(tol=0.001))
    c = known.ravel().astype(float)
    matrix = np.diag(c) + (1 - c)[:, None] * dense_grids.minus_laplacian(space)
    free = c < 1
    flat = image.reshape(3, -1)
    centred = flat - (flat @ c / c.sum())[:, None]
    loads = (c * centred - np.where(free, 0, centred) @ matrix.T)[:, free]
    left = (c * flat - found.image.reshape(3, -1) @ matrix.T)[:, free]
    sizes = np.linalg.norm(loads, axis=1)
    real = sizes > 1e-12
    expected = (np.linalg.norm(left, axis=1)[real] / sizes[real]).max(initial=0)
    assert found.residual <= 1e-3
    assert found.residual == pytest.approx(expected, rel=1e-6, abs=1e-11)


@pytest.mark.parametrize(
    ("space", "axis", "spacing"),
    [((40,), 0, 2.0), ((21, 30), 1, None), ((30, 9), 0, (5, 1)), ((5, 17, 6), 1, (5, 1, 2))],
)
def test_linear_functions_are_filled_exactly(space: Any, axis: int, spacing: Any) -> None:
    ramp = np.zeros(space) + np.moveaxis(
        np.arange(space[axis]).reshape(-1, *(1,) * (len(space) - 1)), 0, axis
    )
    mask = np.zeros(space, bool)
    mask[(slice(None),) * axis + ([0, -1],)] = True
    found = inpaint(np.where(mask, 3 * ramp - 7, np.nan), spacing=spacing, solver=Solver(tol=1e-13))
    np.testing.assert_allclose(found.image, 3 * ramp - 7, atol=1e-10 * space[axis])


def test_integer_images_are_the_rounded_float_ones() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (31, 20, 3)).astype(np.uint8)
    mask = random_mask((31, 20), rng)
    exact = dense_grids.inpainted(np.moveaxis(image, -1, 0).astype(float), mask)
    found = np.moveaxis(inpaint(image, mask, channel_axis=-1).image, -1, 0)
    assert np.abs(found - exact).max() < 0.502


def test_float32_is_within_its_rounding_of_float64() -> None:
    rng = np.random.default_rng(2)
    image = rng.random((50, 41)).astype(np.float32)
    for known in (random_mask(image.shape, rng), random_confidence(image.shape, rng)):
        single = inpaint(image, known, solver=Solver(tol=1e-09)).image
        double = inpaint(image.astype(np.float64), known, solver=Solver(tol=1e-09)).image
        assert np.array_equal(single, double.astype(np.float32))


def test_masked_and_nan_pixels_are_both_unknown() -> None:
    rng = np.random.default_rng(31)
    image = rng.random((9, 8))
    nan, hidden = rng.random((9, 8)) < 0.2, rng.random((9, 8)) < 0.2
    expected = inpaint(image, ~(nan | hidden)).image
    image[nan] = np.nan
    assert np.array_equal(inpaint(np.ma.array(image, mask=hidden)).image, expected)
    assert np.array_equal(inpaint(np.ma.array(image), unknown=nan | hidden).image, expected)
    one, known = np.arange(72).reshape(9, 8) == 0, ~nan
    known.flat[0], image[0, 0] = True, 1
    with pytest.raises(InputError, match="masked at 1 pixels that are known according to known"):
        inpaint(np.ma.array(image, mask=one), known=known)


def test_masked_arrays_are_refused_elsewhere_with_advice() -> None:
    image = np.ma.masked_greater(np.random.default_rng(32).random((9, 8)), 0.5)
    for function in (denoise_tv, inpainting.masks.echo):
        with pytest.raises(InputError, match=r"steepest\.inpaint\(image\) fills .* image\.filled"):
            function(image, 0.1)
    with pytest.raises(InputError, match=r"known is a masked array"):
        inpaint(image.data, known=image)


def test_a_batch_says_which_image_failed() -> None:
    rng = np.random.default_rng(36)
    images, known = rng.random((3, 30, 31)), rng.random((3, 30, 31)) < 0.1
    known[1] = True
    found = inpaint(images, known, batch_axis=0, solver=Solver(max_num_iter=1))
    assert found.statuses[1] is Status.CONVERGED
    assert found.statuses[0] is found.statuses[2] is found.status is Status.MAX_ITERATIONS
    with pytest.raises(NotConverged):
        inpaint(images, known, batch_axis=0, solver=Solver(max_num_iter=1, raise_on_failure=True))
    with pytest.raises(InputError, match="known of shape"):
        inpaint(images, known[:2], batch_axis=0)
    with pytest.raises(InputError, match="no items"):
        inpaint(images[:0], known[0], batch_axis=0)
    with pytest.raises(InputError, match="are the same"):
        inpaint(images, known[0], batch_axis=0, channel_axis=-3)


def test_a_batch_of_tensors_has_the_gradient_of_each() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(37)
    images = torch.tensor(rng.random((2, 3, 8, 9)), requires_grad=True)
    known = torch.tensor(rng.random((2, 8, 9)) < 0.4)
    found = inpaint(images, known, batch_axis=0, channel_axis=1).image
    alone = torch.stack([inpaint(images[k], known[k], channel_axis=0).image for k in range(2)])
    assert torch.equal(found, alone)
    weights = torch.tensor(rng.random((2, 3, 8, 9)))
    one = torch.autograd.grad((weights * found).sum(), images)[0]
    assert torch.equal(one, torch.autograd.grad((weights * alone).sum(), images)[0])


@pytest.mark.parametrize("anything", [np.nan, np.inf, -np.inf, 1e300, 1e-300, 12.0])
@pytest.mark.parametrize("soft", [False, True])
def test_unknown_pixels_may_hold_anything(anything: float, soft: bool) -> None:
    rng = np.random.default_rng(4)
    image = rng.random((20, 23))
    known = random_mask((20, 23), rng) * (0.5 if soft else True)
    expected = inpaint(image, known, solver=Solver(tol=1e-11)).image
    found = inpaint(np.where(known > 0, image, anything), known, solver=Solver(tol=1e-11)).image
    np.testing.assert_allclose(found, expected, atol=1e-8)


@pytest.mark.parametrize("exponent", [-1000, -600, -100, 100, 330, 490])
@pytest.mark.parametrize("soft", [False, True])
def test_scaling_by_powers_of_two_is_exact(exponent: int, soft: bool) -> None:
    rng = np.random.default_rng(9)
    image = rng.random((14, 11))
    known = (random_confidence if soft else random_mask)((14, 11), rng)
    found = inpaint(np.ldexp(image, exponent), known)
    assert found.converged
    np.testing.assert_array_equal(found.image, np.ldexp(inpaint(image, known).image, exponent))


@pytest.mark.parametrize("level", [1e-300, 1e-50, 1e-19, 1e-12, 1e-6])
def test_tiny_confidences_everywhere_give_the_mean(level: float) -> None:
    rng = np.random.default_rng(11)
    image, confidence = rng.random((9, 12)), level * rng.uniform(0.5, 1, (9, 12))
    found = inpaint(image, confidence)
    mean = (confidence * image).sum() / confidence.sum()
    np.testing.assert_allclose(found.image, mean, atol=1e-3)
    assert found.converged == (found.residual <= 1e-3)


def test_a_failure_is_not_called_converged() -> None:
    rng = np.random.default_rng(12)
    image, mask = rng.random((40, 50)), random_mask((40, 50), rng)
    few = inpaint(image, mask, solver=Solver(max_num_iter=1))
    assert few.status is Status.MAX_ITERATIONS
    assert few.residual > 1e-6
    assert not few.converged
    with pytest.raises(NotConverged, match="iteration limit") as caught:
        inpaint(image, mask, solver=Solver(max_num_iter=1, raise_on_failure=True))
    assert np.array_equal(caught.value.result.image, few.image)
    stretched = inpaint(image, mask, spacing=(1e9, 1))
    assert stretched.converged == (stretched.residual <= 1e-3)
    assert inpaint(image, mask, solver=Solver(tol=1e-17)).status is Status.ROUNDING


def test_a_solution_as_the_start_takes_no_iteration() -> None:
    rng = np.random.default_rng(13)
    image, mask = rng.random((2, 20, 21)), random_mask((20, 21), rng)
    first = fill(image, mask, (1.0, 1.0), 1e-8)
    again = fill(image, mask, (1.0, 1.0), 1e-6, start=first.image)
    assert first.iterations.min() > 0
    assert not again.iterations.any()
    np.testing.assert_array_equal(again.image, first.image)


def test_nothing_given_is_changed() -> None:
    rng = np.random.default_rng(14)
    image, known = rng.random((20, 21)), random_confidence((20, 21), rng)
    before = image.copy(), known.copy()
    inpaint(image, known)
    assert np.array_equal(image, before[0])
    assert np.array_equal(known, before[1])


IMAGE = np.random.default_rng(15).random((6, 7))
MASK = IMAGE < 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"known": np.zeros((6, 7), bool)}, "no known pixel"),
        ({"known": np.zeros((6, 7))}, "no known pixel"),
        ({"image": np.full((6, 7), np.nan)}, "no known pixel"),
        ({"known": MASK.T}, "spatial shape"),
        ({"known": MASK, "channel_axis": 0}, "spatial shape"),
        ({"known": MASK.astype(int)}, "dtype"),
        ({"known": MASK.astype(complex)}, "dtype"),
        ({"known": MASK + 0.1}, r"in \[0, 1\]"),
        ({"known": MASK - 0.1}, r"in \[0, 1\]"),
        ({"known": np.where(MASK, 1, np.nan)}, r"in \[0, 1\]"),
        ({"image": np.where(MASK, np.nan, IMAGE), "known": MASK}, "NaN, infinite or masked at"),
        (
            {"image": np.where(MASK, np.inf, IMAGE), "known": 0.1 * MASK},
            "infinite or masked at",
        ),
        ({"image": np.where(MASK, np.inf, IMAGE)}, "infinite"),
        ({"image": np.where(MASK, 1e200, IMAGE), "known": MASK}, "1e150"),
        ({"image": (9 * IMAGE).astype(np.uint8)}, "known or unknown is needed"),
        ({"image": IMAGE.astype(np.longdouble)}, "dtype"),
        ({"image": (9 * IMAGE).astype(int), "known": MASK}, "dtype"),
        ({"image": IMAGE.astype(complex), "known": MASK}, "dtype"),
        ({"image": IMAGE[:0], "known": MASK[:0]}, "no pixels"),
        ({"image": np.zeros((2, 2, 2, 2)), "known": np.ones((2, 2, 2, 2), bool)}, "spatial axes"),
        ({"spacing": 0}, "spacing"),
        ({"spacing": (1, 2, 3)}, "spacing"),
        ({"spacing": 1e-200}, "spacing"),
        ({"spacing": (1, 1e200)}, "spacing"),
    ],
)
def test_bad_input_is_named(arguments: dict[str, Any], message: str) -> None:
    image = arguments.pop("image", IMAGE)
    with pytest.raises(InputError, match=message):
        inpaint(image, **arguments)


def test_reconstruct_measures_the_inpainting() -> None:
    rng = np.random.default_rng(16)
    image, mask = rng.integers(0, 256, (17, 14, 3)).astype(np.uint8), random_mask((17, 14), rng)
    found = reconstruct(image, mask, channel_axis=-1)
    planes = np.moveaxis(image, -1, 0) / 255
    expected = np.moveaxis(dense_grids.inpainted(planes, mask), 0, -1)
    error = expected - image / 255
    np.testing.assert_allclose(found.image, expected, atol=1e-5)
    assert found.mae == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert found.mse == pytest.approx((error**2).mean(), rel=1e-5)
    assert found.psnr == pytest.approx(-10 * math.log10((error**2).mean()), abs=1e-4)
    assert found.density == mask.mean()
    doubled = reconstruct(image, mask, channel_axis=-1, values=2 * found.image)
    np.testing.assert_allclose(doubled.image, 2 * found.image, atol=1e-5)
    assert math.isinf(reconstruct(image, np.ones((17, 14), bool), channel_axis=-1).psnr)
    with pytest.raises(InputError, match="values of shape"):
        reconstruct(image, mask, channel_axis=-1, values=expected[:-1])
    with pytest.raises(InputError, match="mask="):
        reconstruct(image, mask.astype(float), channel_axis=-1)


def test_reconstruct_takes_its_range_from_floats() -> None:
    image = 50 * np.random.default_rng(17).random((9, 8)) - 3
    mask = random_mask((9, 8), np.random.default_rng(0))
    found = reconstruct(image, mask)
    assert found.psnr == pytest.approx(10 * math.log10(np.ptp(image) ** 2 / found.mse), abs=1e-9)
    other = reconstruct(image, mask, data_range=1)
    assert other.psnr == pytest.approx(found.psnr - 20 * math.log10(np.ptp(image)), abs=1e-9)
