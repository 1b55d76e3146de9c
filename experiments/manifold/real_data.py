"""Denoise the whole data sets from which the samples were cut, and a small diffusion tensor image.

``python -m experiments.manifold.real_data FOLDER`` reads what these commands bring to FOLDER::

    git clone https://github.com/MechMicroMan/DefDAP                # EBSD, Apache 2.0
    git clone https://github.com/korbinian90/ROMEO.jl               # MRI phase, MIT
    git clone https://github.com/GeoscienceAustralia/PyRate         # InSAR, Apache 2.0
    pip download --no-deps dipy && unzip dipy-*.whl 'dipy/data/*'   # diffusion, BSD

What is missing is left out. The CPU times printed are those of one thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import tifffile

from steepest import CombinedTotalVariation, Solver
from steepest.manifold import Rotations, count_residues, denoise, neighbour_distances

CRC = [("phase", "u1"), ("euler", "<f4", (3,)), ("mad", "<f4"), ("contrast", "u1")]
CRC += [("slope", "u1"), ("bands", "u1"), ("index", "u1"), ("last", "<f4")]
"""A record of the .crc file of DefDAP's tests (25 bytes), as its .cpr file states it."""


def ebsd(folder: Path) -> str:
    """Nickel superalloy, 359 x 243 points."""
    records = np.fromfile(folder / "DefDAP/tests/data/testDataEBSD.crc", np.dtype(CRC))
    first, middle, last = np.moveaxis(records.reshape(243, 359)["euler"].astype(float), -1, 0)
    total, difference = (first + last) / 2, (first - last) / 2
    sine, cosine = np.sin(middle / 2), np.cos(middle / 2)
    parts = [sine * np.cos(difference), sine * np.sin(difference)]
    given = np.stack([*parts, cosine * np.sin(total), cosine * np.cos(total)], -1)
    cubic = Rotations(symmetry="m-3m")
    result, seconds = _timed(given, np.radians(0.5), cubic)
    before, after = (
        np.degrees(np.concatenate([each.ravel() for each in neighbour_distances(q, cubic)]))
        for q in (given, result.image)
    )
    inside = before < 5
    return (
        f"EBSD 359 x 243, 0.5 degrees: {seconds:.2f} s; median in grains "
        f"{np.median(before[inside]):.3f} to {np.median(after[inside]):.3f} degrees; "
        f"{np.sum(~inside & (after >= 5))} of {np.sum(~inside)} boundary faces kept"
    )


def mri(folder: Path) -> str:
    """Phase of the third echo, 51 x 51 x 41 voxels, in radians."""
    path = folder / "ROMEO.jl/test/data/small/Phase.nii"
    phase = np.fromfile(path, "<f4", offset=352).reshape(3, 41, 51, 51)[2]
    result, seconds = _timed(phase, 1.0, "circle", CombinedTotalVariation(alpha=0.02, beta=0.05))
    moved = np.angle(np.exp(1j * (result.image - phase.astype(float))))
    return (
        f"MRI phase 41 x 51 x 51, 0.02 and second order 0.05: {seconds:.2f} s; gap "
        f"{result.gap:.1e}; mean change {np.abs(moved).mean():.3f} rad"
    )


def radar(folder: Path) -> str:
    """A Sentinel-1 interferogram, 189 x 226 pixels; 0 where there are no data."""
    path = folder / "PyRate/tests/test_data/cropB/20180106-20180130_ifg.tif"
    unwrapped = tifffile.imread(path).astype(float)
    known = unwrapped != 0
    phase = np.angle(np.exp(1j * unwrapped))
    result, seconds = _timed(phase, 0.8, "circle", known=known)
    before, after = (count_residues(each) for each in (phase, result.image))
    return f"InSAR 189 x 226, 0.8: {seconds:.2f} s; {before} residues to {after}"


def tensors(folder: Path) -> str:
    """Diffusion tensors of 10 x 10 x 10 voxels from 64 directions, fitted to the logarithm."""
    files = folder / "dipy/data/files"
    signal = np.fromfile(files / "small_64D.nii", "<i2", offset=352).reshape(65, -1).T
    weight = np.loadtxt(files / "small_64D.bval").ravel() / 1000
    x, y, z = np.nan_to_num(np.loadtxt(files / "small_64D.bvec")).T
    columns = [x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z]
    matrix = np.stack([*(-weight * each for each in columns), np.ones(65)], 1)
    fit = np.linalg.lstsq(matrix, np.log(np.maximum(signal, 1.0)).T, rcond=None)[0]
    found = np.empty((1000, 3, 3))
    for k, (i, j) in enumerate([(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]):
        found[:, i, j] = found[:, j, i] = fit[k]
    values, vectors = np.linalg.eigh(found)
    bad = int(np.sum(values[:, 0] < 0.05))  # um^2/ms: fits of noise
    values = np.maximum(values, 0.05)
    given = (vectors * values[:, None]) @ vectors.swapaxes(1, 2)
    result, seconds = _timed(given.reshape(10, 10, 10, 3, 3), 0.2, "spd")
    return (
        f"DTI 10 x 10 x 10, 0.2: {seconds:.2f} s; L2 error <= {result.error_bound:.2g}; "
        f"{bad} of 1000 fits raised to 0.05 um^2/ms first"
    )


def _timed(*arguments: Any, **options: Any) -> tuple[Any, float]:
    """The result and the smallest CPU time of three runs of one thread."""
    seconds = []
    for _ in range(3):
        start = process_time()
        result = denoise(*arguments, solver=Solver(num_threads=1), **options)
        seconds.append(process_time() - start)
    return result, min(seconds)


def main() -> None:
    """Print a line for each data set in the folder."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    works: tuple[Callable[[Path], str], ...] = (ebsd, mri, radar, tensors)
    for work in works:
        try:
            print(work(folder), flush=True)
        except FileNotFoundError as error:
            print(f"{work.__name__}: {error.filename} is missing (this file says how to get it)")


if __name__ == "__main__":
    main()
