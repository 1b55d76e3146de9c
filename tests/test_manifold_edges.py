"""Manifold-valued images at the edges: axes of one pixel, units of length, extreme numbers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.nasty import numbers, one_of
from steepest import (
    CombinedTotalVariation,
    InputError,
    SecondOrderTotalVariation,
    Solver,
    TotalGeneralisedVariation,
    TotalVariation,
    manifold,
)
from steepest.convex.pointwise import NORMS
from tests.manifold_points import MANIFOLDS, near_points, random_points
from tests.test_fuzz import BOOLEANS, COMMON, calls, check


def embeds(kind):
    return getattr(kind, "symmetry", None) is None


@pytest.mark.parametrize("kind", MANIFOLDS, ids=repr)
@pytest.mark.parametrize("shape", [(1,), (2,), (5,), (2, 3)])
def test_an_axis_of_one_pixel_changes_nothing(kind, shape):
    image = near_points(kind, shape)
    own = image.shape[len(shape) :]
    both, solver = CombinedTotalVariation(beta=2.0), Solver(max_num_iter=300)
    for energy, embedded in (
        (TotalVariation(), False),
        (both, False),
        (replace(both, norm="anisotropic", huber=0.1), False),
        (both, embeds(kind)),
        (TotalGeneralisedVariation(), False),
    ):
        options = dict(manifold=kind, energy=energy, embedded=embedded, solver=solver)
        expected = manifold.denoise(image, 0.1, **options)
        for axis in range(len(shape) + 1):
            thin = image.reshape(*shape[:axis], 1, *shape[axis:], *own)
            found = manifold.denoise(thin, 0.1, **options)
            np.testing.assert_array_equal(found.image.reshape(image.shape), expected.image)
            assert (found.status, found.energy) == (expected.status, expected.energy)


@pytest.mark.parametrize("kind", ["circle", "spd"])
@pytest.mark.parametrize("unit", [2.0**-38, 2.0**-10, 2.0**10, 2.0**38])
def test_the_unit_of_the_spacing_does_not_matter(kind, unit):
    """Of a length: strengths have the unit length, length^2 for second order."""
    image = near_points(kind, (6, 1, 7))
    spacing, other = (1.0, unit / 2, 1.5), (unit, 3.0, 1.5 * unit)  # that of the middle is not used
    energies = [
        (0.3, unit, TotalVariation(huber=0.05), TotalVariation(huber=0.05 / unit)),
        (0.2, unit**2, SecondOrderTotalVariation(huber=0.05),
         SecondOrderTotalVariation(huber=0.05 / unit**2)),
    ]  # fmt: skip
    if 2.0**-10 <= unit <= 2.0**10:  # the weights within an energy have limits
        energies += [
            (0.3, unit, CombinedTotalVariation(beta=0.7), CombinedTotalVariation(beta=0.7 * unit)),
            (0.1, unit, TotalGeneralisedVariation(), TotalGeneralisedVariation(alpha0=2 * unit)),
        ]
    for strength, factor, energy, scaled in energies:
        one = manifold.denoise(image, strength, kind, energy, spacing=spacing)
        two = manifold.denoise(image, strength * factor, kind, scaled, spacing=other)
        np.testing.assert_array_equal(one.image, two.image)
        assert (one.energy, one.status) == (two.energy, two.status)
        assert one.status.ok


@pytest.mark.parametrize("strength", [1e2, 1e5])
@pytest.mark.parametrize(
    "order", [TotalVariation, SecondOrderTotalVariation, TotalGeneralisedVariation]
)
def test_what_is_strong_leaves_the_mean_or_a_plane(strength, order):
    image = near_points(manifold.Euclidean(1), (8, 9))
    y, x = np.indices((8, 9)).reshape(2, -1)
    basis = np.stack([x**0, x, y][: 1 if order is TotalVariation else 3], axis=1)
    expected = basis @ np.linalg.lstsq(basis, image.ravel(), rcond=None)[0]
    found = manifold.denoise(image, strength, manifold.Euclidean(1), order())
    assert found.converged
    np.testing.assert_allclose(found.image.ravel(), expected, atol=found.error_bound)
    assert found.error_bound < 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(strength=1e-9, spacing=1e6), "strength=1e-09.* from 1e-06 to"),
        (dict(strength=1e8, energy=CombinedTotalVariation(beta=1e5)),
         r"strength \* beta=1e.13.* to 1e.12"),
        (dict(strength=1e8, energy=TotalGeneralisedVariation(alpha0=1e5)),
         r"strength \* alpha0=1e.13.* to 1e.12"),
        (dict(strength=1, energy=TotalVariation(huber=1e20)), "huber=1e.20"),
        (dict(strength=1, energy=CombinedTotalVariation(beta=0.1, huber=1e12)),
         "huber / beta=1e.13"),
        (dict(strength=1, spacing=(1, 1e9)), "spacing=.* by a factor of 1e.06"),
        (dict(strength=1, image=np.full((4, 5, 1), 1e20)), "image holds 1e.20.* at most 1e.12"),
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_named(arguments, message):
    given = dict(image=np.zeros((4, 5, 1)), manifold=manifold.Euclidean(1)) | arguments
    with pytest.raises(InputError, match=message):
        manifold.denoise(**given)


SIZES = [1.0, 1.0, 0.0, 1e-30, 1e-12, 1e12]
STRENGTH = numbers([0.1, 0, 0.3, 1, 30.0])
SPACING = numbers([None, 1, 0.5, [2.0], (1.0, 2.0), (1e-9, 3e-9, 1e-9), 1e9])
SMALL = numbers([1, 2, 4])
RANDOM = st.integers(0, 2**16).map(np.random.default_rng)


@st.composite
def points(draw: st.DrawFn) -> tuple[np.ndarray, Any]:
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


ENERGY = ("norm", "huber", "alpha", "beta", "alpha1", "alpha0")


def on(function: Callable[..., Any], kind: Any = None) -> Callable[..., list[Any]]:
    """The function of drawn points, with the energy, weights and known pixels to fit.

    It returns the result as numbers.
    """

    def call(image: Any, weights: Any = None, known: Any = None, **options: Any) -> list[Any]:
        array, space = image
        shape = array.shape[: array.ndim - len(space.point_shape)]
        if kind is not None:
            own = {name: options.pop(name) for name in ENERGY if name in options}
            if weights is not None:
                own["weights"] = weights.choice(SIZES, shape)
            options["energy"] = kind(**own)
            limits = ("tol", "max_num_iter", "num_threads")
            options["solver"] = Solver(**{n: options.pop(n) for n in limits if n in options})
        if known is not None:
            options["known"] = known.random(shape) < 0.5
        result = function(array, manifold=space, **options)
        names = ("image", "energy", "gap", "error_bound", "model_gap")
        return [getattr(result, name) for name in names if hasattr(result, name)] or [result]

    return call


SOLVER = {
    "spacing": SPACING, "tol": numbers([1e-2, 1e-6]), "known": RANDOM,
    "max_num_iter": numbers([30, 1, 300]), "num_threads": numbers([None, 1, 2]),
}  # fmt: skip
TABLE: list[tuple[Callable[..., Any], dict[str, Any], dict[str, Any]]] = [
    *((on(manifold.denoise, kind), {"image": points(), "strength": STRENGTH},
       {**SOLVER, **own, "weights": RANDOM, "huber": STRENGTH, "norm": one_of(NORMS),
        "embedded": BOOLEANS})
      for kind, own in (
          (TotalVariation, {}), (SecondOrderTotalVariation, {}),
          (CombinedTotalVariation, {"alpha": STRENGTH, "beta": STRENGTH}),
      )),
    (on(manifold.denoise, TotalGeneralisedVariation), {"image": points(), "strength": STRENGTH},
     {**SOLVER, "alpha1": STRENGTH, "alpha0": STRENGTH}),
    (on(manifold.denoise_nl_bayes), {"image": points(), "sigma": STRENGTH, "patch_size": SMALL},
     {"patch_distance": SMALL}),
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
