"""Orientation maps: .ctf and .ang files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from steepest.core.errors import InputError
from steepest.io import read_orientations, sample, write_orientations

pytestmark = pytest.mark.usefixtures("here")

CTF = """Channel Text File\r
Prj\tmap\r
JobMode\tGrid\r
XCells\t3\r
YCells\t2\r
XStep\t0.5\r
YStep\t0.25\r
Euler angles refer to Sample Coordinate system (CS0)!\tMag\t800\r
Phases\t2\r
3.57;3.57;3.57\t90;90;90\tNickel\t11\t225\r
2.95;2.95;4.68\t90;90;120\tTitanium\t9\t194\r
Phase\tX\tY\tBands\tError\tEuler1\tEuler2\tEuler3\tMAD\tBC\tBS\r
1\t0.0\t0.0\t8\t0\t10.5\t20.25\t30.125\t0.5\t90\t50\r
1\t0.5\t0.0\t8\t0\t10.6\t20.25\t30.125\t0.5\t90\t50\r
2\t1.0\t0.0\t8\t0\t200.5\t120.25\t30.125\t0.5\t90\t50\r
1\t0.0\t0.25\t8\t0\t350\t0\t0\t0.5\t90\t50\r
0\t0.5\t0.25\t0\t3\t0\t0\t0\t0\t20\t5\r
2\t1.0\t0.25\t8\t0\t200.5\t120.25\t31.125\t0.5\t90\t50\r
"""
ANG = """# HEADER: Start
# Phase 1
# MaterialName      Nickel
# Symmetry          43
# LatticeConstants  3.5 3.5 3.5 90 90 90
# GRID: SqrGrid
# XSTEP: 0.5
# YSTEP: 0.5
# NCOLS_ODD: 2
# NCOLS_EVEN: 2
# NROWS: 2
  0.10000   0.20000   0.30000      0.00000      0.00000  11.0  0.500  0    1.0  0.7
  6.10000   0.20000   0.30000      0.50000      0.00000  11.0  0.500  0    1.0  0.7
  0.10000   3.00000   0.30000      0.00000      0.50000  11.0 -1.000  0    1.0  0.7
 12.56637  12.56637  12.56637      0.50000      0.50000  11.0  0.000  0    1.0  0.7
"""


def stored(text: str, name: str = "map.ctf") -> str:
    with open(name, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return name


def test_ctf_maps_are_rotations_from_crystal_to_sample():
    got = read_orientations(stored(CTF))
    assert got.quaternions.shape == (2, 3, 4)
    assert got.spacing == (0.25, 0.5)
    assert [(p.name, p.symmetry) for p in got.phases] == [("Nickel", "m-3m"), ("Titanium", "6/mmm")]
    assert got.indexed.tolist() == [[True, True, True], [True, False, True]]
    expected = Rotation.from_euler("ZXZ", [10.5, 20.25, 30.125], degrees=True)
    got_one = Rotation.from_quat(got.quaternions[0, 0])
    assert (got_one * expected.inv()).magnitude() < 1e-12
    # the files' x axis of hexagonal crystals is [10-10], 30 degrees from a = [2-1-10]
    hexagonal = Rotation.from_quat(got.quaternions[0, 2])
    angles = Rotation.from_euler("ZXZ", [200.5, 120.25, 30.125], degrees=True)
    a = [np.cos(np.pi / 6), -0.5, 0]
    assert hexagonal.apply([1, 0, 0]) == pytest.approx(angles.apply(a))


def test_ang_maps_and_their_unindexed_points():
    got = read_orientations(stored(ANG, "map.ang"))
    assert got.format == "ang"
    assert got.phase.tolist() == [[1, 1], [0, 0]]
    expected = Rotation.from_euler("ZXZ", [6.1, 0.2, 0.3])
    assert (Rotation.from_quat(got.quaternions[0, 1]) * expected.inv()).magnitude() < 1e-12


@pytest.mark.parametrize(("text", "name"), [(CTF, "map.ctf"), (ANG, "map.ang")])
def test_only_changed_orientations_are_rewritten(text, name):
    got = read_orientations(stored(text, name))
    copy = f"copy_{name}"
    write_orientations(copy, got)
    assert Path(copy).read_bytes() == text.encode()
    rotations = Rotation.random(got.phase.size, rng=1).as_quat().reshape(got.quaternions.shape)
    values = np.where(got.indexed[..., None], rotations, got.quaternions)
    write_orientations(copy, replace(got, quaternions=values), overwrite=True)
    again = read_orientations(copy)
    turn = Rotation.from_quat(again.quaternions.reshape(-1, 4)).inv()
    assert (turn * Rotation.from_quat(values.reshape(-1, 4))).magnitude().max() < 1e-5
    before, after = text.splitlines(), Path(copy).read_text().splitlines()
    assert len(after) == len(before)
    for old, new in zip(before[-6:], after[-6:], strict=True):
        kept = slice(8, None) if name.endswith("ctf") else slice(3, None)
        assert new.split()[kept] == old.split()[kept]
    write_orientations("q.npy", replace(got, quaternions=values))
    assert np.array_equal(np.load("q.npy"), values)


def test_filled_points_of_ang_maps_count_as_indexed():
    got = read_orientations(stored(ANG, "map.ang"))
    values = got.quaternions.copy()
    values[1] = values[0]
    write_orientations("f.ang", replace(got, quaternions=values, phase=np.ones((2, 2), int)))
    again = read_orientations("f.ang")
    assert again.indexed.all()
    np.testing.assert_allclose(np.abs((again.quaternions * values).sum(-1)), 1, atol=1e-9)
    assert b"11.0  0.000  0    1.0  0.7" in Path("f.ang").read_bytes()


def test_decimal_commas_are_read_and_written():
    head, table = CTF.split("BS\r\n")
    text = head.replace("0.25", "0,25").replace("0.5", "0,5") + "BS\r\n" + table.replace(".", ",")
    got, expected = read_orientations(stored(text)), read_orientations(stored(CTF, "b.ctf"))
    assert np.array_equal(got.quaternions, expected.quaternions)
    values = got.quaternions.copy()
    values[0, 0] = values[0, 1]
    write_orientations("c.ctf", replace(got, quaternions=values))
    assert b"\t10,6000\t20,2500\t30,1250\t0,5" in Path("c.ctf").read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("2\t1.0\t0.25\t8\t0\t200.5\t120.25\t31.125\t0.5\t90\t50\r\n", "", "holds 5 of 6 points"),
        ("XCells\t3", "XCells\tmany", "XCells"),
        ("XCells\t3", "XCells\t-3", "-3 x 2"),
        ("XCells\t3", "XCells\t30000000", "max_pixels"),
        ("XStep\t0.5", "XStep\t0", "positive"),
        ("Euler2", "Middle", "column names"),
        ("\t11\t225", "\t12\t225", "Laue group"),
        ("Phases\t2", "Phases\t7", "crystal phases"),
        ("10.5\t", "nan\t", "NaN"),
        ("10.5\t", "ten\t", "damaged table"),
        ("10.5\t", "1e9\t", "Euler angles above"),
        ("1\t0.5\t0.0\t", "1\t0.0\t0.5\t", "rectangular grid"),
        ("2\t1.0\t0.0\t", "3\t1.0\t0.0\t", "numbered 0 to 2"),
        ("Channel Text File", "Some text", "not an orientation map"),
    ],
)
def test_damaged_ctf_files_are_refused(old, new, words):
    assert old in CTF
    with pytest.raises(InputError, match=words):
        read_orientations(stored(CTF.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("SqrGrid", "HexGrid", "HexGrid"),
        ("Symmetry          43", "Symmetry          99", "symmetry '99'"),
        ("# NROWS: 2", "", "NROWS"),
        ("# Phase 1", "# Phase 2", "numbered from 1"),
        ("  6.10000", "  6,1,000", "damaged table"),
    ],
)
def test_damaged_ang_files_are_refused(old, new, words):
    assert old in ANG
    with pytest.raises(InputError, match=words):
        read_orientations(stored(ANG.replace(old, new), "map.ang"))


def test_targets_must_fit_and_nothing_is_left_half_written(tmp_path):
    got = read_orientations(stored(CTF))
    with pytest.raises(InputError, match=r"\.ctf and \.npy"):
        write_orientations("map.ang", got)
    with pytest.raises(InputError, match="exists already"):
        write_orientations("map.ctf", got)
    with pytest.raises(InputError, match="shape"):
        write_orientations("b.ctf", replace(got, quaternions=got.quaternions[:1]))
    with pytest.raises(InputError, match="zero"):
        write_orientations("b.ctf", replace(got, quaternions=0 * got.quaternions))
    assert [path.name for path in tmp_path.iterdir()] == ["map.ctf"]


def test_samples():
    nickel = read_orientations("sample:nickel")
    assert nickel.quaternions.shape == (128, 128, 4)
    assert nickel.indexed.all()
    assert nickel.phases[0].symmetry == "m-3m"
    assert np.linalg.norm(nickel.quaternions, axis=-1) == pytest.approx(1)
    for name, shape in (("interferogram", (189, 192)), ("head", (51, 51))):
        assert sample(name).shape == shape
        assert np.abs(sample(name)).max() <= np.float32(np.pi)
    with pytest.raises(InputError, match="nickel"):
        sample("nickel")
    with pytest.raises(InputError, match="nickel"):
        read_orientations("sample:head")
