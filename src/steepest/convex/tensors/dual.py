"""The array code of `reference` for tensors on an accelerator, where every operation is a launch.

The iteration is fused by ``torch.compile`` once that pays, and a measurement waits for the device
once instead of ten times. Several images of one shape are solved as one problem (`Together`): they
share steps, iterations and momentum.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch

from ...core.namespace import Array
from ..certificate import StepTerms, exact_terms, step_sums
from ..dual import NO_PAUSE, Warm
from ..reference import ReferenceDual
from ..solve import rounding_floor

# An iteration without compilation takes as long as 2e6 pixels, or longer for more pixels.
# Compilation takes seconds. It begins after as much work as about two seconds of a large GPU.
_LAUNCHES = 2e6
_WORTH = 2e10
_MOST_KINDS = 6  # torch compiles a function eight times and then warns


class Fusion:
    """An iteration in array code that is compiled for a kind of problem after enough work on it.

    Without a working compiler, and for more than a few kinds, the array code stays in use.
    """

    def __init__(self, worth: float = _WORTH) -> None:
        self._worth = worth
        self._work: dict[Any, float] = {}
        self._compiled: dict[Any, Callable[..., Any]] = {}
        self._failed = False

    def __call__(
        self, kind: Any, energy: Any, f: Array, p: Array, y: Array, *numbers: float
    ) -> tuple[Array, Array]:
        """One `iteration` of a problem of this kind."""
        if not self._is_worth_it(kind, f.numel()):
            return iteration(energy, f, p, y, *numbers)
        try:
            if kind not in self._compiled:
                self._compiled[kind] = torch.compile(iteration, dynamic=False)
            y = p.clone() if y is p else y  # one array in two roles would be compiled again,
            tensors = (torch.tensor(number, dtype=f.dtype) for number in numbers)  # as numbers are
            out: tuple[Array, Array] = self._compiled[kind](energy, f, p, y, *tensors)
        except Exception:  # anything from a missing compiler to an unknown device
            self._failed = True
            return iteration(energy, f, p, y, *numbers)
        return out

    def _is_worth_it(self, kind: Any, size: int) -> bool:
        self._work[kind] = self._work.get(kind, 0.0) + max(size, _LAUNCHES)
        known = kind in self._compiled or len(self._compiled) < _MOST_KINDS
        return known and not self._failed and self._work[kind] > self._worth


def iteration(
    energy: Any, f: Array, p: Array, y: Array, tau: Any, step: Any, beta: Any
) -> tuple[Array, Array]:
    """One accelerated iteration: the next p and y."""
    u = f - tau * energy.adjoint(y)
    q = energy.prox(y + step * energy.operator(u), step)
    return q, q + beta * (q - p)


_fusion = Fusion()


class TensorDual(ReferenceDual):
    """`ReferenceDual` for a `PointwiseEnergy` on tensors, of one image or several `Together`.

    Inside, arrays are (channels, images, \\*space) and (components, channels, images, \\*space).
    ``items`` are the terms of each image as of the last `measure`.
    """

    energy: Any

    def __init__(self, f: Array, energy: Any) -> None:
        together = energy if isinstance(energy, Together) else Together(energy, (0.0,))
        super().__init__(f, together.each)
        self.pause = NO_PAUSE
        self._references = together.references
        count = len(self._references)
        self._outer = tuple(f.shape)
        self._inner = (f.shape[0] // count, count, *f.shape[1:])
        self.f = f.reshape(self._inner)
        self.p = self.y = self.p.reshape(-1, *self._inner)
        self.items: list[StepTerms] = []
        self._size = float(abs(f).max())
        # read once, as each look at the weights waits for the device
        self._bounds: Any = SimpleNamespace(reach=self.energy.reach, radius=self.energy.radius)
        plain = self.energy.weights is None
        self._kind = (type(self.energy), repr(self.energy), plain, self._inner, f.dtype, f.device)

    @property
    def warm(self) -> Warm:
        """The flux and the extrapolated flux."""
        return tuple(array.reshape(-1, *self._outer) for array in (self.p, self.y))

    @warm.setter
    def warm(self, arrays: Warm) -> None:
        self.p, self.y = (array.reshape(-1, *self._inner) for array in arrays)

    @property
    def image(self) -> Array:
        return self._image.reshape(self._outer)

    def iterate(self, betas: Sequence[float]) -> None:
        numbers = (self.tau, self.step_size)
        for beta in betas:
            self.p, self.y = _fusion(
                self._kind, self.energy, self.f, self.p, self.y, *numbers, beta
            )

    def measure(self) -> StepTerms:
        self._image = self.f - self.tau * self.energy.adjoint(self.p)
        shape = (self._inner[0], *self._inner[2:])
        sums = step_sums(self.energy, self.f, self._image, self.p, self.tau, self._summed)
        rows = torch.stack(sums, 1).tolist()  # waits for the device
        self.items = [exact_terms(self._bounds, shape, self.tau, row) for row in rows]
        if len(self.items) == 1:
            return self.items[0]
        floor = rounding_floor(self.f[:, 0], self.energy, self.tau, self._size)
        return joint_terms(self.items, self._references, floor)

    def _summed(self, array: Array) -> Array:
        """The sums of each image, (images,)."""
        return array.movedim(1 - len(self._inner), 0).flatten(1).sum(1)


@dataclass(frozen=True, eq=False)
class Together:
    """The energy of ``len(references)`` images of one shape, the sum of the energy of ``each``.

    Their arrays are ``(channels * images, *space)``: image b has the channels b, b + images, ...
    ``references`` are the energies of the images below which nothing is resolved (see `Goal`).
    """

    each: Any
    references: tuple[float, ...]
    one_homogeneous = False  # the flux cannot be shrunk for one image alone

    def __getattr__(self, name: str) -> Any:
        return getattr(self.each, name)


def joint_terms(items: Sequence[StepTerms], references: Sequence[float], floor: float) -> StepTerms:
    """The terms by which the solver decides: as if all images were like the worst of them.

    That has the largest gap relative to its energy or reference, among those above ``floor``. The
    other terms are sums: a certificate for all images as one.
    """
    scales = [max(terms.primal, least) for terms, least in zip(items, references, strict=True)]
    gaps, count = [terms.gap for terms in items], len(items)
    moving = [b for b in range(count) if gaps[b] > floor] or range(count)
    worst = max(moving, key=lambda b: gaps[b] / scales[b] if scales[b] > 0 else gaps[b])
    return StepTerms(
        gap=count * gaps[worst],
        primal=count * scales[worst],
        dual_energy=sum(terms.dual_energy for terms in items),
        integral=sum(terms.integral for terms in items),
        residual=math.sqrt(sum(terms.residual**2 for terms in items)),
        value=sum(terms.value for terms in items),
        start_value=sum(terms.start_value for terms in items),
        allowance=sum(terms.allowance for terms in items),
    )
