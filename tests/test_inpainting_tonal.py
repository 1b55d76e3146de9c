"""`steepest.inpainting.tonal`: least squares on dense echoes, and never worse than the image."""

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cases import dense_grids
from steepest import Solver
from steepest.core.errors import InputError, NotConverged
from steepest.inpainting import masks, reconstruct, tonal


def problem(space: tuple[int, ...], seed: int, channels: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Smooth images with noise (C, \\*space), and a mask of a sixth of the pixels."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(channels, *space))
    image = gaussian_filter(noise, (0, *[1.5] * len(space))) + 0.1 * noise
    return image, masks.random(image[0], 1 / 6, rng=seed)


@pytest.mark.parametrize("space", [(40,), (13, 17), (1, 30), (5, 6, 7)])
def test_normal_equations_hold(space: tuple[int, ...]) -> None:
    image, mask = problem(space, 1)
    found = tonal(image, mask, channel_axis=0, solver=Solver(tol=1e-07)).reshape(2, -1)
    echoes = dense_grids.echoes(mask)
    values = image.reshape(2, -1)
    gradient = (found - values) @ echoes
    first = (dense_grids.inpainted(image, mask).reshape(2, -1) - values) @ echoes
    assert np.linalg.norm(gradient) < 1e-6 * np.linalg.norm(first)
    best = np.linalg.lstsq(echoes, values.T, rcond=None)[0]
    np.testing.assert_allclose(found[:, mask.ravel()], best.T, atol=1e-5)
    np.testing.assert_allclose(found, (echoes @ best).T, atol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_dtypes_and_axes(dtype: str) -> None:
    image, mask = problem((15, 16), 6, channels=3)
    top = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    image = (image - image.min()) / np.ptp(image) * top
    image = np.moveaxis(image if top == 1 else np.rint(image), 0, -1).astype(dtype)
    found = tonal(image, mask, channel_axis=-1, solver=Solver(tol=1e-06))
    assert found.shape == image.shape
    assert found.dtype == (np.float64 if dtype == "float64" else np.float32)
    for channel in range(3):
        alone = tonal(image[..., channel].astype(np.float64) / top, mask, solver=Solver(tol=1e-06))
        np.testing.assert_allclose(found[..., channel], alone, atol=1e-5)


@pytest.mark.parametrize("exponent", [-1000, -600, 600, 1020])
def test_scaling_by_powers_of_two_is_exact(exponent: int) -> None:
    image, mask = problem((12, 13), 9, channels=1)
    found = tonal(np.ldexp(image[0], exponent), mask)
    np.testing.assert_array_equal(found, np.ldexp(tonal(image[0], mask), exponent))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask": np.zeros((4, 5), bool)}, "mask is empty"),
        ({"mask": np.ones((5, 4), bool)}, "mask="),
        ({"mask": np.ones((4, 5))}, "mask="),
        ({"image": np.full((4, 5), np.inf)}, "infinite"),
        ({"solver": Solver(tol=0)}, "tol"),
        ({"solver": 1e-3}, "solver"),
    ],
)
def test_bad_input_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tonal(**({"image": np.zeros((4, 5)), "mask": np.ones((4, 5), bool)} | arguments))


def test_a_tolerance_that_is_not_met_is_told_if_asked() -> None:
    image, mask = problem((21, 18), 3)
    few = Solver(max_num_iter=1, raise_on_failure=True)
    with pytest.raises(NotConverged, match="iteration limit") as caught:
        tonal(image, mask, channel_axis=0, solver=few)
    again = tonal(image, mask, channel_axis=0, solver=Solver(max_num_iter=1))
    assert np.array_equal(caught.value.result, again)
    assert np.isfinite(tonal(image, mask, solver=few, channel_axis=0, on_step=lambda _: True)).all()
    enough = Solver(raise_on_failure=True)
    assert np.isfinite(tonal(image, mask, channel_axis=0, solver=enough)).all()
    with pytest.raises(NotConverged):
        reconstruct(image, mask, channel_axis=0, solver=few)
