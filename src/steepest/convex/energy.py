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

from ..core.errors import InputError
from ..core.namespace import Array, namespace


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
    def slope(self) -> float:
        """At least half the largest row sum of \\|A\\|, summed over components, times the largest
        \\|p\\|: how much rounding of u can cost in J, and rounding of p in A* p."""

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
        """A field in K, strictly inside by a few roundings, that is p if p is in K."""

    def conjugate(self, p: Array) -> float:
        """``R(p)`` in float64, which is ``J*(A* p)`` or more."""

    def slack(self, u: Array, p: Array, witness: Any = None) -> tuple[float, float]:
        """``J(u)`` and ``J(u) + R(p) - <A u, p>``, or an upper bound of both, for p in K.

        The second is never negative, and zero exactly if p maximises. ``witness`` is what the
        energy's own solver knows of u (see `Dual.witness`); None for most.
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
            f"energy={what} is no energy: it lacks {', '.join(missing) or 'an instance'} (allowed "
            "are TotalVariation(), SecondOrderTotalVariation(), TotalGeneralisedVariation() and "
            "other objects with the methods of steepest.convex.energy.Energy)"
        )
    return energy


def same_energy(a: Any, b: Any) -> bool:
    """Whether two energies are the same, weights included."""
    if type(a) is not type(b) or a != b:
        return False
    first, second = getattr(a, "weights", None), getattr(b, "weights", None)
    if first is None or second is None:
        return first is second
    xp = namespace(first)
    if namespace(second) is not xp or first.shape != second.shape:
        return False
    return bool((first == second).all())
