"""Distances between neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.core.errors import InputError
from steepest.manifold import neighbour_distances


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
