"""The certificate: one inequality that bounds the error of any computed gradient flow.

Let ``u*`` be the exact flow of ``J`` and ``u`` any curve with ``du/dt = -A* phi``, ``phi`` in the
dual ball of ``J``. Then ``||u(T) - u*(T)||^2 <= ||u(0) - u*(0)||^2 + 2 int_0^T g dt`` with the
*slack* ``g = s(u) = J(u) + R(phi) - <A u, phi> >= 0`` of the energy. On a step of length tau with
constant ``phi`` the curve is the segment from ``u0`` to ``u1``; s is convex, so with their middle
``um``

    2 int g dt  <=  tau/2 [ s(u0) + 2 s(um) + s(u1) ].

An upper bound of s at the three images can be used as well. The part ``2 gap = 2 tau s(u1)``
vanishes if the step is solved exactly; the rest is the error of the time step. The stored next
image differs from ``u1`` by a residual ``r`` (rounding, or a learned ``u``). As the flow is
non-expansive, the bound becomes ``E <- sqrt(E^2 + 2 int g) + ||r||``. Proof: docs/certificate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.namespace import Array, sum64, to_float64
from .energy import Energy

_EPS = float(np.finfo(np.float64).eps)
_SINGLE = 2.0**-24  # unit roundoff of float32
_TINY = 1e-18  # what a square that underflows may hide
_MOST_LOST = 0.01  # to rounding in float32, of what is measured


@dataclass(frozen=True)
class StepTerms:
    """The terms of the certificate for one step from ``u0`` to ``u1`` with flux ``p``, in float64.

    The squared distance of ``u1`` to the minimiser is at most ``excesses`` times the gap: 1 if
    ``u1`` is the primal image of the flux, 2 for any other image. ``allowance`` bounds the rounding
    errors of the evaluation; it is part of ``integral``, but not of ``gap``.
    """

    gap: float
    primal: float
    dual_energy: float
    integral: float
    residual: float
    value: float
    start_value: float
    allowance: float
    excesses: float = 1.0

    @property
    def distance(self) -> float:
        """Bound of the distance from the stored image to the minimiser of the step.

        The gap is the sum of the excesses of two 1-strongly convex energies, the primal and the
        dual.
        """
        return math.sqrt(self.excesses * self.gap + self.allowance) + self.residual


@dataclass(frozen=True)
class Bound:
    """A running certificate: ``distance`` bounds ``||u - u*||``.

    Its square is the sum of ``solver_share`` (gaps, residuals, rounding) and ``time_share``.
    """

    distance: float = 0.0
    solver_share: float = 0.0
    time_share: float = 0.0

    def after(self, step: StepTerms) -> Bound:
        """The bound after one more step: ``E <- sqrt(E^2 + integral) + residual``."""
        distance = math.sqrt(self.distance**2 + step.integral) + step.residual
        solver = min(2 * step.gap, step.integral)
        rounding = distance**2 - self.distance**2 - step.integral
        return Bound(
            distance,
            self.solver_share + solver + rounding,
            self.time_share + step.integral - solver,
        )

    def moved(self, distance: float) -> Bound:
        """The bound for an image at L2 distance ``distance`` (such as a rounded image)."""
        if distance == 0:
            return self
        total = self.distance + distance
        return Bound(total, self.solver_share + total**2 - self.distance**2, self.time_share)


def psnr_bound(distance: Any, num_values: int, data_range: float) -> Any:
    """The PSNR in dB that is guaranteed by distances: ``10 log10(data_range^2 N / distance^2)``."""
    with np.errstate(divide="ignore"):
        loss = 20 * np.log10(np.asarray(distance, float))
    psnr = 20 * math.log10(data_range) + 10 * math.log10(num_values) - loss
    return float(psnr) if np.ndim(distance) == 0 else psnr


def step_terms(
    energy: Energy,
    start: Array,
    stop: Array,
    flux: Array,
    tau: float,
    witnesses: tuple[Any, Any, Any] = (None, None, None),
) -> StepTerms:
    """Evaluate the certificate of one step from stored images, in float64 (reference code).

    The flux is made feasible first. The witnesses for `Energy.slack` are those of the images at the
    start, halfway and at the stop.
    """
    u0, stored, p = to_float64(start), to_float64(stop), energy.feasible(flux)
    u1 = u0 - tau * energy.adjoint(p)
    at_start, before = energy.slack(u0, p, witnesses[0])
    _, halfway = energy.slack((u0 + u1) / 2, p, witnesses[1])
    at_stop, after = energy.slack(u1, p, witnesses[2])
    return assemble_between(
        energy,
        tuple(start.shape),
        tau,
        (before, halfway, after),
        values=(at_start, at_stop),
        squares=(sum64((u1 - u0) ** 2), sum64(u1 * u1), sum64(u0 * u0), sum64((stored - u1) ** 2)),
        dual=energy.conjugate(p),
    )


def near_terms(
    energy: Energy, start: Array, image: Array, flux: Array, tau: float, witness: Any
) -> StepTerms:
    """The terms of a single step with an image other than the primal image u1 of its flux.

    The gap at u is ``1/2||u - u1||^2 + tau (J(u) + R(p) - <A u, p>)``. For a flow, the image must
    be u1; ``integral`` is then that of a flow which ends within ``residual`` of the image.
    """
    u0, u, p = to_float64(start), to_float64(image), energy.feasible(flux)
    u1 = u0 - tau * energy.adjoint(p)
    value, slack = energy.slack(u, p, witness)
    squares = (sum64((u - u0) ** 2), sum64(u1 * u1), sum64(u0 * u0), 0.0)
    apart, dual = sum64((u - u1) ** 2), energy.conjugate(p)
    return assemble_near(energy, tuple(start.shape), tau, value, slack, squares, apart, dual)


def assemble_near(
    energy: Energy,
    shape: tuple[int, ...],
    tau: float,
    value: float,
    slack: float,
    squares: tuple[float, float, float, float],
    apart: float,
    dual: float,
) -> StepTerms:
    """`near_terms` from sums: J and slack at u, ``squares`` (`assemble`), ``||u - u1||^2``."""
    distance = math.sqrt(apart) * (1 + 1e-9) + 4 * _EPS * (
        math.sqrt(squares[1]) + math.sqrt(squares[2])
    )
    terms = assemble(
        energy, shape, tau, gap=0.5 * distance**2 + tau * slack, integral=math.inf,
        values=(value, value), squares=squares, dual=dual,
    )  # fmt: skip
    return replace(terms, excesses=2.0)


def assemble_between(
    energy: Energy,
    shape: tuple[int, ...],
    tau: float,
    slacks: tuple[float, float, float],
    **terms: Any,
) -> StepTerms:
    """`assemble`, from the slacks at the start, halfway and at the stop."""
    before, halfway, after = slacks
    integral = 0.5 * tau * (before + 2 * halfway + after)
    return assemble(energy, shape, tau, gap=tau * after, integral=integral, **terms)


def assemble(
    energy: Energy,
    shape: tuple[int, ...],
    tau: float,
    *,
    gap: float,
    integral: float,
    values: tuple[float, float],
    squares: tuple[float, float, float, float],
    dual: float,
) -> StepTerms:
    """The terms of a step from its sums, with allowances for float64 rounding.

    ``values`` are J at start and stop; ``squares`` are ``||u1-u0||^2, ||u1||^2, ||u0||^2`` and
    ``||stored-u1||^2``; ``dual`` is ``R(p)``. By Cauchy-Schwarz, the norms of the images bound the
    rounding of the differences of each pixel.
    """
    change, size, start_size, residual = squares
    norms = math.sqrt(size) + math.sqrt(start_size)
    summation = (sum(shape) + 64) * (sum(values) + dual)
    slope = energy.reach * energy.radius
    differences = 16 * slope * math.sqrt(math.prod(shape)) * norms
    allowance = 2 * tau * _EPS * (summation + differences)
    return StepTerms(
        gap=max(gap, 0.0),
        primal=0.5 * change + tau * values[1],
        dual_energy=0.5 * size + tau * dual,
        integral=max(integral, 0.0) + allowance,
        residual=math.sqrt(residual) * (1 + 1e-9) + 4 * _EPS * norms,
        value=values[1],
        start_value=values[0],
        allowance=allowance,
    )


def step_sums(
    energy: Any, start: Array, stop: Array, flux: Array, tau: float, summed: Callable[[Array], Any]
) -> list[Any]:
    """The sums that `exact_terms` takes, of a pointwise energy, by array code; the first is 0.

    ``summed`` adds up an array (\\*more, \\*space) in float64, whole or in parts.
    """
    u0, stored, p = to_float64(start), to_float64(stop), energy.feasible(flux)
    u1 = u0 - tau * energy.adjoint(p)
    v0, v1 = energy.operator(u0), energy.operator(u1)
    dual = 0.5 * energy.huber * summed(p * p)
    values = [summed(energy.density(v)) for v in (v0, (v0 + v1) / 2, v1)]
    along = [summed(v0 * p), summed(v1 * p)]
    before, after = values[0] - along[0] + dual, values[2] - along[1] + dual
    bend = before + after - 2 * (values[1] - (along[0] + along[1]) / 2 + dual)
    squares = [summed(array * array) for array in (u1 - u0, u1, stored - u1)]
    return [0 * dual, after, before, values[0], values[2], bend, *squares, dual]


def exact_terms(
    energy: Energy, shape: tuple[int, ...], tau: float, total: Sequence[float] | np.ndarray
) -> StepTerms:
    """The terms from sums in float64 (see `kernels_measure.measure`)."""
    return assemble(
        energy,
        shape,
        tau,
        gap=tau * total[1],
        integral=2 * tau * (0.5 * (total[1] + total[2]) - 0.25 * total[5]),
        values=(total[3], total[4]),
        squares=(total[6], total[7], _start(total), total[8]),
        dual=total[9],
    )


def single_terms(
    energy: Energy,
    shape: tuple[int, ...],
    tau: float,
    total: Sequence[float] | np.ndarray,
    width: int,
) -> StepTerms | None:
    """`exact_terms` from sums of ``width`` columns in float32; None if that is too coarse."""
    norm = float(total[0]) * (1 + 1.3e-7)
    feasible = (1 - 4 * _EPS) / max(1.0, norm)
    components = max(len(shape) - 1, 2) * shape[0]
    upper = upper_sums(norm, feasible, total, width, components, math.prod(shape))
    if upper is None:
        return None
    shrunk = (1 - feasible) * (math.sqrt(total[6]) + math.sqrt(total[8]))
    residual = (math.sqrt(total[8]) + shrunk) ** 2
    return assemble(
        energy,
        shape,
        tau,
        gap=tau * upper[0] + 0.5 * residual,
        integral=2 * tau * upper[1],
        values=(total[3], total[4]),
        squares=(total[6], total[7], _start(total), residual),
        dual=0.0,
    )


def _start(sums: Sequence[float] | np.ndarray) -> float:
    """An upper bound of the square of u0 = u1 - (u1 - u0), which only allowances need."""
    return 1.001 * (math.sqrt(sums[6]) + math.sqrt(sums[7])) ** 2


def upper_sums(
    norm: float,
    feasible: float,
    sums: Sequence[float] | np.ndarray,
    width: int,
    components: int,
    num_values: int,
) -> tuple[float, float] | None:
    """Upper bounds of s(u1) and of half the segment's integral, for ``feasible`` times the flux.

    None where rounding in float32 is more than a hundredth of them. With unit roundoff e, a
    summand of m ``components`` is wrong by at most (18 + 3 m) e of the norms it is made of, a row's
    sum of summands by ``width`` e of itself, and ``(1 - feasible) <p, grad u>`` is at most
    ``(1 - feasible) |p| J(u)``. docs/certificate has the count.
    """
    values, stop = 1.01 * (sums[3] + sums[4]), 1.01 * sums[4]
    rounding = (18 + 3 * components) * _SINGLE + (1 - feasible) * norm
    growth, hidden = 4 * width * _SINGLE, _TINY * num_values
    slack, segment = sums[1], 0.5 * (sums[1] + sums[2]) - 0.25 * sums[5]
    lost = growth * slack + rounding * stop + hidden
    lost_along = growth * segment + rounding * values + hidden
    if not (
        lost <= _MOST_LOST * slack and lost_along <= _MOST_LOST * segment and math.isfinite(segment)
    ):
        return None
    return slack + lost, segment + lost_along
