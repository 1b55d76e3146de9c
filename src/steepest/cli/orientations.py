"""``steepest orientations``: denoise maps of crystal orientations (EBSD)."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.core.solver import Solver
from steepest.io import (
    OrientationMap,
    OutputSet,
    check_orientation_target,
    read_orientations,
    write_orientations,
)
from steepest.io.orientations import MAX_POINTS

from .batch import Record, run_batch
from .certificates import ManifoldProof
from .figures import figures_of, write_figure
from .inputs import check_targets, expand, one_target
from .options import add_max_pixels, add_norm, add_outputs, add_solver, positive
from .progress import progress

HELP = "remove noise from maps of crystal orientations (EBSD)"
USAGE = "MAP [MAP ...] --strength S [options]"
DESCRIPTION = """\
Denoise maps of crystal orientations (.ctf, .ang). The result v is a local minimiser of
1/2 d(v, map)^2 + strength * TV(v), where d is the misorientation angle under the crystal symmetry
stated in the file, and TV adds up the misorientations of neighbours. This removes noise within
grains and keeps grain boundaries sharp.

The result is a copy of the file in which only the Euler angles are new. Points that were not
indexed stay as they are, unless you give --fill. Each crystal phase is denoised on its own.
"""
EPILOG = """\
examples:
  steepest orientations sample:nickel --strength 0.5      writes nickel_denoised.ctf
  steepest orientations map.ang --strength 1 -o clean.ang
  steepest orientations map.ctf --strength 0.5 --picture ipf.png --misorientation kam.png
  steepest orientations map.ctf --strength 0.5 -o map.npy     quaternions (H, W, 4), scalar last
  steepest orientations 'maps/*.ctf' --strength 0.5 -o clean

The strength is in degrees x points. Try one to two times the misorientation of neighbours within
grains, which is printed. A grain with a radius of r points that differs from its surroundings by c
degrees vanishes at a strength of about c r / 2.
"""
_Angles = Sequence[tuple[np.ndarray, ...]]  # misorientations of neighbours, before and after


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest orientations``."""
    parser.add_argument(
        "images", nargs="+", metavar="MAP", help=".ctf or .ang file, quoted glob, or sample:nickel"
    )
    group = parser.add_argument_group("reading")
    add_max_pixels(group, MAX_POINTS)
    parser.set_defaults(recursive=False, format=None)
    group = parser.add_argument_group("orientations")
    group.add_argument(
        "--strength",
        type=positive,
        required=True,
        metavar="S",
        help="weight of total variation, in degrees x points",
    )
    group.add_argument(
        "--boundary",
        type=positive,
        default=5.0,
        metavar="DEG",
        help="count a larger misorientation of neighbours as a grain boundary (default 5)",
    )
    add_norm(group, unit="degrees per point")
    group.add_argument(
        "--fill",
        action="store_true",
        help="give points that were not indexed the phase and the denoised orientation of the "
        "nearest indexed point",
    )
    add_solver(group, spacing=False)
    add_outputs(
        parser,
        "file (.ctf or .ang as the map, or .npy), or folder for several maps (default: "
        "NAME_denoised here)",
        images=False,
    )
    group = parser.add_argument_group("more results (PNG files, or folders for several maps)")
    group.add_argument(
        "--picture", metavar="PATH", help="inverse-pole-figure colours, before and after"
    )
    group.add_argument(
        "--direction",
        choices=("x", "y", "z"),
        default="z",
        help="direction of the sample that the colours show (default z, its normal)",
    )
    group.add_argument(
        "--misorientation",
        metavar="PATH",
        help="mean misorientation of each point to its neighbours in the grain, before and after",
    )


def run(arguments: argparse.Namespace) -> int:
    """Denoise every map."""
    sources = _sources(arguments.images)
    targets = {name: _target(name, arguments, len(sources) > 1) for name in sources}
    check_targets(targets.values(), arguments.overwrite, "orientation map")
    figures = (
        (_colours, figures_of(arguments, sources, "picture", "_ipf.png")),
        (_angles, figures_of(arguments, sources, "misorientation", "_misorientation.png")),
    )
    outputs_of = {
        name: [targets[name], *(paths[name] for _, paths in figures if paths)] for name in sources
    }
    for name, paths in outputs_of.items():
        if len(set(paths)) < len(paths):
            raise InputError(f"{name}: two results would have the same name; give different paths")

    def work(source: str, label: str) -> Record:
        given = read_orientations(source, max_pixels=arguments.max_pixels)
        check_orientation_target(targets[source], given)
        record = Record(source, outputs=outputs_of[source])
        start = perf_counter()
        with progress(label, enabled=not arguments.quiet) as on_step:
            values, results = _denoised(arguments, given, on_step)
        seconds = perf_counter() - start
        angles = [_misorientations(given, each) for each in (given.quaternions, values)]
        with OutputSet(overwrite=arguments.overwrite) as outputs:
            clean = replace(given, quaternions=values)
            clean = _filled(clean) if arguments.fill else clean
            write_orientations(targets[source], clean, outputs=outputs)
            for draw, paths in figures:
                if paths:
                    write_figure(paths[source], draw(arguments, given, clean, angles), outputs)
        _report(record, given, clean, angles, arguments.boundary)
        record.certify(ManifoldProof(results, seconds))
        return record

    return run_batch(arguments, sources, work)


def _sources(names: Sequence[str]) -> list[str]:
    for name in names:
        if Path(name).is_dir():
            raise InputError(f"{name}: is a folder; give files, or a quoted glob ('{name}/*.ctf')")
    return expand(names)


def _target(name: str, arguments: argparse.Namespace, several: bool) -> Path:
    ending = Path(name).suffix.lower()
    ending = ending if ending in (".ctf", ".ang") else ".ctf"  # samples, and files named otherwise
    return one_target(name, arguments, "denoised", several, ending)


def _filled(clean: OrientationMap) -> OrientationMap:
    """Give each point the phase and orientation of the indexed point nearest to it."""
    from steepest.manifold.neighbours import nearest_known

    nearest = nearest_known(clean.indexed)
    values, phase = clean.quaternions.reshape(-1, 4)[nearest], clean.phase.ravel()[nearest]
    return replace(
        clean, quaternions=values.reshape(clean.quaternions.shape),
        phase=phase.reshape(clean.phase.shape),
    )  # fmt: skip


def _denoised(
    arguments: argparse.Namespace, given: OrientationMap, on_step: Any
) -> tuple[np.ndarray, list[Any]]:
    """Denoise each crystal phase; return all quaternions and the results."""
    from steepest.convex.total_variation import TotalVariation
    from steepest.manifold import Rotations, denoise

    values, results = given.quaternions.copy(), []
    y, x = given.spacing
    for number, phase in enumerate(given.phases, 1):
        own = given.phase == number
        if not own.any():
            continue
        # Points of other phases carry no total variation; those not indexed are bridged.
        others = given.indexed & ~own
        energy = TotalVariation(
            norm="anisotropic" if arguments.anisotropic else "isotropic",
            huber=math.radians(arguments.huber or 0.0),
            weights=(~others).astype(float) if others.any() else None,
        )
        result = denoise(
            given.quaternions,
            math.radians(arguments.strength),
            Rotations(symmetry=phase.symmetry),
            energy,
            known=None if own.all() else own,
            spacing=None if y == x else (y / x, 1.0),
            solver=Solver(tol=arguments.tol, num_threads=arguments.threads),
            on_step=on_step,
        )
        values[own] = result.image[own]
        results.append(result)
    if not results:
        raise InputError(f"{given.name}: no point was indexed")
    return values, results


def _local(
    angles: Sequence[np.ndarray], before: Sequence[np.ndarray], boundary: float
) -> np.ndarray:
    """Mean over the neighbours of each point across faces that are no boundaries (before)."""
    shape = angles[0].shape[0] + 1, angles[0].shape[1]
    total, number = np.zeros(shape), np.zeros(shape)
    for axis, (values, old) in enumerate(zip(angles, before, strict=True)):
        inside = old <= boundary
        share = np.where(inside, values, 0)
        for end in (slice(None, -1), slice(1, None)):
            place = (end, slice(None)) if axis == 0 else (slice(None), end)
            total[place] += share
            number[place] += inside
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _misorientations(given: OrientationMap, values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Misorientations in degrees of neighbours of one phase; NaN between other points."""
    from steepest.manifold import Rotations, neighbour_distances

    height, width = given.phase.shape
    found = np.full((height - 1, width), np.nan), np.full((height, width - 1), np.nan)
    pairs = (given.phase[:-1], given.phase[1:]), (given.phase[:, :-1], given.phase[:, 1:])
    for number, phase in enumerate(given.phases, 1):
        distances = neighbour_distances(values, Rotations(symmetry=phase.symmetry))
        for angles, (first, second), radians in zip(found, pairs, distances, strict=True):
            own = (first == number) & (second == number)
            angles[own] = np.degrees(radians[own])
    return found


def _report(
    record: Record, given: OrientationMap, clean: OrientationMap, angles: _Angles, limit: float
) -> None:
    """Report the map, the misorientation within grains and the boundaries, before and after."""
    height, width = given.phase.shape
    step = " x ".join(f"{each:g}" for each in dict.fromkeys(given.spacing[::-1]))
    share = 100 * float(given.indexed.mean())
    filled = int(np.count_nonzero(clean.indexed & ~given.indexed))
    text = f"{width} x {height} points, step {step} \u00b5m, {share:.4g} % indexed"
    record.tell("map", text + (f", {filled} points filled" if filled else ""))
    for number, phase in enumerate(given.phases, 1):
        part = 100 * float((given.phase == number).mean())
        text = f"{phase.name}, {phase.symmetry}, {part:.4g} % of the points"
        record.tell(f"phase {number}", text)
    before, after = (np.concatenate([each.ravel() for each in faces]) for faces in angles)
    before, after = before[~np.isnan(before)], after[~np.isnan(before)]
    across = before > limit
    kept = int(np.count_nonzero(across & (after > limit)))
    new = int(np.count_nonzero(~across & (after > limit)))
    inside = [float(np.median(each[~across])) if (~across).any() else math.nan
              for each in (before, after)]  # fmt: skip
    text = f"{inside[0]:.3g}\u00b0 before, {inside[1]:.2g}\u00b0 after"
    record.tell("in grains", f"median misorientation of neighbours {text}", misorientation=inside)
    text = f"{np.count_nonzero(across)} above {limit:g}\u00b0 between neighbours, {kept} kept"
    record.tell("boundaries", text + (f", {new} new" if new else ""), boundary=limit)
    record.values.update(
        shape=[height, width], spacing=list(given.spacing), indexed=float(given.indexed.mean()),
        filled=filled,
        phases=[{"name": phase.name, "symmetry": phase.symmetry} for phase in given.phases],
        boundaries={"before": int(np.count_nonzero(across)), "kept": kept, "new": new},
    )  # fmt: skip


def _colours(
    arguments: argparse.Namespace, given: OrientationMap, clean: OrientationMap, angles: _Angles
) -> Any:
    """Draw inverse-pole-figure colours; of several phases, those of the most frequent one."""
    from steepest import plot

    counts = [np.count_nonzero(given.phase == k + 1) for k in range(len(given.phases))]
    number = int(np.argmax(counts))
    phase = given.phases[number]
    axis = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}[arguments.direction]
    return plot.orientation_figure(
        {"measured": given.quaternions, "denoised": clean.quaternions},
        phase.symmetry,
        direction=axis,
        known={"measured": given.phase == number + 1, "denoised": clean.phase == number + 1},
        title=f"{phase.name or 'crystal'}, inverse pole figure along {arguments.direction}",
    )


def _angles(
    arguments: argparse.Namespace, given: OrientationMap, clean: OrientationMap, angles: _Angles
) -> Any:
    from steepest import plot

    images = {
        name: _local(each, angles[0], arguments.boundary)
        for name, each in zip(("measured", "denoised"), angles, strict=True)
    }
    return plot.misorientation_figure(images, title="misorientation to the neighbours in the grain")
