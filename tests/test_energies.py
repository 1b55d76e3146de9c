"""Energies obey the protocol; their flows agree with closed forms and dense solves."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import lsq_linear, minimize, minimize_scalar

import steepest
from steepest import (
    CombinedTotalVariation,
    CroftonTotalVariation,
    SecondOrderTotalVariation,
    TotalGeneralisedVariation,
    TotalVariation,
)
from steepest.convex.capabilities import energies
from steepest.convex.pointwise import PointwiseEnergy
from steepest.convex.registry import make_dual

RNG = np.random.default_rng(20)
ENERGIES = [
    TotalVariation(),
    TotalVariation(norm="anisotropic", huber=0.3),
    TotalVariation(boundary="periodic"),
    SecondOrderTotalVariation(),
    SecondOrderTotalVariation(norm="anisotropic", boundary="periodic"),
    SecondOrderTotalVariation(huber=0.2),
    CombinedTotalVariation(alpha=0.6, beta=0.3),
    CombinedTotalVariation(norm="anisotropic", huber=0.1, boundary="periodic"),
    TotalGeneralisedVariation(),
    TotalGeneralisedVariation(alpha1=0.7, alpha0=0.5, boundary="periodic"),
]
KNOWN = {*map(type, ENERGIES), CroftonTotalVariation}  # the latter has a file of its own
ENERGIES += [row.kind() for row in energies().values() if row.kind not in KNOWN]
SPACES = [(9,), (5, 6), (3, 4, 5), (2, 1), (1,)]


def bound_to(energy: Any, shape: tuple[int, ...], spacing: float = 1.0) -> tuple[Any, np.ndarray]:
    """The energy on a grid, and a random image of it."""
    image = RNG.standard_normal((2, *shape))
    return energy.on(image, (spacing,) * len(shape)), image


def dense(energy: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The matrix of A on images (1, *shape), column by column."""
    basis = np.eye(int(np.prod(shape))).reshape(-1, 1, *shape)
    return np.stack([energy.operator(e).ravel() for e in basis], 1)


@pytest.mark.parametrize("energy", ENERGIES, ids=repr)
@pytest.mark.parametrize("shape", SPACES, ids=str)
def test_operator_adjoint_and_norm(energy: Any, shape: tuple[int, ...]) -> None:
    energy, u = bound_to(energy, shape, 0.7)
    v = energy.operator(u)
    assert len(v) == energy.num_components(len(shape))
    p = RNG.standard_normal(v.shape)
    scale = np.abs(v).sum() * np.abs(p).max() + 1
    assert abs((v * p).sum() - (u * energy.adjoint(p)).sum()) <= 1e-13 * scale
    largest = np.linalg.norm(dense(energy, shape), 2) ** 2
    assert largest <= energy.norm_squared(shape) * (1 + 1e-12)


@pytest.mark.parametrize("energy", ENERGIES, ids=repr)
@pytest.mark.parametrize("shape", SPACES, ids=str)
def test_flux_never_beats_the_energy(energy: Any, shape: tuple[int, ...]) -> None:
    """``<A u, p> - R(p) <= J(u)`` for feasible p: what makes J a maximum; the slack is >= 0."""
    energy, u = bound_to(energy, shape)
    for size in (0.1, 1.0, 30.0):
        p = energy.feasible(size * RNG.standard_normal(energy.operator(u).shape))
        assert np.allclose(energy.feasible(p), p, atol=1e-14)  # idempotent up to rounding
        value, slack = energy.slack(u, p)
        reached = float((energy.operator(u) * p).sum()) - energy.conjugate(p)
        assert slack >= -1e-12 * value
        assert reached <= value * (1 + 1e-12)
        assert slack == pytest.approx(value - reached, rel=1e-9, abs=1e-9 * (value + 1))


@pytest.mark.parametrize("energy", ENERGIES, ids=repr)
def test_scaling(energy: Any) -> None:
    """``J_c(c u) = c J(u)``, and one-homogeneity if claimed."""
    energy, u = bound_to(energy, (5, 6))
    p = energy.feasible(energy.operator(u))
    value = energy.slack(u, p)[0]
    assert energy.scaled(8.0).slack(8 * u, p)[0] == pytest.approx(8 * value)
    assert (energy.slack(3 * u, p)[0] == pytest.approx(3 * value)) is energy.one_homogeneous


def pointwise(energy: Any) -> bool:
    return isinstance(energy, PointwiseEnergy)


@pytest.mark.parametrize("energy", [e for e in ENERGIES if pointwise(e)], ids=repr)
def test_prox_is_the_minimiser(energy: Any) -> None:
    """No feasible field near ``prox(p)`` has a smaller ``1/2|q - p|^2 + step R(q)``."""
    energy, u = bound_to(energy, (3, 3))
    p, step = 2 * RNG.standard_normal(energy.operator(u).shape), 0.4

    def cost(q: np.ndarray) -> float:
        return 0.5 * float(((q - p) ** 2).sum()) + step * energy.conjugate(q)

    best = energy.prox(p, step)
    assert np.allclose(energy.project(best), best)
    for size in (1e-3, 1e-2, 0.3):
        for _ in range(30):
            other = energy.project(best + size * RNG.standard_normal(best.shape))
            assert cost(other) >= cost(best) - 1e-12


# ---------------------------------------------------------------- closed forms


@pytest.mark.parametrize("energy", [SecondOrderTotalVariation(), TotalGeneralisedVariation()])
@pytest.mark.parametrize("shape", [(12,), (7, 9), (4, 5, 6)], ids=str)
def test_affine_images_stay(energy: Any, shape: tuple[int, ...]) -> None:
    axes = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    ramp = 0.3 + sum((k + 1) * 0.2 * axis for k, axis in enumerate(axes))
    result = steepest.flow(ramp, [0.5, 4.0], energy, spacing=1.5)
    assert np.all(np.abs(result.images - ramp) <= result.error_bound[:, None].max() + 1e-12)
    np.testing.assert_allclose(result.images[-1], ramp, atol=2e-4)


def test_second_order_flow_of_three_pixels() -> None:
    """``J = |u0 - 2 u1 + u2|``: u moves along (1, -2, 1) until it is affine."""
    u, direction = np.array([0.2, 0.9, -0.4]), np.array([1.0, -2.0, 1.0])
    bend = float(u @ direction)
    times = np.array([0.1, 0.2, 0.3, 0.6])
    result = steepest.flow(u, times, SecondOrderTotalVariation(), solver=steepest.Solver(tol=1e-9))
    exact = u - np.minimum(times, abs(bend) / 6)[:, None] * np.sign(bend) * direction
    errors = np.linalg.norm(result.images - exact, axis=1)
    assert np.all(errors <= result.error_bound + 1e-12)
    assert np.all(errors <= 1e-2)


CHECKERS = (np.indices((6, 8)).sum(0) % 2) * 2.0 - 1.0
EIGENVALUES = [
    (TotalVariation(boundary="periodic"), 8**0.5),
    (TotalVariation(boundary="periodic", norm="anisotropic"), 4.0),
    (SecondOrderTotalVariation(boundary="periodic"), 8.0),
    (CombinedTotalVariation(boundary="periodic", alpha=0.5, beta=0.25), 0.5 * 8**0.5 + 2.0),
    (TotalGeneralisedVariation(boundary="periodic", alpha0=2.0), 8**0.5),
    (TotalGeneralisedVariation(boundary="periodic", alpha0=0.1), 0.8),
]


@pytest.mark.parametrize(("energy", "speed"), EIGENVALUES, ids=lambda value: str(value)[:60])
def test_periodic_checkerboards_shrink_at_constant_speed(energy: Any, speed: float) -> None:
    """For eigenfunctions, ``A* p = speed u``: ``u(t) = max(1 - speed t, 0) u``."""
    times = np.array([0.2, 0.5, 0.9, 1.3]) / speed
    result = steepest.flow(CHECKERS, times, energy, solver=steepest.Solver(tol=1e-4), steps=13)
    exact = np.maximum(1 - speed * times, 0)[:, None, None] * CHECKERS
    errors = np.sqrt(((result.images - exact) ** 2).sum((1, 2)))
    assert np.all(errors <= result.error_bound + 1e-12)
    assert np.all(errors <= 0.05)


@pytest.mark.parametrize(
    "energy", [e for e in ENERGIES if getattr(e, "boundary", "") == "periodic"], ids=repr
)
def test_periodic_flows_commute_with_shifts(energy: Any) -> None:
    u = RNG.random((8, 7))
    one = steepest.denoise(u, 0.1, energy, solver=steepest.Solver(tol=1e-5))
    other = steepest.denoise(
        np.roll(u, (3, 2), (0, 1)), 0.1, energy, solver=steepest.Solver(tol=1e-5)
    )
    gap = np.linalg.norm(np.roll(one.image, (3, 2), (0, 1)) - other.image)
    assert gap <= one.error_bound + other.error_bound


@given(st.integers(0, 2**32 - 1), st.sampled_from(ENERGIES))
def test_mean_kept_and_distances_shrink(seed: int, energy: Any) -> None:
    """Gradient flows of convex energies are non-expansive; constants have energy 0 here."""
    rng = np.random.default_rng(seed)
    u, v = rng.random((2, 5, 6))
    a, b = (
        steepest.flow(x, [0.1], energy, steps=4, solver=steepest.Solver(tol=1e-3)) for x in (u, v)
    )
    assert float(a.images.mean()) == pytest.approx(float(u.mean()), abs=1e-12)
    after = float(np.linalg.norm(a.images - b.images))
    assert after <= np.linalg.norm(u - v) + a.error_bound[0] + b.error_bound[0]


# ---------------------------------------------------------------- dense solvers of their own


def second_differences(n: int) -> np.ndarray:
    """The matrix of ``u_{i-1} - 2 u_i + u_{i+1}`` at inner pixels."""
    return np.diff(np.eye(n), 2, axis=0)


def exact_second_order(f: np.ndarray, tau: float) -> np.ndarray:
    """``argmin 1/2|v - f|^2 + tau |D v|_1`` by bounded least squares on the dual."""
    matrix = second_differences(f.size)
    found = lsq_linear(tau * matrix.T, f, (-1, 1), tol=1e-14, max_iter=1000)
    return np.asarray(f - tau * matrix.T @ found.x)


def exact_generalised(f: np.ndarray, tau: float, alpha1: float, alpha0: float) -> np.ndarray:
    """The same for TGV: q at inner pixels, ``|q| <= alpha0`` and ``|d* q| <= alpha1`` at faces."""
    n = f.size
    matrix = second_differences(n)  # = slopes of slopes; its factor over faces:
    faces = np.diff(np.eye(n - 1), 1, axis=0)
    limits = [
        {
            "type": "ineq",
            "fun": lambda q, s=s: alpha1 + s * (faces.T @ q),
            "jac": lambda q, s=s: s * faces.T,
        }
        for s in (1.0, -1.0)
    ]
    found = minimize(
        lambda q: 0.5 * float(((f - tau * matrix.T @ q) ** 2).sum()),
        np.zeros(n - 2),
        jac=lambda q: -tau * matrix @ (f - tau * matrix.T @ q),
        bounds=[(-alpha0, alpha0)] * (n - 2),
        constraints=limits,
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 500},
    )
    return np.asarray(f - tau * matrix.T @ found.x)


@given(st.integers(0, 2**32 - 1), st.integers(3, 14), st.sampled_from([0.02, 0.2, 2.0]))
def test_second_order_in_one_dimension(seed: int, n: int, tau: float) -> None:
    f = np.random.default_rng(seed).standard_normal(n)
    result = steepest.denoise(f, tau, SecondOrderTotalVariation(), solver=steepest.Solver(tol=1e-8))
    error = float(np.linalg.norm(result.image - exact_second_order(f, tau)))
    assert result.converged
    assert error <= result.error_bound + 1e-6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("alpha1", "alpha0"), [(1.0, 2.0), (0.5, 0.3), (1.0, 20.0)])
def test_generalised_in_one_dimension(seed: int, alpha1: float, alpha0: float) -> None:
    f = np.random.default_rng(seed).standard_normal(9)
    energy = TotalGeneralisedVariation(alpha1=alpha1, alpha0=alpha0)
    result = steepest.denoise(f, 0.3, energy, solver=steepest.Solver(tol=1e-5))
    error = float(np.linalg.norm(result.image - exact_generalised(f, 0.3, alpha1, alpha0)))
    assert result.converged
    assert error <= result.error_bound + 1e-5


def test_generalised_with_much_second_order_is_total_variation_after_a_slope() -> None:
    """alpha0 -> infinity leaves ``min over slopes c of TV(u - c x)``: one more variable."""
    step, x, strength = np.repeat([0.0, 1.0], 8), np.arange(16.0), 0.5

    def solved(c: float) -> Any:
        return steepest.denoise_tv(step - c * x, strength, solver=steepest.Solver(tol=1e-10)).image

    def cost(c: float) -> float:
        v = solved(c)
        return 0.5 * float(((v - step + c * x) ** 2).sum()) + strength * np.abs(np.diff(v)).sum()

    c = minimize_scalar(cost, bounds=(0.0, 0.2), method="bounded", options={"xatol": 1e-9}).x
    result = steepest.denoise(
        step, strength, TotalGeneralisedVariation(alpha0=1e4), solver=steepest.Solver(tol=1e-6)
    )
    np.testing.assert_allclose(result.image, solved(c) + c * x, atol=2e-3)


def dense_operators(shape: tuple[int, ...]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Matrices of the first and the second differences of an image, one per component."""
    eyes = [np.eye(n) for n in shape]

    def along(axis: int, matrix: np.ndarray) -> np.ndarray:
        return reduce(np.kron, [matrix if a == axis else eye for a, eye in enumerate(eyes)])

    forward = [np.vstack([np.diff(eye, axis=0), 0 * eye[:1]]) for eye in eyes]
    second = [np.vstack([0 * e[:1], np.diff(e, 2, axis=0), 0 * e[:1]]) for e in eyes]
    inner = [np.vstack([0 * eye[:1], np.diff(eye, axis=0)]) for eye in eyes]
    first = [along(a, forward[a]) for a in range(len(shape))]
    bends = [along(a, second[a]) for a in range(len(shape))]
    for a, b in combinations(range(len(shape)), 2):  # (d_a d+_b + d_b d+_a) / 2, times sqrt(2)
        there = along(a, inner[a]) @ np.diag(along(b, forward[b]).any(1) * 1.0) @ first[b]
        back = along(b, inner[b]) @ np.diag(along(a, forward[a]).any(1) * 1.0) @ first[a]
        bends.append((there + back) / 2**0.5)
    return first, bends


def dense_combined(f: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    """``argmin 1/2|v - f|^2 + alpha TV + beta TV2`` of (channels, *space), by dense ADMM."""
    groups = [np.stack(m) for m in dense_operators(f.shape[1:])]
    data, weights, rho = f.reshape(len(f), -1).T, (alpha, beta), 0.5
    matrix = np.concatenate([g.reshape(-1, len(data)) for g in groups])
    inverse = np.linalg.inv(np.eye(len(data)) + rho * matrix.T @ matrix)
    z = y = np.zeros((len(matrix), len(f)))
    cut = len(groups[0]) * len(data)
    for _ in range(4000):
        v = inverse @ (data + rho * matrix.T @ (z - y))
        w = matrix @ v + y
        shrunk = []
        for weight, part in zip(weights, (w[:cut], w[cut:]), strict=True):
            q = part.reshape(-1, len(data), len(f))
            size = np.sqrt((q**2).sum((0, 2), keepdims=True))
            shrunk.append(q * np.maximum(0, 1 - weight / rho / np.maximum(size, 1e-300)))
        z = np.concatenate([s.reshape(-1, len(f)) for s in shrunk])
        y = w - z
    return np.asarray(v.T.reshape(f.shape))


@pytest.mark.parametrize(("shape", "channels"), [((8,), 1), ((5, 6), 3), ((3, 4, 4), 1)], ids=str)
def test_combined_agrees_with_a_dense_solver(shape: tuple[int, ...], channels: int) -> None:
    f = np.random.default_rng(7).standard_normal((channels, *shape))
    energy = CombinedTotalVariation(alpha=0.7, beta=0.4)
    result = steepest.denoise(f, 0.5, energy, solver=steepest.Solver(tol=1e-9), channel_axis=0)
    error = float(np.linalg.norm(result.image - dense_combined(f, 0.35, 0.2)))
    assert error <= result.error_bound + 1e-6
    assert result.error_bound < 1e-3


@pytest.mark.parametrize("shape", [(6, 7), (4, 5, 3)], ids=str)
@pytest.mark.parametrize(
    ("combined", "single"),
    [
        (CombinedTotalVariation(alpha=1.0, beta=0.0), TotalVariation()),
        (CombinedTotalVariation(alpha=0.0, beta=1.0), SecondOrderTotalVariation()),
    ],
    ids=["first", "second"],
)
def test_combined_of_one_order_is_that_order(
    shape: tuple[int, ...], combined: Any, single: Any
) -> None:
    u = RNG.standard_normal((1, *shape))
    steps = (0.7,) * len(shape)
    assert combined.on(u, steps).value(u) == pytest.approx(single.on(u, steps).value(u), rel=1e-14)
    one, other = (
        steepest.denoise(u, 0.3, e, solver=steepest.Solver(tol=1e-10), channel_axis=0)
        for e in (combined, single)
    )
    assert np.linalg.norm(one.image - other.image) <= one.error_bound + other.error_bound <= 1e-3


def test_combined_needs_one_positive_weight() -> None:
    with pytest.raises(steepest.InputError, match="alpha=0 and beta=0"):
        CombinedTotalVariation(alpha=0, beta=0)


# ---------------------------------------------------------------- certificates, states, paths


@pytest.mark.parametrize(
    ("energy", "dtype"),
    [*((e, np.float64) for e in ENERGIES), (ENERGIES[0], np.float32), (ENERGIES[3], np.float32)],
    ids=repr,
)
def test_bounds_of_two_runs_cover_their_distance(energy: Any, dtype: type) -> None:
    """The triangle inequality around the exact flow, between coarse and fine steps."""
    image = (RNG.random((9, 8)) + np.pad(np.ones((4, 4)), ((3, 2), (2, 2)))).astype(dtype)
    times = [0.05, 0.4]
    coarse = steepest.flow(image, times, energy, steps=4, solver=steepest.Solver(tol=1e-2))
    fine = steepest.flow(image, times, energy, steps=20, solver=steepest.Solver(tol=2e-3))
    assert coarse.images.dtype == dtype
    apart = np.sqrt(((coarse.images.astype(float) - fine.images) ** 2).sum((1, 2)))
    assert np.all(apart <= coarse.error_bound + fine.error_bound)


@pytest.mark.parametrize("energy", ENERGIES, ids=repr)
def test_continuing_is_going_on(energy: Any) -> None:
    image = RNG.random((7, 8))
    whole = steepest.flow(image, [0.1, 0.2], energy, steps=8, solver=steepest.Solver(tol=1e-4))
    first = steepest.flow(image, [0.1], energy, steps=4, solver=steepest.Solver(tol=1e-4))
    rest = first.continue_to([0.2], steps=4, solver=steepest.Solver(tol=1e-4))
    np.testing.assert_allclose(rest.times, [0.2])
    apart = np.linalg.norm(rest.images[0] - whole.images[1])
    assert apart <= rest.error_bound[0] + whole.error_bound[1]
    assert rest.error_bound[0] >= first.error_bound[0]


OTHERS = [
    {"energy": TotalVariation(huber=1.0)},
    {"energy": SecondOrderTotalVariation()},
    {"energy": TotalVariation(norm="anisotropic")},
    {"energy": TotalVariation(weights=np.full((7, 8), 2.0))},
    {"energy": TotalVariation(boundary="periodic")},
    {"spacing": 2.0},
    {"image": RNG.random((7, 8))},
]


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: next(iter(other)))
def test_a_state_is_of_one_problem(other: dict[str, Any]) -> None:
    """Another energy, weights, spacing or image is refused: its certificate would be wrong."""
    image = np.random.default_rng(3).random((7, 8))
    state = steepest.tv_flow(image, [0.1]).state
    with pytest.raises(steepest.InputError, match="start"):
        steepest.flow(**{"image": image, "times": [0.2], "start": state, **other})
    again = steepest.flow(image, [0.2], start=state)
    assert again.times.tolist() == [0.2]


@pytest.mark.parametrize("energy", ENERGIES, ids=repr)
def test_torch_takes_every_energy(energy: Any) -> None:
    torch = pytest.importorskip("torch")
    image = RNG.random((6, 7))
    one = steepest.flow(image, [0.1], energy, steps=2, solver=steepest.Solver(tol=1e-3))
    two = steepest.flow(
        torch.from_numpy(image), [0.1], energy, steps=2, solver=steepest.Solver(tol=1e-3)
    )
    assert isinstance(two.images, torch.Tensor)
    apart = np.linalg.norm(one.images - two.images.numpy())
    assert apart <= one.error_bound[0] + two.error_bound[0]


def test_images_with_neumann_boundary_have_the_compiled_solver_of_their_energy() -> None:
    solvers = {
        TotalVariation: "CompiledDual",
        TotalGeneralisedVariation: "CompiledSaddle",
        SecondOrderTotalVariation: "CompiledPrimalDual",
        CombinedTotalVariation: "CompiledPrimalDual",
    }
    image = RNG.random((1, 5, 6))
    for energy in ENERGIES:
        name = type(make_dual(image, energy.on(image, (1.0, 1.0)))).__name__
        compiled = type(energy) in solvers and energy.boundary == "neumann"
        if solvers.get(type(energy)) == "CompiledPrimalDual":
            compiled &= energy.isotropic and not energy.huber and energy.weights is None
        assert (name == solvers.get(type(energy))) == compiled


# ---------------------------------------------------------------- a new energy


@dataclass(frozen=True)
class Magnitude:
    """``J(u) = weight sum |u|``, whose flow reduces every magnitude by ``weight t``, down to 0."""

    weight: float = 1.0
    coupled: bool = False
    one_homogeneous: bool = True
    smoothing: float = 0.0
    reach: float = 0.5

    @property
    def radius(self) -> float:
        return self.weight

    def on(self, image: Any, spacing: Any) -> Magnitude:
        return self

    def scaled(self, factor: float) -> Magnitude:
        return self

    def num_components(self, ndim: int) -> int:
        return 1

    def operator(self, u: Any) -> Any:
        return u[None]

    def adjoint(self, p: Any) -> Any:
        return p[0]

    def norm_squared(self, space: Any) -> float:
        return 1.0

    def prox(self, p: Any, step: float) -> Any:
        return p.clip(-self.weight, self.weight)

    def feasible(self, p: Any) -> Any:
        return np.asarray(p, float).clip(-self.weight, self.weight)

    def conjugate(self, p: Any) -> float:
        return 0.0

    def slack(self, u: Any, p: Any, witness: Any = None) -> tuple[float, float]:
        value = self.weight * float(np.abs(u).sum())
        return value, float((self.weight * np.abs(u) - u * p[0]).sum())


def test_a_new_energy_needs_the_protocol_and_nothing_else() -> None:
    u = RNG.standard_normal((6, 7))
    result = steepest.flow(u, [0.3], Magnitude(0.5), solver=steepest.Solver(tol=1e-9))
    exact = np.sign(u) * np.maximum(np.abs(u) - 0.15, 0)
    assert np.linalg.norm(result.images[0] - exact) <= result.error_bound[0] <= 0.2


def test_what_is_no_energy_is_refused() -> None:
    for energy in (TotalVariation, 3, "tv", object()):
        with pytest.raises(steepest.InputError, match="energy"):
            steepest.flow(np.eye(4), [0.1], energy)  # type: ignore[arg-type]
    for options in ({"norm": "l2"}, {"huber": -1}, {"boundary": "zero"}, {"coupled": 2}):
        with pytest.raises(steepest.InputError, match=next(iter(options))):
            SecondOrderTotalVariation(**options)  # type: ignore[arg-type]
    with pytest.raises(steepest.InputError, match="alpha0"):
        TotalGeneralisedVariation(alpha0=0)


NUMBERS = [np.float32, np.longdouble, np.int64, Fraction]


@pytest.mark.parametrize("kind", NUMBERS)
def test_parameters_of_any_type_are_the_same_numbers(kind: Any) -> None:
    """A float32 eps must not turn the sums of the certificate into float32."""
    image = np.random.default_rng(1).random((8, 9))
    for energy, same in (
        (SecondOrderTotalVariation(huber=kind(1)), SecondOrderTotalVariation(huber=1.0)),
        (TotalVariation(huber=kind(1)), TotalVariation(huber=1.0)),
    ):
        assert type(energy.huber) is float
        found, expected = (
            steepest.denoise(image, 0.2, e, solver=steepest.Solver(tol=1e-12))
            for e in (energy, same)
        )
        np.testing.assert_array_equal(found.image, expected.image)
        assert found.error_bound == expected.error_bound
    generalised = TotalGeneralisedVariation(alpha1=kind(1), alpha0=kind(2))
    assert (type(generalised.alpha1), type(generalised.alpha0)) == (float, float)


@pytest.mark.parametrize("heavy", [100.0, 1e8])
def test_one_heavy_pixel_does_not_excuse_the_others(heavy: float) -> None:
    """Rounding at one pixel does not stop the solver early: the tolerance is still met."""
    weights = np.ones((9, 8))
    weights[5, 7] = heavy
    image = np.random.default_rng(2).random((9, 8)).astype(np.float32)
    for energy in (TotalVariation(weights=weights), SecondOrderTotalVariation(weights=weights)):
        result = steepest.denoise(image, 0.1, energy, solver=steepest.Solver(tol=1e-3))
        assert result.gap <= 1e-3 or not result.converged


def test_what_a_caller_changes_later_changes_no_state() -> None:
    rng = np.random.default_rng(5)
    image, weights = rng.random((6, 7)), np.ones((6, 7))
    begun, given = image.copy(), weights.copy()
    for times in ([0.0], [0.1]):
        result = steepest.flow(image, times, energy=steepest.TotalVariation(weights=weights))
        image[:], weights[:] = 0, 3
        expected = steepest.flow(
            begun,
            [0.2],
            energy=steepest.TotalVariation(weights=given),
            solver=steepest.Solver(tol=1e-6),
            steps=100,
        )
        found = result.continue_to([0.2])
        apart = np.linalg.norm(found.images[0] - expected.images[0])
        assert apart <= found.error_bound[0] + expected.error_bound[0]
        with pytest.raises(steepest.InputError, match="start"):
            steepest.flow(
                image, [0.2], energy=steepest.TotalVariation(weights=given), start=result.state
            )
        with pytest.raises(steepest.InputError, match="start"):
            steepest.flow(
                begun, [0.2], energy=steepest.TotalVariation(weights=weights), start=result.state
            )
        image[:], weights[:] = begun, given
    untouched = steepest.denoise_tv(image, 0).image
    image[:] = -1
    np.testing.assert_array_equal(untouched, begun)


def test_flux_of_generalised_variation_is_feasible_and_its_guess_costs_no_accuracy() -> None:
    energy = TotalGeneralisedVariation().on(np.zeros((1, 16, 16)), (1.0, 1.0))
    ramp = np.add.outer(np.arange(16.0), np.zeros(16)) / 16
    ramp[4:9, 5:11] += 0.7
    plain = steepest.flow(ramp, [0.05], energy, steps=1)
    guessed = steepest.flow(ramp, [0.05], energy, steps=1, start=np.zeros((1, 3, 16, 16)))
    assert guessed.error_bound[0] <= 1.5 * plain.error_bound[0] + 1e-3
    for result in (plain, guessed):
        q = result.flux[:, None]
        assert np.sqrt((q**2).sum((0, 1))).max() <= energy.alpha0
        assert np.sqrt((energy.unbend(q) ** 2).sum((0, 1))).max() <= energy.alpha1
    one = steepest.denoise(ramp, 0.05, energy)
    primal = ramp - 0.05 * energy.adjoint(one.flux[:, None])[0]
    assert np.linalg.norm(one.image - primal) <= 2**0.5 * one.error_bound


def test_single_precision_is_not_an_excuse_for_long_plateaus() -> None:
    image = steepest.io.sample("camera")[150:182, 150:182]
    result = steepest.denoise(
        image, 0.05, TotalGeneralisedVariation(), solver=steepest.Solver(tol=3e-4)
    )
    assert result.status is steepest.Status.CONVERGED
    assert result.gap <= 3e-4


def test_energy_and_image_agree_on_the_spacing() -> None:
    image = np.random.default_rng(8).random((5, 6))
    own = steepest.denoise(image, 0.1, TotalVariation(spacing=(2.0, 2.0)))
    np.testing.assert_array_equal(own.image, steepest.denoise_tv(image, 0.1, spacing=2.0).image)
    with pytest.raises(steepest.InputError, match="spacing"):
        steepest.denoise(image, 0.1, TotalVariation(spacing=(2.0, 2.0)), spacing=3.0)


def test_grids_too_fine_for_the_image_are_refused() -> None:
    image = 1e90 * np.random.default_rng(8).random((5, 6))
    with pytest.raises(steepest.InputError, match="steps"):
        steepest.tv_flow(image, [1e89], steps=steepest.TimeGrid((1e-140, 1e-139, 1e88)))


def test_array_code_needs_no_compiler() -> None:
    """Without numba, all energies that are not compiled still flow."""
    code = (
        "import sys; sys.modules['numba'] = None; import numpy as np, steepest;"
        "u = np.eye(5); e = steepest.TotalVariation(boundary='periodic');"
        "print(steepest.flow(u, [0.1], e).converged, steepest.flow(u, [0.1],"
        "steepest.SecondOrderTotalVariation(norm='anisotropic')).converged)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "True"], done.stderr
