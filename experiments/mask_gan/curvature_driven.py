"""Curvature-driven diffusion (CDD) inpainting: strong diffusion where level lines bend."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steepest.elliptic.hierarchy import build
from steepest.elliptic.operator import Operator
from steepest.elliptic.solve import Solution, solve
from steepest.inpainting.method import check_scale
from steepest.inpainting.methods.lagged import LaggedMethod, Linear, Linearisation

_DAMPING = 0.6  # exponent of the newest coefficients; with 1, the iteration stalls at 2e-3


@dataclass(frozen=True)
class CurvatureDriven(LaggedMethod):
    """Curvature-driven diffusion in the plane, as ``method=`` of `inpaint`.

    Solves ``div(d grad u) = 0`` at unknown pixels with ``u = image`` at known pixels, where::

        d = (floor + |kappa|) / s,   s = sqrt(|grad u|^2 + slope^2),   kappa = div(grad u / s).

    Without ``kappa``, this is total variation inpainting. The curvature term drives level lines to
    straighten and thus to connect across gaps. All channels share d: ``|grad u|`` and ``|kappa|``
    are Euclidean norms over the channels.

    Parameters
    ----------
    slope : float
        Gradient magnitude below which the diffusivity is bounded, as a fraction of the range of the
        known values per pixel.
    floor : float
        Positive diffusivity in 1 / pixel that remains where level lines are straight. Smaller
        values converge more slowly.

    Notes
    -----
    The residual is ``|div(d(u) grad u)| / |b|`` over the unknown pixels, with d computed from the
    result itself, where b is ``div(d grad)`` of the known values alone. ``tol`` is 1e-3 by default.
    Iterations are linear problems, at most 200 by default; 20 to 40 are usual. Each linear problem
    obeys the maximum principle, and so does the result, up to the tolerance.

    For given d, this is a five-point equation, which is solved as for `Diffusion` at O(pixels) per
    iteration. Its coefficients are a geometric mean of the previous ones and those of the latest
    image. The equation is not the gradient of an energy and may have several solutions; the
    iteration finds one near homogeneous diffusion. There is no convergence proof; check the
    residual (with two known pixels in an image of 40 x 40 it stays at 4e-3).

    References
    ----------
    Chan & Shen, *Nontexture inpainting by curvature-driven diffusions*, J. Visual Communication and
    Image Representation 12 (2001).
    """

    slope: float = 0.03
    floor: float = 0.3

    tol, max_num_iter = 1e-3, 200
    dimensions = (2,)

    def __post_init__(self) -> None:
        self._set(slope=check_scale(self.slope, "slope"), floor=check_scale(self.floor, "floor"))

    # All holes are one group: the equation has several solutions, and groups might find another.

    def linearisation(self, known: np.ndarray, num_threads: int) -> Linearisation:
        """Return the function that computes the diffusivity of an image."""
        excess = np.where(known, np.inf, 0.0)
        logarithms: list[np.ndarray] = []

        def linearise(u: np.ndarray) -> Linear:
            own = diffusivity(u, self.slope, self.floor)
            newest = [np.log(w) for w in own]
            last = logarithms or newest
            logarithms[:] = [a + _DAMPING * (b - a) for a, b in zip(last, newest, strict=True)]

            def linear(tol: float, most: int) -> Solution:
                weights = [np.exp(w) for w in logarithms] if most else own
                # The weights are scaled for float32. The norms refer to the equation before.
                top = max((float(w.max()) for w in weights if w.size), default=1.0)
                hierarchy = build(Operator(excess, _as_weights([w / top for w in weights])))
                found = solve(hierarchy, u, tol=tol, max_num_iter=most, num_threads=num_threads)
                return replace(found, left=top * found.left, reference=top * found.reference)

            return linear

        return linearise


def diffusivity(u: np.ndarray, slope: float, floor: float) -> list[np.ndarray]:
    """Compute d between neighbouring pixels of u (C, H, W).

    Returns d between vertical neighbours, (H - 1, W), and horizontal neighbours, (H, W - 1).
    """
    down, across = np.diff(u, axis=1), np.diff(u, axis=2)
    size_down = np.sqrt((down**2 + _tangential(across, 2) ** 2).sum(0) + slope**2)
    size_across = np.sqrt((across**2 + _tangential(down, 1) ** 2).sum(0) + slope**2)
    curvature = np.diff(_pad_with_zeros(down / size_down, 1), axis=1)
    curvature = curvature + np.diff(_pad_with_zeros(across / size_across, 2), axis=2)
    bend = floor + np.sqrt((curvature**2).sum(0))
    return [
        (bend[1:] + bend[:-1]) / (2 * size_down),
        (bend[:, 1:] + bend[:, :-1]) / (2 * size_across),
    ]


def _pad_with_zeros(differences: np.ndarray, axis: int) -> np.ndarray:
    """Pad the differences along an axis with the zero differences across the border."""
    return np.pad(differences, [(1, 1) if a == axis else (0, 0) for a in range(3)])


def _tangential(differences: np.ndarray, axis: int) -> np.ndarray:
    """Average differences along one axis to the midpoints of neighbours along the other axis."""
    closed = np.moveaxis(_pad_with_zeros(differences, axis), axis, 2)
    central = np.moveaxis((closed[..., 1:] + closed[..., :-1]) / 2, 2, axis)
    other = np.moveaxis(central, 3 - axis, 2)
    return np.moveaxis((other[..., 1:] + other[..., :-1]) / 2, 2, 3 - axis)


def _as_weights(weights: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Pad the weights to the form that `Operator` takes."""
    down, across = weights
    return np.pad(down, ((0, 1), (0, 0))), np.pad(across, ((0, 0), (0, 1)))
