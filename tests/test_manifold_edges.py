"""Manifold-valued images at the edges: axes of one pixel, units of length, extreme numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.nasty import numbers, one_of
from steepest import InputError, manifold
from tests.manifold_points import MANIFOLDS, near_points, random_points
from tests.test_fuzz import BOOLEANS, COMMON, calls, check


def embeds(kind):
    return getattr(kind, "symmetry", None) is None


@pytest.mark.parametrize("kind", MANIFOLDS, ids=repr)
def test_weights_of_zero_change_nothing(kind):
    image = near_points(kind, (5, 6))
    options = dict(second_order=0.2, weights=np.zeros((5, 6)), manifold=kind)
    result = manifold.denoise_tv(image, 0.3, **options)
    np.testing.assert_allclose(result.image, image, rtol=1e-14, atol=1e-15)
    assert result.converged
    assert manifold.denoise_tv(image, 0.3, **options, embedded=embeds(kind)).converged


@pytest.mark.parametrize("kind", MANIFOLDS, ids=repr)
@pytest.mark.parametrize("shape", [(1,), (2,), (5,), (2, 3)])
def test_an_axis_of_one_pixel_changes_nothing(kind, shape):
    image = near_points(kind, shape)
    own = image.shape[len(shape) :]
    options = dict(manifold=kind, max_num_iter=300)
    for function, more in (
        (manifold.denoise_tv, {}),
        (manifold.denoise_tv, dict(second_order=0.2)),
        (manifold.denoise_tv, dict(second_order=0.2, isotropic=False, huber=0.1)),
        (manifold.denoise_tv, dict(second_order=0.2, embedded=embeds(kind))),
        (manifold.denoise_tgv, {}),
    ):
        expected = function(image, 0.1, **options, **more)
        for axis in range(len(shape) + 1):
            thin = image.reshape(*shape[:axis], 1, *shape[axis:], *own)
            found = function(thin, 0.1, **options, **more)
            np.testing.assert_array_equal(found.image.reshape(image.shape), expected.image)
            assert (found.status, found.energy) == (expected.status, expected.energy)


@pytest.mark.parametrize("kind", ["circle", "spd"])
@pytest.mark.parametrize("unit", [2.0**-38, 2.0**-10, 2.0**10, 2.0**38])
def test_the_unit_of_the_spacing_does_not_matter(kind, unit):
    """Of a length: strengths have the unit length, length^2 for second order."""
    image = near_points(kind, (6, 1, 7))
    options = dict(manifold=kind, max_num_iter=2000)
    spacing, other = (1.0, unit / 2, 1.5), (unit, 3.0, 1.5 * unit)  # that of the middle is not used
    for function, strength, more, scaled in (
        (manifold.denoise_tv, 0.3, dict(second_order=0.2), dict(second_order=0.2 * unit**2)),
        (manifold.denoise_tv, 0.3, dict(huber=0.05), dict(huber=0.05 / unit)),
        (manifold.denoise_tv, 0.0, dict(second_order=0.2, huber=0.05),
         dict(second_order=0.2 * unit**2, huber=0.05 / unit**2)),
        (manifold.denoise_tgv, 0.1, dict(alpha0=2.0), dict(alpha0=2 * unit)),
    ):  # fmt: skip
        one = function(image, strength, spacing=spacing, **more, **options)
        two = function(image, strength * unit, spacing=other, **scaled, **options)
        np.testing.assert_array_equal(one.image, two.image)
        assert (one.energy, one.status) == (two.energy, two.status)
        assert one.converged


@pytest.mark.parametrize("strength", [1e2, 1e5])
@pytest.mark.parametrize("order", ["first", "second", "tgv"])
def test_what_is_strong_leaves_the_mean_or_a_plane(strength, order):
    image = near_points(manifold.Euclidean(1), (8, 9))
    y, x = np.indices((8, 9)).reshape(2, -1)
    basis = np.stack([x**0, x, y][: 1 if order == "first" else 3], axis=1)
    expected = basis @ np.linalg.lstsq(basis, image.ravel(), rcond=None)[0]
    function = manifold.denoise_tgv if order == "tgv" else manifold.denoise_tv
    strengths = (0.0,) if order == "second" else (strength,)
    more = dict(second_order=strength) if order == "second" else {}
    found = function(image, *strengths, manifold=manifold.Euclidean(1), **more)
    assert found.converged
    np.testing.assert_allclose(found.image.ravel(), expected, atol=found.error_bound)
    assert found.error_bound < 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(strength=1e-9, spacing=1e6), "strength=1e-09.* from 1e-06 to"),
        (dict(strength=1, second_order=1e20), "second_order=1e.20.* to 1e.12"),
        (dict(strength=1, huber=1e20), "huber=1e.20"),
        (dict(strength=1, spacing=(1, 1e9)), "spacing=.* by a factor of 1e.06"),
        (dict(strength=1, image=np.full((4, 5, 1), 1e20)), "image holds 1e.20.* at most 1e.12"),
    ],
)
def test_numbers_out_of_range_are_named(arguments, message):
    given = dict(image=np.zeros((4, 5, 1)), manifold=manifold.Euclidean(1)) | arguments
    with pytest.raises(InputError, match=message):
        manifold.denoise_tv(**given)


SIZES = [1.0, 1.0, 0.0, 1e-30, 1e-12, 1e12]
STRENGTH = numbers([0.1, 0, 0.3, 1, 30.0])
SPACING = numbers([None, 1, 0.5, [2.0], (1.0, 2.0), (1e-9, 3e-9, 1e-9), 1e9])
SMALL = numbers([1, 2, 4])
RANDOM = st.integers(0, 2**16).map(np.random.default_rng)


@st.composite
def points(draw: st.DrawFn) -> tuple[np.ndarray, manifold.Manifold]:
    """A few points with their manifold: near, equal, opposite, random, tiny or huge."""
    space, rng, kind = draw(one_of(MANIFOLDS)), draw(RANDOM), draw(st.integers(0, 4))
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    if kind == 0:
        return near_points(space, shape, draw(one_of([1e-9, 1e-3, 0.3]))), space
    found = random_points(space, int(np.prod(shape)), rng)
    if kind == 1:
        found[:] = found[0]
        if isinstance(space, manifold.Sphere):
            found *= rng.choice([-1, 1], (len(found), 1))
    elif isinstance(space, manifold.SPD | manifold.Euclidean):
        found = found * draw(one_of([1e-99, 1e-12, 1e12, 1e99, 1.0]))
    return found.reshape(*shape, *space.point_shape), space


def on(function: Callable[..., Any]) -> Callable[..., list[Any]]:
    """The function of drawn points, with weights and known pixels to fit; its result as numbers."""

    def call(image: Any, weights: Any = None, known: Any = None, **options: Any) -> list[Any]:
        array, space = image
        shape = array.shape[: array.ndim - len(space.point_shape)]
        if weights is not None:
            options["weights"] = weights.choice(SIZES, shape)
        if known is not None:
            options["known"] = known.random(shape) < 0.5
        result = function(array, manifold=space, **options)
        names = ("image", "energy", "gap", "error_bound", "model_gap")
        return [getattr(result, name) for name in names if hasattr(result, name)] or [result]

    return call


SOLVER = {
    "spacing": SPACING, "tol": numbers([1e-2, 1e-6]), "weights": RANDOM, "known": RANDOM,
    "max_num_iter": numbers([30, 1, 300]), "num_threads": numbers([None, 1, 2]),
}  # fmt: skip
TABLE: list[tuple[Callable[..., Any], dict[str, Any], dict[str, Any]]] = [
    (on(manifold.denoise_tv), {"image": points(), "strength": STRENGTH},
     {**SOLVER, "second_order": STRENGTH, "huber": STRENGTH, "isotropic": BOOLEANS}),
    (on(manifold.denoise_tv), {"image": points(), "strength": STRENGTH, "second_order": STRENGTH},
     {**SOLVER, "embedded": BOOLEANS}),
    (on(manifold.denoise_tgv), {"image": points(), "strength": STRENGTH},
     {**SOLVER, "alpha1": STRENGTH, "alpha0": STRENGTH}),
    (on(manifold.denoise_nl_bayes), {"image": points(), "sigma": STRENGTH, "patch_size": SMALL},
     {"patch_distance": SMALL, "num_similar": numbers([2, 3, 40])}),
    (on(manifold.neighbour_distances), {"image": points()}, {}),
]  # fmt: skip


@settings(max_examples=500, derandomize=True, **COMMON)
@given(calls(TABLE))
def test_any_call_is_finite_or_names_an_argument(call):
    check(*call)


@pytest.mark.slow
@settings(max_examples=10_000, **COMMON)
@given(calls(TABLE))
def test_many_calls(call):
    check(*call)
