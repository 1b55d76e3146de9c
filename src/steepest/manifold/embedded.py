"""Denoising of manifold-valued images by way of a Euclidean embedding.

The points are embedded (phases as cosine and sine, unit vectors as they are, rotations as matrices
over the root of 2, tensors as matrix logarithms), denoised as one vector-valued image with channels
that share their edges, and replaced by the nearest points of the manifold:

    P(y),    y = argmin 1/2 sum |y_i - E(f_i)|^2 + strength TV(y) + second_order TV2(y).

It is fast and convex, and on the usual phantoms as good as denoising on the manifold itself. It
measures chords instead of arcs, so jumps near half a turn count for less than they are, and pixels
that disagree much are shortened before they are projected. Only y is certified: P can increase the
distance between points.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..convex.combined import CombinedTotalVariation
from ..convex.energy import Energy
from ..convex.second_order import SecondOrderTotalVariation
from ..convex.total_variation import TotalVariation, norm_of
from ..flows.denoise import denoise
from ..flows.result import DenoiseResult


def denoise_embedded(
    image: np.ndarray,
    strength: float,
    second_order: float,
    manifold: Any,
    *,
    isotropic: bool = True,
    weights: Any = None,
    **options: Any,
) -> tuple[np.ndarray, DenoiseResult]:
    """Denoise in the embedding and project the result to the manifold.

    Parameters
    ----------
    image : array (\\*space, \\*point_shape)
        Points in float64 as `Manifold.check` returns them, with one to three axes of space.
    strength, second_order : float
        Weights of total variation and of second-order total variation.
    manifold : Manifold
        Gives the embedding and the projection.
    isotropic, weights
        As in `steepest.denoise_tv`, for both orders.
    **options
        spacing, tol, max_num_iter, num_threads and on_step of `steepest.denoise`.

    Returns
    -------
    points : array like ``image``
    embedded : DenoiseResult
        The vector-valued image before the projection, (\\*space, components), with its gap and
        error bound. They say nothing about the distance of ``points`` from a minimiser on the
        manifold.

    Raises
    ------
    InputError
        If the manifold has no embedding (`Rotations` with a symmetry), or an option is not valid.
    """
    shape = manifold.point_shape
    space = image.shape[: image.ndim - len(shape)]
    ambient = manifold.embed(np.ascontiguousarray(image).reshape(-1, *shape))
    energy, factor = _energy(strength, second_order, isotropic, weights)
    found = denoise(ambient.reshape(*space, -1), factor, energy, channel_axis=-1, **options)
    vectors = np.ascontiguousarray(found.image).reshape(-1, *manifold.embedding_shape)
    return np.asarray(manifold.project(vectors)).reshape(image.shape), found


def _energy(
    strength: float, second_order: float, isotropic: bool, weights: Any
) -> tuple[Energy, float]:
    """The energy and its factor. A single order has its own energy, whose solver is faster."""
    given: dict[str, Any] = {"norm": norm_of(isotropic), "weights": weights}
    if second_order == 0:
        return TotalVariation(**given), strength
    if strength == 0:
        return SecondOrderTotalVariation(**given), second_order
    return CombinedTotalVariation(alpha=strength, beta=second_order, **given), 1.0
