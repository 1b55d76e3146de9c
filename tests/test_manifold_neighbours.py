"""Distances between neighbours."""

import numpy as np
import pytest

from steepest.core.errors import InputError
from steepest.io import OrientationMap, Phase
from steepest.manifold import (
    count_residues,
    count_wraps,
    denoise,
    denoise_phases,
    fill_unindexed,
    mean_misorientation,
    misorientations,
    neighbour_distances,
)


def test_distances_of_phases_along_each_axis():
    phase = np.array([[3.0, -3.0, 0.0], [2.5, -2.0, 0.25]])
    down, right = neighbour_distances(phase, "circle")
    assert down == pytest.approx(np.array([[0.5, 1.0, 0.25]]))
    assert right == pytest.approx(np.array([[2 * np.pi - 6, 3.0], [2 * np.pi - 4.5, 2.25]]))


def test_one_axis_and_bad_shapes():
    points = np.eye(3)
    (angles,) = neighbour_distances(points, "sphere")
    assert angles == pytest.approx(np.pi / 2)
    with pytest.raises(InputError, match="axes of space"):
        neighbour_distances(np.zeros((2, 5)), "rotations")


def test_phases_of_any_period_have_wraps_and_residues():
    phase = np.array([[3.0, -3.0, 0.0], [2.5, -2.0, 0.25]])
    assert (count_wraps(phase), count_residues(phase)) == (2, 0)
    around = np.arctan2(*(np.mgrid[:9, :9] - 4.5))  # one vortex
    assert (
        count_residues(around) == count_residues(np.mod(around, 2 * np.pi) * 64 / np.pi, 128) == 1
    )
    around[0, 0] = np.nan
    expected = denoise(np.nan_to_num(around), 0.1, "circle", known=~np.isnan(around)).image
    result = denoise_phases(np.mod(around, 2 * np.pi) * 64 / np.pi, 0.1, period=128)
    assert np.isnan(result.image[0, 0])
    assert 0 <= np.nanmin(result.image) <= np.nanmax(result.image) < 128
    turned = np.nan_to_num(result.image[1:] * np.pi / 64 - expected[1:])
    assert np.abs(np.exp(1j * turned) - 1).max() < 1e-9
    for values, words in ((9 * around, "more than one period"), (around * np.nan, "NaN only")):
        with pytest.raises(InputError, match=words):
            denoise_phases(values, 0.1)


def test_misorientations_stay_within_phases_and_unindexed_points_are_filled():
    turns = np.radians([0, 2, 4, 50])
    quaternions = np.stack([0 * turns, 0 * turns, np.sin(turns / 2), np.cos(turns / 2)], -1)
    phases = (Phase("a", "m-3m"), Phase("b", "-1"))
    maps = OrientationMap(
        np.stack([quaternions, quaternions]), np.array([[1, 1, 1, 1], [1, 0, 2, 2]]), phases,
        (1.0, 1.0), "ctf",
    )  # fmt: skip
    down, right = misorientations(maps)
    assert down == pytest.approx(np.array([[0, np.nan, np.nan, np.nan]]), nan_ok=True)
    expected = np.array([[2, 2, 44], [np.nan, np.nan, 46]])
    assert right == pytest.approx(expected, nan_ok=True)
    mean = mean_misorientation((down, right), (down < 5, right < 5))
    expected = np.array([[1, 2, 2, np.nan], [0, np.nan, np.nan, np.nan]])
    assert mean == pytest.approx(expected, nan_ok=True)
    filled = fill_unindexed(maps)
    assert filled.phase.tolist() == [[1, 1, 1, 1], [1, 1, 2, 2]]
