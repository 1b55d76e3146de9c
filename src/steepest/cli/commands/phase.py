"""``steepest phase``: denoise phases, which start again after one period."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from steepest import manifold
from steepest.core.errors import InputError
from steepest.io import Image

from .. import choices
from ..certificates import manifold_bounds
from ..runner import Batch, Item
from ..sources import Source
from ..types import FileName, Images, Positive


def phase(
    *images: Images,
    strength: Positive,
    second_order: Positive = 0.0,
    period: Positive | None = None,
    picture: FileName | None = None,
    spacing: choices.Spacing = choices.Spacing(),
    solver: choices.SolverChoice = choices.SolverChoice(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.Writing = choices.Writing(),
) -> Batch:
    """Remove noise from phases (InSAR, MRI, holography).

    The result v minimises 1/2 d(v, image)^2 + strength * TV(v) for its own wraps, where d is the
    distance on the circle and TV adds up the distances of neighbours on it. A jump from pi to -pi
    is not an edge, so nothing needs to be unwrapped, and the result is wrapped in the same way as
    the image.

    Phases are in radians; --period is for files with another scale. Pixels that are NaN have no
    data: they do not influence the others, and stay NaN.

    Parameters
    ----------
    strength
        weight of total variation
    second_order
        weight of second-order total variation, which keeps slopes
    period
        value in the file that stands for a full turn (default 2 pi; needed for integers)
    picture
        also draw the phases as hues, before and after (PNG; a folder for several images)
    writing.output
        file, or folder for several images (default: NAME_denoised here)

    Examples
    --------
    steepest phase sample:interferogram --strength 0.35
    steepest phase scan.tif --strength 0.3 --picture p.png  also a picture
    steepest phase holo.png --period 256 --strength 0.5     8-bit phases
    steepest phase a.tif --strength 0.1 --second-order 0.2  keeps slopes

    Notes
    -----
    The strength is in radians x pixels, also with --period: an object that differs by c radians
    from its surroundings vanishes if its radius is below about 2 * strength / c pixels. Try 0.5 to
    2 times the standard deviation of the noise. A residue is a point around which the phases do not
    add up to zero; residues come from noise, and make unwrapping fail.
    """
    energy: Any = None
    if second_order:
        energy = steepest.CombinedTotalVariation(beta=second_order / strength)
    turn = period or 2 * math.pi

    def files(source: Source) -> dict[str, Path]:
        found = {"image": source.file(writing.output, "denoised", source.ending_of_numbers)}
        return found | source.more_files(picture=(picture, "_phases.png", "figure"))

    def work(item: Item) -> None:
        image = item.read(reading, prepare=Image.without_copies)
        _check(image, period)
        dtype, start = image.array.dtype, -turn / 2 if (image.array < 0).any() else 0.0

        def compute(page: np.ndarray, keywords: dict[str, Any]) -> Any:
            return manifold.denoise_phases(
                page, strength, energy, period=turn, start=start, **keywords
            )

        results = item.solve(image, compute, spacing, solver)
        parts = [result.image for result in results]
        if dtype.kind == "u":
            parts = [np.mod(np.rint(part), turn).astype(dtype) for part in parts]
        item.write("image", image.with_parts(parts))
        item.draw("picture", _picture, image.parts[0], results[0].image, 2 * math.pi / turn)
        _report(item, [image.parts, parts], turn)
        item.certify(results, manifold_bounds)

    return Batch(reading.sources(images, writing.output), work, files, writing.overwrite)


def _check(image: Image, period: float | None) -> None:
    """Raise `InputError` if the values of an image cannot be phases of this period."""
    if image.channel_axis is not None:
        raise InputError(
            f"{image.name}: {image.array.shape[-1]} channels; a phase is one number per pixel"
        )
    if image.array.dtype.kind == "u":
        if period is None:
            raise InputError(
                f"{image.name}: holds {image.array.dtype} values; give --period, the value that "
                "stands for a full turn, such as 256"
            )
        if period != round(period):
            raise InputError(
                f"--period {period:g}: allowed are whole numbers for {image.array.dtype}"
            )


def _report(item: Item, states: Sequence[Sequence[np.ndarray]], turn: float) -> None:
    """Report wraps and residues of all pages, before and after."""
    if abs(turn - 2 * math.pi) > 1e-9:
        item.report("period", f"{turn:g} stands for a full turn")
    wraps = [sum(manifold.count_wraps(page, turn) for page in pages) for pages in states]
    text = f"{wraps[0]} between neighbours before, {wraps[1]} after"
    item.report("wraps", text, period=turn, wraps=wraps)
    if states[0][0].ndim == 2:
        residues = [sum(manifold.count_residues(page, turn) for page in pages) for pages in states]
        item.report("residues", f"{residues[0]} before, {residues[1]} after", residues=residues)


def _picture(before: np.ndarray, after: np.ndarray, scale: float, figure: Any) -> None:
    """Draw the first page, of a volume the middle slice, before and after."""
    if before.ndim not in (2, 3):
        raise InputError("--picture: signals have no picture")
    if before.ndim == 3:
        before, after = before[len(before) // 2], after[len(after) // 2]
    known = ~np.isnan(before)
    images = {"measured": np.nan_to_num(before * scale), "denoised": np.nan_to_num(after * scale)}
    steepest.plot.side_by_side(steepest.plot.phase_map, images, figure=figure, known=known)
