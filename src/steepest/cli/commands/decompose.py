"""``steepest decompose``: split images into bands of structures."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.io import Image

from .. import choices
from ..certificates import bounds
from ..decompositions import Decompositions, Stack, bands_in_words
from ..extras import draw_figure, need_figures
from ..grey import RangeChoice, values_of
from ..runner import Batch, Item
from ..sources import Source
from ..tiles import at_the_end
from ..types import Images

_USUAL = 6  # bands
_OWN_FILES = re.compile(r"band_\d{2,}\.(tif|npy)|residual\.(tif|npy)")


def decompose(
    *images: Images,
    no_figures: bool = False,
    no_bands: bool = False,
    csv: bool = False,
    grey: RangeChoice = RangeChoice(),
    bands: choices.Bands = choices.Bands(),
    method: choices.MethodChoice = choices.MethodChoice(),
    energy: choices.EnergyChoice = choices.EnergyChoice(),
    solver: choices.SolverChoice = choices.SolverChoice(),
    tiles: choices.TilesChoice = choices.TilesChoice(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.Writing = choices.Writing(),
) -> Batch:
    """Split an image into its structures by contrast and size.

    Spectral total variation decomposition: the image becomes a sum of bands and a residual. Each
    band holds the structures that vanish from the total variation flow within one interval of time
    (time is contrast times size). The written files add up to the image, up to the rounding of
    floats. The pages of a time series are decomposed one by one, into the same bands.

    The spectrum S(t) says how much of the image vanishes at time t. A peak stands for structures of
    the same contrast times size; the valleys between peaks are good edges for bands.

    Parameters
    ----------
    no_figures
        write no PNG figures
    no_bands
        write figures and table only, to see how much structure there is at each scale
    csv
        also write the spectrum as a table, with the columns t, S (of a series: page, t, S)
    writing.output
        folder (default: NAME_bands here)

    Examples
    --------
    steepest decompose sample:camera -o bands    a bundled photograph
    steepest decompose photo.jpg --edges 0.01,0.05,0.3  four bands, by times
    steepest decompose scan.tif --t-max 0.5 --bands 4  up to time 0.5
    steepest decompose scans/ -o split           a folder in split/ for each image
    steepest decompose photo.jpg --method learned  by a network, up to time 0.25
    steepest decompose photo.jpg --no-bands --csv  only the spectrum
    steepest decompose big.zarr --edges 0.01,0.1 -o bands.zarr  larger than memory

    written into the folder (floating-point TIFF, exact; NPY for 1-D signals):
      band_01.tif, band_02.tif, ..   the bands, fine to coarse, values around zero
      residual.tif                   what is left after the last time
      bands.png, spectrum.png        figures (not with --no-figures)
      spectrum.csv                   with --csv

    Notes
    -----
    For a series, each file has as many pages as the series, bands.png shows the middle page, and
    spectrum.png the spectra of all pages.

    No figures are drawn of images computed tile by tile. -o NAME.zarr is one store with a channel
    for each band; -o FOLDER gets one store for each band.
    """
    method.check(solver.threads, energy, solver)
    if tiles.wanted(images, reading, grey, method, no_bands=no_bands, csv=csv):
        work, files = _by_tiles(bands, energy, solver, tiles, writing.output)
        return Batch(reading.sources(images, large=True), work, files, writing.overwrite)
    if not no_figures:
        need_figures()
    elif no_bands and not csv:
        raise InputError("--no-bands, --no-figures: nothing is left to write; give --csv")
    values, sources = values_of(grey), reading.sources(images, writing.output)
    folders = {source: source.folder(writing.output, "bands", own=True) for source in sources}
    if len(set(folders.values())) < len(folders):
        raise InputError("two images have the same name; decompose them separately")
    for folder in folders.values():
        if folder.is_file():
            raise InputError(f"{folder}: is a file; a folder is needed")
        if not writing.overwrite and folder.is_dir() and any(folder.iterdir()):
            raise InputError(f"{folder}: exists and is not empty (write into it with --overwrite)")

    def in_memory(item: Item) -> None:
        image = item.read(reading, values, prepare=_without_display, kept=not no_bands)
        pages = Decompositions(item, image, bands, grey, energy, solver, method=method)
        energy.report(item)
        decibels, stacks, montage = [], list[Stack](), None
        folder, plain = folders[item.source], replace(image, alpha=None)
        for i, split in enumerate(pages):
            parts = [*split.bands, split.residual]
            if not no_bands:
                stacks = stacks or [Stack(plain, part.dtype, folder) for part in parts]
            for stack, part in zip(stacks, parts, strict=not no_bands):
                stack.add(part)
            decibels.append(_exactness(split))
            if not no_figures and i == len(image.parts) // 2:
                page = f", page {i + 1} of {len(image.parts)}" if pages.series else ""
                montage = draw_figure(
                    "band_montage", split.bands, split.residual, split.edges, image=split.image,
                    channel_axis=image.channel_axis, limits=(0, 1) if grey.range else None,
                    title=f"{item.source.stem}{page}: structures by contrast \u00d7 size",
                )  # fmt: skip
        ending = "npy" if image.axes == "X" else "tif"
        for name, stack in zip(_names(len(stacks) - 1), stacks, strict=not no_bands):
            item.write(folder / f"{name}.{ending}", replace(plain, array=stack.array))
        if montage is not None:
            item.write(folder / "bands.png", montage)
        pages.write_spectrum(folder, figure=not no_figures, table=csv)
        pages.report_spectrum()
        pages.report()
        text = "exact" if np.isinf(min(decibels)) else f"{min(decibels):.0f} dB"
        text = f"bands + residual reproduce the image: {text}"
        item.report("sum", text, reconstruction_psnr=min(decibels))
        pages.certify()

    def remove_older(item: Item) -> None:
        """Remove bands of an earlier run, with which the folder would not add up to the image."""
        for path in () if no_bands else folders[item.source].iterdir():
            if path not in item.written and _OWN_FILES.fullmatch(path.name):
                path.unlink()

    return Batch(sources, in_memory, overwrite=writing.overwrite, after=remove_older)


def _names(num_bands: int) -> list[str]:
    return [*(f"band_{k:02d}" for k in range(1, num_bands + 1)), "residual"]


def _by_tiles(
    bands: choices.Bands, energy: Any, solver: Any, tiles: choices.TilesChoice, output: str | None
) -> tuple[Callable[[Item], None], Callable[[Source], dict[str, Path]]]:
    """How to decompose images larger than memory, into one store or into one for each band."""
    if bands.edges is None:
        bands = replace(bands, bands=bands.bands or _USUAL)
    names = _names(bands.bands or len(bands.edges or ()) + 1)

    def files(source: Source) -> dict[str, Path]:
        if output is not None and source.names_a_result(output):
            return {"bands": source.file(output, "bands", ".zarr")}
        folder = source.folder(output, "bands", own=True)
        return {name: folder / f"{name}.zarr" for name in names}

    def work(item: Item) -> None:
        def compute(page: Any, keywords: dict[str, Any]) -> Any:
            return steepest.spectral.decompose(page, **keywords)

        image = item.read(choices.FileReading())
        energy.report(item)
        results = item.solve(
            image, compute, bands, energy, solver, tiles=tiles, names=names, kind="bands",
            stacked=True,
        )  # fmt: skip
        edges = results[-1].edges
        inner = [float(edge) for edge in edges if np.isfinite(edge)]
        item.report("bands", bands_in_words(edges), edges=inner)
        item.certify([at_the_end(each.flow) for each in results], bounds)

    return work, files


def _without_display(image: Image) -> Image:
    return replace(image, metadata=image.metadata.without_display())


def _exactness(split: Any) -> float:
    """Return the PSNR in dB of the sum of bands and residual with respect to the image."""
    image = np.asarray(split.image, dtype=np.float64)
    total = np.sum(split.bands, axis=0, dtype=np.float64) + split.residual
    distance = float(np.sqrt(np.mean((total - image) ** 2)))
    return float(20 * np.log10((np.ptp(image) or 1.0) / distance)) if distance else float("inf")
