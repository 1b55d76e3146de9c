"""Mumford-Shah inpainting with the Ambrosio-Tortorelli approximation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.core.numbers import check_number
from steepest.elliptic.hierarchy import build
from steepest.elliptic.operator import Operator, neighbours
from steepest.elliptic.solve import solve
from steepest.inpainting.method import check_scale
from steepest.inpainting.methods.lagged import LaggedMethod, Linear, Linearisation

_EDGE_TOLERANCE = 1e-8  # relative residual of the edge map


@dataclass(frozen=True)
class MumfordShah(LaggedMethod):
    """A piecewise smooth image with short edges, as ``method=`` of `inpaint`.

    Decreases the energy of Ambrosio and Tortorelli, in which v is 1 away from edges and close to 0
    at edges::

        E(u, v) = sum (v^2 + floor) |grad u|^2 + contrast^2 ((1 - v)^2 + width^2 |grad v|^2),

    subject to ``u = image`` at known pixels. Hence ``div((v^2 + floor) grad u) = 0`` at unknown
    pixels. (Their epsilon is ``width / 2``, and the length of edges costs ``2 width contrast^2``
    per pixel.) There is no Euler term, so level lines do not bend to connect. All channels share v.

    Parameters
    ----------
    contrast : float
        Gradient magnitude above which edges form, as a fraction of the range of the known values
        per pixel.
    width : float
        Width of edges in pixels; not negative.
    floor : float
        Diffusivity that remains across edges; positive. Masks of random pixels need a large value
        (0.01 was 0.9 dB worse than 0.1), because every known pixel looks like an edge. For a few
        large holes, 0.001 is usual.

    Notes
    -----
    The residual is ``|div((v^2 + floor) grad u)| / |b|`` over the unknown pixels, where v is the
    minimiser for the returned u, and b is the contribution of the known values alone. ``tol`` is
    1e-3 by default. Iterations are steps in u, at most 200 by default; 3 to 20 are usual. Values
    stay in the range of the known values up to the tolerance.

    For given u, v solves a linear equation, and so does u for given v (between two pixels, ``v^2``
    is the mean of their values). They are solved in turn, at O(pixels) per step, so that E never
    increases. E is not convex: the result is a stationary point, reached from homogeneous
    diffusion.

    References
    ----------
    Ambrosio & Tortorelli, Comm. Pure Appl. Math. 43 (1990). Esedoglu & Shen, *Digital inpainting
    based on the Mumford-Shah-Euler image model*, European J. Applied Mathematics 13 (2002).
    """

    contrast: float = 0.05
    width: float = 2.0
    floor: float = 0.1

    tol, max_num_iter = 1e-3, 200

    def __post_init__(self) -> None:
        self._set(
            contrast=check_scale(self.contrast, "contrast"),
            width=check_number(self.width, "width", most=1e12),
            floor=check_scale(self.floor, "floor"),
        )

    # All holes are one group, because v depends on all pixels, including known ones.

    def linearisation(self, known: np.ndarray, num_threads: int) -> Linearisation:
        """Return the function that computes the edges of an image."""
        excess = np.where(known, np.inf, 0.0)
        edges = np.ones(known.shape)

        def linearise(u: np.ndarray) -> Linear:
            edges[...] = edge_map(u, edges, self.contrast, self.width)
            hierarchy = build(Operator(excess, conductivities(edges, self.floor)))
            return lambda tol, most: solve(
                hierarchy, u, tol=tol, max_num_iter=most, num_threads=num_threads
            )

        return linearise


def edge_map(u: np.ndarray, start: np.ndarray, contrast: float, width: float) -> np.ndarray:
    """Find the minimiser v of E, in [0, 1], for given u (C, \\*space) from a first guess."""
    ndim = start.ndim
    slopes = np.zeros(start.shape)
    for axis in range(ndim):
        head, tail = neighbours(axis, ndim)
        half = ((u[tail] - u[head]) ** 2).sum(0) / 2
        slopes[head] += half
        slopes[tail] += half
    hierarchy = build(Operator(1 + slopes / contrast**2, (width**2,) * ndim))
    solution = solve(hierarchy, start[None], np.ones((1, *start.shape)), tol=_EDGE_TOLERANCE)
    return solution.image[0]


def conductivities(edges: np.ndarray, floor: float) -> tuple[np.ndarray, ...]:
    """Compute ``v^2 + floor`` between neighbours along each axis, in the form `Operator` takes."""
    weights = []
    for axis in range(edges.ndim):
        head, tail = neighbours(axis, edges.ndim)
        w = np.zeros(edges.shape)
        w[head] = (edges[head] ** 2 + edges[tail] ** 2) / 2 + floor
        weights.append(w)
    return tuple(weights)
