"""The rivals of Table 2 against their own equations, computed independently."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.linalg import solve

from experiments.mask_gan import mumford_shah as at
from experiments.mask_gan.curvature_driven import CurvatureDriven, diffusivity
from experiments.mask_gan.mumford_shah import MumfordShah
from steepest import Solver, inpaint
from steepest.core.errors import InputError
from test_inpainting_equations import fill_densely, mask, smooth


def dense_couplings(weights: list[tuple[int, int, float]], size: int) -> np.ndarray:
    """The matrix of ``sum over pairs of w (u_p - u_q)^2 / 2``."""
    matrix = np.zeros((size, size))
    for p, q, w in weights:
        matrix[p, p] += w
        matrix[q, q] += w
        matrix[p, q] -= w
        matrix[q, p] -= w
    return matrix


@pytest.mark.parametrize("kind", [CurvatureDriven, MumfordShah])
def test_parameters_are_checked(kind: type) -> None:
    for value in (0, -1, float("nan")):
        with pytest.raises(InputError, match="floor"):
            kind(floor=value)


def test_curvature_driven_solves_its_equation() -> None:
    image, known = smooth(12, 10), mask(12, 10)
    result = inpaint(image, known, CurvatureDriven(), solver=Solver(tol=1e-08, max_num_iter=2000))
    assert result.converged
    u = result.image / np.ptp(image[known])
    down, across = slow_diffusivity(u, 0.03, 0.3)
    index = np.arange(120).reshape(12, 10)
    pairs = [(index[i, j], index[i + 1, j], w) for (i, j), w in np.ndenumerate(down)]
    pairs += [(index[i, j], index[i, j + 1], w) for (i, j), w in np.ndenumerate(across)]
    wanted = fill_densely(dense_couplings(pairs, 120), image, known)
    assert np.abs(wanted - result.image).max() < 1e-6


def slow_diffusivity(u: np.ndarray, slope: float, floor: float) -> tuple[np.ndarray, np.ndarray]:
    """(floor + |kappa|) / s between neighbours, one by one."""
    height, width = u.shape

    def at(i: int, j: int) -> float:
        return float(u[min(max(i, 0), height - 1), min(max(j, 0), width - 1)])

    def size(i: int, j: int, di: int, dj: int) -> float:
        """s between (i, j) and (i + di, j + dj); the other component from four differences."""
        other = 0.0
        for k, m in ((i, j), (i + di, j + dj)):
            other += (at(k + dj, m + di) - at(k - dj, m - di)) / 4
        return float(np.sqrt((at(i + di, j + dj) - at(i, j)) ** 2 + other**2 + slope**2))

    def bend(i: int, j: int) -> float:
        total = 0.0
        for di, dj in ((1, 0), (0, 1)):
            total += (at(i + di, j + dj) - at(i, j)) / size(i, j, di, dj)
            total -= (at(i, j) - at(i - di, j - dj)) / size(i - di, j - dj, di, dj)
        return floor + abs(total)

    down, across = np.zeros((height - 1, width)), np.zeros((height, width - 1))
    for out, di, dj in ((down, 1, 0), (across, 0, 1)):
        for i, j in np.ndindex(out.shape):
            out[i, j] = (bend(i, j) + bend(i + di, j + dj)) / 2 / size(i, j, di, dj)
    return down, across


def test_diffusivity_pixel_by_pixel() -> None:
    u = smooth(9, 7)
    for fast, slow in zip(
        diffusivity(u[None], 0.1, 0.2), slow_diffusivity(u, 0.1, 0.2), strict=True
    ):
        assert np.allclose(fast, slow, rtol=1e-12)


def densely_alternating(
    image: np.ndarray, known: np.ndarray, contrast: float, width: float, floor: float, steps: int
) -> tuple[np.ndarray, list[float]]:
    """Ambrosio-Tortorelli by dense solves, and its energy after every step in u."""
    space, size = image.shape, image.size
    index = np.arange(size).reshape(space)
    pairs = [(p, q) for p, q in zip(index[1:].ravel(), index[:-1].ravel(), strict=True)]
    pairs += [(p, q) for p, q in zip(index[:, 1:].ravel(), index[:, :-1].ravel(), strict=True)]
    first = dense_couplings([(p, q, 1.0) for p, q in pairs], size)
    u, energies = fill_densely(first, image, known), []
    for _ in range(steps):
        slopes, flat = np.zeros(size), u.ravel()
        for p, q in pairs:
            slopes[[p, q]] += (flat[p] - flat[q]) ** 2 / 2
        v = solve(np.diag(1 + slopes / contrast**2) + width**2 * first, np.ones(size))
        weights = [(p, q, (v[p] ** 2 + v[q] ** 2) / 2 + floor) for p, q in pairs]
        u = fill_densely(dense_couplings(weights, size), image, known)
        flat = u.ravel()
        edges = contrast**2 * (((1 - v) ** 2).sum() + width**2 * v @ first @ v)
        energies.append(sum(w * (flat[p] - flat[q]) ** 2 for p, q, w in weights) + edges)
    return u, energies


def energy(u: np.ndarray, edges: np.ndarray, contrast: float, width: float, floor: float) -> float:
    """The energy of Ambrosio and Tortorelli of u (C, H, W) and its edge map."""
    total = contrast**2 * ((1 - edges) ** 2).sum()
    for axis, w in enumerate(at.conductivities(edges, floor)):
        inner = w[:-1] if axis == 0 else w[:, :-1]
        total += (inner * (np.diff(u, axis=axis + 1) ** 2).sum(0)).sum()
        total += (contrast * width) ** 2 * (np.diff(edges, axis=axis) ** 2).sum()
    return float(total)


def test_mumford_shah_is_the_dense_alternation() -> None:
    image, known = smooth(10, 9), mask(10, 9)
    image = (image - image[known].min()) / np.ptp(image[known])
    wanted, energies = densely_alternating(image, known, 0.1, 1.5, 0.02, 400)
    result = inpaint(
        image,
        known,
        MumfordShah(contrast=0.1, width=1.5, floor=0.02),
        solver=Solver(tol=1e-09, max_num_iter=2000),
    )
    assert result.converged
    assert np.abs(result.image - wanted).max() < 1e-6
    u = result.image[None]
    edges = at.edge_map(u, np.ones((10, 9)), 0.1, 1.5)
    assert edges.min() > 0
    assert edges.max() <= 1 + 1e-8
    assert np.isclose(energy(u, edges, 0.1, 1.5, 0.02), energies[-1], rtol=1e-6)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), density=st.floats(0.02, 0.5), floor=st.floats(1e-4, 0.3))
def test_energy_of_mumford_shah_never_rises(seed: int, density: float, floor: float) -> None:
    image, known = smooth(14, 12, 2, seed=seed), mask(14, 12, density=density, seed=seed)
    span = np.ptp(image[known])
    energies = []
    for steps in (1, 2, 3, 5, 8, 13):
        result = inpaint(
            image,
            known,
            MumfordShah(floor=floor),
            channel_axis=-1,
            solver=Solver(tol=1e-12, max_num_iter=steps),
        )
        u = np.moveaxis(result.image, -1, 0) / span
        edges = at.edge_map(u, np.ones((14, 12)), 0.05, 2.0)
        energies.append(energy(u, edges, 0.05, 2.0, floor))
    assert all(b <= a * (1 + 1e-9) for a, b in zip(energies, energies[1:], strict=False))
    assert energies[-1] < energies[0]
