"""Objects: the component tree against plain labelling; discs, balls and coins that are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from steepest import io
from steepest.core.errors import InputError
from steepest.segmentation import find_objects
from steepest.segmentation.component_tree import (
    best_disjoint,
    max_tree,
    nodes_of,
    sums_over_nodes,
)

DISCS = [(26, 26, 8, 0.5), (26, 80, 4, 0.6), (70, 34, 13, 0.3), (72, 80, 9, -0.4)]  # y, x, r, c


def draw(discs, shape=(100, 110), sigma=0.05, seed=0):
    """Discs on 0.5, with noise."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = 0.5 + sigma * np.random.default_rng(seed).standard_normal(shape)
    for cy, cx, radius, contrast in discs:
        image[np.hypot(y - cy, x - cx) < radius] += contrast
    return image


def tree_of(values, num_levels, evidence):
    """The node of each pixel, the parents and the sums of an image of levels."""
    padded = np.pad(values, 1, constant_values=-1)
    steps = np.array(padded.strides) // padded.itemsize
    levels = padded.ravel().astype(np.int32)
    parent, order = max_tree(levels, num_levels, steps)
    node, up = nodes_of(levels, parent, order)
    flat = np.pad(evidence, 1).ravel()
    sums = sums_over_nodes(levels, order, node, up, flat, steps)
    inside = (slice(1, -1),) * values.ndim
    return node.reshape(padded.shape)[inside], up, sums


@given(
    st.one_of(
        arrays(np.int32, (5, 6), elements=st.integers(0, 3)),
        arrays(np.int32, (3, 4, 3), elements=st.integers(0, 2)),
    ),
    st.integers(0, 2**31),
)
def test_nodes_are_the_components_of_all_level_sets(values, seed):
    """Each component of a level set is a node once, and its sums are those over its pixels."""
    evidence = np.random.default_rng(seed).uniform(-1, 1, values.shape)
    node, up, sums = tree_of(values, 4, evidence)
    descendants = [{c} for c in range(len(up))]
    for c in range(len(up) - 1, 0, -1):
        descendants[up[c]] |= descendants[c]
    found = {frozenset(np.flatnonzero(np.isin(node, [*own]))): c for c, own in
             enumerate(descendants)}  # fmt: skip
    expected = {}
    for level in np.unique(values):
        parts, count = ndimage.label(values >= level)
        for k in range(1, count + 1):
            expected[frozenset(np.flatnonzero(parts == k))] = parts == k
    assert found.keys() == expected.keys()
    ndim = values.ndim
    for pixels, mask in expected.items():
        row = sums[found[pixels]]
        # in the kernel, coordinates count the padding
        places = np.argwhere(mask) + 1
        products = [
            (places[:, a] * places[:, b]).sum() for a in range(ndim) for b in range(a, ndim)
        ]
        lines, weight, outside = 0, 0.0, 0
        for axis in range(ndim):
            ends = np.diff(np.pad(mask, 1).astype(int), axis=axis) != 0
            inner = np.diff(mask.astype(int), axis=axis) != 0
            first = evidence.take(range(mask.shape[axis] - 1), axis)
            second = evidence.take(range(1, mask.shape[axis]), axis)
            lines += inner.sum()
            weight += ((first + second) / 2)[inner].sum()
            outside += ends.sum() - inner.sum()
        exact = [len(places), *places.sum(0), *products, lines, weight, outside]
        np.testing.assert_allclose(row, exact, atol=1e-9)


@given(st.data(), st.integers(1, 8))
def test_the_best_disjoint_nodes_are_found(data, size):
    up = np.array([0, *(data.draw(st.integers(0, k - 1)) for k in range(1, size))], np.int32)
    score = np.array(data.draw(st.lists(st.integers(0, 9), min_size=size, max_size=size)), float)

    def above(c):
        return {c} | (above(up[c]) if c else set())

    best = max(
        sum(score[c] for c in nodes)
        for count in range(size + 1)
        for nodes in itertools.combinations(range(size), count)
        if not any(a in above(b) for a, b in itertools.permutations(nodes, 2))
    )
    chosen = best_disjoint(score, up)
    nodes = {c for c in chosen if c >= 0}
    assert sum(score[c] for c in nodes) == best
    for c in range(size):
        own = above(c) & nodes
        assert chosen[c] == (own.pop() if own else -1)
        assert not own


@pytest.mark.parametrize("sigma", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("dtype", [np.float64, np.uint16])
def test_discs_have_their_size_and_contrast(sigma, dtype):
    image = draw(DISCS, sigma=sigma) / 2
    if dtype == np.uint16:
        image = np.rint(65535 * np.clip(image, 0, 1)).astype(dtype)
    found = find_objects(image)
    assert len(found) == len(DISCS)
    assert (np.diff(found.table["score"]) <= 0).all()
    for y, x, radius, contrast in DISCS:
        row = found.table[found.labels[y, x] - 1]
        assert row["label"] == found.labels[y, x]
        assert row["centroid"] == pytest.approx((y, x), abs=0.5)
        assert row["diameter"] == pytest.approx(2 * radius, rel=0.1)
        assert row["area"] == np.count_nonzero(found.labels == row["label"])
        assert row["contrast"] == pytest.approx(contrast / 2, rel=0.1)
        assert not row["border"]
        first, last = row["bbox"][:2], row["bbox"][2:]
        places = np.argwhere(found.labels == row["label"])
        np.testing.assert_array_equal(first, places.min(0))
        np.testing.assert_array_equal(last, places.max(0) + 1)


def test_coins():
    """The 24 coins of the bundled image, as it is, negative, turned, doubled, and noisy."""
    skimage = pytest.importorskip("skimage")
    coins = skimage.data.coins()
    rng = np.random.default_rng(0)
    noisy = np.clip(coins + rng.normal(0, 20, coins.shape), 0, 255).astype(np.uint8)
    for image in (coins, 255 - coins, coins.T, np.kron(coins, np.ones((2, 2), np.uint8)), noisy):
        assert len(find_objects(image)) == 24


def test_polarity_keeps_bright_or_dark_objects():
    image = draw(DISCS)
    both = find_objects(image)
    for polarity, sign in (("bright", 1), ("dark", -1)):
        own = find_objects(image, polarity=polarity)
        expected = both.table[np.sign(both.table["contrast"]) == sign]
        np.testing.assert_allclose(own.table["centroid"], expected["centroid"])


def test_grey_values_of_any_scale_give_the_same_objects():
    """Also negative values; colours are averaged."""
    image = draw(DISCS)
    plain = find_objects(image)
    for other in (100 * image - 30, np.float32(image)):
        np.testing.assert_array_equal(find_objects(other).labels, plain.labels)
    colour = np.stack([image - 0.1, image, image + 0.1], 0)
    np.testing.assert_array_equal(find_objects(colour, channel_axis=0).labels, plain.labels)


def test_touching_discs_are_divided_at_the_neck():
    image = draw([(40, 30, 12, 0.4), (40, 51, 12, 0.4)], (80, 90), 0.02)
    found = find_objects(image)
    assert len(found) == 2
    assert {found.labels[40, 30], found.labels[40, 51]} == {1, 2}
    assert found.table["area"] == pytest.approx([np.pi * 144] * 2, rel=0.1)


def test_holes_belong_to_the_object_and_rings_are_no_discs_of_noise():
    image = draw([(40, 40, 15, 0.5), (40, 40, 5, -0.5)], (80, 80), 0.02)
    found = find_objects(image, polarity="bright")
    assert len(found) == 1
    assert found.labels[40, 40] == 1
    assert found.table["diameter"][0] == pytest.approx(30, rel=0.05)


@pytest.mark.parametrize("steps", [1.0, (2.0, 0.5, 0.5)])
def test_balls_are_measured_in_the_unit_of_the_spacing(steps):
    z, y, x = np.mgrid[:30, :40, :44]
    balls = [(14, 12, 12, 6, 0.5), (15, 27, 30, 8, -0.4)]
    image = 0.02 * np.random.default_rng(0).standard_normal(z.shape)
    for cz, cy, cx, radius, contrast in balls:
        image[np.sqrt((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2) < radius] += contrast
    found = find_objects(image, spacing=steps)
    assert len(found) == 2
    unit = np.prod(np.broadcast_to(steps, 3))
    for cz, cy, cx, radius, contrast in balls:
        row = found.table[found.labels[cz, cy, cx] - 1]
        assert row["area"] == pytest.approx(4 / 3 * np.pi * radius**3 * unit, rel=0.1)
        assert row["diameter"] == pytest.approx(2 * radius * unit ** (1 / 3), rel=0.05)
        assert row["contrast"] == pytest.approx(contrast, rel=0.1)


@pytest.mark.parametrize("seed", range(2))
def test_noise_has_no_objects(seed):
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, 128)
    for image in (
        rng.standard_normal((128, 128)),
        np.rint(128 + 3 * rng.standard_normal((128, 128))).astype(np.uint8),
        rng.poisson(5, (128, 128)).astype(np.uint8),
        ramp + 0.05 * rng.standard_normal((128, 128)),
        rng.standard_normal((20, 24, 28)).astype(np.float32),
    ):
        assert len(find_objects(image)) == 0


@pytest.mark.parametrize("value", [0.0, 0.7, 1e6])
@pytest.mark.parametrize("shape", [(20, 24), (1, 9), (1, 1), (6, 7, 8)])
def test_constant_images_have_no_objects(value, shape):
    found = find_objects(np.full(shape, value))
    assert not found.labels.any()
    assert len(found) == 0


def test_an_object_at_the_border_says_so():
    found = find_objects(draw([(3, 40, 10, 0.5), (45, 40, 10, 0.5)], (80, 80), 0.02))
    assert found.table["border"][found.labels[0, 40] - 1]
    assert not found.table["border"][found.labels[45, 40] - 1]


def test_options_bound_area_and_score():
    image = draw(DISCS, sigma=0.02)
    everything = find_objects(image).table
    large = find_objects(image, min_area=100).table
    np.testing.assert_array_equal(large["area"], everything["area"][everything["area"] >= 100])
    middle = float(np.median(everything["score"]))
    assert (find_objects(image, min_score=middle).table["score"] >= middle).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_score": 0}, "min_score=0"),
        ({"min_area": 0.5}, "min_area=0.5"),
        ({"polarity": "grey"}, "polarity='grey'"),
        ({"spacing": (1, 2, 3)}, "spacing"),
    ],
)
def test_bad_options_are_refused_by_name(options, words):
    with pytest.raises(InputError, match=words):
        find_objects(np.eye(8), **options)


def test_bad_images_are_refused():
    with pytest.raises(InputError, match="1 spatial axis"):
        find_objects(np.zeros(9))
    with pytest.raises(InputError, match="NaN"):
        find_objects(np.full((4, 4), np.nan))


def test_a_photograph_is_not_full_of_specks():
    """The texture of the photograph stays out with a higher score."""
    camera = io.sample("camera")
    assert len(find_objects(camera)) < 60
    assert len(find_objects(camera, min_score=20)) < 10
