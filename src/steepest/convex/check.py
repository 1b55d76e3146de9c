"""The test of what the certificate assumes of an energy, at random images and fields.

For images u and fields p, q in K, every energy ``J(u) = max over K of <A u, p> - R(p)`` satisfies

    <A u, p> = <u, A* p>,
    J(u) >= <u, A* q> - R(q),
    J(u) + R(p) - <A u, p> >= <u, A* q - A* p> - R(q) + R(p)    (and >= 0, for q = p).

The q that come close to equality are `Energy.feasible` of large multiples of A u. A wrong sign, a
wrong boundary or a field outside of K therefore violates one of the three.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from inspect import getattr_static
from typing import Any, NoReturn

import numpy as np

from ..core.arrays import as_array, check_spacing, dtype_name
from ..core.errors import InputError
from ..core.namespace import Array, is_torch, namespace, sum64
from ..core.numbers import check_count
from ..core.rng import Rng, generator
from .capabilities import built_in, energies
from .energy import Energy, same_energy

_EPS = float(np.finfo(np.float64).eps)
_TOLERANCE = 1e-9  # relative to the terms that are compared; far above rounding
_POWER_STEPS = 8
_SATURATING = 1e6  # multiple of A u, relative to its mean and to the radius of K
_passed: deque[tuple[Any, object]] = deque(maxlen=4)  # energies with the grids they were tested on


def as_energy(energy: Any) -> Any:
    """``energy``, if it is an object with the methods of `Energy`; else raise `InputError`."""
    wanted = [name for name in vars(Energy) if not name.startswith("_")]
    missing = [name for name in wanted if getattr_static(energy, name, None) is None]
    if missing or isinstance(energy, type):
        what = energy.__name__ if isinstance(energy, type) else repr(energy)
        ours = ", ".join(f"{row.kind.__name__}()" for row in energies().values())
        if isinstance(energy, str):
            raise InputError(f"energy={what}; allowed are objects, not names: {ours}")
        raise InputError(
            f"energy={what} does not have the methods of an energy; missing: "
            f"{', '.join(missing) or 'an instance of the class'} (allowed are "
            f"{ours} and other objects with the methods of steepest.convex.energy.Energy)"
        )
    return energy


def check_energy(
    energy: Any,
    shape: Sequence[int] = (12, 13),
    *,
    num_channels: int = 1,
    spacing: float | Sequence[float] | None = None,
    rng: Rng = 0,
) -> None:
    """Test an energy of your own: is its certificate true, and will its solver converge?

    For random images u and random fields p and q in K, the test compares

    - ``<A u, p>`` and ``<u, A* p>``, by `operator` and `adjoint`;
    - ``||A u||^2 / ||u||^2`` and `norm_squared`, after some power steps;
    - ``J(u)``, by `slack`, and ``<u, A* q> - R(q)``, by `feasible` and `conjugate`;
    - ``J(u) + R(p) - <A u, p>``, by `slack`, and ``<u, A* q - A* p> - R(q) + R(p)``, which is 0 for
      q = p;
    - ``J_c(c u)``, by `scaled`, and ``c J(u)``,

    and the shapes and the float64 of what the methods return. `flow` and `denoise` run the same
    test on the grid of the image, once for each energy and shape, if the energy is not one of the
    package.

    Parameters
    ----------
    energy : Energy
        An object with the methods of `steepest.convex.energy.Energy`.
    shape : sequence of ints
        Spatial shape of the images, with one to three axes. Mistakes at the border show on any
        shape, those for axes of one pixel only on such a shape. Weights must have this shape.
    num_channels : int
        Number of channels. An energy that is not ``coupled`` is tested with one.
    spacing : float, or one per spatial axis, optional
        Pixel spacing (default: that of the energy, else 1).
    rng : int, Generator or None
        Random numbers.

    Raises
    ------
    InputError
        If a method is missing or wrong. The message names it, with the two numbers.

    Examples
    --------
    >>> import steepest
    >>> steepest.check_energy(steepest.SecondOrderTotalVariation(), shape=(8, 1, 9))
    """
    space = tuple(check_count(n, "shape") for n in shape)
    if not 1 <= len(space) <= 3:
        raise InputError(f"shape={shape!r}; allowed are one to three spatial axes")
    count = check_count(num_channels, "num_channels")
    image = np.zeros((count if as_energy(energy).coupled else 1, *space))
    given = getattr(energy, "spacing", None) if spacing is None else spacing
    on_grid = energy.on(image, check_spacing(given, len(space)))
    _Trial(on_grid, image, generator(rng)).run()


def assure(energy: Any, image: Array) -> None:
    """`check_energy` on the grid of ``image``, unless the energy is built in or tested there."""
    if built_in(energy):
        return
    grid = (tuple(image.shape), namespace(image))
    if not any(grid == on and same_energy(energy, known) for known, on in tuple(_passed)):
        _Trial(energy, image, generator(0)).run()
        _passed.append((deepcopy(energy), grid))


@dataclass(frozen=True)
class _Trial:
    """The test of an energy for images like ``image`` (channels, \\*space), which it was set on."""

    energy: Any
    image: Array
    random: np.random.Generator

    def run(self) -> None:
        shape = tuple(self.image.shape)
        field = (self.energy.num_components(len(shape) - 1), *shape)
        u, p = self.draw(shape), self.draw(field)
        self.adjoint(u, p)
        self.norm(u)
        self.slack(u, p)
        self.slack(u * (abs(self.draw(shape)) > 1), p)  # with flat regions
        self.scaled(u, p)

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Normally distributed numbers in float64, as an array like the image."""
        values = self.random.standard_normal(shape)
        if is_torch(self.image):
            return namespace(self.image).as_tensor(values, device=self.image.device)
        return values

    def refuse(self, what: str) -> NoReturn:
        raise InputError(
            f"energy: {type(self.energy).__name__} is wrong on images (channels, *space) of shape "
            f"{tuple(self.image.shape)}: {what} (steepest.check_energy repeats this test)"
        )

    def call(self, method: str, argument: Array, like: Array) -> Array:
        """The result of a method, which must have the shape and the float64 of ``like``."""
        found = as_array(getattr(self.energy, method)(argument), method)
        if found.shape != like.shape or found.dtype != like.dtype:
            self.refuse(
                f"{method} returns {dtype_name(found)} of shape {tuple(found.shape)}; it must be "
                f"float64 of shape {tuple(like.shape)} for such an argument"
            )
        return found

    def adjoint(self, u: Array, p: Array) -> None:
        there, back = self.call("operator", u, p) * p, u * self.call("adjoint", p, u)
        left, right, size = sum64(there), sum64(back), sum64(abs(there)) + sum64(abs(back))
        if not abs(left - right) <= _TOLERANCE * size + self.rounding(u, p):
            self.refuse(
                "adjoint is not the adjoint of operator. For random u and p, "
                f"<A u, p> = {left:.10g} and <u, A* p> = {right:.10g}"
            )

    def rounding(self, u: Array, p: Array) -> float:
        """Bound of the rounding errors of ``<A u, p>``, which differences can cancel down to."""
        return 64 * _EPS * self.energy.reach * math.sqrt(sum64(u * u) * sum64(p * p))

    def norm(self, u: Array) -> None:
        """Compare ``norm_squared`` with ``||A u||^2 / ||u||^2``."""
        bound, largest = float(self.energy.norm_squared(tuple(u.shape[1:]))), 0.0
        for _ in range(_POWER_STEPS):
            size = math.sqrt(sum64(u * u))
            if size == 0:
                break
            v = self.energy.operator(u / size)
            largest, u = max(largest, sum64(v * v)), self.energy.adjoint(v)
        if not (0 < bound < math.inf and largest <= bound * (1 + _TOLERANCE)):
            self.refuse(
                f"norm_squared = {bound:.10g}, but there is a u with ||A u||^2 / ||u||^2 = "
                f"{largest:.10g}. It must be at least that, positive (1 if A is zero) and finite"
            )

    def slack(self, u: Array, p: Array) -> None:
        """Compare ``slack`` at fields in K with what these and other fields say of J(u)."""
        v, radius = self.energy.operator(u), self.energy.radius
        steep = _SATURATING * radius / (float(abs(v).mean()) or 1.0)
        trials = []
        for field in (0.3 * radius * p, steep * v, -steep * v):
            q = self.call("feasible", field, p)
            back, dual = u * self.energy.adjoint(q), float(self.energy.conjugate(q))
            value, slack = map(float, self.energy.slack(u, q))
            error = _TOLERANCE * (abs(value) + sum64(abs(back)) + abs(dual)) + self.rounding(u, q)
            trials.append((sum64(back) - dual, value, slack, error))
        most, _, _, widest = max(trials, key=lambda trial: trial[0])
        for least, value, slack, error in trials:
            error += widest
            if not value >= most - error:
                self.refuse(
                    "feasible returns a field outside of K, or slack too small a J(u). For a "
                    f"random u, slack returns J(u) = {value:.10g}, but there is a p of feasible "
                    f"with <A u, p> - R(p) = {most:.10g}"
                )
            if not slack >= most - least - error:
                self.refuse(
                    "slack is too small. For a random u and a p of feasible, it returns "
                    f"J(u) + R(p) - <A u, p> = {slack:.10g}, which is at least {most - least:.10g}"
                )

    def scaled(self, u: Array, p: Array) -> None:
        q = self.energy.feasible(p)
        one, two = self.energy.slack(u, q)[0], self.energy.scaled(2.0).slack(2 * u, q)[0]
        if not abs(two - 2 * one) <= _TOLERANCE * abs(two):
            self.refuse(
                f"for J_2 = scaled(2) and a random u, J_2(2 u) = {two:.10g} and "
                f"2 J(u) = {2 * one:.10g}, which must be the same"
            )
