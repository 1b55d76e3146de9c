"""Every manifold, and random points of it; manifolds that are new are found by themselves."""

import inspect

import numpy as np

from steepest import manifold as public
from steepest.manifold import SPD, Circle, Euclidean, Product, Rotations, Sphere
from steepest.manifold.geometry import as_manifold

MANIFOLDS = [
    Circle(),
    Euclidean(2),
    Sphere(2),
    Sphere(4),
    Rotations(),
    Rotations("m-3m"),
    Rotations("-3m"),
    SPD(2),
    SPD(3),
    SPD(3, "log-euclidean"),
    Product((Circle(), Sphere(2), SPD(2))),
]
KINDS = [kind for name in public.__all__ if inspect.isclass(kind := getattr(public, name))]
NEW = [
    kind()
    for kind in KINDS
    if hasattr(kind, "transport") and kind not in {type(known) for known in MANIFOLDS}
]
MANIFOLDS += NEW


def random_points(manifold, count, rng):
    if isinstance(manifold, Product):
        parts = [random_points(factor, count, rng) for factor in manifold.factors]
        return np.concatenate([part.reshape(count, -1) for part in parts], -1)
    if isinstance(manifold, Circle):
        return rng.uniform(-np.pi, np.pi, count)
    if isinstance(manifold, SPD):
        factor = rng.normal(size=(count, *manifold.point_shape))
        return factor @ factor.transpose(0, 2, 1) + 0.05 * np.eye(manifold.size)
    if manifold in NEW:
        return manifold.project(rng.normal(size=(count, *manifold.embedding_shape)))
    points = rng.normal(size=(count, *manifold.point_shape))
    if isinstance(manifold, Euclidean):
        return points
    return points / np.linalg.norm(points, axis=-1, keepdims=True)


def near_points(manifold, shape, spread=0.4, seed=0):
    """Random points around one point, (*shape, *point_shape); the manifold may be a name."""
    manifold, rng = as_manifold(manifold), np.random.default_rng(seed)
    n = int(np.prod(shape))
    middle = np.repeat(random_points(manifold, 1, rng), n, axis=0)
    points = manifold.exp(middle, spread * rng.standard_normal((n, manifold.dimension)))
    return points.reshape(*shape, *manifold.point_shape)


def same(manifold, x, y, tolerance):
    return manifold.distance(x, y).max() <= tolerance
