"""Compiled primal-dual solvers: the iterations of the array code, and true certificates."""

from dataclasses import fields
from functools import cache

import numpy as np
import pytest

import steepest
from steepest import (
    CombinedTotalVariation,
    SecondOrderTotalVariation,
    TotalGeneralisedVariation,
)
from steepest.convex.certificate import StepTerms
from steepest.convex.compiled import planes
from steepest.convex.compiled.saddle import CompiledPrimalDual, CompiledSaddle
from steepest.convex.primal_dual import PrimalDual
from steepest.convex.registry import make_dual
from steepest.convex.saddle import SaddleDual

SHAPES = [(23, 37), (16, 16), (1, 9), (9, 1), (1, 1), (2, 33), (3, 2)]


def noisy(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """A slope with a step, and noise."""
    rows, columns = np.indices(shape)
    clean = rows / shape[0] + (columns > shape[1] // 2) * 0.5
    return clean + 0.1 * np.random.default_rng(seed).standard_normal(shape)


Solver = SaddleDual | PrimalDual


def compared(one: Solver, two: Solver, scale: float) -> None:
    """Both states, steps and certificates are the same up to ``scale``."""
    first, second = one.measure(), two.measure()
    for field in fields(StepTerms):
        a, b = getattr(first, field.name), getattr(second, field.name)
        assert a == b or abs(a - b) <= scale * max(first.primal, abs(a)), field.name
    np.testing.assert_allclose(one.step_sizes, two.step_sizes, rtol=100 * scale)
    for a, b in zip(one.warm, two.warm, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=scale)
        assert a.shape == b.shape
        assert a.dtype == b.dtype
    np.testing.assert_allclose(one.image, two.image, rtol=0, atol=scale)
    np.testing.assert_allclose(one.flux, two.flux, rtol=0, atol=10 * scale)


ENERGIES = {
    "tgv": TotalGeneralisedVariation(alpha1=0.8, alpha0=1.3),
    "tv2": SecondOrderTotalVariation(),
    "combined": CombinedTotalVariation(alpha=0.7, beta=1.3),
}


def both(f: np.ndarray, name: str) -> tuple[Solver, Solver]:
    """The solver in array code, and the compiled one."""
    energy = ENERGIES[name].on(f, (1.3, 0.7))
    compiled = make_dual(f, energy)
    if name == "tgv":
        assert isinstance(compiled, CompiledSaddle)
        return SaddleDual(f, energy), compiled
    assert isinstance(compiled, CompiledPrimalDual)
    return PrimalDual(f, energy), compiled


@pytest.mark.parametrize("name", ENERGIES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize(("dtype", "scale"), [(np.float64, 1e-11), (np.float32, 1e-3)])
def test_the_array_code_is_the_definition(
    name: str, shape: tuple[int, int], channels: int, alone: bool, dtype: type, scale: float
) -> None:
    """Iterations, measurements, shrinking, time steps, a start from a flux, and warm starts."""
    f = np.stack([noisy(shape, k) for k in range(channels)]).astype(dtype)
    array, compiled = both(f, name)
    array.alone = compiled.alone = alone
    for tau, count in ((0.1, 1), (0.07, 7), (0.2, 20)):
        for dual in (array, compiled):
            dual.set_step(tau)
            dual.iterate([0.0] * count)
        compared(array, compiled, scale)
        if not alone:
            array.advance()
            compiled.advance()
    flux = array.flux
    for dual in (array, compiled):
        dual.shrink_flux(0.9)
        dual.iterate([0.0] * 5)
    compared(array, compiled, scale)
    for dual in (array, compiled):
        dual.set_flux(flux)
        dual.iterate([0.0] * 5)
    compared(array, compiled, scale)
    fresh = type(compiled)(array.f, array.energy)
    fresh.alone, fresh.warm = alone, array.warm
    fresh.set_step(0.2)
    assert fresh.measure().gap == pytest.approx(array.measure().gap, abs=scale, rel=scale)


def test_what_the_discretisation_does_not_use_is_not_used() -> None:
    f = noisy((6, 7))[None]
    energy = TotalGeneralisedVariation().on(f, (1.0, 1.0))
    random = np.random.default_rng(1)
    dual = CompiledSaddle(f, energy)
    dual.warm = tuple(0.1 * random.standard_normal(a.shape) for a in dual.warm)
    q, p, w, u = dual.warm
    again = [energy.bend(w), energy.unbend(q), energy.adjoint_gradient(p)]
    dual.warm = (q, p, w, u)
    for kept, a in zip((q, p, w, u), dual.warm, strict=True):
        np.testing.assert_array_equal(kept, a)
    dual.measure()
    assert not p[0, 0, -1].any()
    assert not p[1, 0, :, -1].any()
    q[0, 0, [0, -1]], q[2, 0, :, [0, -1]] = 5, 5
    np.testing.assert_array_equal(again[1], energy.unbend(q))


@cache
def reference() -> tuple[np.ndarray, SaddleDual, StepTerms]:
    """An image, its array code after 4000 iterations in float64, and the certificate."""
    f = noisy((21, 26), 2)
    best = SaddleDual(f[None], TotalGeneralisedVariation().on(f[None], (1.0, 1.0)))
    best.alone = True
    best.set_step(0.1)
    for _ in range(16):
        best.iterate([0.0] * 250)
        exact = best.measure()
    return f, best, exact


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("tol", [1e-2, 1e-3, 1e-4])
def test_gap_and_error_bound_hold_against_a_long_reference(dtype: type, tol: float) -> None:
    f, best, exact = reference()
    assert exact.gap <= 2e-6 * exact.primal
    energy = best.energy
    result = steepest.denoise(f.astype(dtype), 0.1, energy, solver=steepest.Solver(tol=tol))
    assert result.converged
    assert result.gap <= tol
    apart = np.linalg.norm(result.image - best.image[0])
    assert apart <= result.error_bound + exact.distance + 1e-6 * np.linalg.norm(f)
    terms = CompiledSaddle(f.astype(dtype)[None], energy)
    terms.alone = True
    terms.set_step(0.1)
    terms.iterate([0.0] * 50)
    found = terms.measure()
    rounding = 1e-6 * exact.primal  # of f
    assert found.primal - found.gap <= exact.primal + rounding
    assert found.primal >= exact.primal - exact.gap - rounding


def test_late_steps_of_a_flow_reach_the_gap() -> None:
    result = steepest.flow(noisy((32, 32), 0), 2.0, TotalGeneralisedVariation(), steps=8)
    assert result.status is steepest.Status.CONVERGED


@pytest.mark.parametrize("name", ENERGIES)
def test_threads_do_not_change_the_result(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wavefronts that follow each other in one, two and three threads."""
    monkeypatch.setattr(planes, "_VALUES_PER_THREAD", 1)
    monkeypatch.setattr(planes, "_ROWS_PER_THREAD", 1)
    f, states = noisy((9, 90), 4).astype(np.float32)[None], []
    for number in (1, 2, 3):
        dual = make_dual(f, ENERGIES[name].on(f, (1.0, 1.0)), number)
        assert dual._work.shape[0] == number
        for count in (1, 6, 13, 100):
            dual.set_step(0.1)
            dual.iterate([0.0] * count)
            dual.measure()
        states.append(np.concatenate([part.ravel() for part in dual.warm]))
    np.testing.assert_array_equal(states[0], states[1])
    np.testing.assert_array_equal(states[0], states[2])


@pytest.mark.parametrize("case", ["spike", "strong", "stiff", "flat"])
def test_hard_cases_end_with_an_honest_status(case: str) -> None:
    f, strength, ratio = noisy((32, 32), 5), 0.1, 2.0
    if case == "spike":
        f = np.zeros((32, 32))
        f[16, 16] = 1
    if case == "flat":
        f = np.full((32, 32), 0.3)
    if case == "strong":
        strength = 10.0
    if case == "stiff":
        ratio = 20.0
    energy = TotalGeneralisedVariation(alpha0=ratio)
    for dtype in (np.float32, np.float64):
        solver = steepest.Solver(tol=1e-4, max_num_iter=3000)
        result = steepest.denoise(f.astype(dtype), strength, energy, solver=solver)
        assert result.converged == (result.gap <= 1e-4)
        assert result.iterations <= 3000
        better = steepest.denoise(f, strength, energy, solver=steepest.Solver(tol=1e-6))
        apart = np.linalg.norm(result.image - better.image)
        assert apart <= result.error_bound + better.error_bound + 1e-6


def test_tensors_in_main_memory_are_solved_as_arrays() -> None:
    torch = pytest.importorskip("torch")
    f, energy = noisy((18, 20), 6).astype(np.float32), TotalGeneralisedVariation()
    found = steepest.denoise(torch.from_numpy(f), 0.1, energy)
    assert isinstance(found.image, torch.Tensor)
    np.testing.assert_array_equal(found.image, steepest.denoise(f, 0.1, energy).image)
