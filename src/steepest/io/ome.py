"""Read the XML of OME-TIFF files, describe it in words, and update it for another file."""

import re
import sys
from collections.abc import Iterator
from math import inf, isclose, isfinite, prod
from typing import Any
from xml.etree import ElementTree

import numpy as np

from .metadata import Metadata, in_unit

_OF_PRINTERS = ("", "inch", "cm")  # units of printing resolutions, rarely used by microscopes
_TYPES = {"uint8": "uint8", "uint16": "uint16", "float32": "float", "float64": "double"}


def parse(xml: str) -> Any:
    """Return the root element; None if the XML is not well-formed or describes no pixels."""
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError):
        return None
    return None if _first(root, "Pixels") is None else root


def _all(element: Any, tag: str) -> Iterator[Any]:
    """Iterate over the descendants with this tag, for any version of the OME namespace."""
    return (each for each in element.iter() if each.tag.rpartition("}")[2] == tag)


def _first(element: Any, tag: str) -> Any:
    return next(_all(element, tag), None)


def count_declared(xml: str, samples: int) -> tuple[float, int]:
    """Return the numbers of pixels (or planes or steps) and pages that the XML declares.

    Pages are 0 if unknown, or in a set of files. OME counts ``samples`` of a pixel as channels.
    """
    pixels = pages = 0
    counts, files = [0.0], set()
    try:
        root = ElementTree.fromstring(xml)
        for element in root.iter():
            tag, values = element.tag.rpartition("}")[2], element.attrib
            if tag == "UUID":
                files.add(element.text)
            elif tag == "Pixels":
                sizes = {axis: int(values[f"Size{axis}"]) for axis in "XYZTC"}
                pixels += prod(sizes.values())
                together = samples if sizes["C"] % samples == 0 else 1
                pages += sizes["Z"] * sizes["T"] * sizes["C"] // together
            planes = ("PlaneCount", "NumPlanes", "IFD")
            counts += [int(values[key]) for key in planes if key in values]
            if "Start" in values:  # a modulo annotation
                length = float(values["End"]) - float(values["Start"])
                counts.append(abs(length / float(values.get("Step", 1))))
    except (ArithmeticError, KeyError, ValueError, ElementTree.ParseError):
        return inf, 0
    alone = not files - {root.get("UUID", next(iter(files), None))}
    return max(pixels, *counts), pages if alone else 0


def pixel_sizes(xml: str, common: Metadata) -> Metadata:
    """Return metadata with the pixel size of the first image, or ``common`` if it has none."""
    root = parse(xml)
    if root is None:
        return common
    sizes = _sizes(_first(root, "Pixels").attrib)
    if not {"X", "Y"} <= set(sizes):
        return common
    unit = sizes["X"][1]
    x, y, z = (in_unit(*sizes[axis], unit) if axis in sizes else None for axis in "XYZ")
    if x is None or y is None:
        return common
    return Metadata((1 / x, 1 / y), unit, z, icc_profile=common.icc_profile)


def _sizes(attributes: Any) -> dict[str, tuple[float, str]]:
    """Return the length and unit of a pixel along each axis for which they are given."""
    found = {}
    for axis in "XYZ":
        try:
            value = float(attributes.get(f"PhysicalSize{axis}", "nan"))
        except ValueError:
            continue
        if isfinite(value) and value > 0:
            found[axis] = value, attributes.get(f"PhysicalSize{axis}Unit", "µm")
    return found


def describe(xml: str) -> dict[str, str]:
    """Describe the contents of the XML in words, except for the pixel size."""
    root = parse(xml)
    if root is None:
        return {}
    image, pixels = _first(root, "Image"), _first(root, "Pixels")
    step = pixels.get("TimeIncrement")
    found = {
        "name": image.get("Name") if image is not None else None,
        "acquired": getattr(_first(root, "AcquisitionDate"), "text", None),
        "description": getattr(_first(root, "Description"), "text", None),
        "channels": ", ".join(filter(None, map(_channel, _all(pixels, "Channel")))),
        "time step": f"{step} {pixels.get('TimeIncrementUnit', 's')}" if step else None,
        "planes": "times or positions" if _first(pixels, "Plane") is not None else None,
    }
    annotations = _first(root, "StructuredAnnotations")
    counts = {
        "instruments": len([*_all(root, "Instrument")]),
        "regions": len([*_all(root, "ROI")]),
        "annotations": 0 if annotations is None else len(annotations),
    }
    found.update({key: str(count) for key, count in counts.items() if count})
    return {key: " ".join(text.split()) for key, text in found.items() if text and text.strip()}


def _channel(channel: Any) -> str:
    """Format name and wavelengths, as in "GFP (excitation 488 nm, emission 525 nm)"."""
    waves = []
    for kind in ("Excitation", "Emission"):
        length = channel.get(f"{kind}Wavelength")
        if length:
            waves.append(f"{kind.lower()} {length} {channel.get(f'{kind}WavelengthUnit', 'nm')}")
    name = channel.get("Name") or channel.get("Fluor") or ""
    return f"{name} ({', '.join(waves)})".strip() if waves else name


def for_file(metadata: Metadata, array: np.ndarray, axes: str) -> bytes | None:
    """Update sizes, type and order of planes in the XML; None if it describes another image."""
    root = parse(str(metadata.extra.get("xml", "")))
    if root is None or len(list(_all(root, "Pixels"))) != 1:
        return None
    try:
        return _update_root(root, metadata, array, axes)
    except (ValueError, RecursionError):  # sizes that are not numbers; deeply nested elements
        return None


def _update_root(root: Any, metadata: Metadata, array: np.ndarray, axes: str) -> bytes | None:
    pixels, shape = _first(root, "Pixels"), dict(zip(axes, array.shape, strict=True))
    samples = shape.get("S", 1)
    held = {axis: int(pixels.get(f"Size{axis}", 1)) for axis in "ZTC"}
    stated = {int(each.get("SamplesPerPixel", 1)) for each in _all(pixels, "Channel")} or {1}
    if held["C"] != shape.get("C", 1) * samples or stated - {1, samples}:
        return None
    stack = [shape.get(axis, 1) for axis in "ZT"]
    if 1 in stack:  # pages may be labelled differently than in the file
        axes = axes.replace("T", "Z") if held["T"] == 1 else axes.replace("Z", "T")
        stack = [prod(stack), 1] if held["T"] == 1 else [1, prod(stack)]
    if stack != [held["Z"], held["T"]]:
        return None
    _update(pixels, metadata, shape, array.dtype.name)
    pixels.set("DimensionOrder", _dimension_order(axes, pixels.get("DimensionOrder", "XYZCT")))
    _replace_data(pixels, prod(stack) * shape.get("C", 1))
    root.attrib.pop("UUID", None)
    return _serialise(root)


def _dimension_order(axes: str, before: str) -> str:
    """Return the order of the planes in a file; the first axis varies fastest."""
    written = [axis for axis in reversed(axes) if axis in "ZCT"]
    return "XY" + "".join([*written, *(axis for axis in before[2:] if axis not in written)])


def _update(pixels: Any, metadata: Metadata, shape: dict[str, int], dtype: str) -> None:
    for axis in "XY":
        pixels.set(f"Size{axis}", str(shape[axis]))
    if pixels.get("Type") != _TYPES[dtype]:
        pixels.attrib.pop("SignificantBits", None)
    pixels.set("Type", _TYPES[dtype])
    pixels.set("BigEndian", str(sys.byteorder == "big").lower())
    sizes = _sizes(pixels.attrib)
    for axis, size in zip("XYZ", metadata.pixel_size("XYZ") or (), strict=False):
        stated = in_unit(*sizes[axis], metadata.unit) if axis in sizes else None
        changed = stated is not None and not isclose(size or stated, stated, rel_tol=1e-6)
        new = stated is None and size is not None and metadata.unit not in _OF_PRINTERS
        if changed or new:
            pixels.set(f"PhysicalSize{axis}", repr(size))
            pixels.set(f"PhysicalSize{axis}Unit", metadata.unit or "pixel")


def _replace_data(pixels: Any, count: int) -> None:
    """Replace the data elements by one TiffData for all pages, placed after the channels."""
    namespace = pixels.tag.rpartition("Pixels")[0]
    for each in list(pixels):
        if each.tag.rpartition("}")[2] in ("TiffData", "BinData", "MetadataOnly"):
            pixels.remove(each)
    channels = [i for i, each in enumerate(pixels) if each.tag == f"{namespace}Channel"]
    data = ElementTree.Element(f"{namespace}TiffData", IFD="0", PlaneCount=str(count))
    pixels.insert(channels[-1] + 1 if channels else 0, data)


def _serialise(root: Any) -> bytes:
    """Serialise to ASCII, with the OME namespace as the default namespace."""
    body = ElementTree.tostring(root, encoding="unicode")
    prefix = re.match(r"<(ns\d+):", body)
    if prefix:
        body = re.sub(rf"(</?){prefix[1]}:", r"\1", body)
        body = body.replace(f" xmlns:{prefix[1]}=", " xmlns=", 1)
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return (head + body).encode("ascii", "xmlcharrefreplace")
