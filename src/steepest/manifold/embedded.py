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

from ..flows.denoise import denoise_tv as denoise_vectors
from ..flows.result import DenoiseResult
from .euclidean import Euclidean
from .result import ManifoldResult


def denoise_embedded(
    image: np.ndarray,
    strength: float,
    second_order: float,
    manifold: Any,
    *,
    known: Any = None,
    **options: Any,
) -> tuple[np.ndarray, DenoiseResult | ManifoldResult]:
    """Denoise in the embedding and project the result to the manifold.

    Parameters
    ----------
    image : array (\\*space, \\*point_shape)
        Points in float64 as `Manifold.check` returns them, with one to three axes of space.
    strength, second_order : float
        Weights of total variation and of second-order total variation, see
        `steepest.manifold.denoise_tv`.
    manifold : Manifold
        Gives the embedding and the projection.
    known : Boolean array (\\*space), optional
        False where the image has no data; there it must hold points to start from.
    **options
        isotropic, huber, weights, spacing, tol, max_num_iter, num_threads and on_step of
        `steepest.manifold.denoise_tv`.

    Returns
    -------
    points : array like ``image``
    embedded : DenoiseResult or ManifoldResult
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
    ambient = ambient.reshape(*space, -1)
    found: DenoiseResult | ManifoldResult
    if second_order == 0 and known is None:  # the fastest solver of this case
        found = denoise_vectors(ambient, strength, channel_axis=-1, **options)
    else:
        from .denoise import denoise_tv

        flat = Euclidean(ambient.shape[-1])
        found = denoise_tv(
            ambient, strength, second_order=second_order, manifold=flat, known=known, **options
        )
    vectors = np.ascontiguousarray(found.image).reshape(-1, *manifold.embedding_shape)
    return np.asarray(manifold.project(vectors)).reshape(image.shape), found
