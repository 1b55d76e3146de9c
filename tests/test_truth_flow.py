"""The flow stays within its certificate of closed forms and exact 1-D algorithms."""

import numpy as np
import pytest

import steepest
from cases import (
    Case,
    all_cases,
    assert_within_bound,
    disc,
    distances,
    eigen_cases,
    moving_cases,
    one_dimensional_cases,
    solver_distance,
)
from cases.arguments import arguments

EXACT = all_cases()
EIGEN = list(eigen_cases())
EXTINCT = [c for c in EXACT if c.extinction is not None]


def in_single_precision(case: Case) -> np.ndarray:
    return case.image.astype(np.float32)


@pytest.mark.parametrize("case", EXACT, ids=str)
def test_flow_is_within_its_certificate_tolerance_and_range(case: Case) -> None:
    """The tolerance also after extinction, when no energy is left to be relative to."""
    result = steepest.flow(case.image, case.times, **arguments(steps=20, tol=1e-4, **case.options))
    assert result.images.shape == case.exact.shape
    assert result.images.dtype == np.float64
    np.testing.assert_allclose(result.times, case.times)
    assert_within_bound(case, result)
    assert result.converged, result.status
    assert np.all(result.gap >= 0)
    assert np.all(result.gap <= 1e-4)
    axis = case.options.get("channel_axis")
    space = tuple(a for a in range(case.image.ndim) if axis is None or a != axis % case.image.ndim)
    size = np.max(np.abs(case.image))
    for image, bound in zip(result.images, result.error_bound, strict=True):
        mean = case.image.mean(axis=space)
        np.testing.assert_allclose(image.mean(axis=space), mean, rtol=0, atol=1e-13 * size)
        assert image.min() >= case.image.min() - bound
        assert image.max() <= case.image.max() + bound


@pytest.mark.parametrize("case", EXACT, ids=str)
def test_flow_in_single_precision_is_within_its_certificate(case: Case) -> None:
    """Rounding the image moves the exact flow by at most the rounding (non-expansiveness)."""
    single = in_single_precision(case)
    result = steepest.flow(single, case.times, **arguments(steps=20, tol=1e-3, **case.options))
    assert result.images.dtype == np.float32
    rounded = float(np.linalg.norm(np.ravel(single.astype(float) - case.image)))
    errors = distances(result.images, case.exact)
    assert np.all(errors <= np.asarray(result.error_bound) + rounded + 1e-12)


@pytest.mark.parametrize("case", [*one_dimensional_cases(), *moving_cases()], ids=str)
def test_where_implicit_steps_are_exact_only_the_solver_errs(case: Case) -> None:
    """In 1-D, and in what is built of it, the flow is a chain of ROF solutions: exact at any step.

    So the true error falls with ``tol`` at a fixed number of steps, below what the time share
    of the certificate has to allow for.
    """
    result = steepest.flow(
        case.image, case.times, **arguments(steps=4, tol=1e-8, max_num_iter=100_000, **case.options)
    )
    assert result.converged, result.status
    errors = distances(result.images, case.exact)
    steps = 4 + len(case.times)
    for time, error in zip(case.times, errors, strict=True):
        assert error <= solver_distance(case.image, time, 1e-8, steps, **case.options)


@pytest.mark.parametrize("case", EIGEN, ids=str)
def test_eigenfunctions_cost_no_time_error(case: Case) -> None:
    """Up to extinction the flow is a straight line, and the certificate must reflect this."""
    before = case.times[case.times < case.extinction]
    result = steepest.flow(case.image, before, **arguments(steps=3, tol=1e-7, **case.options))
    contrast = np.linalg.norm(case.image - case.image.mean())
    assert np.all(np.asarray(result.error_bound) <= 5e-3 * contrast)
    errors = distances(result.images, case.exact[: len(before)])
    assert np.all(errors <= 5e-3 * contrast)


@pytest.mark.parametrize("case", EXTINCT, ids=str)
def test_after_extinction_the_flow_is_the_mean(case: Case) -> None:
    end = float(case.extinction)
    result = steepest.flow(
        case.image, [1.02 * end, 1.5 * end], **arguments(steps=12, tol=1e-6, **case.options)
    )
    axis = case.options.get("channel_axis")
    space = tuple(a for a in range(case.image.ndim) if axis is None or a != axis % case.image.ndim)
    mean = np.broadcast_to(case.image.mean(axis=space, keepdims=True), case.image.shape)
    errors = distances(result.images, [mean, mean])
    assert np.all(errors <= np.asarray(result.error_bound) + 1e-12)
    assert np.all(errors <= 1e-2 * np.linalg.norm(case.image - mean))


@pytest.mark.parametrize("case", [c for c in EXTINCT if c.image.ndim == 1], ids=str)
def test_just_before_extinction_the_flow_is_not_the_mean(case: Case) -> None:
    end = float(case.extinction)
    result = steepest.tv_flow(case.image, [0.9 * end], steps=9, solver=steepest.Solver(tol=1e-7))
    assert np.ptp(result.images[0]) > 0.02 * np.ptp(case.image) * min(1.0, 4 / case.image.size)


@pytest.mark.parametrize("case", EXACT, ids=str)
def test_flux_is_feasible_and_drives_the_last_step(case: Case) -> None:
    """|phi| <= w in every pixel, and phi is the subgradient: <u, div phi> = -J(u) up to the gap."""
    result = steepest.flow(
        case.image, case.times[:2], **arguments(steps=6, tol=1e-7, **case.options)
    )
    flux, image = np.asarray(result.flux), result.images[-1]
    weights = case.options.get("weights", 1.0)
    axes = (0,) if case.options.get("isotropic", True) else ()
    channel_axis, coupled = case.options.get("channel_axis"), case.options.get("coupled", True)
    if channel_axis is not None and coupled:
        axes = (*axes, channel_axis % image.ndim + 1)
    size = np.sqrt(np.sum(flux**2, axis=axes)) if axes else np.abs(flux)
    assert flux.shape == (image.ndim - (channel_axis is not None), *image.shape)
    assert np.all(size <= weights * (1 + 1e-12))
    if channel_axis is None and not case.options.get("huber"):
        divergence = steepest.divergence(flux, case.options.get("spacing"))
        keywords = {k: v for k, v in case.options.items() if k != "coupled"}
        value = steepest.total_variation(image, **keywords)
        start = steepest.total_variation(case.image, **keywords)
        assert np.sum(image * divergence) == pytest.approx(-value, abs=1e-4 * start)


def test_disc_under_refinement() -> None:
    """Rate 2/r inside and the Neumann correction outside, ever closer as the pixels shrink."""
    errors = []
    for size in (16, 32, 64):
        case = disc(size)
        result = steepest.flow(
            case.image, case.times, **arguments(steps=10, tol=1e-4, **case.options)
        )
        errors.append(np.abs(result.images - case.exact).mean(axis=(1, 2)))
    assert np.all(errors[1] < 0.8 * errors[0])
    assert np.all(errors[2] < 0.8 * errors[1])
    middle = (slice(None), size // 2, size // 2)
    fall, rise = 1 - result.images[middle], result.images[:, 0, 0]
    np.testing.assert_allclose(fall, 2 / 0.25 * case.times, rtol=0.05)
    up = 2 * np.pi * 0.25 / (1 - np.pi * 0.25**2)
    np.testing.assert_allclose(rise, up * case.times, rtol=0.08)
