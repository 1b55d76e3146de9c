"""Grid operators, compared with explicit matrices; adjoints, kernels, norms, coarser grids."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import steepest
from cases.stencils import dense, gradient_matrix, symmetrised_matrix
from steepest.grid import differences, second_order
from steepest.grid.coarsening import average, prolong
from steepest.grid.differences import divergence, gradient
from steepest.grid.second_order import (
    hessian,
    hessian_adjoint,
    symmetrised_divergence,
    symmetrised_gradient,
)

Shape = tuple[int, ...]

SHAPES = array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=6)
UNIT = st.floats(-1, 1, width=32)
BOTH = st.sampled_from(["neumann", "periodic"])
SPACES: list[Shape] = [(1,), (2,), (6,), (4, 5), (1, 4), (2, 2), (3, 4, 2)]
SPACING = (0.5, 3.0, 2.0)
PADDING = {"neumann": "edge", "zero": "constant", "periodic": "wrap"}


@st.composite
def grids(draw: st.DrawFn) -> tuple[Shape, tuple[float, ...], np.random.Generator]:
    shape = draw(SHAPES)
    steps = draw(st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * len(shape)))
    return shape, steps, np.random.default_rng(draw(st.integers(0, 999)))


@st.composite
def field_and_image(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    shape = draw(SHAPES)
    u = draw(arrays(np.float64, shape, elements=UNIT))
    p = draw(arrays(np.float64, (len(shape), *shape), elements=UNIT))
    steps = draw(st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * len(shape)))
    return u, p, steps


@given(field_and_image(), BOTH)
def test_divergence_is_minus_the_adjoint_of_the_gradient(data: Any, boundary: str) -> None:
    u, p, steps = data
    left = np.sum(steepest.gradient(u, steps, boundary) * p)
    right = -np.sum(u * steepest.divergence(p, steps, boundary))
    assert left == pytest.approx(right, abs=1e-12 * (1 + u.size))


@given(grids(), BOTH)
def test_adjoints_of_second_order(data: Any, boundary: str) -> None:
    shape, steps, rng = data
    d = len(shape)
    u, w = rng.standard_normal((2, *shape)), rng.standard_normal((d, 2, *shape))
    q = rng.standard_normal((d * (d + 1) // 2, 2, *shape))
    kept = q.copy()
    left = np.sum(symmetrised_gradient(w, steps, boundary) * q)
    assert left == pytest.approx(-np.sum(w * symmetrised_divergence(q, steps, boundary)), abs=1e-9)
    left = np.sum(hessian(u, steps, boundary) * q)
    assert left == pytest.approx(np.sum(u * hessian_adjoint(q, steps, boundary)), abs=1e-9)
    np.testing.assert_array_equal(q, kept)


@pytest.mark.parametrize("boundary", ["neumann", "periodic"])
@pytest.mark.parametrize("space", SPACES)
def test_against_matrices(space: Shape, boundary: str) -> None:
    d, steps, periodic = len(space), SPACING[: len(space)], boundary == "periodic"
    first = gradient_matrix(space, steps, periodic)
    second = symmetrised_matrix(space, steps, periodic)
    field, tensor = (d, *space), (d * (d + 1) // 2, *space)
    expected: list[tuple[Callable[..., Any], Shape, np.ndarray]] = [
        (gradient, space, first),
        (divergence, field, -first.T),
        (symmetrised_gradient, field, second),
        (symmetrised_divergence, tensor, -second.T),
        (hessian, space, second @ first),
        (hessian_adjoint, tensor, (second @ first).T),
    ]
    for operator, shape, matrix in expected:
        found = dense(lambda x, run=operator: run(x, steps, boundary), shape)
        np.testing.assert_allclose(found, matrix, rtol=0, atol=1e-12, err_msg=operator.__name__)


@pytest.mark.parametrize("boundary", differences.BOUNDARIES)
@pytest.mark.parametrize("space", [(1, 7), (2, 3), (6, 5)])
def test_differences_along_one_axis(space: Shape, boundary: str) -> None:
    u = np.random.default_rng(0).standard_normal(space)
    total = 0
    for axis in (0, 1):
        widths = [(0, 0), (0, 0)]
        widths[axis] = (1, 1)
        wide = np.moveaxis(np.pad(u, widths, PADDING[boundary]), axis, 0)  # type: ignore[call-overload]
        before, here, after = wide[:-2], wide[1:-1], wide[2:]
        total = total + np.moveaxis(after - 2 * here + before, 0, axis)
        for name, expected in {
            "forward": after - here,
            "backward": here - before,
            "central": (after - before) / 2,
            "second": after - 2 * here + before,
        }.items():
            found = getattr(differences, f"{name}_difference")(u, axis, boundary)
            np.testing.assert_allclose(np.moveaxis(found, axis, 0), expected, atol=1e-14)
    np.testing.assert_allclose(differences.laplacian(u, (0, 1), boundary), total, atol=1e-13)


@given(grids(), st.sampled_from(["neumann", "periodic"]))
def test_divergence_of_the_gradient_is_the_laplacian(data: Any, boundary: str) -> None:
    shape, _, rng = data
    u = rng.standard_normal(shape)
    found = divergence(gradient(u, boundary=boundary), boundary=boundary)
    expected = differences.laplacian(u, range(u.ndim), boundary)
    np.testing.assert_allclose(found, expected, atol=1e-13)
    assert abs(found.sum()) < 1e-12 * u.size


@given(grids())
def test_affine_images_have_no_second_differences(data: Any) -> None:
    """Exactly, including the border, because the coefficients are integers."""
    shape, _, rng = data
    slopes = rng.integers(-9, 9, len(shape))
    u = sum(c * x for c, x in zip(slopes, np.indices(shape), strict=True)) + 0.5
    assert not hessian(u).any()
    assert not symmetrised_gradient(gradient(u)).any()
    field = np.broadcast_to(slopes.reshape(-1, *(1,) * len(shape)), (len(shape), *shape))
    assert not symmetrised_gradient(field.astype(float)).any()  # whatever is at the last faces


@given(grids(), BOTH)
def test_the_norm_of_the_entries_is_the_frobenius_norm(data: Any, boundary: str) -> None:
    shape, steps, rng = data
    d = len(shape)
    w = rng.standard_normal((d, *shape))
    whole = np.zeros((d, d, *shape))
    for a in range(d):
        for b in range(d):
            slope = differences.backward_difference(w[a], b, boundary) / steps[b]
            if boundary == "neumann":
                np.moveaxis(slope, a, 0)[-1] = 0
            whole[a, b] += slope / 2
            whole[b, a] += slope / 2
    entries = symmetrised_gradient(w, steps, boundary)
    np.testing.assert_allclose((entries**2).sum(0), (whole**2).sum((0, 1)), atol=1e-12)


@pytest.mark.parametrize("boundary", ["neumann", "periodic"])
@pytest.mark.parametrize(
    "space", [(1,), (2,), (4,), (9,), (1, 5), (2, 3), (4, 4), (5, 7), (4, 5, 4)]
)
def test_bounds_of_norms(space: Shape, boundary: str) -> None:
    """The bound is never below the norm; from four pixels on at most twice its square."""
    d, steps = len(space), SPACING[: len(space)]
    for operator, shape, bound in (
        (gradient, space, differences.gradient_norm_squared),
        (symmetrised_gradient, (d, *space), differences.gradient_norm_squared),
        (hessian, space, second_order.hessian_norm_squared),
    ):
        norm = np.linalg.norm(dense(lambda x, run=operator: run(x, steps, boundary), shape), 2)
        most = bound(steps, space)
        assert norm**2 <= most * (1 + 1e-12)
        if min(n for n in (*space, 9) if n > 1) >= 4:
            assert most <= 2 * norm**2


def test_operators_act_on_the_trailing_axes_of_a_batch() -> None:
    rng = np.random.default_rng(1)
    batch, steps = rng.random((3, 4, 5)), (0.5, 2.0)
    flux = steepest.gradient(batch, steps)
    assert flux.shape == (2, 3, 4, 5)
    for k in range(3):
        np.testing.assert_array_equal(flux[:, k], steepest.gradient(batch[k], steps))
        alone = steepest.divergence(flux[:, k], steps)
        np.testing.assert_array_equal(steepest.divergence(flux, steps)[k], alone)
    tensors = hessian(batch, steps)
    assert tensors.shape == (3, 3, 4, 5)
    for k in range(3):
        np.testing.assert_array_equal(tensors[:, k], hessian(batch[k], steps))
        alone = hessian_adjoint(tensors[:, k], steps)
        np.testing.assert_array_equal(hessian_adjoint(tensors, steps)[k], alone)


@pytest.mark.parametrize("boundary", ["neumann", "periodic"])
def test_types_are_kept(boundary: str) -> None:
    u = np.random.default_rng(2).random((4, 5), np.float32)
    steps = (0.5, 2.0)
    assert gradient(u, steps, boundary).dtype == np.float32
    assert divergence(gradient(u, steps, boundary), steps, boundary).dtype == np.float32
    assert hessian(u, steps, boundary).dtype == np.float32
    assert hessian_adjoint(hessian(u, steps, boundary), steps, boundary).dtype == np.float32
    assert average(u[None]).dtype == np.float32


@given(st.tuples(*[st.integers(1, 5)] * 2), st.integers(0, 99))
def test_coarser_grids(half: Shape, seed: int) -> None:
    """The divergence of an interpolated flux is the coarse one, constant on blocks of pixels."""
    rng, shape = np.random.default_rng(seed), (2, *(2 * n for n in half))
    q = rng.standard_normal((2, 2, *half))
    q[0, :, -1], q[1, :, :, -1] = 0, 0
    fine = divergence(prolong(q, shape), (0.5, 3.0))
    coarse = divergence(q, (1.0, 6.0))
    np.testing.assert_allclose(fine, coarse.repeat(2, 1).repeat(2, 2), atol=1e-13)
    np.testing.assert_allclose(average(fine), coarse, atol=1e-13)


@pytest.mark.parametrize("space", [(7,), (1, 5), (5, 6), (3, 2, 1)])
def test_odd_sizes_and_single_pixels(space: Shape) -> None:
    u = np.random.default_rng(3).standard_normal((2, *space))
    coarse = average(u)
    assert coarse.shape[1:] == tuple(-(-n // 2) for n in space)
    for pixel in np.ndindex(coarse.shape[1:]):
        block = u[(slice(None), *(slice(2 * i, 2 * i + 2) for i in pixel))]
        expected = block.mean(tuple(range(1, u.ndim)))
        np.testing.assert_allclose(coarse[(slice(None), *pixel)], expected, atol=1e-14)
    fluxes = prolong(np.ones((len(space), *coarse.shape)), u.shape)
    assert fluxes.shape == (len(space), *u.shape)
    for axis in range(len(space)):
        assert not np.take(fluxes[axis], -1, axis + 1).any()
