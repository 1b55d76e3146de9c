"""``steepest segment``: classes by brightness, with a proof for each label."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

import steepest
from steepest.core.errors import InputError
from steepest.core.grey import brightness
from steepest.io import Image

from .. import choices
from ..certificates import label_bounds
from ..grey import RangeChoice, values_of
from ..runner import Batch, Item
from ..sizes import Lengths, PixelSize, lengths_of
from ..sources import Source
from ..types import Count, FileName, FromZero, Images, MoreFiles, Numbers, Positive

_STRENGTH = 0.1  # default, relative to the range of the image
_SIZES = ("", "length", "area", "volume")
_POWERS = ("", "", "\u00b2", "\u00b3")


@choices.options("Objects")
class ObjectsChoice(choices.Spacing):
    """What counts as an object, and how it is measured."""

    objects: bool = False
    """label each connected object, not its class"""
    areas: FileName | None = None
    """table of all objects (CSV), or folder for several images"""
    background: FromZero = 0
    """class that holds no objects (0 is the darkest); 1 for dark objects on a bright background
    with two classes"""
    pixel_size: PixelSize = None


def segment(
    *images: Images,
    classes: Count | None = None,
    strength: Positive | None = None,
    thresholds: Annotated[Numbers | None, Parameter(metavar="T1,T2,..")] = None,
    overlay: MoreFiles = None,
    doubt: MoreFiles = None,
    measured: ObjectsChoice = ObjectsChoice(),
    grey: RangeChoice = RangeChoice(),
    threads: choices.Threads = choices.Threads(),
    tiles: choices.TilesChoice = choices.TilesChoice(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.Writing = choices.Writing(),
) -> Batch:
    """Classes by brightness, with a proof for each label.

    Divide an image into classes by brightness, with smooth contours, and say which labels are
    certain. The image is denoised by total variation and compared with thresholds; these are found
    from the image unless --thresholds gives them. Class 0 is the darkest. The labels minimise

      strength * length of the contours + half of the squared distance of the image to the values

    among all labelings, and the program proves it: a label is called certain if no better or
    equally good labeling has another one there. Areas are printed with the range in which those of
    the exact solution lie.

    Colours are converted to brightness.

    Parameters
    ----------
    classes
        number of classes (default 2)
    strength
        weight of the length of the contours (default: a tenth of the range of the image)
    thresholds
        fixed thresholds between classes
    overlay
        picture (PNG): contours; labels not certain are hatched
    doubt
        image, white where the label is uncertain
    writing.output
        labels: file, or folder for several images (default: NAME_labels here)

    Examples
    --------
    steepest segment cells.tif                    writes cells_labels.tif: 0 and 1
    steepest segment photo.tif --classes 3 --strength 0.3
    steepest segment nuclei.png --objects --areas nuclei.csv  a number for each
    steepest segment stained.png --objects --background 1  dark nuclei
    steepest segment cells.tif --overlay cells.png --doubt doubt.png
    steepest segment scan.tif --range 0 4095 --thresholds 0.2,0.6
    steepest segment big.zarr --strength 0.1 -o labels.zarr  larger than memory

    Notes
    -----
    The strength is in grey value x pixel, where grey values are between 0 and 1 for 8- and 16-bit
    images and with --range. Objects of contrast c and radius r are lost at a strength of about c r
    / 4.
    """
    if thresholds is not None:
        choices.refuse("follows from --thresholds; give only one of them", classes=classes)
    if classes == 1:
        raise InputError("--classes 1: at least two classes are needed")
    last = len(thresholds or ()) or (classes or 2) - 1
    if measured.background > last:
        raise InputError(f"--background {measured.background}: the classes are 0 to {last}")
    values = values_of(grey)
    large = tiles.wanted(
        images, reading, grey, overlay=overlay, areas=measured.areas, objects=measured.objects,
        background=measured.background or None, pixel_size=measured.pixel_size,
    )  # fmt: skip
    if large and strength is None:
        raise InputError("--strength: a positive number is needed for images computed by tiles")

    def files(source: Source) -> dict[str, Path]:
        ending = source.ending_of_labels
        found = {"labels": source.file(writing.output, "labels", ending, "mask")}
        several = source.several
        return found | source.more_files(
            overlay=(overlay, ".png" if several else "_overlay.png", "figure"),
            doubt=(doubt, ending if several else f"_doubt{ending}", "mask"),
            areas=(measured.areas, ".csv" if several else "_areas.csv", "table"),
        )

    def like(image: Image) -> dict[str, Image]:
        return dict.fromkeys(("labels", "doubt"), image.of_numbers())

    def work(item: Item) -> None:
        def compute(page: Any, keywords: dict[str, Any]) -> Any:
            if grey.range:
                page = values.compute(page.astype(np.float64))
            axis, weight = keywords.pop("channel_axis", None), strength or 0.0
            if page.dtype.kind == "u":
                _check_thresholds(thresholds)
            if not large:
                if axis is not None and page.shape[-1] != 3:
                    raise InputError(f"{image.name}: {page.shape[-1]} channels; allowed are 1 or 3")
                page = brightness(page, axis)
                finite = page[np.isfinite(page)]  # threshold_rof tells of the others
                weight = strength or _STRENGTH * float(np.ptp(finite) if finite.size else 0)
            return steepest.segmentation.threshold_rof(
                page, weight, classes or 2, thresholds=thresholds, **keywords
            )

        image = item.read(reading, values, prepare=Image.without_copies, like=like)
        if large:
            results = item.solve(
                image, compute, measured, threads, tiles=tiles, kind="labels", separate=True
            )
            for number, page in enumerate(results, 1):
                where = f" (image {number})" if len(results) > 1 else ""
                _report_classes(item, page, page.areas.tolist(), "{} pixels", where)
            item.values["areas"] = [page.areas for page in results]
        else:
            lengths = lengths_of(item, image, measured.pixel_size, measured)
            results = item.solve(image, compute, lengths, threads)
            _write(item, image, results, lengths, measured)
        for name in ("thresholds", "values"):
            item.values[name] = [getattr(page, name) for page in results]
        item.certify(results, label_bounds)

    sources = reading.sources(images, writing.output, large=large)
    return Batch(sources, work, files, writing.overwrite)


def _check_thresholds(thresholds: Sequence[float] | None) -> None:
    """Refuse thresholds that no grey value between 0 and 1 can reach."""
    for level in thresholds or ():
        if not 0 <= level <= 1:
            raise InputError(
                f"--thresholds {level:g}: grey values lie between 0 and 1 here; to give thresholds "
                "on another scale, see --range"
            )


def _write(
    item: Item, image: Image, pages: Sequence[Any], lengths: Lengths, measured: ObjectsChoice
) -> None:
    """Write all files and report classes and objects."""
    first, several = pages[0], len(pages) > 1
    found = [
        steepest.segmentation.regions(
            page, pixel_size=lengths.pixel_size, background=measured.background
        )
        for page in pages
    ]
    labels = [page.labels for page in pages]
    if measured.objects:
        most = max(int(each.labels.max()) for each in found)
        if most > np.iinfo(np.uint16).max:
            raise InputError(f"{image.name}: {most} objects; files hold up to 65535")
        labels = [each.labels.astype(np.uint16) for each in found]
    item.write("labels", image.of_numbers(labels))
    doubt = [np.where(page.certain, 0, 255).astype(np.uint8) for page in pages]
    item.write("doubt", image.of_numbers(doubt))
    size, sizes = _SIZES[len(image.space)], ("area", "area_certain", "area_possible")
    unit, place = lengths.unit.replace("\u00b5", "u"), image.space.lower()
    rows: list[list[Any]] = [["page", "object", "class", size, f"{size}_certain"]]
    rows[0] += [f"{size}_possible", "border", *place, "unit"]
    for number, page in enumerate(found, 1):
        for row in page.table:
            own = [number, row["label"], row["class"], *(f"{row[name]:.6g}" for name in sizes)]
            centre = [f"{at:.3f}" for at in row["centroid"]]
            rows.append([*own, int(row["border"]), *centre, unit])
    item.write("areas", rows)
    height, width = first.labels.shape[-2:] if first.labels.ndim > 1 else (1, 1)
    wide = min(max(width / height, 0.4), 3.0) ** 0.5
    item.draw(
        "overlay", "label_overlay", image.parts[0], first.labels, first.certain,
        size=(6 * wide, 6 / wide + 0.6), channel_axis=image.channel_axis,
        note="page 1" if several else "", title=f"{item.source.stem}: classes by brightness",
    )  # fmt: skip
    pixel = math.prod(h * lengths.pixel_size for h in first.spacing)
    areas, ndim = (pixel * first.areas).tolist(), len(image.space)
    words = f"{size} {{}} {lengths.unit}{_POWERS[ndim]}"
    _report_classes(item, first, areas, words, " (page 1)" if several else "")
    counts = [len(each.table) for each in found]
    item.report("objects", ", ".join(map(str, counts[:12])), areas=areas, objects=counts)


def _report_classes(
    item: Item, page: Any, areas: Sequence[Sequence[float]], unit: str, where: str
) -> None:
    """Report the thresholds, the values, and the areas with the range of the exact ones."""
    if page.thresholds.size and page.values.ndim == 1:
        levels = ", ".join(f"{level:.4g}" for level in page.thresholds)
        item.report("thresholds", levels + where)
    for k, row in enumerate(areas):
        own, least, most = (f"{n:.6g}" if isinstance(n, float) else str(n) for n in row)
        value = ", ".join(f"{each:.4g}" for each in np.atleast_1d(page.values[k]))
        between = "" if least == most else f", between {least} and {most}"
        item.report(f"class {k}", f"value {value}, {unit.format(own)}{between}{where}")
