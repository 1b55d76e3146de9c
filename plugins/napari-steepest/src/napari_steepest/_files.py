"""Pixel sizes between layers and files. Neither Qt nor napari is imported here.

napari's own reader and writer of TIFF and Zarr know no pixel sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest import InputError
from steepest.io import Image, Metadata, write_image
from steepest.io.metadata import SYMBOLS, in_unit
from steepest.io.stores import open_windows

_OF_PRINTERS = ("inch", "centimeter")  # what photographs state says nothing of their objects


def adopt_sizes(layers: Sequence[Any], new: Sequence[Any] | None = None) -> list[str]:
    """Give the new layers (default: all) without a scale the pixel sizes of their files.

    Other layers of the same shape without a scale, such as Labels painted before, follow. Returns
    a sentence for each layer whose file is followed.
    """
    said = []
    for layer in layers if new is None else new:
        found = _sizes(layer) if layer.source.path and _has_no_scale(layer) else None
        if found is None:
            continue
        shape = _shape(layer)
        for other in layers:
            if other is layer or (_has_no_scale(other) and _shape(other) == shape):
                other.scale, other.units, other.axis_labels = found
        steps = " x ".join(
            f"{step:.4g}" for step, unit in zip(*found[:2], strict=True) if unit != "pixel"
        )
        said.append(f"{layer.name}: pixels of {steps} {found[1][-1]}, as its file says.")
    return said


def _shape(layer: Any) -> tuple[int, ...] | None:
    """The shape of an image or of labels, without channels."""
    if not hasattr(layer, "multiscale"):
        return None
    array = layer.data[0] if layer.multiscale else layer.data
    return tuple(array.shape[: array.ndim - bool(getattr(layer, "rgb", False))])


def _has_no_scale(layer: Any) -> bool:
    return all(str(unit) == "pixel" for unit in layer.units) and bool(np.all(layer.scale == 1))


def _sizes(layer: Any) -> tuple[tuple[float, ...], tuple[str, ...], tuple[str, ...]] | None:
    """Scale, units and names of the axes by the file of a layer; None if it states no sizes."""
    try:
        with open_windows(layer.source.path) as image:
            count = layer.ndim
            same = _shape(layer) == tuple(image.array.shape[:count])
            if not same or image.units[count - 1] in (None, *_OF_PRINTERS):
                return None
            units = tuple(unit or "pixel" for unit in image.units[:count])
            return tuple(image.scale[:count]), units, tuple(image.axes[:count])
    except InputError:  # a picture, or no file of an image
        return None


def write_tiff(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a layer as OME-TIFF with its pixel sizes: napari's *Save Selected Layers*."""
    array = np.asarray(data[0] if attributes.get("multiscale") else data)
    if "rgb" not in attributes:  # labels
        if array.min() < 0 or array.max() > np.iinfo(np.uint16).max:
            raise InputError(f"{path}: labels from {array.min()} to {array.max()}; at most 65,535")
        array = array.astype(np.uint16)
    rgb, alpha = bool(attributes.get("rgb")), None
    if rgb and array.shape[-1] > 3:
        array, alpha = array[..., :3], array[..., 3:]
    axes = _axes(attributes, array.ndim - rgb, path)
    if rgb and "C" in axes:
        raise InputError(f"{path}: colours and an axis of channels; save the channels one by one")
    metadata = _metadata(
        dict(zip(axes, attributes["scale"], strict=True)),
        dict(zip(axes, map(str, attributes["units"]), strict=True)),
        path,
    )
    stored = axes + "C" * rgb
    order = "".join(sorted(stored, key="TZYXC".index))
    array = np.ascontiguousarray(array.transpose([stored.index(axis) for axis in order]))
    image = Image(array, order, alpha, metadata, "tiff", stored, attributes["name"])
    write_image(path, image, overwrite=True)  # the dialog has asked
    return [path]


def _axes(attributes: dict[str, Any], count: int, path: str) -> str:
    """The letters of the axes: those of the file, or a volume's, or a time series'."""
    labels = "".join(attributes.get("axis_labels", ())).upper()
    if len(labels) == count and len(set(labels)) == count and set(labels) <= set("TCZYX"):
        return labels
    units = [str(unit) for unit in attributes["units"]]
    if count > 4:
        raise InputError(f"{path}: {count} axes; at most time, z, y and x can be saved")
    volume = count == 4 or (count == 3 and units[0] == units[-1])
    return "TZYX"[-count:] if volume or count < 3 else "TYX"


def _metadata(scale: dict[str, float], units: dict[str, str], path: str) -> Metadata:
    unit = units["X"]
    if unit == "pixel":
        return Metadata(flavour="ome")
    steps: dict[str, float] = {}
    for axis in (axis for axis in "XYZ" if units.get(axis, "pixel") != "pixel"):
        length = in_unit(abs(float(scale[axis])), *(SYMBOLS.get(u, u) for u in (units[axis], unit)))
        if length is not None:
            steps[axis] = length
    if unit not in (*SYMBOLS, "inch") or not {"X", "Y"} <= set(steps):
        raise InputError(f"{path}: units {', '.join(units.values())}; allowed are lengths")
    sizes = (1 / steps["X"], 1 / steps["Y"])
    return Metadata(sizes, SYMBOLS.get(unit, unit), steps.get("Z"), flavour="ome")
