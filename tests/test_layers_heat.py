"""Inverse heat layers, compared with dense solves, the stencil and closed forms."""

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from steepest.core.errors import InputError  # noqa: E402
from steepest.grid.differences import BOUNDARIES, laplacian  # noqa: E402
from steepest.layers import InverseHeat  # noqa: E402
from steepest.layers.basis import laplace_basis  # noqa: E402

SHAPES = [(2, 3, 9, 12), (1, 2, 5, 6, 7), (2, 1, 11), (1, 1, 1, 8), (1, 2, 2, 2)]


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def checkerboard(size: int) -> torch.Tensor:
    index = torch.arange(size, dtype=torch.float64)
    return ((-1) ** (index[:, None] + index))[None, None]


def second_difference_matrix(size: int, boundary: str) -> np.ndarray:
    """-u'' as a matrix, entry by entry."""
    matrix = np.zeros((size, size))
    for i in range(size):
        for j in (i - 1, i + 1):
            if boundary == "periodic":
                j %= size
            elif not 0 <= j < size:
                matrix[i, i] += boundary == "zero"
                continue
            matrix[i, i] += 1
            matrix[i, j] -= 1
    return matrix


def negative_laplacian(space: tuple[int, ...], boundary: str) -> np.ndarray:
    """The matrix on images in row-major order: a sum of Kronecker products."""
    total = np.zeros((int(np.prod(space)),) * 2)
    for axis, size in enumerate(space):
        factors = [np.eye(n) for n in space]
        factors[axis] = second_difference_matrix(size, boundary)
        total += reduce(np.kron, factors)
    return total


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("size", [1, 2, 3, 8, 13])
def test_basis_diagonalises_the_second_difference(boundary: str, size: int) -> None:
    basis, eigenvalues = laplace_basis(size, boundary, torch.float64, torch.device("cpu"))
    np.testing.assert_allclose(basis @ basis.T, np.eye(size), atol=1e-13)
    expected = basis.T.numpy() @ np.diag(eigenvalues) @ basis.numpy()
    np.testing.assert_allclose(expected, second_difference_matrix(size, boundary), atol=1e-13)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_single_precision_basis_is_accurate_for_long_axes(boundary: str) -> None:
    single, _ = laplace_basis(1501, boundary, torch.float32, torch.device("cpu"))
    double, _ = laplace_basis(1501, boundary, torch.float64, torch.device("cpu"))
    assert float((single - double).abs().max()) < 5e-7 * float(double.abs().max())


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_inverts_implicit_euler_steps(boundary: str, shape: tuple[int, ...]) -> None:
    u, steps, dt = noise(*shape), 7, 0.13
    matrix = np.eye(int(np.prod(shape[2:]))) + dt * negative_laplacian(shape[2:], boundary)
    diffused = u.numpy().reshape(*shape[:2], -1)
    for _ in range(steps):
        diffused = np.linalg.solve(matrix, diffused[..., None])[..., 0]
    v = torch.from_numpy(diffused.reshape(shape))
    layer = InverseHeat(steps, dt, boundary, None, spatial_ndim=len(shape) - 2)
    torch.testing.assert_close(layer(v), u, rtol=0, atol=1e-11)
    single = layer(v.float()).double()
    assert float((single - u).norm() / u.norm()) < 1e-4


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_laplacian_is_the_stencil_of_the_paper(boundary: str) -> None:
    """Eq. (7), padded, against torch's convolution."""
    u = noise(2, 1, 6, 7)
    kernel = torch.tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]], dtype=u.dtype)[None, None]
    mode = {"neumann": "replicate", "zero": "constant", "periodic": "circular"}[boundary]
    padded = torch.nn.functional.pad(u, (1, 1, 1, 1), mode)
    torch.testing.assert_close(
        laplacian(u, (2, 3), boundary), torch.nn.functional.conv2d(padded, kernel)
    )


@given(
    seed=st.integers(0, 1000),
    boundary=st.sampled_from(BOUNDARIES),
    shape=st.lists(st.integers(1, 7), min_size=1, max_size=3),
    max_gain=st.one_of(st.none(), st.floats(1, 1e6)),
    scale=st.floats(0, 1),
)
@settings(max_examples=60, deadline=None)
def test_linear_self_adjoint_bounded(
    seed: int, boundary: str, shape: list[int], max_gain: float | None, scale: float
) -> None:
    layer = InverseHeat(6, 0.3, boundary, max_gain, spatial_ndim=len(shape)).eval()
    layer.scale.fill_(scale)
    u, v = noise(2, 2, *shape, seed=seed), noise(2, 2, *shape, seed=seed + 1)
    lu, lv = layer(u), layer(v)
    bound = layer.gain(len(shape))
    size = bound * float(u.norm() * v.norm())
    assert abs(float((lu * v).sum() - (u * lv).sum())) <= 1e-12 * size
    assert float((lu * u).sum()) >= float((u * u).sum()) * (1 - 1e-12)  # no multiplier below 1
    assert float(lu.norm()) <= bound * float(u.norm()) * (1 + 1e-10)
    torch.testing.assert_close(layer(2 * u - v), 2 * lu - lv, rtol=0, atol=1e-11 * size)
    if boundary != "zero":
        axes = tuple(range(2, u.ndim))
        torch.testing.assert_close(lu.sum(axes), u.sum(axes), rtol=0, atol=1e-11 * size)


@pytest.mark.parametrize(("steps", "gain"), [(20, 1.27482e5), (35, 8.60078e8)])
def test_checkerboard_without_and_with_cap(steps: int, gain: float) -> None:
    """With the paper's step length 0.1 a checkerboard grows 1.8 times per layer."""
    u = checkerboard(16)
    free = InverseHeat(steps, 0.1, "periodic", None).eval()
    torch.testing.assert_close(free(u), gain * u, rtol=1e-5, atol=0)
    assert free.gain(2) == pytest.approx(gain, rel=1e-5)
    capped = InverseHeat(steps, 0.1, "periodic", 50.0)
    torch.testing.assert_close(capped(u), 50 * u)
    assert capped.gain(2) == 50


"""The layer that the paper's authors use for blood cells."""


def test_scale_multiplies_the_step() -> None:
    layer, u = InverseHeat(5, 0.2), noise(1, 2, 6, 7)
    layer.scale.fill_(0.25)
    torch.testing.assert_close(layer(u), InverseHeat(5, 0.05)(u))


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_gradients(boundary: str) -> None:
    u = noise(1, 2, 3, 4).requires_grad_()
    layer = InverseHeat(4, 0.2, boundary, max_gain=3.0)
    assert torch.autograd.gradcheck(layer, u, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(InverseHeat(2, 0.2, boundary, None), u)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"steps": 0}, "steps=0"),
        ({"steps": 2.5}, "steps=2.5"),
        ({"dt": 0}, "dt=0"),
        ({"dt": -0.1}, "positive"),
        ({"dt": "x"}, "not a number"),
        ({"boundary": "dirichlet"}, "neumann, zero, periodic"),
        ({"max_gain": 0.5}, "from 1 to"),
        ({"max_gain": float("nan")}, "finite"),
        ({"spatial_ndim": 4}, "spatial_ndim=4"),
        ({"spatial_ndim": 0}, "spatial_ndim=0"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], word: str) -> None:
    with pytest.raises(InputError, match=word):
        InverseHeat(**{"steps": 3, "dt": 0.1, **arguments})


def test_bad_inputs() -> None:
    layer = InverseHeat(3, 0.1)
    cases = [
        (torch.ones(4, 4), "2 or 3 spatial axes"),
        (torch.ones(2, 4, 4), "set spatial_ndim=1"),
        (torch.ones(1, 1, 4, 4, dtype=torch.int64), "floating point"),
        (torch.ones(1, 1, 0, 4), "no pixels"),
        (np.ones((1, 1, 4, 4)), "ndarray"),
    ]
    for u, word in cases:
        with pytest.raises(InputError, match=word):
            layer(u)


def test_empty_batch() -> None:
    assert InverseHeat(3, 0.1)(torch.ones(0, 2, 4, 4)).shape == (0, 2, 4, 4)
