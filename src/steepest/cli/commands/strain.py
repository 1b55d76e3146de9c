"""``steepest strain``: displacement and strain between images of one specimen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

import steepest
from steepest.core.errors import InputError

from .. import choices
from ..extras import need_figures, new_figure
from ..frames import grey_pages, names_of, read_frames
from ..runner import Batch, Item
from ..sizes import Lengths, PixelSize, lengths_of
from ..sources import Source
from ..types import FileName, Images, Numbers, Positive

_MAPS = ("strain_yy", "strain_xx", "strain_xy", "displacement_y", "displacement_x", "residual")
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
    reading: choices.FileReading = choices.FileReading(),
    writing: choices.Writing = choices.Writing(),
) -> Batch:
    """Map the strain between photographs of a specimen (digital image correlation).

    Compares images of the same size, such as a speckled specimen before and after loading; several
    images, or the pages of one TIFF file, are a series. Writes maps of the strain along y, along x
    and of shear, of the displacement and of the residual (what it does not explain), as PNG
    pictures with a colour bar and as TIFF files of 32-bit floats, with standard deviations.

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
    """
    need_figures()
    if line is not None and len(line) != 4:
        raise InputError(f"--line: {len(line)} numbers; four are needed, Y0,X0,Y1,X1")
    names = names_of(images)
    source, kinds = Source(names[0]), (*_MAPS, "strain_std", *((_LINE,) if line else ()))
    folder = source.folder(writing.output, "strain", own=False)

    def work(item: Item) -> None:
        image, frames = read_frames(item, reading, names)
        lengths = lengths_of(item, image, pixel_size, choices.Spacing())
        options: dict[str, Any] = {"spacing": _spacing(lengths)}
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
                item.write(place.with_suffix(".png"), _picture(name, values, lengths))
            if line:
                item.write(folder / f"{_LINE}{tag}.csv", _along(line, maps, lengths))
        _report(item, results)

    def files(_: Source) -> dict[str, Path]:
        return {name: folder / f"{name}.{'csv' if name == _LINE else 'tif'}" for name in kinds}

    return Batch([source], work, files, writing.overwrite)


def _spacing(lengths: Lengths) -> tuple[float, ...]:
    return tuple(lengths.pixel_size * each for each in lengths.spacing or (1.0, 1.0))


def _maps(result: steepest.motion.Displacement) -> dict[str, np.ndarray]:
    strain, u = result.strain, result.displacement
    values = (strain[0, 0], strain[1, 1], strain[0, 1], u[0], u[1], result.residual)
    largest = np.where(np.isfinite(result.strain_std), result.strain_std, np.nan).max((0, 1))
    return {**dict(zip(_MAPS, values, strict=True)), "strain_std": largest}


def _picture(name: str, values: np.ndarray, lengths: Lengths) -> Any:
    unit = f" ({lengths.unit})" if name.startswith("displacement") else ""
    figure = new_figure(figsize=(7.0, 7.0 * min(max(values.shape[0] / values.shape[1], 0.4), 2.0)))
    steepest.plot.scalar_map(
        values, pixel_size=lengths.pixel_size, unit=lengths.unit,
        title=name.replace("_", " ") + unit, ax=figure.add_subplot(),
    )  # fmt: skip
    return figure


def _along(line: tuple[float, ...], maps: dict[str, np.ndarray], lengths: Lengths) -> list[Any]:
    """A table of the maps along a line, one row a pixel, interpolated linearly."""
    from scipy.ndimage import map_coordinates

    ends, shape = np.reshape(line, (2, 2)), next(iter(maps.values())).shape
    if not ((ends >= 0) & (ends <= np.array(shape) - 1)).all():
        raise InputError(f"--line: {ends.tolist()} is not within {shape[0]} x {shape[1]} pixels")
    steps = (ends[1] - ends[0]) * _spacing(lengths)
    count = max(int(np.ceil(np.abs(ends[1] - ends[0]).max())), 1) + 1
    at = ends[0][:, None] + (ends[1] - ends[0])[:, None] * np.linspace(0, 1, count)
    columns = [np.linspace(0, float(np.hypot(*steps)), count), *at]
    columns += [map_coordinates(np.asarray(x, float), at, order=1) for x in maps.values()]
    head = [f"distance_{lengths.unit}", "y", "x", *maps]
    return [head, *([f"{value:.7g}" for value in row] for row in zip(*columns, strict=True))]


def _report(item: Item, results: list[Any]) -> None:
    numbers, words = [], ""
    for result in results:
        row = {}
        for name, (c, d) in {"yy": (0, 0), "xx": (1, 1), "xy": (0, 1)}.items():
            values, std = result.strain[c, d], result.strain_std[c, d]
            usual = float(np.median(std))
            row[name] = {
                "mean": float(values.mean()), "least": float(values.min()),
                "largest": float(values.max()), "std": usual,
            }  # fmt: skip
        words = ", ".join(f"{k} {v['mean']:.2g} (to {v['largest']:.2g})" for k, v in row.items())
        numbers.append(row)
    item.report("strain", f"mean {words}", strain=numbers)
    deviation = numbers[-1]["xx"]["std"]
    item.report("deviation", f"{deviation:.1g} of strain along x, at the median pixel")

    def gaps(_: Any) -> Any:
        worst = max(result.gaps[-1] for result in results)
        return f"relative gap {worst:.1e} of the last warp", {"gap": worst}

    item.certify(results, gaps)
