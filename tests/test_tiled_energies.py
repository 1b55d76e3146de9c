"""Every energy that is a sum over pixels works by tiles, as in one piece."""

from dataclasses import dataclass

import numpy as np
import pytest

import steepest
from steepest import (
    CombinedTotalVariation,
    CroftonTotalVariation,
    InputError,
    SecondOrderTotalVariation,
    Solver,
    Tiles,
    TotalGeneralisedVariation,
    TotalVariation,
)
from steepest.tiled.array_dual import reach_of

WEIGHTS = np.linspace(0.3, 2.0, 200) * np.ones((90, 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Own(TotalVariation):
    """An energy of a user: derived classes have no compiled solver."""


ENERGIES = {
    "second order": (SecondOrderTotalVariation(), 2),
    "combined": (CombinedTotalVariation(alpha=0.5, beta=0.2), 2),
    "crofton": (CroftonTotalVariation(), 1),
    "anisotropic, weighted, Huber": (
        SecondOrderTotalVariation(norm="anisotropic", huber=0.05, weights=WEIGHTS),
        2,
    ),
    "own": (Own(huber=0.02), 1),
}


def noisy(shape, seed=0):
    u = np.random.default_rng(seed).normal(0.3, 0.1, shape)
    u[tuple(slice(n // 4, n // 2) for n in shape)] += 0.5
    return u


@pytest.mark.parametrize("name", ENERGIES)
def test_energies_by_tiles_equal_those_in_one_piece(name):
    energy, reach = ENERGIES[name]
    plain = type(energy)(norm=energy.norm)
    assert reach_of(plain, (1.0, 1.0)) == reach
    image = noisy(WEIGHTS.shape)
    solver = Solver(tol=1e-3, num_threads=1)
    small, large = Tiles("20MB", halo=32), Tiles("1GB", halo=64)
    if reach == 2:
        small = Tiles("30MB", halo=32)
    tiled = steepest.denoise(image, 0.02, energy, solver=solver, tiles=small)
    whole = steepest.denoise(image, 0.02, energy, solver=solver, tiles=large)
    assert tiled.converged
    assert np.array_equal(tiled.image, whole.image)
    assert tiled.error_bound == pytest.approx(whole.error_bound, rel=1e-6)
    exact = steepest.denoise(image, 0.02, energy, solver=Solver(tol=1e-6))
    distance = np.linalg.norm(tiled.image - exact.image)
    assert 0 < distance <= tiled.error_bound + exact.error_bound
    flow = steepest.flow(image, [0.01, 0.02], energy, steps=2, solver=solver, tiles=small)
    one = steepest.flow(image, [0.01, 0.02], energy, steps=2, solver=solver)
    assert flow.converged
    np.testing.assert_allclose(flow.images, one.images, atol=0.02)
    np.testing.assert_allclose(flow.time_error, one.time_error, rtol=0.05)


def test_volumes_channels_and_integers():
    energy = SecondOrderTotalVariation()
    volume = noisy((40, 36, 60))
    by_tiles = steepest.denoise(volume, 0.01, energy, tiles=Tiles("400MB", halo=16, num_workers=1))
    one = steepest.denoise(volume, 0.01, energy, solver=Solver(tol=1e-5))
    assert np.linalg.norm(by_tiles.image - one.image) <= by_tiles.error_bound + one.error_bound
    pixels = np.rint(255 * noisy((2, 80, 150)).clip(0, 1)).astype(np.uint8)
    options = {"channel_axis": 0, "spacing": (1.0, 2.0)}
    by_tiles = steepest.denoise(pixels, 0.01, energy, tiles=Tiles("40MB", halo=32), **options)
    one = steepest.denoise(pixels, 0.01, energy, solver=Solver(tol=1e-5), **options)
    assert np.abs(by_tiles.image.astype(int) - one.image).max() <= 2


@pytest.mark.parametrize(
    ("energy", "message"),
    [
        (TotalGeneralisedVariation(), "not available by tiles"),
        (TotalVariation(boundary="periodic"), "opposite border"),
        (CroftonTotalVariation(weights=WEIGHTS[1:]), "spatial shape"),
    ],
)
def test_what_tiles_cannot_do_is_refused(energy, message):
    with pytest.raises(InputError, match=message):
        steepest.denoise(noisy((90, 200)), 0.1, energy, tiles=Tiles())


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"start": np.zeros(3)}, "start"),
        ({"steps": steepest.Accuracy(db=60)}, "steps"),
    ],
)
def test_options_that_need_the_whole_image_are_named(options, name):
    with pytest.raises(InputError, match=f"{name}=.*not available by tiles"):
        steepest.flow(noisy((20, 30)), 0.1, tiles=Tiles(), **options)
    with pytest.raises(InputError, match=r"must be a steepest\.Tiles"):
        steepest.denoise(noisy((20, 30)), 0.1, tiles="2GB")
    with pytest.raises(InputError, match="keep=True"):
        Tiles(keep=True)


class Lazy:
    """Shape, dtype and slicing, and nothing else."""

    def __init__(self, array):
        self._array, self.shape, self.dtype = array, array.shape, array.dtype
        self.most = 0

    def __getitem__(self, index):
        part = self._array[index]
        self.most = max(self.most, part.size)
        return part


def test_arrays_that_are_not_in_memory_are_read_by_windows():
    image = noisy((200, 210)).astype(np.float32)
    lazy, weights = Lazy(image), Lazy(np.linspace(0.5, 1, 210) * np.ones((200, 1)))
    energy = TotalVariation(weights=weights)
    small = Tiles("3MB", halo=24, num_workers=1)
    result = steepest.denoise(lazy, 0.1, energy, tiles=small)
    assert max(lazy.most, weights.most) < image.size
    same = TotalVariation(weights=weights._array)
    assert np.array_equal(result.image, steepest.denoise(image, 0.1, same, tiles=small).image)
    alone = steepest.denoise_tv(lazy, 0.1)  # without out and tiles
    assert alone.flux is None
    assert steepest.denoise_tv(image, 0.1).flux is not None
