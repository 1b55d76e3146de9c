"""Images between two images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from steepest import Solver, Status, motion
from steepest.cli.main import main
from steepest.io import sample, write_image
from steepest.motion.elasticity import elastic, splines
from steepest.motion.forward import spread
from steepest.motion.trajectories import interpolate, trace

X = np.arange(32.0)
RNG = np.random.default_rng(0)


def blob(x: float) -> np.ndarray:
    return np.exp(-((X - x) ** 2 + (X[:, None] - 16) ** 2) / 18)


LEFT, RIGHT = blob(12), blob(20)


def test_elastic_energy_and_symmetry() -> None:
    v, w = RNG.normal(size=(2, 2, 7, 9))
    down, right = np.diff(v, axis=1), np.diff(v, axis=2)
    div = np.pad(down[0], ((0, 1), (0, 0))) + np.pad(right[1], ((0, 0), (0, 1)))
    expected = (down**2).sum() + (right**2).sum() + 2 * (div**2).sum()
    assert (v * elastic(v)).sum() == pytest.approx(expected)
    assert (w * elastic(v)).sum() == pytest.approx((v * elastic(w)).sum())


def test_grey_values_solve_a_tridiagonal_system() -> None:
    smooth = ndimage.gaussian_filter(RNG.normal(size=(4, 2, 32, 32)), (0, 0, 4, 4))
    smooth[..., [0, -1], :] = smooth[..., [0, -1]] = 0
    path = trace((splines(LEFT[None]), splines(RIGHT[None])), 8 * smooth)
    i, j = 11, 17
    areas = [np.linalg.det([[g[i, j] for g in np.gradient(c)] for c in x]) for x in path.places]
    matrix = np.zeros((3, 3))  # of F_1 to F_3
    for k in range(3):
        matrix[k, k] = areas[k] + areas[k + 1]
        if k < 2:
            matrix[k, k + 1] = matrix[k + 1, k] = -areas[k + 1]
    inside = np.linalg.solve(matrix, [0, 0, areas[3]])  # F_0 = 0, F_4 = 1
    np.testing.assert_allclose(path.shares[:, i, j], [0, *inside, 1])


def test_deformations_are_inverted() -> None:
    grid = np.indices((32, 32)).astype(float)
    bump = np.sin(np.pi * grid[0] / 31) * np.sin(np.pi * grid[1] / 31)
    places = grid + np.stack([2 * bump, -1.5 * bump])
    origin, _, folds = spread(grid, places)
    assert folds == 0
    assert np.abs(interpolate(places, origin) - grid).max() < 0.02


def test_a_moving_blob_moves() -> None:
    result = motion.morph(LEFT, RIGHT, [0, 0.25, 0.5, 1])
    np.testing.assert_array_equal(result.frames[0], LEFT)
    np.testing.assert_array_equal(result.frames[-1], RIGHT)
    assert np.abs(result.frames[2] - blob(16)).max() < 0.07  # half of both would be .5
    assert np.abs(result.frames[1] - blob(14)).max() < 0.07
    assert result.displacement[2, :, 16, 12] == pytest.approx([0, 4], abs=0.15)
    assert result.folds == 0
    assert result.status is Status.STATIONARY
    assert result.converged
    assert np.all(np.diff(result.energies) < 0)
    back = motion.morph(RIGHT, LEFT, [0.5])
    assert np.abs(back.frames[0] - result.frames[2]).max() < 0.03
    down = motion.morph(LEFT.T, RIGHT.T, [0.5])
    np.testing.assert_allclose(down.frames[0].T, result.frames[2], atol=1e-3)


def test_equal_and_constant_images() -> None:
    still = motion.morph(LEFT, LEFT, 3)
    np.testing.assert_allclose(still.frames, [LEFT] * 3, atol=1e-12)
    assert still.energies == (pytest.approx(0, abs=1e-20),)
    flat = motion.morph(np.zeros((16, 20), np.uint8), np.full((16, 20), 200, np.uint8), 5)
    np.testing.assert_array_equal(flat.frames[:, 0, 0], [0, 50, 100, 150, 200])
    assert flat.frames.dtype == np.uint8
    np.testing.assert_allclose(flat.displacement, 0, atol=1e-9)


def test_a_photograph_that_turns() -> None:
    turned = [
        ndimage.rotate(sample()[60:200, 180:320] / 255, angle, reshape=False)[38:102, 38:102]
        for angle in (-6, 0, 6)
    ]
    result = motion.morph(turned[0], turned[2], 3, solver=Solver(num_threads=1))
    window = (slice(12, -12), slice(12, -12))

    def error(image: np.ndarray) -> float:
        return float(np.sqrt(((image - turned[1])[window] ** 2).mean()))

    assert error(result.frames[1]) < 0.25 * error((turned[0] + turned[2]) / 2)
    assert result.frames.min() >= min(turned[0].min(), turned[2].min())
    again = motion.morph(turned[0], turned[2], 3, solver=Solver(num_threads=2))
    np.testing.assert_array_equal(again.frames, result.frames)


def test_the_limit_of_rounds_is_told() -> None:
    result = motion.morph(LEFT, RIGHT, 3, solver=Solver(tol=0, max_num_iter=1))
    assert result.status is Status.MAX_ITERATIONS


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: motion.morph(LEFT, RIGHT[:20]), "second of shape"),
        (lambda: motion.morph(LEFT, RIGHT.astype(np.float32)), "second has dtype float32"),
        (lambda: motion.morph(LEFT[:9], RIGHT[:9]), "at least 16 x 16"),
        (lambda: motion.morph(LEFT, RIGHT * np.nan), "second"),
        (lambda: motion.morph(LEFT, RIGHT, [0.5, 1.5]), "times"),
        (lambda: motion.morph(LEFT, RIGHT, 1), "times"),
        (lambda: motion.morph(LEFT, RIGHT, num_steps=1), "num_steps"),
        (lambda: motion.morph(LEFT, RIGHT, stiffness=0), "stiffness"),
    ],
)
def test_bad_arguments(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_image("a.png", (255 * LEFT).astype(np.uint8))
    write_image("b.png", (255 * RIGHT).astype(np.uint8))
    assert main(["morph", "a.png", "b.png", "--frames", "3", "-q"]) == 0
    frames = tifffile.imread("a_morph.tif")
    expected = motion.morph(*((255 * x).astype(np.uint8) for x in (LEFT, RIGHT)), 3).frames
    np.testing.assert_array_equal(frames, expected)
    assert main(["morph", "a.png", "-q"]) == 2
    assert main(["morph", "a.png", "a_morph.tif", "-o", "c.tif", "-q"]) != 0
