"""``steepest inpaint``: fill in the unknown pixels of images."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

import steepest
from steepest import inpainting
from steepest.core.errors import InputError
from steepest.core.views import Part
from steepest.io import Image, read_image, read_labels
from steepest.io.stores import is_store, open_windows
from steepest.io.upright import turned

from .. import choices
from ..certificates import residual
from ..grey import RangeChoice, values_of
from ..runner import Batch, Item
from ..types import Count, FileName, Images, one_of

_PLAIN = "diffusion"

_METHODS = list(inpainting.METHODS)
_KNOWN = Parameter(group="What is known", metavar="MASK")


def inpaint(
    *images: Images,
    known: Annotated[FileName | None, _KNOWN] = None,
    unknown: Annotated[FileName | None, _KNOWN] = None,
    threshold: Annotated[Count | None, _KNOWN, Parameter(metavar="N")] = None,
    method: Annotated[str, one_of(_METHODS)] = _PLAIN,
    spacing: choices.Spacing = choices.Spacing(),
    solver: choices.SolverChoice = choices.SolverChoice(),
    tiles: choices.TilesChoice = choices.TilesChoice(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.ImageWriting = choices.ImageWriting(),
) -> Batch:
    """Fill in unknown pixels: scratches, holes, text, or most of the image.

    Known pixels stay as they are. Masks follow two conventions: in OpenCV and scikit-image, nonzero
    pixels are to be filled; in masks written by "steepest mask", they are known. Use --unknown MASK
    or --known MASK accordingly. Without either, the NaN pixels of a floating-point image are
    filled.

    Parameters
    ----------
    known
        nonzero pixels of this file are known
    unknown
        nonzero pixels of this file are filled
    threshold
        treat values of N or more as nonzero (for masks with more than two values)
    method
        the equation that is solved; --spacing is for diffusion
    solver.tol
        relative residual to stop at
    writing.output
        file, or folder for several images (default: NAME_inpainted here)

    Examples
    --------
    steepest inpaint damaged.png --unknown scratches.png  white pixels are filled
    steepest inpaint photo.png --known mask.png           black pixels are filled
    steepest inpaint depth.tif                            NaN pixels are filled
    steepest inpaint frames/ --unknown logo.png -o clean  one mask for many images
    steepest inpaint photo.jpg --unknown soft.png --threshold 128  smooth edges

    Notes
    -----
    A mask is a PNG, TIFF or NPY file of the size of the image that holds 0 and one other number.
    With --threshold it may hold any numbers, and be a JPEG file.
    """
    choices.only_one(known=known, unknown=unknown)
    name = known or unknown
    if threshold and not name:
        raise InputError("--threshold: also give --known or --unknown")
    other = None if method == _PLAIN else method
    large = tiles.wanted(images, reading, threshold=threshold, method=other, **writing.of_pixels)
    equation = getattr(inpainting, inpainting.METHODS[method])()
    if spacing.spacing is not None and "spacing" not in equation.takes:
        raise InputError(f"--spacing: cannot be combined with --method {method}")

    def work(item: Item) -> None:
        def compute(page: Any, keywords: dict[str, Any]) -> Any:
            result = steepest.inpaint(page, method=equation, **places, **keywords)
            item.keep(["image"], [result.image])
            return result

        image = item.read(reading, values)
        if large:
            marked = _by_windows(item, name, tiles, reading)
        else:
            marked = _marked_in(image, name, threshold, reading.max_pixels)
            marked = ~marked if unknown and marked is not None else marked
            _report(item, image, marked)
        places = {"unknown" if large and unknown else "known": marked}
        results = item.solve(image, compute, spacing, solver, tiles=tiles, names=["inpainted"])
        item.report("method", method, method=method)
        item.certify(results, residual, "residual", "pass" if large else "iteration")

    values = values_of(RangeChoice(), floats=writing.float)
    sources = reading.sources(images, writing.output, large=large)
    return Batch(sources, work, writing.one_image("inpainted"), writing.overwrite)


def _by_windows(
    item: Item, name: str | None, tiles: choices.TilesChoice, reading: choices.Reading
) -> Any:
    """A mask that is read by windows if its file can be."""
    if name is None:
        return None
    if not is_store(name) and Path(name).suffix.lower() not in (".tif", ".tiff"):
        return _marked(name, 2, None, reading.max_pixels)
    if tiles.scheduler is not None and not is_store(name):
        raise InputError(f"{name}: with --scheduler, the mask must be a Zarr store")
    image = item.resources.enter_context(open_windows(name))
    lengths = zip(image.axes, image.array.shape, strict=True)
    if any(n > 1 for axis, n in lengths if axis in "tc"):
        raise InputError(f"{name}: a mask has neither channels nor time points")
    return Part(image.array, tuple(None if a in image.space else 0 for a in image.axes))


def _marked_in(
    image: Image, name: str | None, threshold: int | None, max_pixels: int
) -> np.ndarray | None:
    """Return where the mask of an image is nonzero; None if NaN marks unknown pixels."""
    if name is None:
        if image.array.dtype.kind != "f":
            raise InputError(
                f"{image.name}: which pixels are known? Give --known MASK or --unknown MASK "
                "(only floating-point images can mark unknown pixels with NaN)"
            )
        return None
    space = image.parts[0].shape[: len(image.space)]
    marked = _marked(name, len(space), threshold, max_pixels)
    if (
        marked.shape != space and marked.shape == space[::-1]
    ):  # it lies on its side as the file does
        marked = turned(marked, image.metadata.orientation)
    if marked.shape != space:
        sizes = [" x ".join(map(str, shape)) for shape in (marked.shape, space)]
        raise InputError(f"{name}: {sizes[0]} pixels do not fit {image.name} with {sizes[1]}")
    return marked


def _marked(name: str, ndim: int, threshold: int | None, max_pixels: int) -> np.ndarray:
    """Return where a mask file is nonzero or, with ``threshold``, at least the threshold."""
    if ndim == 2:
        numbers = read_labels(name, lossy=threshold is not None, max_pixels=max_pixels)
    else:
        mask = read_image(name, stack="volume", channel_axis=None, max_pixels=max_pixels)
        numbers = mask.array
    if threshold is not None:
        return numbers >= threshold
    values = np.unique(numbers)
    if len(values[values != 0]) > 1:
        shown = ", ".join(f"{v:g}" for v in values[:4]) + (", .." if len(values) > 4 else "")
        raise InputError(
            f"{name}: holds {len(values)} values ({shown}); allowed are 0 and one other "
            "(or say from which on with --threshold N)"
        )
    return numbers != 0


def _report(item: Item, image: Image, known: np.ndarray | None) -> None:
    """Report how many pixels are filled; without a mask, those that are NaN."""
    unknown = np.isnan(image.array) if known is None else ~known
    if known is None and image.channel_axis is not None:
        unknown = unknown.any(axis=image.channel_axis)
    number, share = int(unknown.sum()), float(unknown.mean())
    text = f"{number} of {unknown.size} pixels, {100 * share:.2f} %"
    item.report("filled", text, unknown=number, share=share)
