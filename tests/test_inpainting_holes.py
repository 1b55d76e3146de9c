"""Small holes: solved in their boxes, with the result and the certificate of the whole problem."""

from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import maximum_filter

from steepest import Solver, inpaint, inpainting
from steepest.core.status import Status
from steepest.inpainting import holes, steady_state
from steepest.inpainting.method import Normalised

SEEDS = st.integers(0, 10**6)
METHODS = (inpainting.Diffusion(), inpainting.Biharmonic(), inpainting.EdgeEnhancing())


def always() -> AbstractContextManager[Any]:
    """Cut even where it saves nothing, as in tests on small images."""
    return patch.multiple(holes, _SHARE=100, _EACH_GROUP=0, _EACH_BOX=0)


def never() -> AbstractContextManager[Any]:
    """The image in one piece."""
    return patch.object(holes, "_SHARE", -1)


def few_holes(space: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Unknown: single pixels, lines and boxes, some of them at the border."""
    unknown = rng.random(space) < rng.choice([0.0, 0.01, 0.05])
    for _ in range(rng.integers(0, 6)):
        first = [int(rng.integers(-2, n)) for n in space]
        size = rng.integers(1, 7, len(space))
        unknown[tuple(slice(max(a, 0), a + s) for a, s in zip(first, size, strict=True))] = True
    unknown.flat[rng.integers(unknown.size)] = False
    return unknown


@given(
    space=st.sampled_from([(30, 41), (1, 50), (9, 1), (8, 12, 15), (1, 20, 20)]),
    radius=st.integers(1, 6),
    seed=SEEDS,
)
def test_pieces_hold_every_hole_once_with_known_pixels_around(
    space: tuple[int, ...], radius: int, seed: int
) -> None:
    unknown = few_holes(space, np.random.default_rng(seed))
    with always():
        pieces = holes.group_holes(unknown, radius)
    numbers = np.arange(unknown.size, dtype=float).reshape(space)
    copied, times = np.full(space, -1.0), np.zeros(space, int)
    for piece in pieces:
        assert piece.take(numbers).shape == piece.own.shape
        masks = np.split(piece.own, len(piece.boxes))
        for box, own in zip(piece.boxes, masks, strict=True):
            times[box] += own
            near = maximum_filter(own, 2 * radius + 1, mode="constant")
            assert not (near & unknown[box] & ~own).any()  # what its equations read is known
            mine = np.zeros(space, bool)
            mine[box] = own
            grown = maximum_filter(mine, 2 * radius + 1, mode="constant")
            assert grown.sum() == grown[box].sum()  # and is in the box
        piece.put(copied, piece.take(numbers))
    np.testing.assert_array_equal(times, unknown)
    np.testing.assert_array_equal(copied, np.where(unknown, numbers, -1))


@settings(max_examples=40)
@given(
    space=st.sampled_from([(30, 41), (45,), (9, 12, 15), (1, 40)]),
    seed=SEEDS,
    soft=st.booleans(),
)
def test_diffusion_is_that_of_one_piece(space: tuple[int, ...], seed: int, soft: bool) -> None:
    rng = np.random.default_rng(seed)
    unknown = few_holes(space, rng)
    known = (
        np.where(unknown, rng.random(space) * (rng.random(space) < 0.5), 1) if soft else ~unknown
    )
    image = 5 + rng.normal(size=(2, *space))
    options: Any = {"spacing": rng.choice([1.0, 5.0, 0.7], len(space)), "channel_axis": 0}
    with always():
        found = inpaint(image, known, **options, solver=Solver(tol=1e-11))
        rough = inpaint(image, known, **options, solver=Solver(tol=0.001))
    with never():
        expected = inpaint(image, known, **options, solver=Solver(tol=1e-11))
        confidence = known.astype(float) if soft else known
        again = steady_state.fill(
            image, confidence, options["spacing"], start=rough.image, max_num_iter=0
        )
    np.testing.assert_allclose(found.image, expected.image, atol=1e-7)
    assert found.status is expected.status
    assert rough.residual == pytest.approx(float(again.residual.max()), rel=1e-5, abs=1e-12)


@settings(max_examples=12)
@given(seed=SEEDS)
@pytest.mark.parametrize("method", METHODS[1:])
def test_methods_give_what_they_give_in_one_piece(method: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    unknown = few_holes((44, 57), rng)
    image = rng.random((44, 57, 2)).cumsum(0).cumsum(1).cumsum(0)

    def filled(tol: float) -> Any:
        solver = Solver(tol, max_num_iter=100)
        return inpaint(image, None, method, unknown=unknown, channel_axis=-1, solver=solver)

    with always():
        found, rough = filled(1e-5 * method.tol), filled(1e-3)
    with never():
        expected = filled(1e-5 * method.tol)
    assert found.status is expected.status
    if found.converged:  # which is not proven for edge-enhancing diffusion
        np.testing.assert_allclose(found.image, expected.image, atol=5e-5 * np.ptp(image))

    def guess(problem: Normalised, num_threads: int) -> np.ndarray:
        return (np.moveaxis(rough.image, -1, 0) - problem.middle) / problem.span

    with never(), patch.object(Normalised, "first_guess", guess):
        measured = filled(1e9)  # no step is taken
    np.testing.assert_allclose(measured.image, rough.image)
    assert rough.residual == pytest.approx(measured.residual, rel=1e-4, abs=1e-12)


def test_volumes_are_cut_too() -> None:
    rng = np.random.default_rng(0)
    unknown = few_holes((14, 20, 22), rng)
    image = rng.random((14, 20, 22)).cumsum(0)
    for method in METHODS[:2]:
        options: Any = {"method": method, "unknown": unknown, "solver": Solver(tol=1e-11)}
        with always():
            found = inpaint(image, **options)
        with never():
            expected = inpaint(image, **options)
        np.testing.assert_allclose(found.image, expected.image, atol=1e-7)


def test_thousands_of_dead_pixels_are_one_equation() -> None:
    rng = np.random.default_rng(2)
    image = rng.random((600, 600)).astype(np.float32)
    unknown = np.zeros(image.shape, bool)
    unknown[3:-3:12, 5:-5:12] = True
    with patch.object(steady_state, "build", wraps=steady_state.build) as build:
        found = inpaint(image, unknown=unknown)
    assert build.call_count == 1
    assert build.call_args.args[0].excess.size == 9 * unknown.sum()
    around = sum(np.roll(image, s, a) for s in (1, -1) for a in (0, 1)) / 4
    np.testing.assert_allclose(found.image[unknown], around[unknown], rtol=1e-5)


def test_a_sparse_mask_is_solved_in_one_piece() -> None:
    rng = np.random.default_rng(3)
    for density in (0.05, 0.5, 0.9):
        assert len(holes.group_holes(rng.random((200, 200)) > density, 1)) == 1
    assert holes.group_holes(np.zeros((20, 20), bool), 1)[0].own.shape == (20, 20)


@pytest.mark.parametrize("method", METHODS)
def test_stopped_early_all_pixels_are_finite_and_known_ones_exact(method: Any) -> None:
    rng = np.random.default_rng(4)
    image, unknown = rng.random((60, 70)), np.zeros((60, 70), bool)
    unknown[10:14, 8:30], unknown[40:, 50:55], unknown[30, 3] = True, True, True
    residuals: list[float] = []

    def stop(step: Any) -> bool:
        residuals.append(step.residual)
        return len(residuals) == 2

    with always():
        found = inpaint(
            image, None, method, unknown=unknown, solver=Solver(tol=1e-12), on_step=stop
        )
    assert found.status is Status.STOPPED
    assert len(residuals) == 2
    assert np.isfinite(found.image).all()
    assert np.array_equal(found.image[~unknown], image[~unknown])
