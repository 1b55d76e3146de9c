"""The array solver in NumPy and torch, compared with the compiled one and a dense solution."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.elliptic.arrays import repeat_blocks, solve_arrays, sum_blocks
from steepest.elliptic.hierarchy import build
from steepest.elliptic.operator import Operator
from steepest.elliptic.solve import solve

SHAPES = [(7, 9), (1, 12), (33, 20), (5, 6, 7)]


def problem(shape: tuple[int, ...], variable: bool) -> tuple[Operator, np.ndarray, np.ndarray]:
    """Some pixels held, some with a finite excess; uneven spacing or variable couplings."""
    rng = np.random.default_rng(len(shape) + variable)
    excess = np.where(rng.random(shape) < 0.15, np.inf, 0.0)
    excess.flat[0] = np.inf
    excess[(rng.random(shape) < 0.2) & (excess == 0)] = 0.7
    weights = (
        tuple(rng.random(shape) + 0.1 for _ in shape)
        if variable
        else tuple(1.0 / (1 + axis) for axis in range(len(shape)))
    )
    return Operator(excess, weights), rng.random((2, *shape)), rng.random((2, *shape))


@pytest.mark.parametrize("variable", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_solves_the_equation(shape: tuple[int, ...], variable: bool) -> None:
    operator, start, right = problem(shape, variable)
    u, residual, _ = solve_arrays(operator, start, right, tol=1e-11)
    held = ~operator.active
    assert np.array_equal(u[:, held], start[:, held])
    finite = np.where(held, 0, operator.excess)
    left = finite * u + operator.couple(np.ones_like(u)) * u - operator.couple(u)
    assert np.abs((left - right)[:, ~held]).max() < 1e-9
    assert residual.max() <= 1e-11


@pytest.mark.parametrize("shape", SHAPES)
def test_tensors_take_the_same_steps_as_arrays(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    operator, start, right = problem(shape, False)
    u, residual, count = solve_arrays(operator, start, right)
    v, again, other = solve_arrays(operator, torch.as_tensor(start), torch.as_tensor(right))
    assert count == other
    assert np.allclose(v.numpy(), u, atol=1e-6)
    assert (again.numpy() <= 1e-6).all()
    assert (residual <= 1e-6).all()


def test_a_scale_changes_the_norm_and_not_the_solution() -> None:
    operator, start, right = problem((12, 9), False)
    scale = np.linspace(0.1, 2, 108).reshape(12, 9)
    u, _, _ = solve_arrays(operator, start, right, scale=scale, tol=1e-11)
    reference = solve(build(operator), start, right, scale=scale, tol=1e-11)
    assert np.abs(u - reference.image).max() < 1e-9


def test_iterations_do_not_grow_with_the_size() -> None:
    counts = []
    for side in (32, 64, 128, 256):
        excess = np.where(np.random.default_rng(0).random((side, side)) < 0.02, np.inf, 0.0)
        excess[0, 0] = np.inf
        start = np.where(np.isinf(excess), np.random.default_rng(1).random(excess.shape), 0)[None]
        counts.append(solve_arrays(Operator(excess, (1.0, 1.0)), start)[2])
    assert max(counts) <= 14


@pytest.mark.parametrize("factors", [(2, 2), (1, 2), (2, 1), (1, 1)])
def test_repeating_is_the_transpose_of_summing(factors: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    fine = rng.random((3, 7, 9))
    coarse = rng.random(sum_blocks(fine, factors).shape)
    left = np.vdot(sum_blocks(fine, factors), coarse)
    assert np.isclose(left, np.vdot(fine, repeat_blocks(coarse, factors, fine)))
    assert np.isclose(sum_blocks(fine, factors).sum(), fine.sum())


def test_whoever_watches_sees_every_iteration_and_may_stop() -> None:
    operator, start, right = problem((33, 20), True)
    seen: list[float] = []
    u, residual, count = solve_arrays(operator, start, right, watch=lambda r: bool(seen.append(r)))
    assert len(seen) == count
    assert seen[-1] == pytest.approx(residual.max(), rel=1e-6)
    assert np.array_equal(u, solve_arrays(operator, start, right)[0])
    u, residual, count = solve_arrays(operator, start, right, watch=lambda r: r < 1e-2)
    assert residual.max() < 1e-2
    assert count == sum(r >= 1e-2 for r in seen) + 1
