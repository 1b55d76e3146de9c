"""``steepest strain``: displacement and strain between images of one specimen."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

import steepest
from steepest.core.errors import InputError

from .. import choices
from ..extras import need_figures
from ..frames import grey_pages, names_of, read_frames
from ..large_strain import LargeStrain
from ..runner import Batch, Item
from ..sizes import Lengths, PixelSize, lengths_of
from ..sources import Source
from ..strain_maps import MAPS, Row, map_picture, report_strain
from ..types import FileName, Images, Numbers, Positive

_LINE = "line"


def strain(
    *images: Images,
    measure: Literal["infinitesimal", "green-lagrange"] = "infinitesimal",
    max_shift: Positive = 2.0,
    against: Literal["first", "previous"] = "first",
    load: Literal["x", "y"] | None = None,
    mask: FileName | None = None,
    line: Numbers | None = None,
    pixel_size: PixelSize = None,
    solver: choices.SolverChoice = choices.SolverChoice(),
    tiles: choices.TilesChoice = choices.TilesChoice(),
    reading: choices.FileReading = choices.FileReading(),
    writing: choices.Writing = choices.Writing(),
) -> Batch:
    """Map the strain between photographs of a specimen (digital image correlation).

    Compares images of the same size, such as a speckled specimen before and after loading. Several
    images, the pages of one TIFF file, or the frames of a video are a series. Writes maps of the
    strain along y, along x and of shear, of the displacement and of the residual (what it does not
    explain), as PNG pictures with a colour bar and as TIFF files of 32-bit floats, with standard
    deviations.

    Parameters
    ----------
    measure
        of the strain; green-lagrange if the specimen turns by more than a degree
    max_shift
        largest displacement between two images, in pixels
    against
        compare with the first image, or each with the one before
    load
        axis of a tensile test: cracks only open along it
    mask
        image of the same size, not black where the specimen is
    line
        Y0,X0,Y1,X1 in pixels: also write the values along this line as CSV
    writing.output
        folder (default: NAME_strain here); the maps of a series get numbers

    Examples
    --------
    steepest strain before.tif after.tif -o strain/
    steepest strain test_*.tif -o strain/ --load x --line 50,10,50,200
    steepest strain a.png b.png --max-shift 30 --pixel-size 3.5  in micrometres
    steepest strain before.zarr after.zarr -o strain/  larger than memory
    """
    need_figures()
    if line is not None and len(line) != 4:
        raise InputError(f"--line: {len(line)} numbers; four are needed, Y0,X0,Y1,X1")
    if tiles.wanted(images, reading, line=line, against=against != "first"):
        job = LargeStrain(images, measure, max_shift, load, mask, pixel_size, solver, tiles)
        return Batch([job.source], job.work, partial(job.files, writing.output), writing.overwrite)
    names = names_of(images)
    source, kinds = Source(names[0]), (*MAPS, *((_LINE,) if line else ()))
    folder = source.folder(writing.output, "strain", own=False)

    def work(item: Item) -> None:
        image, frames = read_frames(item, reading, names)
        lengths = lengths_of(item, image, pixel_size, choices.Spacing())
        options: dict[str, Any] = {"spacing": lengths.steps(2)}
        if mask is not None:
            known = grey_pages(reading.read(mask)).array > 0
            options["weights"] = known if known.ndim == 2 else known[0]
        if load is not None:
            options["load_axis"] = "yx".index(load)
        with item.progress() as on_step:
            results = steepest.motion.follow(
                frames, against=against, measure=measure, max_shift=max_shift, on_step=on_step,
                **options, **solver.keywords(image),
            )  # fmt: skip
        blank = replace(image, axes="YX", array=image.parts[0], stored_axes="YX").of_numbers()
        for number, result in enumerate(results, 1):
            tag = f"_{number:03d}" if len(results) > 1 else ""
            maps = _maps(result)
            for name, values in maps.items():
                place = folder / f"{name}{tag}"
                tiff = place.with_suffix(".tif")
                item.write(tiff, blank.of_numbers([np.asarray(values, np.float32)]))
                item.write(place.with_suffix(".png"), map_picture(name, values, lengths))
            if line:
                item.write(folder / f"{_LINE}{tag}.csv", _along(line, maps, lengths))
        report_strain(item, [_row(each) for each in results], results)

    def files(_: Source) -> dict[str, Path]:
        return {name: folder / f"{name}.{'csv' if name == _LINE else 'tif'}" for name in kinds}

    return Batch([source], work, files, writing.overwrite)


def _maps(result: steepest.motion.Displacement) -> dict[str, np.ndarray]:
    strain, u = result.strain, result.displacement
    values = (strain[0, 0], strain[1, 1], strain[0, 1], u[0], u[1], result.residual)
    largest = np.where(np.isfinite(result.strain_std), result.strain_std, np.nan).max((0, 1))
    return {**dict(zip(MAPS, values, strict=False)), "strain_std": largest}


def _along(line: tuple[float, ...], maps: dict[str, np.ndarray], lengths: Lengths) -> list[Any]:
    """A table of the maps along a line, one row a pixel, interpolated linearly."""
    from scipy.ndimage import map_coordinates

    ends, shape = np.reshape(line, (2, 2)), next(iter(maps.values())).shape
    if not ((ends >= 0) & (ends <= np.array(shape) - 1)).all():
        raise InputError(f"--line: {ends.tolist()} is not within {shape[0]} x {shape[1]} pixels")
    steps = (ends[1] - ends[0]) * lengths.steps(2)
    count = max(int(np.ceil(np.abs(ends[1] - ends[0]).max())), 1) + 1
    at = ends[0][:, None] + (ends[1] - ends[0])[:, None] * np.linspace(0, 1, count)
    columns = [np.linspace(0, float(np.hypot(*steps)), count), *at]
    columns += [map_coordinates(np.asarray(x, float), at, order=1) for x in maps.values()]
    head = [f"distance_{lengths.unit}", "y", "x", *maps]
    return [head, *([f"{value:.7g}" for value in row] for row in zip(*columns, strict=True))]


def _row(result: steepest.motion.Displacement) -> Row:
    row = {}
    for name, (c, d) in {"yy": (0, 0), "xx": (1, 1), "xy": (0, 1)}.items():
        values = result.strain[c, d]
        row[name] = {
            "mean": float(values.mean()), "least": float(values.min()),
            "largest": float(values.max()), "std": float(np.median(result.strain_std[c, d])),
        }  # fmt: skip
    return row
