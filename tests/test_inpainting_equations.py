"""Each method of inpainting against its own equation, computed independently."""

import numpy as np
import pytest
from numpy.linalg import eigvalsh, norm, solve
from scipy.ndimage import gaussian_filter

from cases.dense_grids import minus_laplacian
from steepest import Solver, inpaint, inpainting
from steepest.elliptic.nine_point import couplings
from steepest.inpainting.methods.edge_enhancing import cell_differences, diffusion_tensor


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


def test_biharmonic_is_scikit_images_before_it_clips() -> None:
    restoration = pytest.importorskip("skimage.restoration")
    image = np.stack([smooth(30, 26, seed=s) for s in (0, 1)], axis=-1)
    known = mask(30, 26, density=0.15)
    theirs = restoration.inpaint_biharmonic(image, ~known, channel_axis=-1)
    ours = inpaint(
        image, known, inpainting.Biharmonic(), channel_axis=-1, solver=Solver(tol=1e-11)
    ).image
    low, high = image[known].min(0), image[known].max(0)
    assert ((ours < low) | (ours > high)).any()
    assert np.abs(np.clip(ours, low, high) - theirs).max() < 1e-7
    # Its mask marks what is to be filled, and so does unknown=.
    unknown = (~known).astype(np.uint8)
    again = inpaint(image, None, inpainting.Biharmonic(), unknown=unknown, channel_axis=-1)
    assert np.abs(again.image - ours).max() < 1e-4


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


def test_limit_without_edges_is_homogeneous_diffusion() -> None:
    image, known = smooth(14, 11), mask(14, 11)
    method = inpainting.EdgeEnhancing(contrast=1e5)
    result = inpaint(image, known, method, solver=Solver(tol=1e-9))
    expected = inpaint(image, known, solver=Solver(tol=1e-11))
    assert np.abs(result.image - expected.image).max() < 1e-6


def test_edge_enhancing_goes_on_with_an_edge() -> None:
    """Across a slanted edge of which only a third is known, where homogeneous diffusion blurs."""
    y, x = np.mgrid[:40, :40]
    image = np.clip(0.5 + (x - 20 - 0.4 * (y - 20)) / 2, 0, 1)
    known = np.ones(image.shape, bool)
    known[13:27, 8:32] = False
    blurred = norm(inpaint(image, known).image - image)
    assert norm(inpaint(image, known, inpainting.EdgeEnhancing()).image - image) < 0.5 * blurred
