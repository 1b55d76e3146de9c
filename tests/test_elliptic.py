"""Multigrid-preconditioned conjugate gradients: dense solves, spectra, iteration counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.dense_grids import minus_laplacian
from steepest.elliptic.cycle import EXCESS, RIGHT, UNKNOWN, cycle, level_of
from steepest.elliptic.hierarchy import Hierarchy, build, single
from steepest.elliptic.operator import Operator
from steepest.elliptic.solve import solve

SPACES = st.one_of(
    st.tuples(st.integers(1, 13), st.integers(1, 13)),
    st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6)),
)


def problem(space: tuple[int, ...], varying: bool, seed: int) -> Operator:
    """A tenth of the pixels held, a tenth with excess, and anisotropic or varying couplings."""
    rng = np.random.default_rng(seed)
    excess = rng.choice([np.inf, 0.7, 0.0], space, p=[0.1, 0.1, 0.8])
    excess.flat[rng.integers(excess.size)] = rng.choice([np.inf, 1e-3])
    if varying:
        return Operator(excess, tuple(rng.random(space) + 0.05 for _ in space))
    return Operator(excess, tuple(1 / np.array([3.0, 1.0, 0.8])[: len(space)] ** 2))


def dense(operator: Operator) -> np.ndarray:
    """All rows of A, without the infinite entries of its diagonal."""
    if operator.uniform:
        spacing = [w**-0.5 for w in operator.weights]
        matrix = minus_laplacian(operator.excess.shape, spacing)
    else:
        matrix = minus_laplacian(operator.excess.shape, weights=operator.weights)
    excess = operator.excess.ravel()
    return matrix + np.diag(np.where(np.isfinite(excess), excess, 0))


def residual_of(operator: Operator, u: np.ndarray, right: np.ndarray) -> float:
    """``|right - A u| / |right + couplings to held values|`` for one image."""
    matrix, active = dense(operator), operator.active.ravel()
    if not active.any():
        return 0.0
    held = np.where(active, 0, u.ravel())
    reference = (right.ravel() - matrix @ held)[active]
    return float(
        np.linalg.norm((right.ravel() - matrix @ u.ravel())[active]) / np.linalg.norm(reference)
    )


@given(space=SPACES, varying=st.booleans(), seed=st.integers(0, 999))
def test_agrees_with_a_dense_solve(space: tuple[int, ...], varying: bool, seed: int) -> None:
    operator = problem(space, varying, seed)
    rng = np.random.default_rng(seed)
    start, right = rng.normal(size=(2, 3, *space))
    found = solve(build(operator), start, right, tol=1e-12)
    matrix, active = dense(operator), operator.active.ravel()
    for u, given_values, b in zip(found.image, start, right, strict=True):
        exact = given_values.ravel().copy()
        load = b.ravel()[active] - matrix[np.ix_(active, ~active)] @ exact[~active]
        exact[active] = np.linalg.solve(matrix[np.ix_(active, active)], load)
        assert np.array_equal(u.ravel()[~active], exact[~active])
        np.testing.assert_allclose(u.ravel(), exact, atol=1e-9 * (1 + np.abs(exact).max()))


@given(space=SPACES, varying=st.booleans(), seed=st.integers(0, 999))
@settings(max_examples=15)
def test_reports_the_residual_of_what_it_returns(
    space: tuple[int, ...], varying: bool, seed: int
) -> None:
    operator = problem(space, varying, seed)
    start, right = np.random.default_rng(seed).normal(size=(2, 2, *space))
    found = solve(build(operator), start, right, tol=1e-3)
    assert (found.residual <= 1e-3).all()
    for u, b, reported in zip(found.image, right, found.residual, strict=True):
        assert reported == pytest.approx(residual_of(operator, u, b), rel=1e-6, abs=1e-14)


@given(space=SPACES, varying=st.booleans(), seed=st.integers(0, 999))
def test_operator_is_the_dense_matrix(space: tuple[int, ...], varying: bool, seed: int) -> None:
    operator = problem(space, varying, seed)
    active = operator.active
    u = np.where(active, np.random.default_rng(seed).normal(size=(2, *space)), 0)
    expected = (u.reshape(2, -1) @ dense(operator).T).reshape(u.shape)
    np.testing.assert_allclose(operator.apply(u), np.where(active, expected, 0), atol=1e-12)
    diagonal = np.where(active, np.diag(dense(operator)).reshape(space), 0)
    np.testing.assert_allclose(operator.diagonal(), diagonal, atol=1e-12)


def preconditioner(hierarchy: Hierarchy) -> np.ndarray:
    """The matrix of one cycle on the active pixels."""
    levels, operator = hierarchy.levels, hierarchy.operator
    work = np.zeros((3, hierarchy.coefficients.shape[1]), np.float32)
    right = hierarchy.unpad(level_of(work, RIGHT, levels, 0))
    out = hierarchy.unpad(level_of(work, UNKNOWN, levels, 0))
    total = np.zeros(int(levels[:, 1].max()) + 2, np.float32)
    columns = []
    for pixel in np.argwhere(operator.active):
        right[:] = 0
        right[tuple(pixel)] = 1
        cycle(
            hierarchy.coefficients, hierarchy.couplings, work, levels, single(hierarchy.along),
            operator.uniform, hierarchy.volume, total,
        )  # fmt: skip
        columns.append(out[operator.active].astype(float))
        assert not out[~operator.active].any()
    return np.array(columns)


@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize("space", [(1, 37), (17, 22), (6, 9, 7), (3, 4)])
def test_cycle_is_symmetric_and_its_spectrum_narrow(space: tuple[int, ...], varying: bool) -> None:
    operator = problem(space, varying, 1)
    cycle_matrix = preconditioner(build(operator))
    size = np.abs(cycle_matrix).max()
    np.testing.assert_allclose(cycle_matrix, cycle_matrix.T, atol=1e-5 * size)
    active = operator.active.ravel()
    values = np.linalg.eigvals(cycle_matrix @ dense(operator)[np.ix_(active, active)])
    assert np.abs(values.imag).max() < 1e-3
    assert values.real.min() > 0.4
    assert values.real.max() < 1.5


def test_aggregation_keeps_the_sum_of_what_leaks_to_held_pixels() -> None:
    hierarchy = build(problem((21, 18), True, 2))
    sums = [
        level_of(hierarchy.coefficients, EXCESS, hierarchy.levels, level).sum(dtype=float)
        for level in range(len(hierarchy.levels))
    ]
    assert len(sums) == 4
    np.testing.assert_allclose(sums, sums[0], rtol=1e-5)


def masks_of(n: int) -> dict[str, np.ndarray]:
    """A Boolean array (n, n)."""
    rng = np.random.default_rng(n)
    one, half, dithered = (np.zeros((n, n), bool) for _ in range(3))
    one[n // 3, n // 5] = half[:, : n // 2] = True
    dithered[2::5, 1::4] = True  # denser to one side, like masks of images
    dithered[:, : n // 2] |= rng.random((n, n // 2)) < np.linspace(0.3, 0, n // 2)
    return {"random": rng.random((n, n)) < 0.05, "one": one, "half": half, "dithered": dithered}


@pytest.mark.parametrize("name", ["random", "one", "half", "dithered"])
def test_iterations_do_not_grow_with_the_image(name: str) -> None:
    for n in (32, 64, 128, 256):
        held = masks_of(n)[name]
        start = np.random.default_rng(0).random((1, n, n)) * held
        found = solve(build(Operator(np.where(held, np.inf, 0), (1.0, 1.0))), start, tol=1e-6)
        assert found.residual[0] <= 1e-6
        assert found.iterations[0] <= 10


def test_iterations_in_a_volume_with_thick_slices() -> None:
    for n in (8, 16, 32):
        held = np.random.default_rng(n).random((n // 2, n, n)) < 0.05
        start = np.random.default_rng(0).random((1, *held.shape)) * held
        operator = Operator(np.where(held, np.inf, 0), (1 / 25, 1.0, 1.0))
        found = solve(build(operator), start, tol=1e-6)
        assert found.residual[0] <= 1e-6
        assert found.iterations[0] <= 10


def test_threads_do_not_change_a_bit() -> None:
    operator = problem((40, 31), False, 4)
    start = np.random.default_rng(0).normal(size=(5, 40, 31))
    one, two, many = (solve(build(operator), start, num_threads=n) for n in (1, 2, 9))
    assert np.array_equal(one.image, two.image)
    assert np.array_equal(one.image, many.image)
    assert np.array_equal(one.iterations, two.iterations)


def test_a_tolerance_beyond_rounding_ends_at_rounding() -> None:
    operator = problem((30, 41), False, 5)
    start = np.random.default_rng(0).normal(size=(1, 30, 41))
    found = solve(build(operator), start, tol=1e-18, max_num_iter=500)
    assert 0 < found.residual[0] < 1e-13
    assert found.iterations[0] < 200


def test_nothing_returned_is_worse_than_the_start() -> None:
    # So near singular that float64 cannot resolve the constants.
    operator = Operator(np.full((9, 12), 1e-19), (1.0, 1.0))
    start = np.full((1, 9, 12), 0.5) + 1e-12 * np.random.default_rng(0).normal(size=(1, 9, 12))
    right = np.full((1, 9, 12), 0.5e-19)
    found = solve(build(operator), start, right)
    before = solve(build(operator), start, right, max_num_iter=0)  # as rounded as the other
    assert found.residual[0] <= before.residual[0]
    assert np.abs(found.image - 0.5).max() < 1e-9


def test_scale_changes_only_when_it_stops() -> None:
    operator = problem((12, 15), False, 6)
    start, right = np.random.default_rng(0).normal(size=(2, 1, 12, 15))
    scale = np.random.default_rng(1).random((12, 15)) + 0.1
    found = solve(build(operator), start, right, scale=scale, tol=1e-4)
    active, matrix = operator.active.ravel(), dense(operator)
    weight = (scale.ravel() * active)[None]
    held = np.where(operator.active, 0, start[0]).ravel()
    left = weight * (right.reshape(1, -1) - found.image.reshape(1, -1) @ matrix)
    reference = weight * (right.reshape(1, -1) - (matrix @ held)[None])
    expected = np.linalg.norm(left) / np.linalg.norm(reference)
    assert found.residual[0] == pytest.approx(expected, rel=1e-6)
    assert found.residual[0] <= 1e-4


def test_nan_is_never_solved() -> None:
    hierarchy = build(Operator(np.where(np.eye(8) > 0, np.inf, 0.0), (1.0, 1.0)))
    for place in ((2, 2), (2, 5)):  # held, and free
        start, right = np.zeros((2, 1, 8, 8))
        (start if place[0] == place[1] else right)[0, *place] = np.nan
        assert not solve(hierarchy, start, right).residual[0] <= 1


@pytest.mark.parametrize("count", [1, 2, 4])
def test_stopped_after_some_iterations_the_solution_is_that_of_as_many(count: int) -> None:
    operator = problem((40, 50), True, 0)
    start = np.where(operator.active, 0, np.random.default_rng(1).random((2, 40, 50)))
    seen: list[float] = []
    stopped = solve(
        build(operator), start, tol=1e-9, watch=lambda r: seen.append(r) or len(seen) == count
    )
    limited = solve(build(operator), start, tol=1e-9, max_num_iter=count)
    assert np.array_equal(stopped.image, limited.image)
    assert np.array_equal(stopped.residual, limited.residual)
