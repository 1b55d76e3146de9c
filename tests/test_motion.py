"""Displacement and strain of generated speckle, which is deformed exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import erf

import steepest
from benchmarks.speckle import speckle_pair
from steepest import Solver, Status, motion
from steepest.motion.kernels import SQUARE, WEIGHT, C, G  # type: ignore[attr-defined]
from steepest.motion.variational import REACH, Problem

SIZE = 96
INNER = (..., slice(12, -12), slice(12, -12))
ACROSS = np.arange(SIZE) - SIZE / 2


def pair(along_x: Any, noise: float = 0.01, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Speckle that moves along x by a function of the distance from the middle column."""
    return speckle_pair(
        (SIZE, SIZE), lambda x: np.c_[0 * x[:, 0], along_x(x[:, 1] - SIZE / 2)], noise=noise,
        rng=seed,
    )  # fmt: skip


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def test_no_motion_is_found_where_there_is_none() -> None:
    image, _ = pair(lambda x: 0 * x, noise=0)
    result = motion.displacement(image, image)
    assert np.abs(result.displacement).max() <= 1e-4
    assert result.converged
    assert np.abs(result.residual).max() < 1e-12


@pytest.mark.parametrize(("shift", "most"), [(0.3, 2), (1.0, 2), (12.0, 14)])
def test_shifts(shift: float, most: float) -> None:
    result = motion.displacement(*pair(lambda x: 0 * x + shift), max_shift=most)
    u = result.displacement[..., 28:-28, 28:-28]
    assert rms(u[1] - shift) < 0.02
    assert rms(u[0]) < 0.02


def test_uniform_strain_and_lighting_and_transposition() -> None:
    before, after = pair(lambda x: 0.01 * x)
    result = motion.displacement(before, after)
    assert rms(result.strain[1, 1][INNER] - 0.01) <= 0.0012
    assert rms(result.displacement[1][INNER] - 0.01 * ACROSS[12:-12]) <= 0.012
    assert result.converged
    assert all(0 <= gap <= 0.03 for gap in result.gaps)

    darker = motion.displacement(before, 0.8 * after + 0.05)
    assert np.abs(darker.strain - result.strain).max() < 1e-4

    turned = motion.displacement(before.T, after.T)
    assert np.abs(turned.displacement[::-1] - result.displacement.swapaxes(1, 2)).max() < 5e-3

    apart = motion.displacement(before, after, spacing=(2.0, 0.5))
    np.testing.assert_allclose(apart.displacement[1], 0.5 * result.displacement[1], rtol=1e-9)
    np.testing.assert_allclose(apart.gradient[0, 1], 4 * result.gradient[0, 1], rtol=1e-9)
    np.testing.assert_allclose(apart.strain[1, 1], result.strain[1, 1], rtol=1e-9)
    np.testing.assert_allclose(apart.strain_std[1, 1], result.strain_std[1, 1], rtol=1e-9)


def test_a_band_of_strain() -> None:
    result = motion.displacement(
        *pair(lambda x: 0.02 * np.sqrt(np.pi / 2) * 6 * erf(x / (6 * np.sqrt(2))), seed=2)
    )
    strain = result.strain[1, 1][INNER]
    assert rms(strain - 0.02 * np.exp(-(ACROSS[12:-12] ** 2) / 72)) <= 0.0025
    assert abs(ACROSS[12:-12][strain.mean(0).argmax()]) <= 3


@pytest.mark.parametrize("load_axis", [None, 1])
def test_a_crack(load_axis: int | None) -> None:
    result = motion.displacement(*pair(lambda x: 0.002 * x + 0.5 * (x > 0)), load_axis=load_axis)
    strain = result.strain[1, 1][INNER]
    beside = np.abs(ACROSS[12:-12]) >= 12
    assert rms(strain[:, beside] - 0.002) <= 0.0014
    total = np.diff(result.displacement[1], axis=1)[12:-12, 12:-12]
    assert abs(ACROSS[12:-12][total.mean(0).argmax()]) <= 3
    assert rms(result.displacement[1][12:-12, -20:-12] - 0.5 - 0.002 * ACROSS[-20:-12]) < 0.05


def test_missing_regions_and_weights() -> None:
    before, after = pair(lambda x: 0.01 * x)
    mask = np.ones((SIZE, SIZE), bool)
    mask[30:60, 30:50] = False
    rng = np.random.default_rng(1)
    for image in (before, after):
        image[32:58, 32:48] = rng.random((26, 16))
    result = motion.displacement(before, after, weights=mask)
    known = np.zeros_like(mask)
    known[INNER] = mask[INNER]
    assert rms((result.strain[1, 1] - 0.01)[known]) <= 0.003
    assert not result.residual[~mask].any()


def test_rotations_have_no_strain_of_green_and_lagrange() -> None:
    angle = 0.05
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    before, after = speckle_pair(
        (SIZE, SIZE), lambda x: (x - SIZE / 2) @ (turn - np.eye(2)).T, noise=0.01, rng=3
    )
    result = motion.displacement(before, after, max_shift=5, measure="green-lagrange")
    assert np.abs(result.strain[INNER].mean((2, 3))).max() < 5e-4
    small = motion.strain(result.gradient)
    assert small[0, 0][INNER].mean() == pytest.approx(np.cos(angle) - 1, abs=5e-4)
    field = np.moveaxis((np.moveaxis(np.indices((9, 8)), 0, -1)) @ (turn - np.eye(2)).T, -1, 0)
    assert np.abs(motion.strain(field, "green-lagrange")).max() < 1e-12


@pytest.mark.parametrize("noise", [0.0, 0.015, 0.05])
def test_intervals_hold_the_truth_about_as_often_as_they_say(noise: float) -> None:
    inside = []
    for seed in range(4):
        result = motion.displacement(*pair(lambda x: 0.01 * x, noise=noise, seed=seed))
        error = np.abs(result.displacement[1] - 0.01 * ACROSS)[INNER]
        inside.append(np.mean(error < 1.645 * result.displacement_std[1][INNER]))
    assert 0.75 < np.mean(inside) <= 1


def test_noise_does_not_draw_displacements_to_halves_of_pixels() -> None:
    """Interpolated noise is smaller between pixels: without smoothing, the mean error is 0.05."""
    found = [
        motion.displacement(*pair(lambda x: 0 * x + 0.25, noise=0.05, seed=seed)).displacement
        for seed in range(3)
    ]
    assert abs(np.mean([u[1][INNER].mean() for u in found]) - 0.25) < 0.02


def test_the_smoothness_follows_the_noise() -> None:
    images = pair(lambda x: 0.01 * x, noise=0.05)
    found, fixed = (motion.displacement(*images, smoothness=s) for s in (None, (1 / 3, 1 / 6)))
    assert fixed.smoothness == (1 / 3, 1 / 6)
    assert 2.5 < 3 * found.smoothness[0] < 5  # three to four times the noise that is quiet
    assert found.smoothness[0] == pytest.approx(2 * found.smoothness[1])
    errors = [rms(each.strain[1, 1][INNER] - 0.01) for each in (found, fixed)]
    assert errors[0] < errors[1] / 2
    quiet = motion.displacement(*pair(lambda x: 0.01 * x, noise=0.01))
    assert quiet.smoothness == pytest.approx((1 / 3, 1 / 6))


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    images = speckle_pair((240, 50), lambda x: 0.01 * x, noise=0.01, rng=0)
    one, three = (motion.displacement(*images, solver=Solver(num_threads=n)) for n in (1, 3))
    assert one.gaps == three.gaps
    np.testing.assert_array_equal(one.strain, three.strain)
    np.testing.assert_array_equal(one.displacement_std, three.displacement_std)


def test_the_gap_against_array_code() -> None:
    rng = np.random.default_rng(0)
    shape, radii, delta = (24, 20), (0.3, 0.2), 0.05
    g, c, weight = rng.normal(size=(2, *shape)), rng.normal(size=shape), rng.random(shape)
    problem = Problem(shape, radii, (0.05, 0.015), None, 1)
    problem.delta = delta
    problem.set_data(g, c, weight)
    problem.iterate(30)
    u, w = problem.fields()
    energy, gap = problem.measure()
    tgv = steepest.TotalGeneralisedVariation(alpha1=radii[0], alpha0=radii[1], spacing=(1.0, 1.0))
    rho = np.abs(c + (g * u).sum(0))
    huber = np.where(rho < delta, rho**2 / (2 * delta), rho - delta / 2)
    expected = (weight * huber).sum()
    for n in range(2):
        one = w[n][:, None].astype(float)
        expected += tgv.slack(u[n][None].astype(float), 0 * tgv.operator(u[n][None]), one)[0]
    assert energy == pytest.approx(expected, rel=1e-5)
    # no displacement within REACH has an energy lower by more than the gap
    least = np.inf
    for _ in range(2000):
        problem.iterate(6)
        near, _ = problem.fields()
        if np.hypot(*(near - u)).max() <= REACH[0]:
            least = min(least, problem.measure()[0])
        if problem.measure()[1] <= 1e-5 * energy:
            break
    assert 0 <= problem.measure()[1] <= 1e-5 * energy
    assert energy - min(least, energy) <= gap
    assert {G, C, WEIGHT, SQUARE} == {0, 2, 3, 4}


def test_frames_of_a_series_and_magnified_motion() -> None:
    def bump(x: np.ndarray) -> np.ndarray:
        return np.c_[0.1 * np.exp(-((x - 40) ** 2).sum(1) / 200), 0 * x[:, 0]]

    times = (0.0, 0.6, 1.0)
    pairs = [speckle_pair((80, 80), lambda x, t=t: t * bump(x), rng=3) for t in times]
    frames = np.stack([after for _, after in pairs])
    grid = np.indices((80, 80)).reshape(2, -1).T
    truth = bump(grid)[:, 0].reshape(80, 80)
    for against in ("first", "previous"):
        results = motion.follow(frames, against=against)
        assert [
            np.abs(r.displacement[0] - t * truth).max() < 0.02
            for r, t in zip(results, times[1:], strict=True)
        ] == [True, True]
    result = motion.magnify(frames, 10)
    assert result.displacement[2, 0, 40, 40] == pytest.approx(0.1, rel=0.05)
    assert result.folds == (0, 0, 0)
    np.testing.assert_allclose(result.frames[0], frames[0], atol=1e-12)
    again = motion.displacement(frames[0], result.frames[2])
    assert again.displacement[0, 40, 40] == pytest.approx(1.0, rel=0.1)
    sparse = motion.magnify(frames, 10, modes=1)
    assert (sparse.displacement[2] == 0).mean() > 0.5
    assert sparse.displacement[2, 0, 40, 40] == pytest.approx(0.1, rel=0.15)


def test_warping_forwards_and_back() -> None:
    image = np.add.outer(np.arange(20.0), 2 * np.arange(16.0))
    u = np.zeros((2, 20, 16))
    u[0] += 2
    moved = motion.warp_forward(image, u)
    np.testing.assert_allclose(moved.image[2:], image[:-2])
    assert not moved.covered[:2].any()
    assert moved.covered[2:].all()
    assert moved.folds == 0
    np.testing.assert_allclose(motion.warp(image, u)[4:-8, 4:-4], image[6:-6, 4:-4], atol=1e-2)
    colours = np.stack([image, 2 * image], -1).astype(np.float32)
    both = motion.warp_forward(colours, u, channel_axis=-1).image
    assert both.dtype == np.float32
    np.testing.assert_allclose(both[..., 1], 2 * both[..., 0])
    u[1] = -2 * np.arange(16)  # mirrored: all triangles are turned over
    assert motion.warp_forward(image, u).folds == 2 * 19 * 15


def test_integers_and_single_precision() -> None:
    before, after = pair(lambda x: 0 * x + 0.5)
    exact = motion.displacement(before, after)
    for dtype, scale in ((np.uint8, 255), (np.uint16, 65535), (np.float32, 1)):
        images = [np.clip(x * 0.8 + 0.1, 0, 1) * scale for x in (before, after)]
        found = motion.displacement(*(x.astype(dtype) for x in images))
        assert found.strain.dtype == np.float32
        assert rms((found.displacement - exact.displacement)[INNER]) < 0.02
    assert exact.displacement.dtype == np.float64
    assert motion.warp(images[0].astype(np.uint8), exact.displacement).dtype == np.uint8


def test_limits_and_stops() -> None:
    images = pair(lambda x: 0.01 * x)
    short = motion.displacement(*images, solver=Solver(1e-6, 6))
    assert short.status is Status.MAX_ITERATIONS
    with pytest.raises(steepest.NotConverged):
        motion.displacement(*images, solver=Solver(1e-6, 6, raise_on_failure=True))
    assert motion.displacement(*images, on_step=lambda step: True).status is Status.STOPPED


IMAGE = np.random.default_rng(0).random((32, 32))
HOLE = np.where(np.eye(32) > 0, np.nan, IMAGE)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: motion.displacement(HOLE, IMAGE), "reference holds 32 NaN"),
        (lambda: motion.displacement(IMAGE, HOLE), "moved holds 32 NaN"),
        (lambda: motion.displacement(IMAGE, IMAGE[:-1]), "moved of shape"),
        (lambda: motion.displacement(IMAGE[:9], IMAGE[:9]), "at least 16 x 16"),
        (lambda: motion.displacement(np.ones((32, 32)), IMAGE), "reference is constant"),
        (lambda: motion.displacement(IMAGE, np.ones((32, 32))), "moved is constant"),
        (lambda: motion.displacement(IMAGE.astype(int), IMAGE), "dtype int64"),
        (lambda: motion.displacement(IMAGE, IMAGE, smoothness=(1, 0)), "smoothness"),
        (lambda: motion.displacement(IMAGE, IMAGE, weights=0 * IMAGE), "weights"),
        (lambda: motion.displacement(IMAGE, IMAGE, weights=-IMAGE), "weights"),
        (lambda: motion.displacement(IMAGE, IMAGE, load_axis=2), "load_axis=2"),
        (lambda: motion.displacement(IMAGE, IMAGE, max_shift=99), "max_shift=99"),
        (lambda: motion.displacement(IMAGE, IMAGE, measure="log"), "measure='log'"),
        (lambda: motion.strain(IMAGE), "displacement of shape"),
        (lambda: motion.strain(np.zeros((2, 9, 9)), "true"), "measure='true'"),
        (lambda: motion.warp(IMAGE, IMAGE), "displacement of shape"),
        (lambda: motion.warp_forward(IMAGE, np.full((2, 32, 32), np.nan)), "NaN"),
        (lambda: motion.follow(IMAGE[None]), "at least two"),
        (lambda: motion.follow([IMAGE, HOLE]), "frame 1"),
        (lambda: motion.magnify(IMAGE), "frames of shape"),
        (lambda: motion.magnify(np.stack([IMAGE] * 2), region=IMAGE[:3]), "region"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(call: Any, words: str) -> None:
    with pytest.raises(steepest.InputError, match=words):
        call()
