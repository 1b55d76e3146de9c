"""The commands ``phase`` and ``orientations``."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from scipy.spatial.transform import Rotation

from cases.terminal import one_error
from steepest import CombinedTotalVariation, TotalVariation
from steepest.cli.main import main
from steepest.core.errors import InputError
from steepest.io import read_image, read_orientations, write_orientations
from steepest.manifold import Rotations, denoise, neighbour_distances

pytestmark = pytest.mark.usefixtures("here")
TURN = 2 * np.pi


def wrapped(angle: np.ndarray) -> np.ndarray:
    return np.mod(angle + np.pi, TURN) - np.pi


def fringes(sigma=0.3, seed=0) -> np.ndarray:
    """Phases of two turns across the image, with noise."""
    x = np.mgrid[:30, :40][1]
    noise = sigma * np.random.default_rng(seed).standard_normal(x.shape)
    return wrapped(0.31 * x + noise)


def result_of(capsys) -> dict:
    return json.loads(capsys.readouterr().out)["results"][0]


def test_phases_in_radians(capsys):
    image = fringes().astype(np.float32)
    tifffile.imwrite("f.tif", image, imagej=True, resolution=(4, 4), metadata={"unit": "um"})
    assert main(["phase", "f.tif", "--strength", "0.3", "--picture", "p.png", "--json"]) == 0
    record, got = result_of(capsys), read_image("f_denoised.tif")
    expected = denoise(image.astype(float), 0.3, "circle")
    assert np.abs(wrapped(got.array - expected.image)).max() < 1e-5
    assert got.array.dtype == np.float32
    assert got.array.min() >= -np.float32(np.pi)
    assert got.array.max() < np.pi
    assert got.pixel_size is not None
    steps = [np.abs(np.diff(image, axis=axis)) > np.pi for axis in (0, 1)]
    assert record["wraps"][0] == sum(each.sum() for each in steps) > record["wraps"][1] > 0
    assert record["certificate"]["gap"][0] < 1e-3
    assert Pillow.open("p.png").width > 500


def test_the_strength_is_in_degrees_for_orientations():
    quaternions, cubic = bicrystal(), Rotations(symmetry="m-3m")
    options = ["--strength", "1", "--anisotropic", "-o", "q.npy"]
    assert main(["orientations", "map.ctf", *options]) == 0
    expected = denoise(quaternions, np.radians(1), cubic, TotalVariation(norm="anisotropic"))
    flat = (each.reshape(-1, 4) for each in (np.load("q.npy"), expected.image))
    assert np.degrees(cubic.distance(*flat)).max() < 1e-3


@pytest.mark.parametrize(("dtype", "period"), [(np.uint8, 256), (np.uint16, 4096)])
def test_integer_phases_have_a_period(dtype, period, capsys):
    image = np.mod(np.rint(fringes() * period / TURN), period).astype(dtype)
    tifffile.imwrite("f.tif", image)
    options = ["--period", str(period), "--strength", "0.3"]
    assert main(["phase", "f.tif", *options]) == 0
    assert f"{period} stands for a full turn" in capsys.readouterr().out
    got = read_image("f_denoised.tif").array
    expected = denoise(image * (TURN / period), 0.3, "circle").image
    assert got.dtype == dtype
    assert got.max() < period
    assert np.abs(wrapped(got * (TURN / period) - expected)).max() < 0.51 * TURN / period


def test_phases_from_zero_stay_there_and_scales_do_not_matter():
    image = fringes()
    np.save("a.npy", image)
    np.save("b.npy", np.mod(image, TURN))
    np.save("c.npy", np.mod(image, TURN) / TURN)
    for name in "abc":
        period = ["--period", "1"] if name == "c" else []
        assert main(["phase", f"{name}.npy", "--strength", "0.3", "-q", *period]) == 0
    a, b, c = (read_image(f"{name}_denoised.npy").array for name in "abc")
    assert b.min() >= 0
    assert b.max() < TURN
    assert np.abs(wrapped(a - b)).max() < 1e-6
    assert np.abs(wrapped(c * TURN - b)).max() < 1e-6
    assert c.max() < 1


def test_pixels_without_a_phase_stay_nan_and_do_not_count(capsys):
    image = fringes()
    image[3:6, 7:12] = np.nan
    np.save("n.npy", image)
    assert main(["phase", "n.npy", "--strength", "0.3", "--picture", "p.png"]) == 0
    got = read_image("n_denoised.npy").array
    assert np.array_equal(np.isnan(got), np.isnan(image))


def test_pages_are_denoised_one_by_one():
    film = np.stack([fringes(seed=0), fringes(seed=1)]).astype(np.float32)
    tifffile.imwrite("film.tif", film)
    options = ["--strength", "0.2", "--second-order", "0.3", "-q"]
    assert main(["phase", "film.tif", "--pages", *options]) == 0
    for page, got in zip(film, read_image("film_denoised.tif", stack="pages").array, strict=True):
        both = CombinedTotalVariation(beta=0.3 / 0.2)
        expected = denoise(page.astype(float), 0.2, "circle", both).image
        assert np.abs(wrapped(got - expected)).max() < 1e-5


@pytest.mark.parametrize(
    ("image", "options", "words"),
    [
        (np.zeros((9, 9), np.uint8), [], "--period"),
        (np.linspace(-9, 1, 81).reshape(9, 9), [], "more than one period"),
        (np.zeros((9, 9, 3)), [], "one number per pixel"),
        (np.full((9, 9), np.nan), [], "NaN only"),
        (np.zeros((9, 9)), ["--picture", "p.jpg"], "p.jpg"),
        (np.zeros((9, 9)), ["-o", "q.csv"], "q.csv"),
    ],
)
def test_what_are_no_phases(image, options, words, capsys):
    if image.ndim == 3:
        image = image + np.arange(3) / 9
    np.save("q.npy", image)
    assert main(["phase", "q.npy", "--strength", "0.3", *options]) == 2
    assert words in one_error(capsys)
    assert os.listdir() == ["q.npy"]


def bicrystal(phase: np.ndarray | None = None, name: str = "map.ctf") -> np.ndarray:
    """Write a map of two grains with noise of half a degree; return its quaternions."""
    random = np.random.default_rng(0)
    shape = (12, 16)
    grain = np.where(np.mgrid[:12, :16][1] < 7, 0, 1).ravel()
    grains = Rotation.from_euler("ZXZ", [[40, 30, 20], [70, 60, 10]], degrees=True)[grain]
    turned = Rotation.create_group("O")[random.integers(24, size=192)]  # any representative
    noise = Rotation.from_rotvec(np.radians(0.5) * random.standard_normal((192, 3)))
    euler = (noise * grains * turned).as_euler("ZXZ", degrees=True) % 360
    phase = np.ones(shape, int) if phase is None else phase
    lines = [
        "Channel Text File", "XCells\t16", "YCells\t12", "XStep\t0.5", "YStep\t0.5", "Phases\t2",
        "3;3;3\t90;90;90\tNickel\t11\t225", "3;3;5\t90;90;90\tOxide\t5\t0",
        "Phase\tX\tY\tEuler1\tEuler2\tEuler3\tBC",
    ]  # fmt: skip
    for k, (first, middle, last) in enumerate(euler):
        y, x = divmod(k, 16)
        angles = f"{first:.4f}\t{middle:.4f}\t{last:.4f}"
        lines.append(f"{phase[y, x]}\t{x / 2}\t{y / 2}\t{angles}\t{k % 99}")
    Path(name).write_text("\n".join(lines) + "\n")
    return read_orientations(name).quaternions


def test_grains_are_smoothed_and_boundaries_kept(capsys):
    quaternions = bicrystal()
    files = ["--picture", "ipf.png", "--misorientation", "kam.png", "--json"]
    assert main(["orientations", "map.ctf", "--strength", "1", *files]) == 0
    record, got = result_of(capsys), read_orientations("map_denoised.ctf")
    cubic = Rotations(symmetry="m-3m")
    expected = denoise(quaternions, np.radians(1), cubic)
    flat = (each.reshape(-1, 4) for each in (got.quaternions, expected.image))
    assert np.degrees(cubic.distance(*flat)).max() < 1e-3
    assert record["boundaries"] == {"before": 12, "kept": 12, "new": 0}
    before, after = record["misorientation"]
    angles = np.concatenate([each.ravel() for each in neighbour_distances(quaternions, cubic)])
    angles = np.degrees(angles)
    assert before == pytest.approx(np.median(angles[angles <= 5]))
    assert after < 0.2 * before
    old, new = (Path(name).read_text().splitlines() for name in ("map.ctf", "map_denoised.ctf"))
    assert old[:9] == new[:9]
    assert [line.split()[6] for line in old[9:]] == [line.split()[6] for line in new[9:]]
    assert Pillow.open("ipf.png").width > 500 < Pillow.open("kam.png").width


def test_quaternions_as_npy_and_as_ang(capsys):
    bicrystal()
    assert main(["orientations", "map.ctf", "--strength", "1", "-o", "q.npy", "-q"]) == 0
    assert np.load("q.npy").shape == (12, 16, 4)
    assert main(["orientations", "map.ctf", "--strength", "1", "-o", "map.ang"]) == 2
    assert ".ctf and .npy" in one_error(capsys)


def test_phases_do_not_mix_and_unindexed_points_stay(capsys):
    phase = np.ones((12, 16), int)
    phase[:, 11:] = 2
    phase[4:6, 3:5] = 0
    phase[2, 13] = 0
    quaternions = bicrystal(phase)
    assert main(["orientations", "map.ctf", "--strength", "0.8", "--picture", "p.png"]) == 0
    text = capsys.readouterr().out
    assert "Oxide, 4/mmm" in text
    assert "97.4 % indexed" in text
    got = read_orientations("map_denoised.ctf")
    assert np.array_equal(got.phase, phase)
    assert np.array_equal(got.quaternions[phase == 0], quaternions[phase == 0])
    # the grain of the first phase is denoised as if the second phase had other orientations
    given = read_orientations("map.ctf")
    other = given.quaternions.copy()
    other[phase == 2] = Rotation.random((phase == 2).sum(), rng=0).as_quat()
    write_orientations("other.ctf", replace(given, quaternions=other))
    assert main(["orientations", "other.ctf", "--strength", "0.8", "-q"]) == 0
    again = read_orientations("other_denoised.ctf").quaternions
    assert np.array_equal(again[phase == 1], got.quaternions[phase == 1])


def test_unindexed_points_are_filled_if_wanted():
    phase = np.ones((12, 16), int)
    phase[:, 11:] = 2
    phase[4:6, 3:5] = 0
    phase[4:8, 6:8] = 0
    phase[2, 13] = 0
    bicrystal(phase)
    options = ["--strength", "0.8", "-q", "--fill"]
    assert main(["orientations", "map.ctf", *options]) == 0
    given, got = read_orientations("map.ctf"), read_orientations("map_denoised.ctf")
    assert got.indexed.all()
    assert np.array_equal(got.phase[phase > 0], phase[phase > 0])
    assert got.phase[2, 13] == 2
    assert (got.phase[4:6, 3:5] == 1).all()
    cubic = Rotations(symmetry="m-3m")
    # a filled point between two grains belongs to one of them
    angles = np.concatenate(
        [x.ravel() for x in neighbour_distances(got.quaternions[:, :11], cubic)]
    )
    assert np.all((np.degrees(angles) < 3) | (np.degrees(angles) > 20))
    # the indexed points do not depend on it
    assert main(["orientations", "map.ctf", *options[:-1], "-o", "left.ctf"]) == 0
    left = read_orientations("left.ctf")
    assert np.array_equal(left.quaternions[phase > 0], got.quaternions[phase > 0])
    with pytest.raises(InputError, match="not indexed"):
        write_orientations("x.ctf", replace(given, phase=np.ones((12, 16), int)))


def test_errors_leave_no_file(capsys):
    bicrystal()
    Path("cut.ctf").write_text(Path("map.ctf").read_text()[:-40])
    assert main(["orientations", "cut.ctf", "--strength", "1"]) == 2
    assert "cut short" in one_error(capsys)
    assert main(["orientations", ".", "--strength", "1"]) == 2
    assert "is a folder" in one_error(capsys)
    options = ["--picture", "p.png", "--misorientation", "p.png"]
    assert main(["orientations", "map.ctf", "--strength", "1", *options]) == 2
    assert "same name" in one_error(capsys)
    assert main(["orientations", "map.ctf", "--strength", "1", "--max-pixels", "100"]) == 2
    assert "192" in one_error(capsys)
    assert sorted(os.listdir()) == ["cut.ctf", "map.ctf"]
