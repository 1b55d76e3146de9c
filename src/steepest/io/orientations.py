"""Orientation maps of electron backscatter diffraction (EBSD): .ctf and .ang text files."""

import gzip
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from steepest.core.errors import InputError
from steepest.core.numbers import check_choice, check_count

from .files import decoding
from .outputs import OutputSet, open_output
from .paths import check_kind, check_path
from .samples import MAPS, sample_bytes
from .scan_table import Phase, Table, parse, replace_fields

MAX_POINTS = 1 << 24
"""Default limit on the points of an orientation map: 4096 x 4096."""
_BYTES_PER_POINT, _LONGEST_HEADER = 400, 1 << 20
_HEXAGONAL = ("-3", "-3m", "6/m", "6/mmm")
_DECIMALS = {"ctf": 4, "ang": 5}


@dataclass(frozen=True, eq=False)
class OrientationMap:
    """Crystal orientations on a regular grid.

    Attributes
    ----------
    quaternions : (H, W, 4) float64
        Unit quaternions in SciPy's order (x, y, z, w). The rotation takes directions of the crystal
        to directions of the sample; it is
        ``Rotation.from_euler("ZXZ", (phi1, Phi, phi2))`` of Bunge's Euler angles. The crystal's x
        axis is parallel to a, its z axis to c.
    phase : (H, W) int64
        Number of the crystal phase of each point, from 1; 0 where no pattern was indexed.
    phases : tuple of Phase
        Name and symmetry (Laue group, such as "m-3m") of each phase.
    spacing : (float, float)
        Step along rows and columns (y, x), in micrometres.
    format : str
        "ctf" or "ang".
    """

    quaternions: np.ndarray
    phase: np.ndarray
    phases: tuple[Phase, ...]
    spacing: tuple[float, float]
    format: str
    name: str = "map"
    source: bytes = field(default=b"", repr=False)

    @property
    def indexed(self) -> np.ndarray:
        """Where an orientation was measured, (H, W) bool."""
        return np.asarray(self.phase > 0)


def read_orientations(
    path: str | os.PathLike[str], *, max_pixels: int = MAX_POINTS
) -> OrientationMap:
    """Read an orientation map: a .ctf file (Oxford Instruments), an .ang file (EDAX), or a sample.

    "sample:nickel" is a bundled map of a nickel superalloy. The format is detected from the
    contents. In .ctf files, a point without an orientation has the phase 0; in .ang files, it has a
    negative confidence index or Euler angles of 4 pi.

    Parameters
    ----------
    max_pixels
        Larger maps are rejected after the header is read.

    Raises
    ------
    InputError
        If the file is missing, damaged, cut short or too large, if its points are not those of a
        rectangular grid in rows (hexagonal grids are not supported), or if the symmetry of a phase
        is unknown.
    """
    name, most = check_path(path), check_count(max_pixels, "max_pixels")
    with decoding(name):
        if name.startswith("sample:"):
            check_choice(name[7:], "sample", MAPS)
            source = gzip.decompress(sample_bytes(name[7:]))
        else:
            with open(name, "rb") as file:
                _check_length(os.fstat(file.fileno()).st_size, most, name)
                source = file.read()
        table = parse(source, name, most)
        _check_length(len(source), table.phase.size, name)
    quaternions = _file_frame(_quaternions(table.euler), table, table.phase, 1)
    own = (table.phase, table.phases, table.spacing, table.format)
    return OrientationMap(quaternions, *own, name, source)


def write_orientations(
    path: str | os.PathLike[str],
    orientations: OrientationMap,
    *,
    overwrite: bool = False,
    outputs: OutputSet | None = None,
) -> None:
    """Write a map with its quaternions to a file of its own format, or as an (H, W, 4) .npy file.

    The file it was read from is copied; only the Euler angles of points whose orientation has
    changed are replaced, in degrees with 4 decimals (.ctf) or in radians with 5 (.ang). The file is
    written completely or not at all. To write other orientations than those that were read, use
    ``dataclasses.replace(orientations, quaternions=...)``. Points that were not indexed may get a
    phase as well, with ``phase=...``; then they count as indexed (.ang: with the confidence 0).

    Raises
    ------
    InputError
        If the file exists and ``overwrite`` is False, if the suffix does not fit the format, or if
        the quaternions do not have the shape of the map, are not finite or are zero, or if the
        phase of an indexed point has changed.
    """
    check_orientation_target(path, orientations)
    values = np.asarray(orientations.quaternions, np.float64)
    if values.shape != (*orientations.phase.shape, 4):
        raise InputError(
            f"quaternions of shape {values.shape}; allowed is {(*orientations.phase.shape, 4)}"
        )
    length = np.sqrt((values * values).sum(-1, keepdims=True))
    if not (np.isfinite(length).all() and (length > 0).all()):
        raise InputError("quaternions hold values that are NaN, infinite or zero")
    with open_output(path, overwrite, outputs) as file:
        if Path(path).suffix.lower() == ".npy":
            np.save(file, values, allow_pickle=False)
        else:
            file.write(_replace_angles(orientations, values / length))


def check_orientation_target(path: str | os.PathLike[str], orientations: OrientationMap) -> None:
    """Check that a file name fits an orientation map.

    Raises
    ------
    InputError
        If the suffix is neither .npy nor that of the format of the map.
    """
    suffix = check_kind(path, "orientation map")
    if suffix not in (".npy", f".{orientations.format}"):
        raise InputError(
            f"{path}: {orientations.name} is .{orientations.format}, whose other columns "
            f"{suffix} files cannot hold; allowed are .{orientations.format} and .npy"
        )


def _check_length(size: int, points: int, name: str) -> None:
    most = _LONGEST_HEADER + _BYTES_PER_POINT * points
    if size > most:
        raise InputError(f"{name}: {size} bytes; allowed are {most} for {points} points")


def _replace_angles(orientations: OrientationMap, values: np.ndarray) -> bytes:
    """The source file with the Euler angles, and new phases, of all points that have changed."""
    table = parse(orientations.source, orientations.name, orientations.phase.size)
    phase = np.asarray(orientations.phase)
    filled = phase != table.phase
    if (filled & (table.phase > 0)).any() or (phase < 0).any() or (phase > len(table.phases)).any():
        raise InputError(
            f"phase differs from {orientations.name}; allowed are phases from 1 to "
            f"{len(table.phases)} at points that were not indexed"
        )
    before = _file_frame(_quaternions(table.euler), table, table.phase, 1)
    changed = (values != before).any(-1) & (np.abs((values * before).sum(-1)) < 1 - 1e-15)
    changed |= filled
    euler = _euler_angles(_file_frame(values, table, phase, -1))
    if table.degrees:
        euler = np.degrees(euler)
    form = f"%.{_DECIMALS[table.format]}f"
    lines = orientations.source.splitlines(keepends=True)
    each = zip(
        table.lines[changed.ravel()], euler[changed].tolist(), filled[changed], phase[changed],
        strict=True,
    )  # fmt: skip
    for at, angles, new, number in each:
        fields = {c: form % angle for c, angle in zip(table.columns, angles, strict=True)}
        if new:
            fields |= {c: text.format(number) for c, text in table.indexed.items()}
        lines[at] = replace_fields(lines[at], fields)
    return b"".join(lines)


def _quaternions(euler: np.ndarray) -> np.ndarray:
    """Unit quaternions (x, y, z, w) of Bunge's Euler angles in radians."""
    first, middle, last = np.moveaxis(euler, -1, 0)
    total, difference = (first + last) / 2, (first - last) / 2
    sine, cosine = np.sin(middle / 2), np.cos(middle / 2)
    parts = (sine * np.cos(difference), sine * np.sin(difference))
    return np.stack([*parts, cosine * np.sin(total), cosine * np.cos(total)], -1)


def _euler_angles(quaternions: np.ndarray) -> np.ndarray:
    """Bunge's Euler angles in radians: phi1 and phi2 in [0, 2 pi), Phi in [0, pi]."""
    x, y, z, w = np.moveaxis(quaternions, -1, 0)
    total, difference = np.arctan2(z, w), np.arctan2(y, x)
    middle = 2 * np.arctan2(np.hypot(x, y), np.hypot(z, w))
    turns = np.mod(np.stack([total + difference, total - difference], -1), 2 * np.pi)
    return np.stack([turns[..., 0], middle, turns[..., 1]], -1)


def _file_frame(quaternions: np.ndarray, table: Table, phase: np.ndarray, sign: int) -> np.ndarray:
    """Turn trigonal and hexagonal frames of .ctf files by 30 degrees: x is parallel to a."""
    if table.format != "ctf":
        return quaternions
    symmetries = [phase.symmetry for phase in table.phases]
    turned = [k + 1 for k, symmetry in enumerate(symmetries) if symmetry in _HEXAGONAL]
    x, y, z, w = np.moveaxis(quaternions, -1, 0)
    c, d = -sign * np.sin(np.pi / 12), np.cos(np.pi / 12)  # 30 degrees about the c axis
    rotated = np.stack([x * d + y * c, y * d - x * c, z * d + w * c, w * d - z * c], -1)
    return np.where(np.isin(phase, turned)[..., None], rotated, quaternions)
