"""The interface of energies for the time loop, the solver and the certificate.

An energy is a convex functional of the form

    J(u) = max over p of  <A u, p> - R(p),      p in a convex set K,

with a linear operator A, and R zero or (eps/2)||p||^2. Its gradient flow is ``u_t = -A* p``, where
the maximiser p is the *flux*. (For total variation A is the gradient and ``-A*`` the divergence.)
One implicit Euler step of length tau is ``argmin_v 1/2||v - u||^2 + tau J(v)``, solved by its dual.

An energy provides A, its adjoint and its norm, the proximal map of R on K, and one inequality, the
*slack*, from which all certificates of the library follow.
"""

from abc import abstractmethod
from typing import Any, Protocol, Self

import numpy as np

from ..core.arrays import check_spacing
from ..core.errors import InputError
from ..core.namespace import Array, detached


class Energy(Protocol):
    """A convex functional. Images are ``(channels, *space)``, fields ``(components, *image)``.

    A class that derives from it defines the abstract methods. The others are right for a
    one-homogeneous J (``R = 0``) whose ``reach`` includes all weights.
    """

    @property
    @abstractmethod
    def coupled(self) -> bool:
        """Whether channels share one J; if not, each channel is a separate problem."""

    @property
    def one_homogeneous(self) -> bool:
        """Whether ``J(c u) = c J(u)`` for c > 0."""
        return True

    @property
    def smoothing(self) -> float:
        """The eps of R: J is quadratic where its density is below eps; 0 if R is zero."""
        return 0.0

    @property
    @abstractmethod
    def reach(self) -> float:
        """Upper bound of half the largest row sum of \\|A\\|, summed over the components."""

    @property
    def radius(self) -> float:
        """The largest \\|p\\| in K. With `reach`, it bounds the effect of rounding u on J."""
        return 1.0

    @abstractmethod
    def on(self, image: Array, spacing: tuple[float, ...]) -> Self:
        """This energy for images like ``image``; checks its own arguments against the image."""

    def scaled(self, factor: float) -> Self:
        """The energy ``J_c`` with ``J_c(c u) = c J(u)`` for ``c = factor``."""
        return self

    @abstractmethod
    def num_components(self, ndim: int) -> int:
        """The number of components of the flux of an image with ``ndim`` spatial axes."""

    @abstractmethod
    def operator(self, u: Array) -> Array:
        """``A u``: (\\*batch, \\*space) to (components, \\*batch, \\*space)."""

    @abstractmethod
    def adjoint(self, p: Array) -> Array:
        """``A* p``."""

    @abstractmethod
    def norm_squared(self, space: tuple[int, ...]) -> float:
        """Upper bound of ``||A||^2``, which must be positive (1 if A is zero)."""

    @abstractmethod
    def feasible(self, p: Array) -> Array:
        """A field in K near p: if p is in K, p itself, shrunk by a few rounding errors."""

    def conjugate(self, p: Array) -> float:
        """``R(p)`` in float64, which is at least ``J*(A* p)``."""
        return 0.0

    @abstractmethod
    def slack(self, u: Array, p: Array, witness: Any = None) -> tuple[float, float]:
        """``J(u)`` and ``J(u) + R(p) - <A u, p>`` for p in K, or upper bounds of both.

        The second is never negative, and zero exactly if p is a maximiser. ``witness`` is
        information on u from the energy's own solver (see `SaddleDual`); None for most energies.
        """


class ProximalEnergy(Energy, Protocol):
    """An energy that `ReferenceDual` can solve. If K is not pointwise, a special solver is used."""

    @abstractmethod
    def prox(self, p: Array, step: float) -> Array:
        """``argmin over q in K of 1/2||q - p||^2 + step R(q)``."""


def steps_of(energy: Any) -> tuple[float, ...]:
    """The pixel spacing that an energy was given; `InputError` if it is not set."""
    if energy.spacing is None:
        raise InputError("spacing=None: give it, or call .on(image, spacing) first")
    steps: tuple[float, ...] = energy.spacing
    return steps


def own_spacing(energy: Any, spacing: Any, ndim: int) -> tuple[float, ...]:
    """The spacing of the image; an energy that has its own spacing must have the same."""
    steps = check_spacing(spacing, ndim)
    if energy.spacing is not None and check_spacing(energy.spacing, ndim) != steps:
        raise InputError(
            f"spacing={steps}, but the energy has spacing={energy.spacing}; give only one of them"
        )
    return steps


def maps_of(energy: Any) -> dict[str, Any]:
    """The weights of an energy that are arrays or tensors, by the names of its parameters."""
    named = ((name, getattr(energy, name, None)) for name in ("weights", "alpha1", "alpha0"))
    return {name: value for name, value in named if hasattr(value, "shape")}


def same_energy(a: Any, b: Any) -> bool:
    """Whether two energies are the same, including their weights, on any device."""
    if type(a) is not type(b):
        return False
    first, second = getattr(a, "__dict__", None), getattr(b, "__dict__", None)
    if first is None or second is None:
        return bool(a == b)
    return first.keys() == second.keys() and all(
        _equal(detached(value), detached(second[name])) for name, value in first.items()
    )


def _equal(a: Any, b: Any) -> bool:
    """Whether two values are equal; False if they cannot be compared (such as sparse matrices)."""
    try:
        return bool(np.array_equal(a, b))
    except (TypeError, ValueError):
        return False
