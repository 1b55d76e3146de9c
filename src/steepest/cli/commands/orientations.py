"""``steepest orientations``: denoise maps of crystal orientations (EBSD)."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Parameter

import steepest
from steepest import manifold
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
from ..runner import Batch, Item
from ..sources import Source, find_sources
from ..types import Count, FileName, Positive

_MAP = Parameter(name="MAP", help=".ctf or .ang file, quoted glob, or sample:nickel", required=True)
_PNG = Parameter(group="More results (PNG files, or folders for several maps)", metavar="PATH")


def orientations(
    *maps: Annotated[FileName, _MAP],
    strength: Positive,
    boundary: Annotated[Positive, Parameter(metavar="DEG")] = 5.0,
    anisotropic: bool = False,
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
    for name in maps:
        if Path(name).is_dir():
            raise InputError(f"{name}: is a folder; give files, or a quoted glob ('{name}/*.ctf')")

    energy = steepest.TotalVariation(norm="anisotropic" if anisotropic else "isotropic")

    def files(source: Source) -> dict[str, Path]:
        known = source.suffix.lower() in (".ctf", ".ang")  # unlike samples, files named otherwise
        ending = source.suffix if known else ".ctf"
        found = {"map": source.file(writing.output, "denoised", ending, "orientation map")}
        return found | source.more_files(
            picture=(picture, "_ipf.png", "figure"),
            angles=(misorientation, "_misorientation.png", "figure"),
        )

    def work(item: Item) -> None:
        before = read_orientations(item.source.name, max_pixels=max_pixels)
        check_orientation_target(item.files["map"], before)
        with item.progress() as on_step:
            after, results = manifold.denoise_grains(
                before, math.radians(strength), energy, on_step=on_step, **solver.keywords(before)
            )
        angles = [manifold.misorientations(each) for each in (before, after)]
        after = manifold.fill_unindexed(after) if fill else after
        write_orientations(item.files["map"], after, outputs=item.outputs)
        item.draw("picture", _colours, before, after, direction)
        item.draw("angles", _angles, angles, boundary)
        _report(item, before, after, angles, boundary)
        item.certify(results, manifold_bounds)

    return Batch(find_sources(maps), work, files, writing.overwrite)


def _report(
    item: Item, given: OrientationMap, clean: OrientationMap, angles: Sequence[Any], limit: float
) -> None:
    """Report the map, the misorientation within grains and the boundaries, before and after."""
    (height, width), indexed = given.phase.shape, float(given.indexed.mean())
    step = " x ".join(f"{each:g}" for each in dict.fromkeys(given.spacing[::-1]))
    filled = int(np.count_nonzero(clean.indexed & ~given.indexed))
    text = f"{width} x {height} points, step {step} \u00b5m, {100 * indexed:.4g} % indexed"
    text += f", {filled} points filled" if filled else ""
    item.report(
        "map", text, shape=[height, width], spacing=list(given.spacing), indexed=indexed,
        filled=filled, phases=[{"name": p.name, "symmetry": p.symmetry} for p in given.phases],
    )  # fmt: skip
    for number, phase in enumerate(given.phases, 1):
        part = 100 * float((given.phase == number).mean())
        text = f"{phase.name}, {phase.symmetry}, {part:.4g} % of the points"
        item.report(f"phase {number}", text)
    before, after = (np.concatenate([each.ravel() for each in faces]) for faces in angles)
    before, after = before[~np.isnan(before)], after[~np.isnan(before)]
    across = before > limit
    count, kept, new = (
        int(np.count_nonzero(each))
        for each in (across, across & (after > limit), ~across & (after > limit))
    )
    inside = [float(np.median(each[~across])) if (~across).any() else math.nan
              for each in (before, after)]  # fmt: skip
    text = f"{inside[0]:.3g}\u00b0 before, {inside[1]:.2g}\u00b0 after"
    item.report("in grains", f"median misorientation of neighbours {text}", misorientation=inside)
    text = f"{count} above {limit:g}\u00b0 between neighbours, {kept} kept"
    text += f", {new} new" if new else ""
    counts = {"before": count, "kept": kept, "new": new}
    item.report("boundaries", text, boundary=limit, boundaries=counts)


def _colours(before: OrientationMap, after: OrientationMap, direction: str, figure: Any) -> None:
    """Draw inverse-pole-figure colours; of several phases, those of the most frequent one."""
    number = 1 + int(np.argmax(np.bincount(before.phase.ravel())[1:]))
    phase, maps = before.phases[number - 1], {"measured": before, "denoised": after}
    steepest.plot.side_by_side(
        steepest.plot.orientation_map, {name: each.quaternions for name, each in maps.items()},
        figure=figure, symmetry=phase.symmetry,
        direction={"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}[direction],
        known={name: each.phase == number for name, each in maps.items()},
        title=f"{phase.name or 'crystal'}, inverse pole figure along {direction}",
    )  # fmt: skip


def _angles(angles: Sequence[Any], boundary: float, figure: Any) -> None:
    """Draw the mean misorientation of each point to its neighbours in the grain."""
    inside = [each <= boundary for each in angles[0]]
    means = [manifold.mean_misorientation(each, inside) for each in angles]
    known = means[0][~np.isnan(means[0])]
    steepest.plot.side_by_side(
        steepest.plot.misorientation_map, dict(zip(("measured", "denoised"), means, strict=True)),
        figure=figure, title="misorientation to the neighbours in the grain",
        most=(np.percentile(known, 98) if known.size else 0.0) or 1.0,
    )  # fmt: skip
