"""The extinction search brackets the first time at which a flow is constant."""

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import steepest
from cases import (
    Case,
    box,
    eigen_cases,
    extinction_by_merging,
    moving_cases,
    one_dimensional_cases,
    step,
)
from cases.arguments import arguments
from steepest.convex.total_variation import TotalVariation
from steepest.flows.extinction import extinction_estimate
from steepest.flows.problem import make_problem

NAMED = [*one_dimensional_cases(), *eigen_cases(), *moving_cases()]
SIGNALS = arrays(np.float64, st.integers(2, 20), elements=st.integers(-16, 16).map(lambda k: k / 8))


def assert_brackets(found: float, exact: float, case: object = "") -> None:
    """Flat to 1e-3 of the contrast, which may take 2e-3 less time than exact extinction."""
    assert (1 - 2e-3) * exact <= found <= 2.2 * exact, f"{case}: {found / exact:.4f} of the end"


@pytest.mark.parametrize("case", NAMED, ids=str)
@pytest.mark.parametrize("tol", [2e-2, 1e-4])
def test_brackets_closed_forms(case: Case, tol: float) -> None:
    assert case.extinction is not None
    found = steepest.extinction_time(case.image, **arguments(tol=tol, **case.options))
    assert_brackets(found, case.extinction, case)


@settings(max_examples=15, phases=[p for p in Phase if p is not Phase.shrink])
@given(SIGNALS)
def test_brackets_random_signals(signal: np.ndarray) -> None:
    if np.ptp(signal) == 0:
        assert steepest.extinction_time(signal) == 0
    else:
        assert_brackets(steepest.extinction_time(signal), extinction_by_merging(signal))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(17,), (9, 11), (5, 6, 4)])
def test_flow_is_constant_from_then_on(shape: tuple[int, ...], dtype: Any) -> None:
    image = np.random.default_rng(1).random(shape).astype(dtype)
    end = steepest.extinction_time(image)
    later = steepest.tv_flow(
        image, [end, 2 * end], steps=40, solver=steepest.Solver(tol=1e-4)
    ).images
    assert np.ptp(later) <= 2e-3 * np.ptp(image)
    halfway = steepest.tv_flow(image, [end / 4], steps=40, solver=steepest.Solver(tol=1e-4)).images
    assert np.ptp(halfway) > 1e-3 * np.ptp(image)


@pytest.mark.parametrize("factor", [2.0, -1.0, 0.125, 2.0**-40, 2.0**40])
def test_one_homogeneous(factor: float) -> None:
    image = np.random.default_rng(2).random((8, 9))
    expected = abs(factor) * steepest.extinction_time(image)
    assert steepest.extinction_time(factor * image) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shift", [-3.0, 1e3, 1e5, 1e7])
def test_grey_shift_in_float64(shift: float) -> None:
    case = step((16,), 8)
    assert_brackets(steepest.extinction_time(case.image + shift), case.extinction or 0.0, shift)


@pytest.mark.parametrize("power", [-8, -1, 3])
def test_uniform_spacing_and_weights_only_change_the_clock(power: int) -> None:
    image, factor = np.random.default_rng(3).random((8, 9)), 2.0**power
    plain = steepest.extinction_time(image)
    stretched = steepest.extinction_time(image, spacing=factor)
    assert stretched == pytest.approx(factor * plain, rel=1e-9)
    weighted = steepest.extinction_time(
        image, energy=steepest.TotalVariation(weights=np.full(image.shape, factor))
    )
    assert weighted == pytest.approx(plain / factor, rel=1e-9)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_integers_count_on_the_unit_scale(kind: Any) -> None:
    image = (np.random.default_rng(5).random((8, 8)) * np.iinfo(kind).max).astype(kind)
    found = steepest.extinction_time(image)
    unit = steepest.extinction_time(image.astype(np.float64) / np.iinfo(kind).max)
    assert found == pytest.approx(unit, rel=1e-5)


@pytest.mark.parametrize("shape", [(1,), (1, 1), (4, 5), (2, 3, 4)])
def test_constant_images_are_extinct_at_once(shape: tuple[int, ...]) -> None:
    for value in (0.0, 0.3, -7.0):
        assert steepest.extinction_time(np.full(shape, value)) == 0.0


BAD = [  # Huber's flow never ends, nor does one without weights
    ({"huber": 0.1}, "huber"),
    ({"weights": np.zeros((6, 6))}, "weights"),
    ({"channel_axis": 5}, "channel_axis"),
]


@pytest.mark.parametrize(("options", "named"), BAD, ids=lambda value: str(value)[:30])
def test_bad_options_are_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(steepest.InputError, match=named):
        steepest.extinction_time(np.eye(6), **arguments(**options))


@pytest.mark.parametrize("seed", range(6))
def test_estimate_from_averages_of_long_signals(seed: int) -> None:
    """Signals of structures larger and smaller than the blocks, against the exact merging."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(130, 700))
    widths = rng.integers(1, [3, 20, 150][seed % 3], size=size)
    signal = np.repeat(rng.integers(-16, 16, size=size) / 8, widths)[:size]
    problem = make_problem(signal, TotalVariation())
    found = extinction_estimate(problem, 1)
    assert 0.9 * extinction_by_merging(signal) <= found
    details = 0.5 * np.ptp(signal) * 2 ** np.ceil(np.log2(size / 64))
    assert found <= 2.2 * extinction_by_merging(signal) + 2 * details


def test_a_decomposition_goes_on_until_the_image_is_constant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even where the estimate is far too small."""
    case = box((20, 20), (7, 7), (5, 6))
    monkeypatch.setattr("steepest.spectral.in_memory.extinction_estimate", lambda *a: 0.1)
    result = steepest.spectral.decompose(case.image, **arguments(tol=1e-6, **case.options))
    assert result.nodes[-1] > (case.extinction or 0) > 1
    np.testing.assert_allclose(result.residual, case.image.mean(), atol=2e-3 * np.ptp(case.image))
