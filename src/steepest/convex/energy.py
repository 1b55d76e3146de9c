"""What the time loop, the solver and the certificate need to know of an energy, and no more.

An energy is a convex functional of the form

    J(u) = max over p of  <A u, p> - R(p),      p in a convex set K,

A a linear operator, R zero or (eps/2)||p||^2. Its gradient flow is ``u_t = -A* p`` with p the
maximiser: the *flux* (for total variation A is the gradient, and ``-A*`` the divergence). One
implicit Euler step of length tau is ``argmin_v 1/2||v - u||^2 + tau J(v)``, found on its dual.

Everything that J is made of is known through A, its adjoint and norm, the proximal map of the set
K with R, and one inequality, the *slack*, from which every certificate of the library follows.
"""

from __future__ import annotations

from inspect import getattr_static
from typing import Any, Protocol, Self

import numpy as np

from ..core.arrays import check_spacing
from ..core.errors import InputError
from ..core.namespace import Array, detached


class Energy(Protocol):
    """A convex functional. Images are ``(channels, *space)``, fields ``(components, *image)``."""

    @property
    def coupled(self) -> bool:
        """Whether channels share J; if not, each channel is a problem of its own."""

    @property
    def one_homogeneous(self) -> bool:
        """``J(c u) = c J(u)`` for c > 0."""

    @property
    def smoothing(self) -> float:
        """Eps of R: J is quadratic where its density is below it; 0 where R is zero."""

    @property
    def reach(self) -> float:
        """At least half the largest row sum of \\|A\\|, summed over the components."""

    @property
    def radius(self) -> float:
        """The largest \\|p\\| in K. With `reach`: how much rounding of u can cost in J."""

    def on(self, image: Array, spacing: tuple[float, ...]) -> Self:
        """This energy for images like ``image``, its own arguments checked against it."""

    def scaled(self, factor: float) -> Self:
        """The energy ``J_c`` with ``J_c(c u) = c J(u)``."""

    def num_components(self, ndim: int) -> int:
        """Components of the flux of an image with so many spatial axes."""

    def operator(self, u: Array) -> Array:
        """``A u``."""

    def adjoint(self, p: Array) -> Array:
        """``A* p``."""

    def norm_squared(self, space: tuple[int, ...]) -> float:
        """At least ``||A||^2``; zero only if A is."""

    def feasible(self, p: Array) -> Array:
        """A field in K near p: p itself, shrunk by a few roundings, if p is in K."""

    def conjugate(self, p: Array) -> float:
        """``R(p)`` in float64, which is ``J*(A* p)`` or more."""

    def slack(self, u: Array, p: Array, witness: Any = None) -> tuple[float, float]:
        """``J(u)`` and ``J(u) + R(p) - <A u, p>``, or an upper bound of both, for p in K.

        The second is never negative, and zero exactly if p maximises. ``witness`` is what the
        energy's own solver knows of u (see `SaddleDual`); None for most.
        """


class ProximalEnergy(Energy, Protocol):
    """An energy that `ReferenceDual` solves. (One whose K is not pointwise has its own solver.)"""

    def prox(self, p: Array, step: float) -> Array:
        """``argmin over q in K of 1/2||q - p||^2 + step R(q)``."""


def check_energy(energy: Any) -> Any:
    """An object with the methods of `Energy`."""
    wanted = [name for name in vars(Energy) if not name.startswith("_")]
    missing = [name for name in wanted if getattr_static(energy, name, None) is None]
    if missing or isinstance(energy, type):
        what = energy.__name__ if isinstance(energy, type) else repr(energy)
        raise InputError(
            f"energy={what} does not have the methods of an energy; missing: "
            f"{', '.join(missing) or 'an instance of the class'} (allowed are TotalVariation(), "
            "SecondOrderTotalVariation(), TotalGeneralisedVariation() and other objects with the "
            "methods of steepest.convex.energy.Energy)"
        )
    return energy


def own_spacing(energy: Any, spacing: Any, ndim: int) -> tuple[float, ...]:
    """The spacing of the image, which an energy with one of its own must have too."""
    steps = check_spacing(spacing, ndim)
    if energy.spacing is not None and check_spacing(energy.spacing, ndim) != steps:
        raise InputError(f"spacing={steps}: the energy has spacing={energy.spacing}; give one")
    return steps


def same_energy(a: Any, b: Any) -> bool:
    """Whether two energies are the same, weights included, on whatever device these are."""
    if type(a) is not type(b):
        return False
    first, second = getattr(a, "__dict__", None), getattr(b, "__dict__", None)
    if first is None or second is None:
        return bool(a == b)
    return first.keys() == second.keys() and all(
        np.array_equal(detached(value), detached(second[name])) for name, value in first.items()
    )
