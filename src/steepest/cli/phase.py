"""``steepest phase``: denoise phases, which start again after one period."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.core.solver import Solver
from steepest.io import Image, OutputSet, check_target, write_image

from .batch import Record, run_batch
from .certificates import ManifoldProof
from .figures import figures_of, write_figure
from .inputs import SAMPLE, check_targets, given_images, one_target, read, without_copies
from .options import add_inputs, add_norm, add_outputs, add_solver, positive, spacing_of
from .pages import page_named
from .progress import progress

HELP = "remove noise from phases (InSAR, MRI, holography)"
USAGE = "IMAGE [IMAGE ...] --strength S [options]"
DESCRIPTION = """\
Denoise wrapped phases. The result v minimises 1/2 d(v, image)^2 + strength * TV(v) for its own
wraps, where d is the distance on the circle and TV adds up the distances of neighbours on it. A
jump from pi to -pi is not an edge, so nothing needs to be unwrapped, and the result is wrapped in
the same way as the image.

Phases are in radians; --period is for files with another scale. Pixels that are NaN have no data:
they do not influence the others, and stay NaN.
"""
EPILOG = """\
examples:
  steepest phase sample:interferogram --strength 0.35     writes interferogram_denoised.tif
  steepest phase scan.tif --strength 0.3 --picture p.png  also a picture, before and after
  steepest phase holo.png --period 256 --strength 0.5     8-bit phases: 256 is 0 again
  steepest phase a.tif --strength 0.1 --second-order 0.2  keeps slopes, without staircases
  steepest phase echoes.tif --pages --strength 0.3        each page of a time series

The strength is in radians x pixels, also with --period: an object that differs by c radians from
its surroundings vanishes if its radius is below about 2 * strength / c pixels. Try 0.5 to 2 times
the standard deviation of the noise. A residue is a point around which the phases do not add up to
zero; residues come from noise, and make unwrapping fail.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest phase``."""
    add_inputs(parser)
    group = parser.add_argument_group("phases")
    group.add_argument(
        "--strength", type=positive, required=True, metavar="S", help="weight of total variation"
    )
    group.add_argument(
        "--second-order",
        type=positive,
        default=0.0,
        metavar="B",
        help="weight of second-order total variation, which keeps slopes (default 0)",
    )
    group.add_argument(
        "--period",
        type=positive,
        metavar="P",
        help="value in the file that stands for a full turn (default 2 pi; needed for integers)",
    )
    group.add_argument(
        "--embedded",
        action="store_true",
        help="denoise cosine and sine as a vector image instead, and project back",
    )
    add_norm(group, unit="radians per pixel")
    add_solver(group)
    add_outputs(
        parser, "file, or folder for several images (default: NAME_denoised here)", images=False
    )
    parser.add_argument_group("more results").add_argument(
        "--picture",
        metavar="PATH",
        help="phases as hues, before and after (PNG; a folder for several images)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Denoise every image."""
    sources = given_images(arguments)
    several = len(sources) > 1
    targets = {name: _target(name, arguments, several) for name in sources}
    check_targets(targets.values(), arguments.overwrite)
    pictures = figures_of(arguments, sources, "picture", "_phases.png")

    def work(source: str, label: str) -> Record:
        image = without_copies(read(source, arguments))
        turn = _turn_of(image, arguments.period)
        check_target(targets[source], image)
        record = Record(source, outputs=[targets[source]])
        record.describe(image)
        start, results, parts, shown = perf_counter(), [], [], []
        with progress(label, enabled=not arguments.quiet) as on_step:
            for index, page in enumerate(image.parts):
                with page_named(image, index):
                    result, before = _denoised(arguments, image, page, turn, on_step)
                results.append(result)
                after = np.where(np.isnan(before), np.nan, result.image)
                shown.append((before, after))
                parts.append(turn.back(after, image.array.dtype))
        seconds = perf_counter() - start
        with OutputSet(overwrite=arguments.overwrite) as outputs:
            write_image(targets[source], image.with_parts(parts), outputs=outputs)
            if source in pictures:
                write_figure(pictures[source], _picture(*shown[0]), outputs)
                record.outputs.append(pictures[source])
        _report(record, shown, turn)
        record.certify(ManifoldProof(results, seconds))
        return record

    return run_batch(arguments, sources, work)


def _target(name: str, arguments: argparse.Namespace, several: bool) -> Path:
    """The file of the result; bundled phases become .tif files."""
    ending = ".tif" if name.startswith(SAMPLE) or name.lower().endswith((".jpg", ".bmp")) else ""
    return one_target(name, arguments, "denoised", several, ending or Path(name).suffix)


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


def _denoised(
    arguments: argparse.Namespace, image: Image, page: np.ndarray, turn: _Turn, on_step: Any
) -> tuple[Any, np.ndarray]:
    """Denoise one page; return the result and the phases of the file in radians."""
    from steepest.convex.combined import CombinedTotalVariation
    from steepest.convex.total_variation import TotalVariation
    from steepest.manifold import denoise

    phase = turn.radians(page)
    known = ~np.isnan(phase)
    norm, huber = "anisotropic" if arguments.anisotropic else "isotropic", arguments.huber or 0.0
    energy: Any = TotalVariation(norm=norm, huber=huber)
    if arguments.second_order:
        beta = arguments.second_order / arguments.strength
        energy = CombinedTotalVariation(beta=beta, norm=norm, huber=huber)
    result = denoise(
        np.where(known, phase, 0.0),
        arguments.strength,
        "circle",
        energy,
        known=None if known.all() else known,
        embedded=arguments.embedded,
        spacing=spacing_of(arguments.spacing, image),
        solver=Solver(tol=arguments.tol, num_threads=arguments.threads),
        on_step=on_step,
    )
    return result, phase


def _report(record: Record, shown: list[tuple[np.ndarray, np.ndarray]], turn: _Turn) -> None:
    """Report wraps and residues before and after."""
    if abs(turn.period - 2 * math.pi) > 1e-9:
        record.tell("period", f"{turn.period:g} stands for a full turn")
    wraps = [sum(_wraps(pages[k], turn) for pages in shown) for k in range(2)]
    text = f"{wraps[0]} between neighbours before, {wraps[1]} after"
    record.tell("wraps", text, period=turn.period, wraps=wraps)
    if shown[0][0].ndim == 2:
        residues = [sum(_residues(pages[k]) for pages in shown) for k in range(2)]
        record.tell("residues", f"{residues[0]} before, {residues[1]} after", residues=residues)


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
    from steepest import plot

    if before.ndim not in (2, 3):
        raise InputError("--picture: signals have no picture")
    if before.ndim == 3:
        before, after = before[len(before) // 2], after[len(after) // 2]
    known = ~np.isnan(before)
    images = {"measured": np.nan_to_num(before), "denoised": np.nan_to_num(after)}
    return plot.phase_figure(images, known=known)
