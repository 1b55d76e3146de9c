"""``steepest segment``: classes by brightness, with a proof for each label."""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.core.grey import LUMA
from steepest.io import Image, OutputSet, check_kind, check_target

from .batch import Record, run_batch
from .figures import need_figures
from .inputs import check_targets, given_images, one_target, placed, read, without_copies
from .lengths import Lengths, add_pixel_size, lengths_of
from .options import add_inputs, add_outputs, count, from_zero, numbers, positive
from .pages import page_named
from .progress import progress
from .segment_results import Found, LabelProof, label_image, report_classes
from .tiles import EPILOG as LARGE
from .tiles import add_tiles, is_tiled, run_tiled
from .values import Values, add_range, values_of

HELP = "classes by brightness, with a proof for each label"
USAGE = "IMAGE [IMAGE ...] [options]"
DESCRIPTION = """\
Divide an image into classes by brightness, with smooth contours, and say which labels are certain.
The image is denoised by total variation and compared with thresholds; these are found from the
image unless --thresholds gives them. Class 0 is the darkest. The labels minimise

  strength * length of the contours + half of the squared distance of the image to the values

among all labelings, and the program proves it: a label is called certain if no better or equally
good labeling has another one there. Areas are printed with the range in which those of the exact
solution lie.

With --mu, there are two classes, as in scikit-image's chan_vese with the same mu. All channels are
then used together; otherwise colours are converted to brightness.
"""
EPILOG = (
    """\
examples:
  steepest segment cells.tif                           writes cells_labels.tif: 0 and 1
  steepest segment photo.tif --classes 3 --strength 0.3
  steepest segment photo.png --mu 0.25                 two classes, as scikit-image's chan_vese
  steepest segment nuclei.png --objects --areas nuclei.csv      a number for each object
  steepest segment stained.png --objects --background 1         dark nuclei on a bright slide
  steepest segment cells.tif --overlay cells.png --doubt doubt.png
  steepest segment scan.tif --range 0 4095 --thresholds 0.2,0.6
  steepest segment scans/ -o labels --overlay pics     one result for each image of a folder
  steepest segment big.zarr --strength 0.1 -o labels.zarr     larger than memory, tile by tile

The strength is in grey value x pixel, where grey values are between 0 and 1 for 8- and 16-bit
images and with --range. Objects of contrast c and radius r are lost at a strength of about c r / 4.
"""
    + LARGE
)
_STRENGTH = 0.1  # default, relative to the range of the image


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest segment``."""
    add_inputs(parser)
    group = parser.add_argument_group("classes")
    group.add_argument("--classes", type=count, metavar="N", help="number of classes (default 2)")
    group.add_argument(
        "--strength",
        type=positive,
        metavar="S",
        help="weight of the length of the contours (default: a tenth of the range of the image)",
    )
    group.add_argument(
        "--thresholds", type=numbers, metavar="T1,T2,..", help="fixed thresholds between classes"
    )
    group.add_argument(
        "--mu", type=positive, metavar="MU", help="two classes, as scikit-image's chan_vese"
    )
    add_range(parser)
    add_pixel_size(parser)
    group.add_argument(
        "--connectivity",
        type=int,
        choices=(1, 2),
        default=1,
        help="length of contours: 1 along the axes (default), 2 along diagonals as well, which "
        "avoids staircases (2-D only)",
    )
    group.add_argument("--spacing", metavar="A,B,..", help="pixel spacing, or 'file'")
    group.add_argument("--threads", type=count, metavar="N", help="number of threads")
    add_tiles(parser)
    add_outputs(
        parser, "labels: file, or folder for several images (default: NAME_labels here)",
        images=False,
    )  # fmt: skip
    group = parser.add_argument_group("more results (files, or folders for several images)")
    group.add_argument(
        "--objects", action="store_true", help="label each connected object, not its class"
    )
    group.add_argument(
        "--overlay", metavar="PATH", help="picture (PNG): contours; labels not certain are hatched"
    )
    group.add_argument("--doubt", metavar="PATH", help="image, white where the label is uncertain")
    group.add_argument("--areas", metavar="PATH", help="table of all objects (CSV)")
    group.add_argument(
        "--background",
        type=from_zero,
        default=0,
        metavar="K",
        help="class that holds no objects (default 0, the darkest); 1 for dark objects on a bright "
        "background with two classes",
    )


def run(arguments: argparse.Namespace) -> int:
    """Segment every image."""
    values = values_of(arguments)
    _check(arguments)
    if is_tiled(arguments):
        return _run_tiled(arguments)
    sources = given_images(arguments)
    several = len(sources) > 1
    targets = {name: _targets(name, arguments, several) for name in sources}
    kinds = {"labels": "mask", "overlay": "figure", "doubt": "mask", "areas": "table"}
    for option, kind in kinds.items():
        paths = [each[option] for each in targets.values() if option in each]
        check_targets(paths, arguments.overwrite, kind)

    def work(source: str, label: str) -> Record:
        image, paths = without_copies(read(source, arguments)), targets[source]
        lengths = lengths_of(arguments, image)
        blank = [np.zeros(part.shape[: len(image.space)], np.uint8) for part in image.parts]
        for option in {"labels", "doubt"} & set(paths):
            check_target(paths[option], label_image(image, blank))
        record = Record(source, outputs=list(paths.values()))
        record.describe(image)
        values.report(record)
        lengths.report(record)
        start, pages = perf_counter(), []
        with progress(label, enabled=not arguments.quiet) as on_step:
            for index, part in enumerate(image.parts):
                with page_named(image, index):
                    pages.append(_segmented(arguments, image, part, values, lengths, on_step))
        seconds = perf_counter() - start
        found = Found(image, lengths, pages, arguments.background)
        with OutputSet(overwrite=arguments.overwrite) as outputs:
            found.write(paths, outputs, objects=arguments.objects)
        found.report(record)
        record.certify(LabelProof(pages, seconds))
        return record

    return run_batch(arguments, sources, work)


def _check(arguments: argparse.Namespace) -> None:
    """Check that the options go together, before any image is read."""
    if arguments.mu is not None:
        names = ("classes", "strength", "thresholds")
        given = [f"--{name}" for name in names if getattr(arguments, name) is not None]
        if given:
            raise InputError(f"{', '.join(given)}: cannot be combined with --mu")
    if arguments.thresholds is not None and arguments.classes is not None:
        raise InputError("--classes: follows from --thresholds; give only one of them")
    last = len(arguments.thresholds or ()) or (arguments.classes or 2) - 1
    if arguments.background > last:
        raise InputError(f"--background {arguments.background}: the classes are 0 to {last}")
    if arguments.overlay is not None:
        need_figures()


def _run_tiled(arguments: argparse.Namespace) -> int:
    """Segment images that do not fit in memory; each channel on its own."""
    from steepest import tiled

    if arguments.strength is None and arguments.mu is None:
        raise InputError("--strength: a positive number is needed for images computed by tiles")
    if arguments.connectivity != 1:
        raise InputError("--connectivity 2: not available for images computed by tiles")

    def solve(part: Any, out: Any, options: dict[str, Any]) -> Any:
        if part.dtype.kind == "u":
            _check_thresholds(arguments)
        doubt = out[1] if arguments.doubt else None
        if arguments.mu is not None:
            return tiled.chan_vese(part, arguments.mu, out[0], doubt=doubt, **options)
        return tiled.threshold_rof(
            part, arguments.strength, arguments.classes or 2, out[0],
            thresholds=arguments.thresholds, doubt=doubt, **options,
        )  # fmt: skip

    def report(record: Record, results: list[Any]) -> None:
        for number, result in enumerate(results, 1):
            where = f" (image {number})" if len(results) > 1 else ""
            report_classes(record, result, result.areas.tolist(), "{} pixels", where)
        record.values.update(
            thresholds=[r.thresholds for r in results], values=[r.values for r in results],
            areas=[r.areas for r in results],
        )  # fmt: skip

    tags = ["labels", "doubt"] if arguments.doubt else ["labels"]
    return run_tiled(arguments, tags, solve, report, kind="labels", certify=LabelProof)


def _check_thresholds(arguments: argparse.Namespace) -> None:
    """Refuse thresholds that no grey value between 0 and 1 can reach."""
    for level in arguments.thresholds or ():
        if not 0 <= level <= 1:
            raise InputError(
                f"--thresholds {level:g}: grey values lie between 0 and 1 here; to give thresholds "
                "on another scale, see --range"
            )


def _targets(name: str, arguments: argparse.Namespace, several: bool) -> dict[str, Path]:
    """The files of the labels and of the other results that were asked for."""
    own = Path(name).suffix
    ending = own if own.lower() in (".tif", ".tiff", ".npy") else ".png"
    paths = {"labels": one_target(name, arguments, "labels", several, ending)}
    for option, suffix in (("overlay", ".png"), ("doubt", ending), ("areas", ".csv")):
        output = getattr(arguments, option)
        if output is not None:
            tag = f"_{option}" if not several else ""
            paths[option] = placed(name, arguments, output, tag + suffix, several)
    if len(set(paths.values())) < len(paths):
        raise InputError(f"{name}: two results would have the same name; give different paths")
    check_kind(paths["labels"], "mask")
    return paths


def _segmented(
    arguments: argparse.Namespace,
    image: Image,
    part: np.ndarray,
    values: Values,
    lengths: Lengths,
    on_step: Any,
) -> Any:
    """Segment one page."""
    from steepest import CroftonTotalVariation, Solver
    from steepest.segmentation import chan_vese, threshold_rof

    page = part if arguments.range is None else values.compute(part.astype(np.float64))
    options = {
        "energy": CroftonTotalVariation() if arguments.connectivity == 2 else None,
        "spacing": lengths.spacing,
        "solver": Solver(num_threads=arguments.threads),
        "on_step": on_step,
    }
    if arguments.mu is not None:
        return chan_vese(page, arguments.mu, channel_axis=image.channel_axis, **options)
    if page.dtype.kind == "u":
        page = page / np.iinfo(page.dtype).max
        _check_thresholds(arguments)
    page = page.astype(np.float64, copy=False)
    if image.channel_axis is not None:
        if page.shape[-1] != 3:
            raise InputError(
                f"{image.name}: {page.shape[-1]} channels; give --mu M to segment them together"
            )
        page = page @ np.array(LUMA)
    finite = page[np.isfinite(page)]  # threshold_rof tells of the others
    strength = arguments.strength or _STRENGTH * float(np.ptp(finite) if finite.size else 0)
    return threshold_rof(
        page, strength, arguments.classes or 2, thresholds=arguments.thresholds, **options
    )
