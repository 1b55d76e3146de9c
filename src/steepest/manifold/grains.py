"""Maps of crystal orientations (EBSD) with several phases, as `steepest.io.OrientationMap`.

Every crystal phase is an image of its own, with its own symmetry.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..convex.energy import Energy
from ..convex.total_variation import TotalVariation
from ..core.errors import InputError
from ..flows.options import takes_options_of
from .denoising import denoise
from .neighbours import nearest_known, neighbour_distances
from .result import ManifoldResult
from .rotations import Rotations


@takes_options_of(denoise, without=("embedded", "known", "spacing"))
def denoise_grains(
    orientations: Any, strength: float, energy: Energy | None = None, **options: Any
) -> tuple[Any, tuple[ManifoldResult, ...]]:
    """Denoise a map of crystal orientations, each phase under its own symmetry.

    Points of other phases carry no total variation; those that were not indexed are bridged, and
    stay as they are.

    Parameters
    ----------
    orientations : steepest.io.OrientationMap
        Such as from `steepest.io.read_orientations`. Distances along its rows and columns are in
        the ratio of ``orientations.spacing``.
    strength : float
        In radians x points.
    energy
        As in `denoise`, without weights.
    **options
        solver and on_step of `denoise`.

    Returns
    -------
    orientations : steepest.io.OrientationMap
        With other quaternions.
    results : tuple of ManifoldResult
        One for each phase that has points.

    Raises
    ------
    InputError
        As in `denoise`, and if no point was indexed.
    """
    plain: Any = energy or TotalVariation()
    values, results = orientations.quaternions.copy(), []
    y, x = orientations.spacing
    for number, phase in enumerate(orientations.phases, 1):
        own = orientations.phase == number
        if not own.any():
            continue
        others = orientations.indexed & ~own
        weights = (~others).astype(float) if others.any() else None
        result = denoise(
            orientations.quaternions, strength, Rotations(symmetry=phase.symmetry),
            replace(plain, weights=weights),
            known=None if own.all() else own, spacing=None if y == x else (y / x, 1.0), **options,
        )  # fmt: skip
        values[own] = result.image[own]
        results.append(result)
    if not results:
        raise InputError(f"{orientations.name}: no point was indexed")
    return replace(orientations, quaternions=values), tuple(results)


def fill_unindexed(orientations: Any) -> Any:
    """Give each point of a map the phase and orientation of the nearest indexed point."""
    nearest = nearest_known(orientations.indexed)
    values, phase = orientations.quaternions, orientations.phase
    return replace(
        orientations, quaternions=values.reshape(-1, 4)[nearest].reshape(values.shape),
        phase=phase.ravel()[nearest].reshape(phase.shape),
    )  # fmt: skip


def misorientations(orientations: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the misorientations of neighbours, (H - 1, W) and (H, W - 1), in degrees.

    They are NaN between points of two phases, and where a point was not indexed.
    """
    phase = orientations.phase
    pairs = (phase[:-1], phase[1:]), (phase[:, :-1], phase[:, 1:])
    down, right = (np.full(first.shape, np.nan) for first, _ in pairs)
    for number, own in enumerate(orientations.phases, 1):
        found = neighbour_distances(orientations.quaternions, Rotations(symmetry=own.symmetry))
        for angles, (first, second), radians in zip((down, right), pairs, found, strict=True):
            inside = (first == number) & (second == number)
            angles[inside] = np.degrees(radians[inside])
    return down, right


def mean_misorientation(
    angles: Sequence[np.ndarray], inside: Sequence[np.ndarray] | None = None
) -> np.ndarray:
    """Return the mean of the `misorientations` of each point to its neighbours, (H, W).

    Faces are left out where the angle is NaN, or ``inside``, such as within grains, is False. It is
    NaN for points without any other face.
    """
    shape = angles[0].shape[0] + 1, angles[0].shape[1]
    total, number = np.zeros(shape), np.zeros(shape)
    for axis, values in enumerate(angles):
        used = ~np.isnan(values) if inside is None else inside[axis] & ~np.isnan(values)
        for end in (slice(None, -1), slice(1, None)):
            place = (end, slice(None)) if axis == 0 else (slice(None), end)
            total[place] += np.where(used, values, 0)
            number[place] += used
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
