"""Sums of distances by slicing: averages over directions of sums on a line.

``|x| = c_d E|<u, x>|`` for a random direction u. On a line, N sums take one sort.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from ..core.threads import share_out
from .kernels import line_sums

_CANDIDATES, _REMEMBERED = 64, 6  # of `spread_rotations`
_BATCH = 8  # directions summed together; fixed, so that the threads do not change the result


def slicing_constant(dimension: int) -> float:
    """Return c in ``|x| = c E|<u, x>|``, u uniform on the sphere."""
    logarithm = math.lgamma((dimension + 1) / 2) - math.lgamma(dimension / 2)
    return math.sqrt(math.pi) * math.exp(logarithm)


def rotation(dimension: int, random: np.random.Generator) -> np.ndarray:
    """Return a random orthogonal matrix (d, d), uniform in the sense of Haar."""
    q, r = np.linalg.qr(random.standard_normal((dimension, dimension)))
    return np.asarray(q * np.where(np.diagonal(r) < 0, -1, 1))


def directions(dimension: int, count: int, random: np.random.Generator) -> np.ndarray:
    """Return at least ``count`` directions (n, d): whole orthonormal bases, each uniform."""
    bases = -(-count // dimension) if dimension > 1 else 1
    return np.concatenate([rotation(dimension, random).T for _ in range(bases)])


def spread_rotations(
    dimension: int, count: int, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield the identity, then random rotations whose axes are far from those before."""
    past = [np.eye(dimension)]
    for _ in range(count):
        yield past[-1]
        seen = np.concatenate(past[-_REMEMBERED:], axis=1)
        candidates = [rotation(dimension, random) for _ in range(_CANDIDATES)]
        past.append(min(candidates, key=lambda each: float(abs(each.T @ seen).max())))


def slice_sums(
    places: np.ndarray,
    charges: np.ndarray,
    axes: np.ndarray,
    smoothing: float = 0.0,
    num_threads: int = 1,
    fixed: Callable[[int], tuple[np.ndarray, np.ndarray]] | None = None,
) -> tuple[float, np.ndarray]:
    """Return ``F = -1/2 sum_ij q_i q_j k(x_i - x_j)`` and the gradients of the field (n, d).

    ``k(x) = c_d mean_u f(<u, x>)`` over the rows u of ``axes``, where f is the absolute value or
    Huber's function. ``fixed(k)`` gives further places and charges on the axis k.
    """
    n, constant = len(places), slicing_constant(places.shape[1])
    middle = places.mean(axis=0)  # smaller numbers, smaller errors of squares

    def batch(first: int) -> tuple[float, np.ndarray]:
        energy, slopes = 0.0, np.zeros(places.shape)
        for k in range(first, min(first + _BATCH, len(axes))):
            line, q = (places - middle) @ axes[k], charges
            if fixed is not None:
                more, their = fixed(k)
                line = np.concatenate([line, more - middle @ axes[k]])
                q = np.concatenate([q, their])
            order = np.argsort(line)  # not stable, which is six times as fast
            value, slope, back = np.empty(len(line)), np.empty(len(line)), np.empty(len(line))
            line_sums(line[order], q[order], smoothing, value, slope)
            energy -= 0.5 * float((q[order] * value).sum())
            back[order] = slope
            slopes += back[:n, None] * axes[k]
        return energy, slopes

    parts = share_out(lambda: batch, range(0, len(axes), _BATCH), num_threads)
    scale = constant / len(axes)
    return scale * sum(p[0] for p in parts), scale * np.sum([p[1] for p in parts], axis=0)
