"""``steepest strain``: displacement and strain between images of one specimen."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

import steepest
from steepest.core.errors import InputError

from .. import choices
from ..extras import need_figures
from ..frames import grey_pages, names_of, read_frames
from ..runner import Batch, Item
from ..sizes import Lengths, PixelSize, lengths_of
from ..sources import Source
from ..strain_maps import MAPS, maps_of, report_strain, strain_by_tiles, write_pictures
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
    large = tiles.wanted(images, reading, line=line, against=against != "first")
    if large and len(images) != 2:
        raise InputError(f"{len(images)} images; two are compared tile by tile")
    names = list(images) if large else names_of(images)
    source, kinds = Source(names[0], large=large), (*MAPS, *((_LINE,) if line else ()))
    folder = source.folder(writing.output, "strain", own=False)
    options: dict[str, Any] = {"measure": measure, "max_shift": max_shift}
    if load is not None:
        options["load_axis"] = "yx".index(load)

    def work(item: Item) -> None:
        if large:
            stored, results, lengths = strain_by_tiles(
                item, names, mask, pixel_size, options, solver, tiles
            )
            write_pictures(item, stored, item.files, lengths)
            item.written.extend(item.files[name].with_suffix(".png") for name in MAPS)
            report_strain(item, [stored], results)
            return
        image, frames = read_frames(item, reading, names)
        lengths = lengths_of(item, image, pixel_size, choices.Spacing())
        keywords = {"spacing": lengths.steps(2), **options, **solver.keywords(image)}
        if mask is not None:
            known = grey_pages(reading.read(mask)).array > 0
            keywords["weights"] = known if known.ndim == 2 else known[0]
        with item.progress() as on_step:
            results = steepest.motion.follow(frames, against=against, on_step=on_step, **keywords)
        blank = replace(image, axes="YX", array=image.parts[0], stored_axes="YX").of_numbers()
        series = [maps_of(result) for result in results]
        for number, maps in enumerate(series, 1):
            tag = f"_{number:03d}" if len(series) > 1 else ""
            paths = {name: folder / f"{name}{tag}.tif" for name in MAPS}
            for name, values in maps.items():
                item.write(paths[name], blank.of_numbers([values]))
            write_pictures(item, maps, paths, lengths)
            if line:
                item.write(folder / f"{_LINE}{tag}.csv", _along(line, maps, lengths))
        report_strain(item, series, results)

    def files(_: Source) -> dict[str, Path]:
        kind = "zarr" if large else "tif"
        return {name: folder / f"{name}.{'csv' if name == _LINE else kind}" for name in kinds}

    return Batch([source], work, files, writing.overwrite)


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
