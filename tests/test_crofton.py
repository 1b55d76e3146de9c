"""Total variation along eight directions: the energy, its compiled solver, and its contours."""

from itertools import product

import numpy as np
import pytest

import steepest
from steepest import CroftonTotalVariation, InputError
from steepest.convex.compiled.crofton import CroftonDual
from steepest.convex.reference import ReferenceDual
from steepest.convex.registry import make_dual
from steepest.segmentation import cut, threshold_rof

RANDOM = np.random.default_rng(5)


def length(labels, spacing=(1.0, 1.0), weights=None):
    image = labels.astype(float)[None]
    return CroftonTotalVariation(weights=weights).on(image, spacing).value(image)


@pytest.mark.parametrize("shape", [(5, 6), (1, 7), (7, 1), (1, 1), (2, 2)])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 0.5)])
def test_the_adjoint_and_the_norm(shape, spacing):
    u = RANDOM.standard_normal((2, *shape))
    energy = CroftonTotalVariation().on(u, spacing)
    v = energy.operator(u)
    p = RANDOM.standard_normal(v.shape)
    assert (v * p).sum() == pytest.approx((u * energy.adjoint(p)).sum(), abs=1e-12)
    basis = np.eye(int(np.prod(shape))).reshape(-1, 1, *shape)
    matrix = np.stack([energy.operator(each).ravel() for each in basis], 1)
    assert np.linalg.norm(matrix, 2) ** 2 <= energy.norm_squared(shape) * (1 + 1e-12)


@pytest.mark.parametrize(("spacing", "most"), [((1.0, 1.0), 0.075), ((1.5, 1.0), 0.13)])
def test_contours_cost_nearly_their_length_whatever_their_direction(spacing, most):
    """A half-plane of a large image, against the length of its border within the image."""
    y, x = (
        (np.arange(-100, 100)[:, None] + 0.5) * spacing[0],
        (np.arange(-100, 100) + 0.5) * spacing[1],
    )
    for angle in np.linspace(0, np.pi, 37):
        side = np.cos(angle) * x + np.sin(angle) * y
        ramp = 20 - np.abs(np.hypot(y, x) - 60) > 0  # a ring, cut twice by the line
        difference = length((side > 0) & ramp, spacing) + length((side <= 0) & ramp, spacing)
        cut_length = (difference - length(ramp, spacing)) / 2
        assert cut_length * spacing[0] * spacing[1] == pytest.approx(80, rel=most)


def test_the_compiled_solver_is_the_reference():
    f = RANDOM.random((1, 17, 23))
    weights = RANDOM.random((17, 23))
    for own in (None, weights):
        energy = CroftonTotalVariation(weights=own).on(f, (1.0, 2.0))
        compiled, reference = make_dual(f, energy), ReferenceDual(f, energy)
        assert isinstance(compiled, CroftonDual)
        for dual in (compiled, reference):
            dual.set_step(0.3, 4 / 3)
            dual.iterate([0.0, 0.3, 0.5, 0.7])
        assert np.allclose(compiled.flux, reference.flux, atol=1e-14)
        ours, theirs = compiled.measure(), reference.measure()
        assert np.allclose(compiled.image, reference.image, atol=1e-14)
        for name in ("gap", "primal", "dual_energy", "integral", "value", "start_value"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-9)


def test_all_labelings_of_a_tiny_image():
    images = np.array(list(product([0, 1], repeat=12))).reshape(-1, 3, 4)
    lengths = {}
    for seed in range(30):
        random = np.random.default_rng(seed)
        spacing = (1.0, 1.0 + seed % 2)
        if spacing not in lengths:
            lengths[spacing] = np.array([length(labels, spacing) for labels in images])
        unary = random.integers(-3, 4, (3, 4)).astype(float)
        energies = 1.5 * lengths[spacing] + (images * unary).sum((1, 2))
        best = images[energies <= energies.min() + 1e-9]
        for limit in (2, 10, 5000):
            result = cut(
                unary,
                1.5,
                energy=steepest.CroftonTotalVariation(),
                spacing=spacing,
                solver=steepest.Solver(max_num_iter=limit),
            )
            assert not np.any(result.certain & (best != result.labels))
            assert result.energy - energies.min() <= result.gap + 1e-9
            wrong = (best != result.labels).sum((1, 2)).max()
            assert wrong <= result.doubtful_bound


def test_bad_input():
    with pytest.raises(InputError, match="norm"):
        CroftonTotalVariation(norm="isotropic")
    with pytest.raises(InputError, match=r"spatial axes|those of 2-D images"):
        threshold_rof(np.ones((3, 4, 5)), 0.1, energy=steepest.CroftonTotalVariation())
    with pytest.raises(InputError, match="does not measure contours exactly"):
        threshold_rof(np.ones((3, 4)), 0.1, energy=steepest.TotalVariation())
    with pytest.raises(InputError, match=r"spatial axes|those of 2-D images"):
        steepest.denoise(np.ones((3, 4, 5)), 0.1, CroftonTotalVariation())


@pytest.mark.parametrize("width", [128, 141])
@pytest.mark.parametrize("weighted", [False, True])
def test_two_threads_compute_the_same_as_one(width, weighted):
    f = RANDOM.random((1, 150, width))
    energy = CroftonTotalVariation(weights=RANDOM.random(f.shape[1:]) if weighted else None)
    alone, together = (make_dual(f, energy.on(f, (1.0, 1.0)), count) for count in (1, 2))
    for dual in (alone, together):
        dual.set_step(0.3, 4 / 3)
        dual.iterate([0.5] * 20)
    assert np.array_equal(alone.flux, together.flux)
