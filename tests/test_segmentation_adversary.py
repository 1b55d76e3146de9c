"""Every certain label, gap and bound of segmentation against exact cuts, on problems made to fail.

Ties, spacings and weights of any size, integers, few iterations, loose tolerances, tiles. A problem
is *meant* in fractions, and given to the library in floating point: a label may be certain only if
it is that of every minimiser of the problem that is meant. For more cases than in the suite:
``STEEPEST_CASES=20000 python -m pytest -m slow tests/test_segmentation_adversary.py``
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from cases import tiled
from cases.cuts import Cut, pairs
from steepest import CroftonTotalVariation, Solver, TotalVariation
from steepest.segmentation import bias_corrected, chan_vese, cut, threshold_rof
from steepest.tiled.windows import Tiling, align_of

Random = np.random.Generator

SHAPES = ((1,), (2,), (30,), (1, 7), (4, 5), (7, 6), (11, 9), (20, 23), (2, 3, 4), (4, 4, 5))
TILED = ((65,), (150,), (2, 140), (130, 3), (66, 5), (2, 3, 40), (33, 2, 3))
SPACINGS = (1.0, 2.0, 0.5, 3.0, 0.01, 100.0, 1e-6, 1e6, 1e-12, 1e12)
INTEGERS = {"u1": 255, "u2": 65535}


def exactly(values: np.ndarray) -> list[Fraction]:
    """The fractions that numbers are."""
    return [Fraction(x) for x in values.ravel().tolist()]


EFFORT = ("max_num_iter", "tol", "num_threads")


@dataclass(frozen=True)
class Image:
    """Pixels as they are given, what they mean, and the step between grey values."""

    given: np.ndarray
    meant: list[Fraction]
    step: Fraction

    @staticmethod
    def of(random: Random, shape: tuple[int, ...]) -> Image:
        """Few grey values, so that there are ties, or noise."""
        kind = str(random.choice(["few", "few", "far", "tiny", "huge", "noise", "f4", "u1", "u2"]))
        few = random.integers(0, random.integers(2, 7), shape)
        if kind in INTEGERS:
            top = INTEGERS[kind]
            unit = int(random.choice([1, 7, top // 8]))
            given = (few * unit + random.integers(0, top - 6 * unit + 1)).astype(kind)
            return Image(
                given, [Fraction(k, top) for k in given.ravel().tolist()], Fraction(unit, top)
            )
        step = {"tiny": 2.0**-60, "huge": 2.0**60}.get(kind, float(random.choice([0.25, 1])))
        given = few * step + (2.0**20 if kind == "far" else 0.0)
        if kind in ("noise", "f4"):
            given += step * random.standard_normal(shape)
        given = given.astype("f4" if kind == "f4" else "f8")
        return Image(given, exactly(given), Fraction(step))

    def level(self, random: Random) -> Fraction:
        """One of the grey values, or the middle between two, or nearly so."""
        level = random.choice(self.meant) + self.step * int(random.integers(-1, 3)) / 2
        return level + (self.step / 10**4 if random.random() < 0.3 else 0)


@dataclass(frozen=True)
class Grid:
    """How contours are measured: what is given, and the share of each face."""

    options: dict[str, Any]
    shares: list[tuple[int, int, Fraction]]

    @staticmethod
    def of(random: Random, shape: tuple[int, ...], by_tiles: bool = False) -> Grid:
        """Any spacing, and unless by tiles, any weights, and diagonals at times."""
        steps, weights = np.ones(len(shape)), np.ones(shape)
        options: dict[str, Any] = {}
        if random.random() < 0.5:
            steps = random.choice(
                SPACINGS[: random.choice([4, 6, 9 if by_tiles else 10])], len(shape)
            )
            options["spacing"] = tuple(steps.tolist())
        offsets, shares = np.eye(len(shape), dtype=int), [1 / Fraction(h) for h in steps.tolist()]
        if not by_tiles and random.random() < 0.4:
            few = random.integers(0, 4, shape)
            wide = few * 10.0 ** random.integers(-9, 10, shape)
            weights = (few, wide, random.random(shape))[random.integers(3)]
            options["energy"] = TotalVariation(norm="anisotropic", weights=weights)
        if not by_tiles and len(shape) == 2 and random.random() < 0.25:
            options["energy"] = CroftonTotalVariation(
                weights=None if "energy" not in options else weights
            )
            offsets, lengths = CroftonTotalVariation(spacing=tuple(steps.tolist())).faces(2)
            offsets, shares = offsets[:, 1:], [Fraction(s) for s in lengths.tolist()]
        heavy = exactly(weights)
        faces = [
            (i, j, share * heavy[i])
            for offset, share in zip(offsets.tolist(), shares, strict=True)
            for i, j in pairs(shape, offset)
        ]
        return Grid(options, faces)

    def cut(self, costs: list[Fraction], length: Fraction) -> Cut:
        """The cut with these costs of pixels and this weight of the length."""
        return Cut(costs, [(i, j, length * share) for i, j, share in self.shares])


@dataclass(frozen=True)
class Case:
    """A random problem, and how far the solver may go, and the completion of its flow."""

    random: Random
    image: Image
    grid: Grid
    length: Fraction
    options: dict[str, Any]
    effort: float

    @staticmethod
    def of(seed: int, by_tiles: bool = False, channels: int = 0) -> Case:
        random = np.random.default_rng(seed)
        shape = random.choice(np.array(TILED if by_tiles else SHAPES, object))
        image = Image.of(random, (channels, *shape) if channels else shape)
        grid = Grid.of(random, shape, by_tiles)
        options = {
            "max_num_iter": int(random.choice([1, 2, 5, 20, 60] + [2000] * (not by_tiles))),
            "tol": float(random.choice([0.0, 1e-9, 1e-9, 1e-9, 1e-3, 0.1, 1.0])),
            "num_threads": 1,
            **grid.options,
        }
        length = Fraction(int(random.integers(0, 5)), int(random.choice([1, 2, 3, 4, 8, 16])))
        effort = float(random.choice([0.0, 0.5, 2.0, 50.0, 50.0]))
        return Case(random, image, grid, length, options, effort)


def check(
    result: Any, certain: np.ndarray, cuts: list[Cut], offset: Fraction, size: Fraction, *,
    steps: list[Fraction] | None = None, blur: float = 0.0,
) -> None:  # fmt: skip
    """A result against the cuts at all thresholds.

    The energy is ``offset`` and, for each cut, that of the labels times a step; it is a sum of
    terms up to ``size``. Means that are returned on another scale ``blur`` it, relative to these.
    """
    labels, sure = result.labels.ravel(), certain.ravel()
    least, most = np.zeros(labels.size, int), np.zeros(labels.size, int)
    energy, excess, blur = offset, Fraction(0), Fraction(blur) * size
    for k, (problem, step) in enumerate(zip(cuts, steps or [Fraction(1)] * len(cuts), strict=True)):
        lowest, small, large = problem.solution
        own = problem.energy(labels > k)
        least, most = least + small, most + large
        energy, excess = energy + step * own, excess + step * (own - lowest)
        size += step * abs(own)
    assert (least <= most).all()
    assert np.array_equal(least[sure], labels[sure])
    assert np.array_equal(most[sure], labels[sure])
    assert 0 <= excess <= Fraction(result.gap) + blur
    assert abs(energy - Fraction(result.energy)) <= Fraction(1e-14) * labels.size * size
    if len(cuts) == 1:
        wrong = cuts[0].most_different(labels > 0)
    else:
        wrong = max(np.count_nonzero(labels != other) for other in (least, most))
    assert wrong <= result.doubtful_bound <= result.num_doubtful
    assert result.num_doubtful == np.count_nonzero(~sure)
    if result.lowest is None:  # by tiles
        areas = [[np.count_nonzero(own == k) for own in (labels, labels[sure])] for k in range(9)]
        assert areas[: len(cuts) + 1] == result.areas[:, :2].tolist()
        for k, most_of_it in enumerate(result.areas[:, 2]):
            assert np.count_nonzero((least <= k) & (k <= most)) <= most_of_it
    else:
        assert (result.lowest.ravel() <= least).all()
        assert (result.highest.ravel() >= most).all()
        assert np.array_equal(certain, result.lowest == result.highest)


def run(case: Case, function: Any, *arguments: Any, **options: Any) -> tuple[Any, np.ndarray]:
    """The result of a function, and where its labels are certain; by as many tiles as possible."""
    image, options = arguments[0], {**case.options, **options}
    with patch("steepest.segmentation.rof.THOROUGH", case.effort):
        if function.__module__.startswith("steepest.segmentation"):
            solver = Solver(**{name: options.pop(name) for name in EFFORT})
            result = function(*arguments, solver=solver, **options)
            return result, result.certain

        def smallest(space: tuple[int, ...], *_: Any) -> Tiling:
            return Tiling(space, (align_of(space),) * len(space))

        doubt = np.zeros(image.shape, np.uint8)
        with patch("steepest.tiled.image.make_tiling", smallest):
            result = function(*arguments, doubt=doubt, halo=8, num_workers=1, **options)
        return result, doubt == 0


def fixed_thresholds(seed: int, function: Any = threshold_rof) -> None:
    """Thresholds at grey values and between them."""
    case = Case.of(seed, function is not threshold_rof)
    image, strength = case.image, case.length * case.image.step
    levels = sorted({image.level(case.random) for _ in range(case.random.integers(1, 4))})
    given = [float(level) for level in levels]
    if len(set(given)) < len(given):
        return
    result, certain = run(case, function, image.given, float(strength), thresholds=given)
    cuts = [case.grid.cut([t - f for f in image.meant], strength) for t in levels]
    check(result, certain, cuts, Fraction(0), max(map(abs, image.meant + levels)))


def free_values(seed: int, function: Any = threshold_rof) -> None:
    """Values and thresholds of any number of classes."""
    case = Case.of(seed, function is not threshold_rof)
    image, strength = case.image, case.length * case.image.step
    more = {} if function is not threshold_rof else {"values": ("denoised", "image")[seed % 2]}
    result, certain = run(
        case, function, image.given, float(strength), int(case.random.integers(2, 5)), **more
    )
    means, levels = exactly(result.values), exactly(result.thresholds)
    cuts = [case.grid.cut([t - f for f in image.meant], strength) for t in levels]
    offset = sum((f - means[0]) ** 2 for f in image.meant) / 2
    size = max(map(abs, image.meant)) ** 2
    check(result, certain, cuts, Fraction(offset), size, steps=np.diff(means).tolist())


def costs(seed: int) -> None:
    """Costs of both signs."""
    case = Case.of(seed)
    image, length = case.image, case.length * case.image.step
    given, meant = image.given, image.meant
    if given.dtype.kind == "f":
        given = given - given.dtype.type(image.level(case.random))
        given[..., :1] *= 10.0 ** case.random.integers(0, 16)  # seeds
        meant = exactly(given)
    result, certain = run(case, cut, given, float(length))
    check(result, certain, [case.grid.cut(meant, length)], Fraction(0), max(map(abs, meant)))


def two_means(seed: int, function: Any = chan_vese) -> None:
    """Free means, of one or more channels."""
    by_tiles = function is not chan_vese
    channels = 1 if by_tiles else (1, 1, 2, 3)[seed % 4]
    case = Case.of(seed, by_tiles, channels)
    given, mu = case.image.given, case.length
    options = {} if channels == 1 else {"channel_axis": 0}
    result, certain = run(case, function, given if channels > 1 else given[0], float(mu), **options)
    pixels = np.array(case.image.meant, object).reshape(channels, -1)
    width = np.ptp(pixels) or Fraction(1)
    means = np.array(exactly(result.values), object).reshape(2, channels)
    assert sum(means[0]) <= sum(means[1]) * (1 + Fraction(1e-15))  # values are rounded
    if result.converged:
        for k, mean in enumerate(means):
            own = pixels[:, result.labels.ravel() == k]
            assert (abs(own.sum(1) / own.shape[1] - mean) <= 1e-12 * abs(pixels).max()).all()
    dark, bright = (((pixels - mean[:, None]) ** 2).sum(0) / width**2 for mean in means)
    check(
        result, certain, [case.grid.cut((bright - dark).tolist(), mu)], Fraction(dark.sum()),
        channels * abs(pixels).max() / width, blur=1e-14 * pixels.size,
    )  # fmt: skip


def uneven_light(seed: int) -> None:
    """The labels for the bias and the values that are returned."""
    case = Case.of(seed)
    image, random = case.image, case.random
    given, meant, steps = image.given, image.meant, case.options.get("spacing", (1.0,))
    if not sum(meant) > 0 or min(steps) < 1e-3 or max(steps) > 1e3:
        return
    size = max(map(abs, meant)) ** 2
    length, strength = float(case.length * size), float(size) * float(random.choice([0.1, 1, 100]))
    result, certain = run(case, bias_corrected, given, length, strength)
    bias = exactly(result.bias)
    dark, bright = (
        [(f - b * Fraction(m)) ** 2 for f, b in zip(meant, bias, strict=True)]
        for m in result.values.tolist()
    )
    contour = [a - b for a, b in zip(bright, dark, strict=True)]
    rough = Fraction(0)
    for axis, h in enumerate(result.spacing):
        differences = np.diff(np.array(bias, object).reshape(given.shape), axis=axis)
        rough += (differences**2).sum() / Fraction(h) ** 2
    offset = sum(dark) + Fraction(strength) / 2 * rough
    check(
        result, certain, [case.grid.cut(contour, Fraction(length))], Fraction(offset),
        max(size, offset),  # the energy is rounded relative to its largest term
    )  # fmt: skip


FUNCTIONS = {
    "fixed thresholds": fixed_thresholds,
    "free values": free_values,
    "costs": costs,
    "two means": two_means,
    "uneven light": uneven_light,
    "fixed thresholds by tiles": lambda seed: fixed_thresholds(seed, tiled.threshold_rof),
    "free values by tiles": lambda seed: free_values(seed, tiled.threshold_rof),
    "two means by tiles": lambda seed: two_means(seed, tiled.chan_vese),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_certain_is_wrong(name: str) -> None:
    for seed in range({"tiles": 4, "light": 20}.get(name.split()[-1], 60)):
        FUNCTIONS[name](seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_certain_is_wrong_in_many_cases(name: str) -> None:
    for seed in range(100, 100 + int(os.environ.get("STEEPEST_CASES", "1000"))):
        FUNCTIONS[name](seed)
