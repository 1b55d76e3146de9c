"""``steepest decompose``: split images into bands of structures."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.io import Image, OutputSet, write_image

from .batch import Record, run_batch
from .certificates import certificate
from .figures import need_figures, write_figure
from .inputs import check_folder, given_images, own_folder, read, stem
from .options import (
    add_bands,
    add_inputs,
    add_method,
    add_model,
    add_outputs,
    band_keywords,
    check_method,
    learned_keywords,
    model_keywords,
)
from .progress import progress

HELP = "split an image into its structures by contrast and size"
USAGE = "IMAGE [IMAGE ...] [options]"
DESCRIPTION = """\
Spectral total variation decomposition: an image becomes a sum of bands, each with the structures
that vanish in one interval of time of the total variation flow (time: contrast times size), and a
residual. The sum of all written files is the image, exactly to the rounding of floats.
"""
EPILOG = """\
examples:
  steepest decompose sample:camera -o bands              a bundled photograph
  steepest decompose photo.jpg --bands 4                 at most four -> folder photo_bands
  steepest decompose photo.jpg --edges 0.01,0.05,0.3     four bands, separated by these times
  steepest decompose scan.tif --t-max 0.5 --no-figures   only the numbers, up to time 0.5
  steepest decompose scans/ -o split                     a folder in split/ for every image
  steepest decompose photo.jpg --method learned          by a network, up to time 0.25

written into the folder (floating-point TIFF, exact; NPY for 1-D signals):
  band_01.tif, band_02.tif, ...   the bands, fine to coarse, values around zero
  residual.tif                    what is left after the last time
  bands.png, spectrum.png         figures (not with --no-figures)
"""
_OWN_FILES = re.compile(r"band_\d{2,}\.(tif|npy)|residual\.(tif|npy)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``steepest decompose``."""
    add_inputs(parser)
    add_bands(parser)
    parser.add_argument("--no-figures", action="store_true", help="write no PNG figures")
    add_method(parser)
    add_model(parser, huber=False)
    add_outputs(parser, "folder (default: NAME_bands here)", images=False)


def run(arguments: argparse.Namespace) -> int:
    """Decompose every image."""
    check_method(arguments)
    if not arguments.no_figures:
        need_figures()
    sources = given_images(arguments)
    folders = {name: own_folder(name, arguments, "bands", len(sources) > 1) for name in sources}
    if len(set(folders.values())) < len(folders):
        raise InputError("two images have the same name; decompose them separately")
    for folder in folders.values():
        check_folder(folder, arguments.overwrite)

    def work(source: str, label: str) -> Record:
        image = single(read(source, arguments))
        image = replace(image, metadata=image.metadata.without_display())
        record = Record(source)
        record.describe(image)
        start = perf_counter()
        if arguments.method == "learned":
            decomposition = _learned(image, arguments, label)
        else:
            decomposition = decompose_image(image, arguments, label)
        seconds = perf_counter() - start
        with OutputSet(overwrite=arguments.overwrite) as outputs:
            _write(folders[source], image, decomposition, stem(source), arguments, outputs)
            record.outputs = list(outputs.paths)
        _remove_older(folders[source], record.outputs)
        report_bands(record, decomposition)
        record.certify(certificate(decomposition.flow, seconds))
        return record

    return run_batch(arguments, sources, work)


def single(image: Image) -> Image:
    """An image that is not a series of pages.

    Raises
    ------
    InputError
        It is one.
    """
    if image.axes.startswith("T"):
        raise InputError(
            f"{image.name}: holds {image.array.shape[0]} pages; decompose them as a --volume, "
            "or split the file"
        )
    return image


def decompose_image(image: Image, arguments: argparse.Namespace, label: str) -> Any:
    """The decomposition of one image as the options say."""
    from steepest import spectral

    keywords = {**model_keywords(arguments, image), **band_keywords(arguments)}
    hint = (
        "" if arguments.t_max else "taking long? --t-max T ends the flow at time T, and is faster"
    )
    with progress(label, enabled=not arguments.quiet, then="bands", hint=hint) as on_step:
        return spectral.decompose(image.array, on_step=on_step, **keywords)


def _learned(image: Image, arguments: argparse.Namespace, label: str) -> Any:
    """The decomposition of one image as a network sees it."""
    from steepest import learning

    keywords = {**learned_keywords(arguments, image), **band_keywords(arguments)}
    with progress(label, enabled=not arguments.quiet, then="bands") as on_step:
        return learning.learned_decomposition(image.array, on_step=on_step, **keywords)


def report_bands(record: Record, decomposition: Any) -> None:
    """Bands, their edges and how exactly they add up to the image."""
    edges = [float(edge) for edge in decomposition.edges]
    record.lines.append(("bands", bands_in_words(edges)))
    image = np.asarray(decomposition.image, dtype=np.float64)
    total = np.sum(decomposition.bands, axis=0, dtype=np.float64) + decomposition.residual
    distance = float(np.sqrt(np.mean((total - image) ** 2)))
    decibel = 20 * np.log10((np.ptp(image) or 1.0) / distance) if distance else np.inf
    text = "exact" if np.isinf(decibel) else f"{decibel:.0f} dB"
    record.lines.append(("sum", f"bands + residual reproduce the image: {text}"))
    record.values.update(edges=edges, reconstruction_psnr=float(decibel))


def bands_in_words(edges: Sequence[float]) -> str:
    """How many bands, and the times that separate them."""
    inner = ", ".join(f"{edge:.3g}" for edge in edges[1:-1])
    return f"{len(edges) - 1}, separated at t = {inner}" if inner else "1"


def _write(
    folder: Path,
    image: Image,
    decomposition: Any,
    name: str,
    arguments: argparse.Namespace,
    outputs: OutputSet,
) -> None:
    ending = "npy" if image.axes == "X" else "tif"
    opaque = replace(image, alpha=None)
    for i, band in enumerate(decomposition.bands):
        write_image(folder / f"band_{i + 1:02d}.{ending}", _with(opaque, band), outputs=outputs)
    rest = _with(opaque, decomposition.residual)
    write_image(folder / f"residual.{ending}", rest, outputs=outputs)
    if arguments.no_figures:
        return
    from steepest import plot

    figure = plot.band_montage(
        decomposition.bands,
        decomposition.residual,
        decomposition.edges,
        image=decomposition.image,
        channel_axis=image.channel_axis,
        title=f"{name}: structures by contrast \u00d7 size",
    )
    write_figure(folder / "bands.png", figure, outputs)
    figure = plot.spectrum_figure(
        decomposition.times,
        decomposition.spectrum,
        decomposition.edges,
        title=f"{name}: spectrum of the total variation flow",
    )
    write_figure(folder / "spectrum.png", figure, outputs)


def _with(image: Image, array: Any) -> Image:
    return replace(image, array=np.ascontiguousarray(array))


def _remove_older(folder: Path, written: list[Path]) -> None:
    """Bands of an earlier run with more bands, which would no longer add up (--overwrite only)."""
    for path in folder.iterdir():
        if path not in written and _OWN_FILES.fullmatch(path.name):
            path.unlink()
