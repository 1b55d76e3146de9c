"""Suggested fluxes: a perfect one needs no iteration, a bad one does no harm."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import steepest
from cases import distance
from cases.arguments import arguments

RNG = np.random.default_rng(11)
IMAGE = RNG.random((20, 24)) + np.pad(np.ones((10, 12)), ((4, 6), (5, 7)))
STOP, STEPS = 0.3, 6


def converged_fluxes(image: Any, **options: Any) -> list[np.ndarray]:
    """The flux of each of STEPS equal steps to STOP, found by continuing from state to state."""
    state, fluxes = None, []
    for k in range(1, STEPS + 1):
        result = steepest.flow(
            image, STOP * k / STEPS, **arguments(steps=1, tol=1e-9, start=state, **options)
        )
        state = result.state
        fluxes.append(np.asarray(result.flux))
    return fluxes


def flow(image: Any, tol: float = 1e-5, **options: Any) -> Any:
    return steepest.flow(
        image, STOP, **arguments(steps=steepest.TimeGrid.uniform(STEPS), tol=tol, **options)
    )


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (IMAGE, {}),
        (IMAGE.astype(np.float32), {}),
        (IMAGE[:, :9], {"isotropic": False}),
        (IMAGE[:, :9], {"huber": 0.1}),
        (IMAGE[0], {}),
        (IMAGE.reshape(20, 8, 3), {"channel_axis": -1}),
        (IMAGE.reshape(20, 8, 3), {"channel_axis": -1, "coupled": False}),
        (IMAGE.reshape(20, 4, 6), {"batch_axis": 1}),
        (IMAGE * 1e9, {}),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value.shape),
)
def test_the_converged_flux_needs_no_iteration(image: Any, options: dict[str, Any]) -> None:
    if image.max() > 1e6:  # times scale with the values
        found = steepest.denoise_tv(image, 1e8, solver=steepest.Solver(tol=1e-9))
        warm = steepest.denoise_tv(image, 1e8, solver=steepest.Solver(tol=1e-5), start=found.flux)
        assert warm.iterations == 0
        return
    fluxes = converged_fluxes(image, **options)
    cold, warm = flow(image, **options), flow(image, start=np.stack(fluxes), **options)
    assert warm.iterations == 0 < cold.iterations
    assert warm.converged
    bound = np.linalg.norm(warm.error_bound[-1]) + np.linalg.norm(cold.error_bound[-1])
    assert distance(warm.images, cold.images) <= bound
    asked: list[tuple[float, float]] = []

    def suggest(begin: float, end: float) -> np.ndarray:
        asked.append((begin, end))
        return fluxes[round(end * STEPS / STOP) - 1]

    again = flow(image, start=suggest, **options)
    np.testing.assert_array_equal(again.images, warm.images)
    nodes = STOP * np.arange(STEPS + 1) / STEPS
    np.testing.assert_allclose(asked[:STEPS], np.stack([nodes[:-1], nodes[1:]], 1), rtol=1e-12)


@pytest.mark.parametrize("size", [0.0, 0.3, 100.0])
def test_a_bad_guess_leaves_the_certificate_valid(size: float) -> None:
    guess = size * RNG.standard_normal((STEPS, 2, *IMAGE.shape))
    cold, warm = flow(IMAGE), flow(IMAGE, start=guess)
    assert warm.converged
    exact = flow(IMAGE, solver=steepest.Solver(tol=1e-11)).images
    assert distance(warm.images, exact) <= float(warm.error_bound[-1])
    assert warm.iterations <= 1.5 * cold.iterations + 20


@given(st.integers(0, 10**6), st.floats(0, 3))
def test_denoising_from_any_flux_meets_its_tolerance(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    f = rng.random((6, 7))
    guess = size * rng.standard_normal((2, 6, 7))
    exact = steepest.denoise_tv(f, 0.1, solver=steepest.Solver(tol=1e-12))
    warm = steepest.denoise_tv(f, 0.1, solver=steepest.Solver(tol=1e-6), start=guess)
    assert warm.converged
    assert distance(warm.image, exact.image) <= warm.error_bound + exact.error_bound
    assert np.all(np.sqrt((warm.flux**2).sum(0)) <= 1 + 1e-12)


def test_the_better_of_two_fluxes_is_kept() -> None:
    """The start with the smaller dual energy is chosen; it can be either."""
    from steepest.convex.registry import make_dual
    from steepest.convex.solve import Goal, Momentum, try_flux
    from steepest.convex.total_variation import TotalVariation

    f = IMAGE[None]
    functional = TotalVariation(spacing=(1.0, 1.0))
    good = steepest.denoise_tv(IMAGE, 0.1, solver=steepest.Solver(tol=1e-8)).flux[:, None]
    for standing, candidate in ((0 * good, good), (good, 0 * good), (0.9 * good, good)):
        dual = make_dual(f, functional)
        dual.set_flux(standing)
        _, outcome = try_flux(dual, candidate, 0.1, Goal(1e-4, 100), Momentum())
        np.testing.assert_array_equal(dual.flux, good)
        assert outcome is not None
        assert outcome.iterations == 0
        np.testing.assert_allclose(
            dual.image, f + 0.1 * steepest.divergence(good, (1.0, 1.0)), atol=1e-12
        )


def test_certified_accuracy_with_a_function() -> None:
    """Mean fluxes between any two times, from a fine run, save iterations in adaptive steps."""
    fluxes, length = np.stack(converged_fluxes(IMAGE)), STOP / STEPS
    integrals = np.concatenate([np.zeros((1, *fluxes.shape[1:])), length * fluxes.cumsum(0)])

    def integral(t: float) -> np.ndarray:
        index = min(int(t / length), STEPS - 1)
        share = t / length - index
        return (1 - share) * integrals[index] + share * integrals[index + 1]

    def suggest(begin: float, end: float) -> np.ndarray:
        return (integral(end) - integral(begin)) / (end - begin)

    cold = steepest.tv_flow(IMAGE, STOP, steps=steepest.Accuracy(db=40))
    warm = steepest.tv_flow(IMAGE, STOP, steps=steepest.Accuracy(db=40), start=suggest)
    assert warm.converged
    assert float(warm.psnr_bound()[-1]) >= 40
    assert warm.iterations < cold.iterations
    with pytest.raises(steepest.InputError, match="known beforehand"):
        steepest.tv_flow(IMAGE, STOP, steps=steepest.Accuracy(db=40), start=fluxes)


@pytest.mark.parametrize(
    ("guess", "message"),
    [
        (np.zeros((STEPS, 2, 20, 23)), r"start\[0\] of shape"),
        (np.zeros((STEPS - 1, 2, 20, 24)), "one flux for each of the 6 steps"),
        (np.zeros((STEPS, 2, 20, 24), int), "dtype int64"),
        (np.full((STEPS, 2, 20, 24), np.nan), "NaN or infinite"),
        (lambda begin, end: np.zeros((1, 20, 24)), r"start\(0, 0.05\) of shape"),
        (0.5, "one flux for each"),
        ("flux", "one flux for each"),
    ],
)
def test_bad_guesses_are_refused(guess: Any, message: str) -> None:
    with pytest.raises(steepest.InputError, match=message):
        flow(IMAGE, start=guess)


def test_tensors_suggest_and_are_suggested_to() -> None:
    torch = pytest.importorskip("torch")
    fluxes = np.stack(converged_fluxes(IMAGE))
    tensor = torch.from_numpy(IMAGE)
    for image in (IMAGE, tensor, tensor.clone().requires_grad_()):
        for guess in (fluxes, torch.from_numpy(fluxes), torch.from_numpy(fluxes).float()):
            assert flow(image, solver=steepest.Solver(tol=1e-4), start=guess).iterations == 0
    before = fluxes.copy()
    flow(tensor, start=fluxes)
    np.testing.assert_array_equal(fluxes, before)


def test_a_suggestion_where_a_single_column_has_no_weight() -> None:
    """Coarser grids, which are tried too, do not see the column: their flux must be projected."""
    image = np.random.default_rng(0).random((64, 64))
    weights = np.ones(image.shape)
    weights[:, 31] = 0
    expected = steepest.denoise(image, 0.3, energy=steepest.TotalVariation(weights=weights))
    found = steepest.denoise(
        image, 0.3, energy=steepest.TotalVariation(weights=weights), start=np.zeros((2, 64, 64))
    )
    assert found.converged
    assert distance(found.image, expected.image) <= found.error_bound + expected.error_bound
