"""``steepest orientations``: denoise maps of crystal orientations (EBSD)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Parameter

import steepest
from steepest.core.errors import InputError
from steepest.io import (
    OrientationMap,
    check_orientation_target,
    read_orientations,
    write_orientations,
)
from steepest.io.orientations import MAX_POINTS

from .. import choices
from ..certificates import manifold_bounds
from ..extras import need_figures
from ..runner import Batch, Item
from ..sources import Source, find_sources
from ..types import Count, FileName, Positive

_Angles = Sequence[tuple[np.ndarray, ...]]  # misorientations of neighbours, before and after
_MAP = Parameter(name="MAP", help=".ctf or .ang file, quoted glob, or sample:nickel", required=True)
_PNG = Parameter(group="More results (PNG files, or folders for several maps)", metavar="PATH")


def orientations(
    *maps: Annotated[FileName, _MAP],
    strength: Positive,
    boundary: Annotated[Positive, Parameter(metavar="DEG")] = 5.0,
    anisotropic: bool = False,
    huber: Annotated[Positive | None, Parameter(metavar="EPS")] = None,
    fill: bool = False,
    picture: Annotated[FileName | None, _PNG] = None,
    direction: Annotated[Literal["x", "y", "z"], _PNG] = "z",
    misorientation: Annotated[FileName | None, _PNG] = None,
    max_pixels: Count = MAX_POINTS,
    solver: choices.SolverChoice = choices.SolverChoice(),
    writing: choices.Writing = choices.Writing(),
) -> Batch:
    """Remove noise from maps of crystal orientations (EBSD).

    Denoise maps of crystal orientations (.ctf, .ang). The result v is a local minimiser of 1/2 d(v,
    map)^2 + strength * TV(v), where d is the misorientation angle under the crystal symmetry stated
    in the file, and TV adds up the misorientations of neighbours. This removes noise within grains
    and keeps grain boundaries sharp.

    The result is a copy of the file in which only the Euler angles are new. Points that were not
    indexed stay as they are, unless you give --fill. Each crystal phase is denoised on its own.

    Parameters
    ----------
    strength
        weight of total variation, in degrees x points
    boundary
        count a larger misorientation of neighbours as a grain boundary
    anisotropic
        sum the differences along each axis
    huber
        Huber-TV: quadratic below this slope (degrees per point)
    fill
        give points that were not indexed the phase and the denoised orientation of the nearest
        indexed point
    picture
        inverse-pole-figure colours, before and after
    direction
        direction of the sample that the colours show (z is its normal)
    misorientation
        mean misorientation of each point to its neighbours in the grain, before and after
    max_pixels
        largest map to read, in points
    writing.output
        file (.ctf or .ang as the map, or .npy), or folder for several maps (default: NAME_denoised
        here)

    Examples
    --------
    steepest orientations sample:nickel --strength 0.5  writes nickel_denoised.ctf
    steepest orientations map.ang --strength 1 -o clean.ang
    steepest orientations map.ctf --strength 0.5 --picture ipf.png
    steepest orientations map.ctf --strength 0.5 -o map.npy  quaternions
    steepest orientations 'maps/*.ctf' --strength 0.5 -o clean

    Notes
    -----
    The strength is in degrees x points. Try one to two times the misorientation of neighbours
    within grains, which is printed. A grain with a radius of r points that differs from its
    surroundings by c degrees vanishes at a strength of about c r / 2.
    """
    if picture or misorientation:
        need_figures()
    for name in maps:
        if Path(name).is_dir():
            raise InputError(f"{name}: is a folder; give files, or a quoted glob ('{name}/*.ctf')")

    def files(source: Source) -> dict[str, Path]:
        ending = Path(source.name).suffix.lower()
        ending = ending if ending in (".ctf", ".ang") else ".ctf"  # samples, files named otherwise
        found = {"map": source.file(writing.output, "denoised", ending, "orientation map")}
        if picture:
            found["picture"] = source.file_at(picture, "_ipf.png", "figure")
        if misorientation:
            found["angles"] = source.file_at(misorientation, "_misorientation.png", "figure")
        return found

    def work(item: Item) -> None:
        before = read_orientations(item.source.name, max_pixels=max_pixels)
        check_orientation_target(item.files["map"], before)
        with item.progress() as on_step:
            norm: Any = "anisotropic" if anisotropic else "isotropic"
            energy = steepest.TotalVariation(norm=norm, huber=math.radians(huber or 0.0))
            options = {**solver.keywords(before), "on_step": on_step}
            after, results = _denoise_phases(before, math.radians(strength), energy, options)
        angles = [_misorientations(before, each.quaternions) for each in (before, after)]
        after = _fill(after) if fill else after
        write_orientations(item.files["map"], after, outputs=item.outputs)
        if picture:
            item.write(item.files["picture"], _colours(before, after, direction))
        if misorientation:
            means = (_local(each, angles[0], boundary) for each in angles)
            images = dict(zip(("measured", "denoised"), means, strict=True))
            title = "misorientation to the neighbours in the grain"
            figure = steepest.plot.misorientation_figure(images, title=title)
            item.write(item.files["angles"], figure)
        _report(item, before, after, angles, boundary)
        item.certify(results, manifold_bounds)

    return Batch(find_sources(maps), work, files, writing.overwrite)


def _denoise_phases(
    given: OrientationMap, strength: float, energy: Any, options: dict[str, Any]
) -> tuple[OrientationMap, list[Any]]:
    """Denoise each crystal phase; return the map and the results."""
    from steepest.manifold import Rotations, denoise

    values, results = given.quaternions.copy(), []
    y, x = given.spacing
    for number, phase in enumerate(given.phases, 1):
        own = given.phase == number
        if not own.any():
            continue
        # Points of other phases carry no total variation; those not indexed are bridged.
        others = given.indexed & ~own
        weights = (~others).astype(float) if others.any() else None
        result = denoise(
            given.quaternions, strength, Rotations(symmetry=phase.symmetry),
            replace(energy, weights=weights), known=None if own.all() else own,
            spacing=None if y == x else (y / x, 1.0), **options,
        )  # fmt: skip
        values[own] = result.image[own]
        results.append(result)
    if not results:
        raise InputError(f"{given.name}: no point was indexed")
    return replace(given, quaternions=values), results


def _fill(clean: OrientationMap) -> OrientationMap:
    """Give each point the phase and orientation of the indexed point nearest to it."""
    from steepest.manifold.neighbours import nearest_known

    nearest = nearest_known(clean.indexed)
    values, phase = clean.quaternions.reshape(-1, 4)[nearest], clean.phase.ravel()[nearest]
    return replace(
        clean, quaternions=values.reshape(clean.quaternions.shape),
        phase=phase.reshape(clean.phase.shape),
    )  # fmt: skip


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
    item: Item, given: OrientationMap, clean: OrientationMap, angles: _Angles, limit: float
) -> None:
    """Report the map, the misorientation within grains and the boundaries, before and after."""
    height, width = given.phase.shape
    step = " x ".join(f"{each:g}" for each in dict.fromkeys(given.spacing[::-1]))
    share = 100 * float(given.indexed.mean())
    filled = int(np.count_nonzero(clean.indexed & ~given.indexed))
    text = f"{width} x {height} points, step {step} \u00b5m, {share:.4g} % indexed"
    item.report("map", text + (f", {filled} points filled" if filled else ""))
    for number, phase in enumerate(given.phases, 1):
        part = 100 * float((given.phase == number).mean())
        text = f"{phase.name}, {phase.symmetry}, {part:.4g} % of the points"
        item.report(f"phase {number}", text)
    before, after = (np.concatenate([each.ravel() for each in faces]) for faces in angles)
    before, after = before[~np.isnan(before)], after[~np.isnan(before)]
    across = before > limit
    kept = int(np.count_nonzero(across & (after > limit)))
    new = int(np.count_nonzero(~across & (after > limit)))
    inside = [float(np.median(each[~across])) if (~across).any() else math.nan
              for each in (before, after)]  # fmt: skip
    text = f"{inside[0]:.3g}\u00b0 before, {inside[1]:.2g}\u00b0 after"
    item.report("in grains", f"median misorientation of neighbours {text}", misorientation=inside)
    text = f"{np.count_nonzero(across)} above {limit:g}\u00b0 between neighbours, {kept} kept"
    item.report("boundaries", text + (f", {new} new" if new else ""), boundary=limit)
    item.values.update(
        shape=[height, width], spacing=list(given.spacing), indexed=float(given.indexed.mean()),
        filled=filled,
        phases=[{"name": phase.name, "symmetry": phase.symmetry} for phase in given.phases],
        boundaries={"before": int(np.count_nonzero(across)), "kept": kept, "new": new},
    )  # fmt: skip


def _colours(before: OrientationMap, after: OrientationMap, direction: str) -> Any:
    """Draw inverse-pole-figure colours; of several phases, those of the most frequent one."""
    counts = [np.count_nonzero(before.phase == k + 1) for k in range(len(before.phases))]
    number = int(np.argmax(counts))
    phase, maps = before.phases[number], {"measured": before, "denoised": after}
    return steepest.plot.orientation_figure(
        {name: each.quaternions for name, each in maps.items()}, phase.symmetry,
        direction={"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}[direction],
        known={name: each.phase == number + 1 for name, each in maps.items()},
        title=f"{phase.name or 'crystal'}, inverse pole figure along {direction}",
    )  # fmt: skip
