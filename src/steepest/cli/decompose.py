"""``steepest decompose``: split images into bands of structures."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.io import Image, OutputSet, write_image

from .batch import Record, run_batch
from .figures import need_figures, spectrum_of, write_figure
from .inputs import check_folder, given_images, own_folder, read, stem
from .options import (
    add_bands,
    add_inputs,
    add_method,
    add_model,
    add_outputs,
    band_keywords,
    check_method,
)
from .pages import Pages, Stack, bands_in_words
from .tiles import EPILOG as LARGE
from .tiles import SEVERAL, add_tiles, at_the_end, is_tiled, run_tiled
from .values import add_range, values_of

HELP = "split an image into its structures by contrast and size"
USAGE = "IMAGE [IMAGE ...] [options]"
DESCRIPTION = """\
Spectral total variation decomposition: the image becomes a sum of bands and a residual. Each band
holds the structures that vanish from the total variation flow within one interval of time (time is
contrast times size). The written files add up to the image, up to the rounding of floats. The pages
of a time series are decomposed one by one, into the same bands.
"""
EPILOG = (
    """\
examples:
  steepest decompose sample:camera -o bands              a bundled photograph
  steepest decompose photo.jpg --bands 4                 at most four bands
  steepest decompose photo.jpg --edges 0.01,0.05,0.3     four bands, separated by these times
  steepest decompose scan.tif --t-max 0.5 --no-figures   no figures, up to time 0.5
  steepest decompose scans/ -o split                     one folder in split/ for each image
  steepest decompose film.tif --pages                    a time series, page by page
  steepest decompose photo.jpg --method learned          use a network, up to time 0.25
  steepest decompose big.zarr --edges 0.01,0.1 --t-max 0.5 -o bands.zarr    larger than memory

written into the folder (floating-point TIFF, exact; NPY for 1-D signals):
  band_01.tif, band_02.tif, ...   the bands, fine to coarse, values around zero
  residual.tif                    what is left after the last time
  bands.png, spectrum.png         figures (not with --no-figures)
For a series, each file has as many pages as the series, bands.png shows the middle page, and
spectrum.png the spectra of all pages.
"""
    + LARGE
    + """\
No figures are drawn. -o NAME.zarr is one store with a channel for each band; -o FOLDER gets one
store for each band.
"""
)
_USUAL = 6  # bands
_OWN_FILES = re.compile(r"band_\d{2,}\.(tif|npy)|residual\.(tif|npy)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest decompose``."""
    add_inputs(parser)
    add_range(parser)
    add_bands(parser)
    parser.add_argument("--no-figures", action="store_true", help="write no PNG figures")
    add_method(parser)
    add_model(parser, huber=False)
    add_tiles(parser)
    add_outputs(parser, "folder (default: NAME_bands here)", images=False)


def run(arguments: argparse.Namespace) -> int:
    """Decompose every image."""
    check_method(arguments)
    values_of(arguments)
    if is_tiled(arguments):
        return _run_tiled(arguments)
    if not arguments.no_figures:
        need_figures()
    sources = given_images(arguments)
    folders = {name: own_folder(name, arguments, "bands", len(sources) > 1) for name in sources}
    if len(set(folders.values())) < len(folders):
        raise InputError("two images have the same name; decompose them separately")
    for folder in folders.values():
        check_folder(folder, arguments.overwrite)

    def work(source: str, label: str) -> Record:
        image = read(source, arguments)
        image = replace(image, metadata=image.metadata.without_display())
        record = Record(source)
        record.describe(image)
        values_of(arguments).report(record)
        pages = Pages(image, arguments, label)
        folder = folders[source]
        with OutputSet(overwrite=arguments.overwrite) as outputs:
            decibel = _write(folder, pages, stem(source), outputs)
            record.outputs = list(outputs.paths)
        _remove_older(folder, record.outputs)
        pages.report(record)
        text = "exact" if np.isinf(decibel) else f"{decibel:.0f} dB"
        text = f"bands + residual reproduce the image: {text}"
        record.tell("sum", text, reconstruction_psnr=decibel)
        pages.certify(record)
        return record

    return run_batch(arguments, sources, work)


def _run_tiled(arguments: argparse.Namespace) -> int:
    """Decompose images that do not fit in memory."""
    from steepest import tiled

    keywords, found = {"bands": _USUAL, **band_keywords(arguments)}, list[Any]()
    count = len(arguments.edges) + 1 if arguments.edges else keywords["bands"]

    def solve(part: Any, out: Any, options: dict[str, Any]) -> Any:
        if found and not isinstance(keywords["bands"], list):
            raise InputError(SEVERAL)
        found.append(tiled.decompose(part, out, **keywords, **options))
        return at_the_end(found[-1].flow)

    def report(record: Record, results: list[Any]) -> dict[str, Any]:
        edges = [float(edge) for edge in found[-1].edges if np.isfinite(edge)]
        record.tell("bands", bands_in_words(found[-1].edges), edges=edges)
        found.clear()
        return {"edges": edges}

    tags = [f"band_{k:02d}" for k in range(1, count + 1)]
    return run_tiled(arguments, [*tags, "residual"], solve, report, kind="bands")


def _write(folder: Path, pages: Pages, name: str, outputs: OutputSet) -> float:
    """Write all files of one image.

    Return the PSNR (in dB) of the sum of bands and residual with respect to the image.
    """
    image, figures = replace(pages.image, alpha=None), not pages.arguments.no_figures
    ending = "npy" if image.axes == "X" else "tif"
    shown = len(image.parts) // 2  # the page shown in bands.png
    stacks: list[Stack] = []
    spectra, decibels = [], []
    for i, decomposition in enumerate(pages):
        parts = [*decomposition.bands, decomposition.residual]
        stacks = stacks or [Stack(image, part.dtype, folder) for part in parts]
        for stack, part in zip(stacks, parts, strict=True):
            stack.add(part)
        decibels.append(_exactness(decomposition))
        if figures:
            spectra.append((decomposition.times, decomposition.spectrum))
            if i == shown:
                title = f"{name}, page {i + 1} of {len(image.parts)}" if pages.series else name
                montage = _montage(decomposition, image, title, bool(pages.arguments.range))
    names = [f"band_{i + 1:02d}.{ending}" for i in range(len(stacks) - 1)]
    for file, stack in zip([*names, f"residual.{ending}"], stacks, strict=True):
        write_image(folder / file, replace(image, array=stack.array), outputs=outputs)
    if figures:
        write_figure(folder / "bands.png", montage, outputs)
        write_figure(folder / "spectrum.png", spectrum_of(spectra, pages, name), outputs)
    return min(decibels)


def _montage(decomposition: Any, image: Image, title: str, ranged: bool) -> Any:
    """Create the figure of the bands of one page."""
    from steepest import plot

    return plot.band_montage(
        decomposition.bands,
        decomposition.residual,
        decomposition.edges,
        image=decomposition.image,
        channel_axis=image.channel_axis,
        limits=(0, 1) if ranged else None,
        title=f"{title}: structures by contrast \u00d7 size",
    )


def _exactness(decomposition: Any) -> float:
    """Return the PSNR in dB of the sum of bands and residual with respect to the image."""
    image = np.asarray(decomposition.image, dtype=np.float64)
    total = np.sum(decomposition.bands, axis=0, dtype=np.float64) + decomposition.residual
    distance = float(np.sqrt(np.mean((total - image) ** 2)))
    return float(20 * np.log10((np.ptp(image) or 1.0) / distance)) if distance else float("inf")


def _remove_older(folder: Path, written: list[Path]) -> None:
    """Remove bands left over from an earlier run with more bands (only with --overwrite).

    With these files, the bands in the folder would not add up to the image.
    """
    for path in folder.iterdir():
        if path not in written and _OWN_FILES.fullmatch(path.name):
            path.unlink()
