"""`steepest.particles.transfer_colours`."""

import numpy as np
import pytest

from steepest import InputError, io
from steepest.particles import transfer_colours


def slice_sums(image: np.ndarray, other: np.ndarray) -> float:
    """Root of the mean squared distance of projections onto random directions."""
    rng, levels, total = np.random.default_rng(7), (np.arange(2000) + 0.5) / 2000, 0.0
    for _ in range(30):
        direction = rng.standard_normal(3)
        direction /= np.linalg.norm(direction)
        a, b = (np.quantile(x.reshape(-1, 3) @ direction, levels) for x in (image, other))
        total += ((a - b) ** 2).mean()
    return float(np.sqrt(total / 30))


def test_colours_become_those_of_the_reference() -> None:
    image = io.sample("coffee")[::4, ::4] / 255
    reference = np.random.default_rng(0).random((50, 60, 3)) ** [0.5, 1, 3]
    seen = []
    result = transfer_colours(image, reference, on_step=lambda s: seen.append(s.residual) and None)
    assert slice_sums(image, reference) > 0.15
    assert slice_sums(result, reference) < 0.01
    assert len(seen) == 30
    assert seen[-1] < 0.1 * seen[0]
    assert result.dtype == image.dtype
    one_step = transfer_colours(image, reference, on_step=lambda s: True)
    np.testing.assert_array_equal(one_step, transfer_colours(image, reference, 1))


def test_flat_areas_stay_flat_and_axes_and_dtypes_are_kept() -> None:
    image = np.zeros((12, 14, 3), np.uint8)
    image[:, 7:] = 200, 100, 50
    reference = io.sample("coffee")
    result = transfer_colours(image, reference)
    assert result.dtype == np.uint8
    assert len(np.unique(result.reshape(-1, 3), axis=0)) == 2
    moved = transfer_colours(
        np.moveaxis(image, -1, 0), np.moveaxis(reference, -1, 0), channel_axis=0
    )
    np.testing.assert_array_equal(np.moveaxis(moved, 0, -1), result)
    # one colour in the reference leaves one colour
    np.testing.assert_array_equal(transfer_colours(image, image[:2, :2]), np.zeros_like(image))


def test_bad_input() -> None:
    image = np.zeros((4, 5, 3))
    with pytest.raises(InputError, match="reference has 4 channels"):
        transfer_colours(image, np.zeros((4, 5, 4)))
    with pytest.raises(InputError, match="integer types"):
        transfer_colours(image, np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(InputError, match="num_iter"):
        transfer_colours(image, image, 0)
    with pytest.raises(InputError, match="channel_axis"):
        transfer_colours(image, image, channel_axis=None)
