"""Displacement by tiles: the same as in memory, to less than the tolerance of the solver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.speckle import speckle_pair
from steepest import InputError, Solver, Status, Tiles, motion

SHAPE = (96, 330)
SMALL = Tiles(memory="34MB", num_workers=1)


class Slices:
    """An array that is read by slices only."""

    def __init__(self, array: np.ndarray) -> None:
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        return self._array[index]


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    """Speckle that is stretched by half a percent, in waves."""

    def along_x(x: np.ndarray) -> np.ndarray:
        across = 0.005 * (x[:, 1] - 165)
        return np.c_[0.1 * np.sin(x[:, 1] / 14), across]

    return speckle_pair(SHAPE, along_x, noise=0.01, rng=0)


@pytest.fixture(scope="module")
def whole(pair: tuple[np.ndarray, np.ndarray]) -> motion.Displacement:
    return motion.displacement(*pair)


def test_tiles_change_less_than_the_tolerance(
    pair: tuple[np.ndarray, np.ndarray], whole: motion.Displacement
) -> None:
    seen: list[Any] = []
    out = {
        "strain": np.zeros((2, 2, *SHAPE)), "displacement": np.zeros((2, *SHAPE)),
        "strain_std": np.zeros((2, 2, *SHAPE)), "residual": np.zeros(SHAPE),
    }  # fmt: skip
    found = motion.displacement(
        Slices(pair[0]), Slices(pair[1]), out=out, tiles=SMALL,
        on_step=lambda step: seen.append(step) or False,
    )  # fmt: skip
    assert found.strain is out["strain"]
    assert found.gradient is None
    assert found.status is Status.CONVERGED
    assert seen[-1].num_steps >= 6  # tiles, each of them read twice
    inner = (..., slice(4, -4), slice(4, -4))
    apart = ((found.strain - whole.strain) / whole.strain_std)[inner]
    assert np.sqrt((apart**2).mean()) < 0.1
    assert np.abs(apart).max() < 0.5
    assert np.abs(found.displacement - whole.displacement)[inner].max() < 0.02
    np.testing.assert_allclose(found.strain_std[inner], whole.strain_std[inner], rtol=0.1)
    assert np.sqrt(((found.residual - whole.residual) ** 2).mean()) < 2e-3


def test_one_tile_is_the_whole_image(
    pair: tuple[np.ndarray, np.ndarray], whole: motion.Displacement
) -> None:
    weights = np.ones(SHAPE, np.uint8)
    found = motion.displacement(*pair, weights=weights, tiles=Tiles(num_workers=1))
    np.testing.assert_allclose(found.strain, whole.strain, atol=1e-12)
    np.testing.assert_allclose(found.displacement_std, whole.displacement_std, atol=1e-12)


def test_tiles_without_texture_know_nothing(pair: tuple[np.ndarray, np.ndarray]) -> None:
    before, after = (image.astype(np.float32) for image in pair)
    mask = np.ones(SHAPE, bool)
    mask[:, 64:] = False
    found = motion.displacement(
        before, after, weights=Slices(mask), tiles=SMALL, solver=Solver(0.1)
    )
    assert found.strain.dtype == np.float32
    assert np.isinf(found.strain_std[..., 230:]).all()
    assert not found.displacement[..., 230:].any()
    assert np.isfinite(found.strain_std[..., 8:56]).all()


def test_interrupted_work_goes_on_with_the_same_pair(
    pair: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    tiles = Tiles("34MB", work=tmp_path / "w", num_workers=1)
    loose: Any = {"tiles": tiles, "solver": Solver(0.2)}
    steps: list[str] = []

    def stop(step: Any) -> bool:
        steps.append(step.stage)
        return steps.count("displacement") == 2

    stopped = motion.displacement(*pair, on_step=stop, **loose)
    assert stopped.status is Status.STOPPED
    with pytest.raises(InputError, match="moved: other values"):
        motion.displacement(pair[0], pair[1] + 1, **loose)
    steps.clear()
    found = motion.displacement(*pair, on_step=lambda s: steps.append(s.stage) or False, **loose)
    count = steps.count("displacement")
    assert 0 < count < steps.count("survey")
    again = motion.displacement(*pair, tiles=SMALL, solver=Solver(0.2))
    np.testing.assert_array_equal(found.strain, again.strain)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"out": np.zeros((2, 2, *SHAPE))}, "out="),
        ({"out": {"shear": np.zeros(SHAPE)}}, "out="),
        ({"out": {"strain": np.zeros((2, *SHAPE))}}, r"out\['strain'\]"),
        ({"weights": np.zeros(SHAPE)}, "weights are all zero"),
        ({"weights": np.zeros((9, 9))}, "weights of shape"),
        ({"max_shift": 400.0}, "max_shift"),
        ({"tiles": Tiles("2MB")}, "halo of 66 pixels"),
    ],
)  # fmt: skip
def test_bad_options_are_refused_by_name(
    pair: tuple[np.ndarray, np.ndarray], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        motion.displacement(*pair, **{"tiles": Tiles(), **options})


def test_bad_images_are_refused_by_name(pair: tuple[np.ndarray, np.ndarray]) -> None:
    hole = pair[1].copy()
    hole[3, 4] = np.nan
    with pytest.raises(InputError, match="moved holds 1 NaN"):
        motion.displacement(pair[0], hole, tiles=SMALL)
    with pytest.raises(InputError, match="reference is constant"):
        motion.displacement(np.ones(SHAPE), pair[1], tiles=SMALL)
    with pytest.raises(InputError, match="moved of shape"):
        motion.displacement(Slices(pair[0]), pair[1][1:])
