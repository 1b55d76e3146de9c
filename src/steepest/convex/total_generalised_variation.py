"""Total generalised variation of second order: an energy whose dual set is not pointwise."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from ..core.arrays import check_map
from ..core.namespace import Array, follows, namespace, sum64, to_float64
from ..core.numbers import check_choice, check_flag, check_number
from ..grid.differences import FLUX_BOUNDARIES, divergence, gradient, gradient_norm_squared
from ..grid.second_order import symmetrised_divergence, symmetrised_gradient
from .capabilities import ARRAY_CODE, LATE, register
from .energy import Energy, maps_of, own_spacing, steps_of
from .second_order import OfHessian
from .solve import Momentum

_EPS = float(np.finfo(np.float64).eps)
_LEAST = 1e-6  # weight of an order
REPAIRS = 12  # steps of a repair


@register(
    "tgv",
    "total generalised variation",
    {
        "weights": "total generalised variation has the maps `alpha1` and `alpha0` instead",
        "huber": "total generalised variation has no quadratic zone",
        "extinction": LATE,
        "accelerator": ARRAY_CODE,
        "tiles": "not available by tiles: its certificate is no sum over pixels",
    },
)
@dataclass(frozen=True, kw_only=True)
class TotalGeneralisedVariation(OfHessian, Energy):
    """``J(u) = min over w of alpha1 sum |grad u - w| + alpha0 sum |E w|``.

    E is the symmetrised gradient. Affine images have J = 0, and edges cost as much as in total
    variation, so the flow keeps both slopes and edges. For large ``alpha0`` the energy is
    ``alpha1`` times the total variation, up to subtraction of an affine image.

    As a maximum, ``J(u) = max <H u, q>`` over tensor fields with ``|q| <= alpha0`` and
    ``|E* q| <= alpha1`` at every pixel, where H is the Hessian. The flux is q, stored as its
    ``d (d + 1) / 2`` different entries (see `steepest.grid.second_order`). ``-E* q`` is bounded
    like the flux of total variation. The solver is `SaddleDual`;
    images with two axes in main memory have it in compiled code, unless the boundary is periodic.

    Parameters
    ----------
    alpha1, alpha0 : float, or array of the spatial shape
        Weights of the first and the second order, between 1e-6 and 1e6. ``alpha0 / alpha1`` is a
        length in pixels (at spacing 1). With a map, array code solves. Torch tensors, with or
        without axes, may require grad (see `steepest.denoise`).
    coupled : bool
        True (default): channels share one norm per pixel. False: each channel has its own energy.
    boundary : "neumann" or "periodic"
        The boundary condition.
    spacing : tuple of floats, optional
        Pixel spacing, one number per spatial axis. Functions that take an image set it.

    References
    ----------
    Bredies, Kunisch & Pock, Total generalized variation, SIAM J. Imaging Sci. 3 (2010) 492-526.
    """

    alpha1: Any = 1.0
    alpha0: Any = 2.0
    coupled: bool = True
    boundary: str = "neumann"
    spacing: tuple[float, ...] | None = None
    steps = property(steps_of)

    def __post_init__(self) -> None:
        for name in ("alpha1", "alpha0"):
            value = getattr(self, name)
            if not (follows(value) or getattr(value, "ndim", 0) > 0):  # checked in `on`
                value = check_number(value, name, least=_LEAST, most=1e6)
                object.__setattr__(self, name, value)  # a Python float
        check_flag(self.coupled, "coupled")
        check_choice(self.boundary, "boundary", FLUX_BOUNDARIES)

    def on(self, image: Array, spacing: tuple[float, ...]) -> Self:
        """This energy for images like ``image`` (channels, \\*space)."""
        space = tuple(image.shape[1:])
        maps = maps_of(self).items()
        checked = {name: check_map(value, name, space, image, _LEAST) for name, value in maps}
        return replace(self, spacing=own_spacing(self, spacing, len(space)), **checked)

    @property
    def reach(self) -> float:
        """The reach of the first order (doubled because of w) and of the second, weighted."""
        first = sum(1 / h for h in self.steps)
        alpha1, alpha0 = _reduced(self.alpha1, "max"), _reduced(self.alpha0, "max")
        return 2 * alpha1 * first + 2 * alpha0 * first**2

    @property
    def typical(self) -> tuple[float, float]:
        """The means of ``alpha1`` and ``alpha0``."""
        return _reduced(self.alpha1, "mean"), _reduced(self.alpha0, "mean")

    def gradient(self, u: Array) -> Array:
        """The gradient of u."""
        return gradient(u, self.steps, self.boundary)

    def adjoint_gradient(self, p: Array) -> Array:
        """The exact adjoint of the gradient."""
        return -divergence(p, self.steps, self.boundary)

    def bend(self, w: Array) -> Array:
        """``E w``."""
        return symmetrised_gradient(w, self.steps, self.boundary)

    def unbend(self, q: Array) -> Array:
        """``E* q``."""
        return -symmetrised_divergence(q, self.steps, self.boundary)

    def repaired(self, q: Array, margin: float = 0.0) -> Array:
        """A field in ``|q| <= alpha0`` near q, which ``|E* q| <= alpha1`` by a margin, nearly.

        Twelve of Nesterov's gradient steps on half the squared distance of ``E* q`` to the ball of
        radius ``alpha1 (1 - margin)``. A field in K with that margin does not change.
        """
        aim = self.alpha1 * (1 - margin)
        length = gradient_norm_squared(self.steps, q.shape[2:]) or 1.0  # bounds ||E||^2
        y = old = shorten(q, self.alpha0)
        for beta in Momentum().factors(REPAIRS)[0]:
            r = self.unbend(y)
            new = shorten(y - self.bend(r - shorten(r, aim)) / length, self.alpha0)
            y, old = new + beta * (new - old), new
        return old

    def feasible(self, p: Array) -> Array:
        """``p`` in float64, projected to ``|p| <= alpha0`` and scaled to ``|E* p| <= alpha1``."""
        q = shorten(to_float64(p), self.alpha0)
        largest = float((magnitude(self.unbend(q)) / self.alpha1).max())
        return q * ((1 - 8 * _EPS) / max(1.0, largest))

    def slack(self, u: Array, p: Array, witness: Any = None) -> tuple[float, float]:
        """Upper bounds of J(u) and of ``J(u) - <H u, p>``, from w = ``witness`` (None: 0).

        The second is the sum of ``alpha1 |grad u - w| - <grad u - w, E* p>`` and
        ``alpha0 |E w| - <E w, p>``, whose terms are all >= 0.
        """
        v = self.gradient(to_float64(u))
        if witness is None:
            bent = 0 * p
        else:
            v, bent = v - witness, self.bend(witness)
        value = sum64(self.alpha1 * magnitude(v)) + sum64(self.alpha0 * magnitude(bent))
        return value, value - sum64(v * self.unbend(p)) - sum64(bent * p)


def _reduced(value: Any, how: str) -> float:
    """A number, or the "max" or "mean" of a map."""
    return float(getattr(value, how)()) if hasattr(value, "shape") else float(value)


def magnitude(v: Array) -> Array:
    """The Euclidean norm of all components and channels at each pixel."""
    return namespace(v).sqrt((v * v).sum((0, 1)))


def shorten(v: Array, radius: Any) -> Array:
    """The nearest field with ``|v| <= radius`` at each pixel; the radius may be a map."""
    return v / namespace(v).clip(magnitude(v) / radius, 1.0, None)
