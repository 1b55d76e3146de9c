"""``steepest phase``: denoise phases, which start again after one period."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

import steepest
from steepest.core.errors import InputError
from steepest.io import Image

from .. import choices
from ..certificates import manifold_bounds
from ..extras import need_figures
from ..runner import Batch, Item
from ..sources import SAMPLE, Source
from ..types import FileName, Images, Positive


def phase(
    *images: Images,
    strength: Positive,
    second_order: Positive = 0.0,
    period: Positive | None = None,
    anisotropic: bool = False,
    huber: Annotated[Positive | None, Parameter(metavar="EPS")] = None,
    embedded: bool = False,
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
    anisotropic
        sum the differences along each axis
    huber
        Huber-TV: quadratic below this slope (radians per pixel)
    embedded
        denoise cosine and sine as a vector image instead, and project back
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
    if picture:
        need_figures()
    norm: Any = "anisotropic" if anisotropic else "isotropic"
    energy: Any = steepest.TotalVariation(norm=norm, huber=huber or 0.0)
    if second_order:
        energy = steepest.CombinedTotalVariation(
            beta=second_order / strength, norm=norm, huber=huber or 0.0
        )

    def files(source: Source) -> dict[str, Path]:
        name = source.name.lower()
        plain = name.startswith(SAMPLE) or name.endswith((".jpg", ".bmp"))  # hold no phases
        ending = ".tif" if plain else Path(name).suffix
        found = {"image": source.file(writing.output, "denoised", ending)}
        return found | (
            {"picture": source.file_at(picture, "_phases.png", "figure")} if picture else {}
        )

    def work(item: Item) -> None:
        from steepest.manifold import denoise

        def compute(page: np.ndarray, keywords: dict[str, Any]) -> Any:
            before = turn.radians(page)
            known = ~np.isnan(before)
            result = denoise(
                np.where(known, before, 0.0), strength, "circle", energy, embedded=embedded,
                known=None if known.all() else known, **keywords,
            )  # fmt: skip
            pages.append((before, np.where(known, result.image, np.nan)))
            return result

        image = item.read(reading, prepare=Image.without_copies)
        turn, pages = _turn_of(image, period), list[tuple[np.ndarray, np.ndarray]]()
        results = item.solve(image, compute, spacing, solver)
        parts = [turn.back(after, image.array.dtype) for _, after in pages]
        item.write(item.files["image"], image.with_parts(parts))
        if "picture" in item.files:
            item.write(item.files["picture"], _picture(*pages[0]))
        _report(item, pages, turn)
        item.certify(results, manifold_bounds)

    return Batch(reading.sources(images, writing.output), work, files, writing.overwrite)


@dataclass(frozen=True)
class _Turn:
    """The scale of the phases of a file: ``period`` is a full turn, ``low`` the smallest value."""

    period: float
    low: float

    def radians(self, page: np.ndarray) -> np.ndarray:
        return page.astype(np.float64) * (2 * math.pi / self.period)

    def back(self, phase: np.ndarray, dtype: Any) -> np.ndarray:
        """Convert radians to values of the file from ``low`` to ``low + period``."""
        values = phase * (self.period / (2 * math.pi))
        if np.dtype(dtype).kind == "u":
            return np.mod(np.rint(values), self.period).astype(dtype)
        values = np.mod(values - self.low, self.period) + self.low
        # rounding to the type of the file must not reach the end of the period
        return np.where(values >= self.low + self.period, self.low, values).astype(dtype)


def _turn_of(image: Image, period: float | None) -> _Turn:
    """Check that the values of an image are phases, and return their scale.

    Raises `InputError` if the image has channels, if it holds integers and no period is given, or
    if its values span more than one period.
    """
    if image.channel_axis is not None:
        raise InputError(
            f"{image.name}: {image.array.shape[-1]} channels; a phase is one number per pixel"
        )
    array = image.array
    if array.dtype.kind == "u":
        if period is None:
            raise InputError(
                f"{image.name}: holds {array.dtype} values; give --period, the value that stands "
                "for a full turn, such as 256"
            )
        if period != round(period):
            raise InputError(f"--period {period:g}: allowed are whole numbers for {array.dtype}")
    turn = period or 2 * math.pi
    if np.isinf(array).any() or np.isnan(array).all():
        raise InputError(f"{image.name}: holds infinite values, or NaN only")
    low, high = float(np.nanmin(array)), float(np.nanmax(array))
    if high - low > 1.0001 * turn:
        raise InputError(
            f"{image.name}: values from {low:g} to {high:g} span more than one period of {turn:g}; "
            "wrapped phases are needed (see --period)"
        )
    return _Turn(turn, -turn / 2 if low < 0 else 0.0)


def _report(item: Item, pages: list[tuple[np.ndarray, np.ndarray]], turn: _Turn) -> None:
    """Report wraps and residues before and after."""
    if abs(turn.period - 2 * math.pi) > 1e-9:
        item.report("period", f"{turn.period:g} stands for a full turn")
    wraps = [sum(_wraps(page[k], turn) for page in pages) for k in range(2)]
    text = f"{wraps[0]} between neighbours before, {wraps[1]} after"
    item.report("wraps", text, period=turn.period, wraps=wraps)
    if pages[0][0].ndim == 2:
        residues = [sum(_residues(page[k]) for page in pages) for k in range(2)]
        item.report("residues", f"{residues[0]} before, {residues[1]} after", residues=residues)


def _wraps(phase: np.ndarray, turn: _Turn) -> int:
    """Count the neighbours between which the phase jumps by more than half a turn."""
    start = turn.low * 2 * math.pi / turn.period
    values = np.mod(phase - start, 2 * math.pi)
    steps = [np.abs(np.diff(values, axis=axis)) > math.pi for axis in range(phase.ndim)]
    return sum(int(np.count_nonzero(each)) for each in steps)


def _residues(phase: np.ndarray) -> int:
    """Count the 2 x 2 pixels around which the wrapped differences do not add up to zero."""
    from steepest.manifold.circle import wrapped

    down, right = (wrapped(np.diff(phase, axis=axis)) for axis in range(2))
    around = right[:-1] + down[:, 1:] - right[1:] - down[:, :-1]
    return int(np.count_nonzero(np.abs(around) > 1))  # NaN does not count


def _picture(before: np.ndarray, after: np.ndarray) -> Any:
    """Draw the first page, of a volume the middle slice, before and after."""
    if before.ndim not in (2, 3):
        raise InputError("--picture: signals have no picture")
    if before.ndim == 3:
        before, after = before[len(before) // 2], after[len(after) // 2]
    known = ~np.isnan(before)
    images = {"measured": np.nan_to_num(before), "denoised": np.nan_to_num(after)}
    return steepest.plot.phase_figure(images, known=known)
