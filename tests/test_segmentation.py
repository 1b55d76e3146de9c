"""The labels of steepest.segmentation against brute force and closed forms."""

from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label

import steepest
from cases import tiled
from cases.cuts import Cut, pairs
from steepest import CroftonTotalVariation, InputError, NotConverged, Status, TotalVariation
from steepest.core.solver import Limits
from steepest.segmentation import chan_vese, cut, regions, threshold_rof
from steepest.segmentation.classes import kmeans
from steepest.segmentation.inputs import check_inputs
from steepest.segmentation.proof import THOROUGH, Faces, State
from steepest.segmentation.rof import Rof, flow_to_mean

LENGTHS = [TotalVariation(norm="anisotropic"), CroftonTotalVariation()]


def early_state(image, strength, limit, energy=None):
    """The flux after ``limit`` iterations."""
    states = []

    def look(state, gap):
        states[:] = [state]
        return False

    energy = check_inputs(image, energy).energy
    Rof(image, energy, Limits(1e-9, limit, 1)).solve(strength, look)
    return replace(states[0], effort=THOROUGH)


@pytest.mark.parametrize("energy", LENGTHS, ids=["axes", "diagonals"])
def test_labels_are_doubtful_only_where_minimisers_differ(energy):
    random = np.random.default_rng(1 + LENGTHS.index(energy))
    sets, doubted = np.array(list(product([False, True], repeat=12))).reshape(-1, 3, 4), 0
    for _ in range(60):
        f = random.integers(-4, 5, (3, 4)).astype(float)
        state = early_state(f, float(random.integers(1, 4)), 2, energy)
        found = state.prove(0.0)
        faces, energies = found.state.faces, -(sets * f).sum((1, 2))
        for (_, dy, dx), capacity in zip(faces.offsets, faces.capacity, strict=True):
            for y, x in product(range(3), range(4)):
                if 0 <= y + dy < 3 and 0 <= x + dx < 4:
                    energies = energies + capacity * (sets[:, y, x] != sets[:, y + dy, x + dx])
        wrong = sets[energies <= energies.min() + 1e-9] != found.inside
        assert found.gap < 1e-12
        assert np.array_equal(wrong.any(0), found.doubtful[0])
        doubted += found.doubtful.sum()
    assert (doubted > 0) == (energy is LENGTHS[0])  # diagonals have irrational lengths


@pytest.mark.parametrize("limit", [1, 5, 20])
@pytest.mark.parametrize("energy", LENGTHS, ids=["axes", "diagonals"])
def test_completed_flow_gives_the_same_exact_set_however_few_iterations(limit, energy):
    image = np.random.default_rng(3).normal(0.5, 0.2, (48, 60))
    image[10:30, 20:40] += 0.2
    exact = early_state(image, 0.1, 2000, energy).prove(0.52)
    plain = early_state(image, 0.1, limit, energy).prove(0.52, False)
    found = early_state(image, 0.1, limit, energy).prove(0.52)
    assert plain.gap > 0
    assert not np.array_equal(plain.inside, exact.inside)
    assert found.gap == 0
    assert not found.doubtful.any()
    assert np.array_equal(found.inside, exact.inside)
    assert found.energy == pytest.approx(exact.energy, rel=1e-12)


@pytest.mark.parametrize(("strength", "inside"), [(1.9, 256), (2.1, 0)])
def test_the_square_vanishes_at_a_eighth_of_its_side(strength, inside):
    f = np.zeros((64, 64))
    f[20:36, 24:40] = 1
    result = threshold_rof(f, strength, thresholds=[0.5])
    assert result.labels.sum() == inside
    assert result.gap == 0
    assert result.certain.all()
    assert result.status is (Status.CONVERGED if inside else Status.EMPTY_CLASS)
    if inside:
        assert np.array_equal(result.labels, f)


@pytest.mark.parametrize(("name", "expected"), [("coins", 2388.8999), ("camera", 4298.8790)])
def test_chan_vese_reaches_the_energies_of_maximum_flow(name, expected):
    data = pytest.importorskip("skimage.data")
    result = chan_vese(getattr(data, name)().astype(float))
    assert result.energy == pytest.approx(expected, abs=5e-5)
    assert result.gap == 0
    assert result.certain.all()
    assert result.doubtful_bound == 0


@pytest.mark.parametrize("seed", range(20))
def test_kmeans_against_all_splits(seed):
    random = np.random.default_rng(seed)
    values = np.sort(random.integers(0, 12, 14) + 0.0)
    count = int(random.integers(1, 5))

    def cost(ends):
        return sum(len(p) * p.var() for p in np.split(values, ends) if len(p))

    best = min(cost(list(ends)) for ends in combinations(range(1, 14), count - 1))
    centres = kmeans(values, count)
    assert np.all(np.diff(centres) > 0)
    ours = ((values[:, None] - centres) ** 2).min(1).sum()
    assert ours == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("shape", [(200,), (30, 40), (12, 10, 14)])
def test_the_scale_of_the_image_does_not_matter(shape):
    f = np.random.default_rng(0).random(shape)
    result = threshold_rof(f, 0.1, 3)
    for scale, shift in ((2.0**80, 0.0), (2.0**-80, 0.0), (4.0, 1024.0)):
        scaled = threshold_rof(scale * f + shift, scale * 0.1, 3)
        assert np.array_equal(scaled.labels, result.labels)
        assert scaled.certain.all()
        assert scaled.values == pytest.approx(scale * result.values + shift, rel=1e-9)


def test_threads_do_not_change_the_labels():
    f = np.random.default_rng(0).random((200, 300))
    one = threshold_rof(f, 0.3, 3, solver=steepest.Solver(num_threads=1))
    two = threshold_rof(f, 0.3, 3, solver=steepest.Solver(num_threads=2))
    assert one.certain.all()
    assert np.array_equal(one.labels, two.labels)


def test_integer_images_are_scaled_to_one():
    f = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    result = threshold_rof(f, 0.1)
    same = threshold_rof(f / 255, 0.1)
    assert np.array_equal(result.labels, same.labels)
    assert np.array_equal(result.values, same.values)
    assert result.labels.dtype == np.uint8
    assert np.array_equal(chan_vese(f).labels, chan_vese(f.astype(float)).labels)


@pytest.mark.parametrize("function", [threshold_rof, tiled.threshold_rof])
@pytest.mark.parametrize(
    ("level", "threshold", "label"),
    [(100, 100 / 255, None), (20000, 20000 / 65535, None), (20000, 19999.9999 / 65535, 1)],
)
def test_integers_are_compared_with_thresholds_exactly(function, level, threshold, label):
    f = np.full((3, 4), level, np.uint8 if level < 256 else np.uint16)
    result = function(f, 0.0, thresholds=[threshold])
    assert result.num_doubtful == (f.size if label is None else 0)
    assert label is None or (result.labels == label).all()


def test_the_means_of_chan_vese_keep_their_order():
    """Also where the first sets are inexact, as for these pixels, which hardly differ in a row."""
    f = np.array([[0, 0, 0, 1, 1, 1], [0, 1, 0, 0, 0, 0], [0, 1, 0, 1, 0, 0]], float)
    for function in (chan_vese, tiled.chan_vese):
        result = function(f, spacing=(100, 0.01))
        assert result.values[0] < result.thresholds[0] < result.values[1]
    for seed in range(40):
        f = np.random.default_rng(seed).integers(0, 4, (3, 4, 5)).astype(float)
        values = chan_vese(f, 0.5, channel_axis=0).values
        assert values[0].sum() <= values[1].sum()


@pytest.mark.parametrize("function", [lambda f: threshold_rof(f, 0.1), chan_vese])
def test_a_constant_image_has_one_class(function):
    result = function(np.full((6, 7), 3.0))
    assert result.status is Status.EMPTY_CLASS
    assert not result.labels.any()
    assert np.isfinite(result.values).all()
    assert result.values[0] == 3.0


@pytest.mark.parametrize("energy", LENGTHS, ids=["axes", "diagonals"])
def test_strengths_far_beyond_extinction_are_proven_without_iterations(energy):
    image = np.random.default_rng(3).random((23, 40)) + np.linspace(0, 1, 40)
    found = threshold_rof(image, 1000.0, thresholds=[0.9, 1.2], energy=energy)
    assert found.iterations == 0
    assert (found.labels == np.digitize(image.mean(), [0.9, 1.2])).all()
    assert found.gap == 0


def test_the_flow_to_the_mean_is_feasible_or_none():
    rng = np.random.default_rng(0)
    f = rng.random((5, 9, 12))
    offsets, weights = np.eye(3, dtype=np.int64), 0.5 + rng.random(f.shape)
    given = 0
    for strength in (0.01, 0.1, 0.3, 0.5, 1.0, 3.0):
        faces = Faces(offsets, strength * np.array([0.5, 1.0, 2.0]), weights)
        q = flow_to_mean(f, faces)
        if q is None:
            assert strength < 3.0
            continue
        given += 1
        assert strength > 0.01
        assert (np.abs(q) <= faces.capacity[:, None, None, None] * weights).all()
        assert np.allclose(State.of(f, faces, q).u, f.mean(), rtol=0, atol=1e-12)
    assert given


def test_stopping_and_failing():
    f = np.random.default_rng(0).random((40, 50))
    seen = []
    stopped = threshold_rof(f, 0.5, 4, on_step=lambda step: seen.append(step) or True)
    assert stopped.status is Status.STOPPED
    assert len(seen) == 1
    assert seen[0].residual > 0
    result = threshold_rof(f, 0.5, 4, solver=steepest.Solver(max_num_iter=1))
    assert result.status is Status.MAX_ITERATIONS
    assert not result.certain.all()
    assert result.doubtful_bound > 0
    with pytest.raises(NotConverged):
        chan_vese(f, solver=steepest.Solver(max_num_iter=1, raise_on_failure=True))
    loose = threshold_rof(f, 0.5, 4, solver=steepest.Solver(tol=1.0))
    assert loose.status is Status.CONVERGED


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f: threshold_rof(f, -1), "strength"),
        (lambda f: threshold_rof(f, 0.1, 1), "num_classes"),
        (lambda f: threshold_rof(f, 0.1, 256), "num_classes"),
        (lambda f: threshold_rof(f, 0.1, thresholds=[0.5, 0.2]), "thresholds"),
        (lambda f: threshold_rof(f, 0.1, thresholds=[]), "thresholds"),
        (lambda f: threshold_rof(f, 0.1, thresholds=[np.nan]), "thresholds"),
        (lambda f: threshold_rof(f, 0.1, values="median"), "values"),
        (
            lambda f: threshold_rof(
                f, 0.1, energy=steepest.TotalVariation(norm="anisotropic", weights=np.ones((2, 2)))
            ),
            "weights",
        ),
        (lambda f: threshold_rof(f, 0.1, spacing=(1, 2, 3)), "spacing"),
        (lambda f: threshold_rof(f, 0.1, solver=steepest.Solver(tol=-1)), "tol"),
        (lambda f: threshold_rof(f, 0.1, solver=steepest.Solver(max_num_iter=0)), "max_num_iter"),
        (lambda f: threshold_rof(f, 1e120), "strength"),
        (lambda f: threshold_rof(f * np.nan, 0.1), "image"),
        (lambda f: chan_vese(f, mu=np.inf), "mu"),
        (lambda f: chan_vese(f, channel_axis=5), "channel_axis"),
        (lambda f: chan_vese(f, on_step=1), "on_step"),
        (lambda f: cut(f * np.nan, 1), "unary"),
        (lambda f: cut(f, "long"), "length"),
        (lambda f: cut(np.ma.masked_array(f), 1), "unary"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(InputError, match=words):
        call(np.random.default_rng(0).random((5, 6)))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), limit=st.sampled_from([3, 10, 30, 100]))
def test_the_area_of_every_object_lies_between_its_bounds(seed, limit):
    unary = np.random.default_rng(seed).integers(-9, 10, (12, 14))
    result = cut(unary.astype(float), 2, solver=steepest.Solver(max_num_iter=limit), spacing=(1, 1))
    found = regions(result, pixel_size=0.5)
    table = found.table
    assert np.all(table["area_certain"] <= table["area"])
    assert np.all(table["area"] <= table["area_possible"])
    assert table["area"].sum() == 0.25 * result.labels.sum()
    costs = [Fraction(int(cost)) for cost in unary.flat]
    faces = [(i, j, Fraction(2)) for offset in ((1, 0), (0, 1)) for i, j in pairs((12, 14), offset)]
    for exact in Cut(costs, faces).solution[1:]:
        parts, _ = label(exact.reshape(unary.shape))
        for row in table[table["area_certain"] > 0]:
            core, _ = label((found.labels == row["label"]) & result.certain)
            inside = np.unique(parts[core == 1 + np.argmax(np.bincount(core.ravel())[1:])])
            assert inside.size == 1
            assert inside[0] > 0
            area = 0.25 * np.sum(parts == inside[0])
            assert row["area_certain"] <= area <= row["area_possible"]


def test_regions_are_those_of_regionprops():
    measure = pytest.importorskip("skimage.measure")
    f = np.random.default_rng(0).random((40, 50))
    result = threshold_rof(f, 0.15, 3)
    found = regions(result)
    props = measure.regionprops(found.labels)
    assert [p.area for p in props] == found.table["area"].tolist()
    assert [p.bbox for p in props] == [tuple(row) for row in found.table["bbox"].tolist()]
    assert np.allclose([p.centroid for p in props], found.table["centroid"])
    assert np.array_equal(found.labels > 0, result.labels > 0)
    parts = measure.label(result.labels, connectivity=1)
    assert len(np.unique(parts[parts > 0] * 10**6 + found.labels[parts > 0])) == parts.max()


def test_regions_of_an_array_are_refused():
    with pytest.raises(InputError, match="result is of type ndarray"):
        regions(np.ones((3, 3), int))
    with pytest.raises(InputError, match="background=-1"):
        regions(threshold_rof(np.eye(4), 0.1), background=-1)


def test_values_of_the_image_are_its_means():
    for seed in range(10):
        f = np.random.default_rng(seed).random((5, 6))
        result = threshold_rof(f, 0.05, 3, values="image")
        means = [f[result.labels == k].mean() for k in range(len(result.values))]
        assert result.values == pytest.approx(means, abs=1e-12)
