"""Each method of inpainting against its own equation, computed independently."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.linalg import eigvalsh, norm, solve
from scipy.ndimage import gaussian_filter

import steepest
from cases.dense_grids import minus_laplacian
from steepest import Solver, inpaint, inpainting
from steepest.convex.total_variation import TotalVariation
from steepest.elliptic.nine_point import couplings
from steepest.inpainting.method import normalise
from steepest.inpainting.methods.edge_enhancing import cell_differences, diffusion_tensor
from steepest.inpainting.methods.minimal_total_variation import Bracket
from steepest.inpainting.problem import prepare


def smooth(*shape: int, seed: int = 0) -> np.ndarray:
    """A smooth random image with values in [0, 1]."""
    image = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return (image - image.min()) / np.ptp(image)


def mask(*space: int, density: float = 0.3, seed: int = 0) -> np.ndarray:
    known = np.random.default_rng(seed).random(space) < density
    known.flat[[0, -1]] = True
    return known


def framed(*space: int) -> np.ndarray:
    """The outer two layers are known."""
    known = np.ones(space, bool)
    known[(slice(2, -2),) * len(space)] = False
    return known


def fill_densely(matrix: np.ndarray, image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """``matrix u = 0`` at unknown pixels."""
    out, free = image.copy().ravel(), ~known.ravel()
    out[free] = solve(matrix[np.ix_(free, free)], -matrix[np.ix_(free, ~free)] @ out[~free])
    return out.reshape(image.shape)


@pytest.mark.parametrize("space", [(40,), (11, 9), (6, 5, 7)])
def test_biharmonic_is_the_dense_solution(space: tuple[int, ...]) -> None:
    image, known = smooth(*space), mask(*space)
    laplacian = minus_laplacian(space)
    wanted = fill_densely(laplacian @ laplacian, image, known)
    result = inpaint(image, known, inpainting.Biharmonic(), solver=Solver(tol=1e-11))
    assert np.abs(result.image - wanted).max() < 1e-8
    # The residual is relative to what the known values contribute.
    middle = (image[known].max() + image[known].min()) / 2
    u, free = result.image.ravel() - middle, ~known.ravel()
    left = (laplacian @ laplacian @ u)[free]
    given = (laplacian @ laplacian @ np.where(free, 0, u))[free]
    assert norm(left) <= 1e-10 * norm(given)


@pytest.mark.parametrize("space", [(20, 17), (9, 8, 10)])
def test_biharmonic_reproduces_cubic_polynomials(space: tuple[int, ...]) -> None:
    x, y, *rest = np.meshgrid(*(np.linspace(-1, 1, n) for n in space), indexing="ij")
    image = 1 + x - 2 * y + x * x * y - y**3 + x * y + (rest[0] ** 3 * 2 if rest else 0)
    result = inpaint(image, framed(*space), inpainting.Biharmonic(), solver=Solver(tol=1e-12))
    assert np.abs(result.image - image).max() < 1e-8


def test_couplings_are_the_gradient_of_the_energy_on_cells() -> None:
    rng = np.random.default_rng(2)
    root = rng.normal(size=(7, 6, 2, 2))
    tensor = root @ root.swapaxes(-1, -2)  # of cells, those over the border included
    tensor[[0, -1], :, 0, 1] = tensor[:, [0, -1], 0, 1] = 0
    a, b, c = tensor[..., 0, 0], tensor[..., 0, 1], tensor[..., 1, 1]
    u = rng.normal(size=(6, 5))
    p = np.pad(u, 1, mode="edge")
    twist = p[:-1, :-1] + p[1:, 1:] - p[:-1, 1:] - p[1:, :-1]
    dx, dy = cell_differences(u)
    share = np.outer(*(np.r_[0.5, np.ones(n - 1), 0.5] for n in u.shape))  # inside the image
    energy = share * (a * dx**2 + 2 * b * dx * dy + c * dy**2 + (a + c) * twist**2 / 4)
    weights = couplings(a, b, c)
    assert np.isclose((u * weights.apply(u)).sum(), energy.sum(), rtol=1e-12)


def test_couplings_are_semi_definite_and_the_laplacian_for_a_unit_tensor() -> None:
    rng = np.random.default_rng(0)
    slopes = rng.normal(size=(2, 7, 6))
    tensor = diffusion_tensor(rng.normal(size=(1, 6, 5)), 0.01, 0.5)
    identity = np.eye(30).reshape(30, 6, 5)
    matrix = np.stack([couplings(*tensor).apply(e).ravel() for e in identity])
    values = eigvalsh(matrix)
    assert np.allclose(matrix, matrix.T, atol=1e-14)
    assert abs(values[0]) < 1e-12
    assert values[1] > 1e-6
    one, zero = np.ones(slopes.shape[1:]), np.zeros(slopes.shape[1:])
    plain = np.stack([couplings(one, zero, one).apply(e).ravel() for e in identity])
    assert np.allclose(plain, minus_laplacian((6, 5)), atol=1e-14)


def test_tensor_is_the_diffusivity_of_the_matrix_of_gradients() -> None:
    image = np.stack([smooth(9, 8, seed=s) for s in range(3)])
    a, b, c = diffusion_tensor(image, 0.05, 0.0)
    slopes = np.stack([cell_differences(channel) for channel in image])
    for cell in np.ndindex(a.shape):
        d = slopes[(..., *cell)]
        values, vectors = np.linalg.eigh(d.T @ d)
        wanted = vectors @ np.diag(1 / np.sqrt(1 + values / 0.05**2)) @ vectors.T
        found = [[a[cell], b[cell]], [b[cell], c[cell]]]
        assert np.allclose(found, wanted, atol=1e-12)


def test_edge_enhancing_solves_its_equation() -> None:
    image, known = smooth(13, 12), mask(13, 12)
    result = inpaint(
        image,
        known,
        inpainting.EdgeEnhancing(contrast=0.05),
        solver=Solver(tol=1e-08, max_num_iter=1000),
    )
    span = np.ptp(image[known])
    u = (result.image - (image[known].max() + image[known].min()) / 2) / span
    weights = couplings(*diffusion_tensor(u[None], 0.05, 1.0))
    given = weights.apply(np.where(known, u, 0))[~known]
    left = weights.apply(u)[~known]
    assert result.converged
    assert np.isclose(norm(left) / norm(given), result.residual, rtol=1e-4, atol=1e-13)
    wanted = fill_densely(
        np.stack([weights.apply(e).ravel() for e in np.eye(156).reshape(156, 13, 12)]), image, known
    )
    assert np.abs(wanted - result.image).max() < 1e-6


def test_edge_enhancing_goes_on_with_an_edge() -> None:
    """Across a slanted edge of which only a third is known, where homogeneous diffusion blurs."""
    y, x = np.mgrid[:40, :40]
    image = np.clip(0.5 + (x - 20 - 0.4 * (y - 20)) / 2, 0, 1)
    known = np.ones(image.shape, bool)
    known[13:27, 8:32] = False
    blurred = norm(inpaint(image, known).image - image)
    assert norm(inpaint(image, known, inpainting.EdgeEnhancing()).image - image) < 0.5 * blurred


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), density=st.floats(0.02, 0.6), size=st.floats(0, 10))
def test_bound_is_below_every_total_variation(seed: int, density: float, size: float) -> None:
    rng = np.random.default_rng(seed)
    image, known = rng.random((8, 7, 2)), mask(8, 7, density=density, seed=seed)
    problem = normalise(prepare(image, known, None, -1))
    functional = TotalVariation(spacing=(1.0, 1.0))
    best = Bracket(problem, functional, problem.values)
    p = functional.project(size * rng.normal(size=(2, 2, 8, 7)))
    candidates = [problem.first_guess(1), np.where(known, problem.values, 0)]
    candidates += [np.where(known, problem.values, rng.uniform(best.low, best.high, (2, 8, 7)))]
    assert all(best.lower_bound(p) <= functional.value(u) + 1e-9 for u in candidates)


@pytest.mark.parametrize("channels", [1, 3])
def test_total_variation_of_a_line_is_that_of_its_known_values(channels: int) -> None:
    """Closed form: monotone between known values, and nothing beyond them."""
    rng = np.random.default_rng(1)
    image, known = rng.random((60, channels)), mask(60, density=0.25)
    known[:4] = False
    result = inpaint(
        image,
        known,
        inpainting.MinimalTotalVariation(),
        channel_axis=-1,
        solver=Solver(tol=1e-05, max_num_iter=20000),
    )
    least = norm(np.diff(image[known], axis=0), axis=1).sum()
    value = steepest.total_variation(result.image, channel_axis=-1)
    assert result.converged
    assert least * (1 - 1e-12) <= value <= least * (1 + 1.1e-5)
    assert result.residual >= (value - least) / value - 1e-12


def test_gap_of_total_variation_is_true() -> None:
    """A tight solution is between bound and value of rough ones, transposed images agree."""
    image, known = smooth(16, 13), mask(16, 13, density=0.15)
    best = steepest.total_variation(
        inpaint(
            image,
            known,
            inpainting.MinimalTotalVariation(),
            solver=Solver(tol=1e-06, max_num_iter=50000),
        ).image
    )
    for tol in (0.1, 1e-2, 1e-3):
        rough = inpaint(image, known, inpainting.MinimalTotalVariation(), solver=Solver(tol=tol))
        value = steepest.total_variation(rough.image)
        assert rough.residual <= tol
        assert value * (1 - rough.residual) <= best * (1 + 1e-6)
        assert best * (1 - 1e-6) <= value
    turned = inpaint(
        image.T,
        known.T,
        inpainting.MinimalTotalVariation(),
        solver=Solver(tol=0.0001, max_num_iter=10000),
    ).image
    assert abs(steepest.total_variation(turned) / best - 1) < 1e-4
