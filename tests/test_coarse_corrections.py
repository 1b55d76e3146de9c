"""Corrections on coarser grids: they stay in the dual ball, lower the energy, and are worth it."""

import numpy as np
import pytest

from steepest.convex.compiled.dual import CompiledDual
from steepest.convex.compiled.multilevel import halved
from steepest.convex.solve import Goal, Momentum, solve
from steepest.convex.total_variation import TotalVariation
from steepest.core.status import Status
from steepest.grid import divergence
from steepest.grid.coarsening import add_prolonged, average, prolong

Shape = tuple[int, ...]


def _dual(shape: Shape, tau: float, **options: object) -> CompiledDual:
    """A solver after a few iterations on smoothed noise, measured."""
    rng = np.random.default_rng(len(shape))
    f = rng.standard_normal(shape).cumsum(-1)
    energy = TotalVariation(**options).on(f, tuple((1.0, 2.0, 0.5)[: len(shape) - 1]))  # type: ignore[arg-type]
    dual = CompiledDual(f, energy, 1)
    dual.set_step(tau)
    dual.iterate(Momentum().factors(10)[0])
    return dual


@pytest.mark.parametrize("tau", [0.1, 30.0])
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((1, 64, 64), {}),
        ((1, 41, 70), {"norm": "anisotropic"}),
        ((3, 33, 32), {}),
        ((1, 20, 17, 16), {}),
        ((2, 16, 9, 16), {"norm": "anisotropic"}),
        ((1, 200), {}),
        ((1, 64, 64), {"weights": np.random.default_rng(0).random((64, 64))}),
    ],
)
def test_a_correction_is_feasible_and_never_raises_the_dual_energy(
    shape: Shape, options: dict[str, object], tau: float
) -> None:
    dual = _dual(shape, tau, **options)
    before, flux = dual.measure().dual_energy, dual.flux
    helped = dual.correct(before)
    after = dual.measure().dual_energy
    assert after < before if helped else after == before
    assert np.all(dual.energy.magnitude(dual.flux) <= (1 + 1e-12) * _radius(dual.energy))
    if not helped:
        np.testing.assert_array_equal(dual.flux, flux)


@pytest.mark.parametrize("space", [(10,), (6, 8), (7, 5), (4, 6, 2), (3, 2, 5)])
def test_a_coarser_grid_keeps_means_and_room(space: Shape) -> None:
    rng = np.random.default_rng(1)
    f, p = rng.random((2, *space)), rng.random((len(space), 2, *space)) / 2
    for axis in range(len(space)):
        np.moveaxis(p[axis], axis + 1, 0)[-1] = 0
    w = 2 + rng.random(space)
    mean, centre, radius = halved(f, p, w, isotropic=True)
    np.testing.assert_allclose(mean, average(f), rtol=1e-13)
    if not any(n % 2 for n in space):
        coarse = divergence(centre, (2.0,) * len(space))
        np.testing.assert_allclose(coarse, average(divergence(p, (1.0,) * len(space))), atol=1e-14)
    for pixel in np.ndindex(radius.shape):
        block = tuple(slice(2 * i, 2 * i + 2) for i in pixel)
        room = (w - np.sqrt((p * p).sum((0, 1))))[block].min()
        used = np.linalg.norm(centre[(..., *pixel)])
        assert radius[pixel] == pytest.approx(used + room, rel=1e-13)
    change = 3 * p.copy()
    add_prolonged(change, centre)
    np.testing.assert_allclose(change, 3 * p + prolong(centre, f.shape), rtol=1e-13)


def _radius(energy: TotalVariation) -> np.ndarray:
    return np.asarray(1.0 if energy.weights is None else energy.weights)


def test_one_correction_is_worth_many_iterations() -> None:
    """Two large discs that exchange grey value with all the rest, far away.

    The dual energy counts: its excess bounds the distance. The gap falls in iterations after it.
    """
    y, x = np.mgrid[:128, :128]
    f = 1.0 * (np.hypot(y - 40, x - 40) < 20) - 1.0 * (np.hypot(y - 90, x - 80) < 25)
    energy = TotalVariation().on(f[None], (1.0, 1.0))
    corrected, plain = (CompiledDual(f[None], energy, 1) for _ in range(2))
    for dual in (corrected, plain):
        dual.set_step(8.0)
        dual.iterate(Momentum().factors(20)[0])
    assert corrected.correct(corrected.measure().dual_energy)
    plain.iterate(Momentum().factors(200)[0])
    assert corrected.measure().dual_energy < plain.measure().dual_energy


def test_a_step_that_should_take_long_is_looked_at_first() -> None:
    """It may be solved already, as all are after the extinction time."""
    dual = CompiledDual(
        np.full((1, 20, 20), 0.25), TotalVariation().on(np.zeros((1, 20, 20)), (1.0, 1.0))
    )
    outcome = solve(dual, 10.0, Goal(1e-2, 100, reference=1.0), Momentum(expected=80))
    assert outcome.status is Status.CONVERGED
    assert outcome.iterations == 0
    np.testing.assert_array_equal(dual.image, 0.25)
