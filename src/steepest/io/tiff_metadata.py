"""Metadata of TIFF files (ImageJ, OME and tags), and the axes in which pixels are written."""

import re
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np
import tifffile

from . import ome
from .image import Image, restore_order
from .metadata import Metadata, in_unit
from .upright import UPRIGHT

_UNITS = {2: "inch", 3: "cm", 4: "mm", 5: "µm"}
_CODES = {unit: code for code, unit in _UNITS.items()}
_COMPUTED = {"ImageJ", "SCIFIO", "images", "channels", "slices", "frames", "hyperstack", "order"}
_COMPUTED |= {"axes", "shape", "rgb", "colormapped", "colormaped"}
_BINARY = {"Info", "Labels", "Ranges", "LUTs", "Plot", "ROI", "Overlays", "Properties"}
"""Entries that ImageJ stores in its own tag; all other entries are in the description."""
TAG_NAMES = {
    269: "document name",
    271: "make",
    272: "model",
    285: "page name",
    306: "date and time",
    315: "artist",
    316: "host computer",
    33432: "copyright",
    **dict.fromkeys((33550, 33922, 34264, 34735, 34736, 34737), "georeference"),
    **dict.fromkeys((42112, 42113), "GDAL metadata"),
}
"""Tags that are kept unchanged."""
_STRUCTURE = {
    *range(254, 260), 262, 266, 270, 273, 274, *range(277, 285), 292, 293, 296, 297, 305, 317, 320,
    *range(322, 326), 330, 332, 338, 339, 340, 341, 347, *range(512, 522), 529, 530, 531, 532,
    34675, 50838, 50839, 65420,
}  # fmt: skip
"""Tags that describe how pixels are stored, or that are read elsewhere in this package."""
_ROUGH = 16  # look-up table: mean difference of neighbouring colours (0 to 255) is below this


def read_metadata(tif: tifffile.TiffFile, page: Any) -> Metadata:
    """Read the metadata of a file from its first page."""
    tags = page.tags
    resolution, unit = None, ""
    if "XResolution" in tags and "YResolution" in tags:
        x, y = page.get_resolution()
        if x > 0 and y > 0:
            resolution = (float(x), float(y))
            unit = _UNITS.get(int(tags.valueof("ResolutionUnit", default=2)), "")
    kept, lost = _other_tags(tags)
    lost += _of_single_pages(tif, tags)
    icc = page.iccprofile or None
    turn = tags.valueof(274, default=1)
    turn = turn if turn in UPRIGHT else 1
    if resolution and turn > 4:
        resolution = resolution[::-1]
    common = Metadata(resolution, unit, icc_profile=icc, orientation=turn, tags=kept, lost=lost)
    if tif.is_imagej:
        return _imagej(tif, page, common)
    if tif.is_ome:
        xml = tif.ome_metadata or ""
        found = ome.pixel_sizes(xml, common)
        return replace(found, tags=kept, lost=lost, flavour="ome", extra={"xml": xml})
    if tif.is_shaped:
        extra = dict((tif.shaped_metadata or ({},))[0])
        step = extra.pop("spacing", None)
        unit = str(extra.pop("unit", unit))
        extra = {key: extra[key] for key in extra if key not in _COMPUTED | {"truncated"}}
        return replace(common, unit=unit, z_step=float(step) if step else None, extra=extra)
    return replace(common, description=str(page.description or ""))


def _other_tags(tags: Any) -> tuple[tuple[tuple[int, int, int, Any], ...], tuple[str, ...]]:
    """Return the tags that are kept, and the names of the tags that are not."""
    kept, lost = [], []
    for tag in tags:
        if tag.code in TAG_NAMES:
            value = tag.value.encode() if isinstance(tag.value, str) else tag.value
            kept.append((tag.code, int(tag.dtype), tag.count, value))
        elif tag.code not in _STRUCTURE:
            lost.append(tag.name if not tag.name.isdigit() else f"tag {tag.code}")
    return tuple(kept), tuple(lost)


def _of_single_pages(tif: tifffile.TiffFile, first: Any) -> tuple[str, ...]:
    """Return the names of metadata that differ between the first two pages and are not kept."""
    if len(tif.pages) < 2:
        return ()
    page: Any = tif.pages.get(1, aspage=True)
    own = [tag for tag in page.tags if tag.value != first.valueof(tag.code)]
    names = [TAG_NAMES.get(tag.code, tag.name) for tag in own if tag.code not in _STRUCTURE]
    if page.description and page.description != first.valueof(270):
        names.append("description")
    return tuple(f"{name} of each page" for name in names)


def _imagej(tif: tifffile.TiffFile, page: Any, common: Metadata) -> Metadata:
    found = dict(tif.imagej_metadata or {})
    extra = {key: value for key, value in found.items() if key not in _COMPUTED}
    if is_look_up_table(page.colormap):
        extra["LUTs"] = [(np.asarray(page.colormap) >> 8).astype(np.uint8)]
    elif isinstance(extra.get("LUTs"), np.ndarray):
        extra["LUTs"] = [extra["LUTs"]]
    unit, z_unit = (_unescape(str(extra.get(key, common.unit))) for key in ("unit", "zunit"))
    step: Any = extra.get("spacing")
    known = isinstance(step, int | float) and isfinite(step) and step > 0
    return replace(
        common,
        unit=unit,
        z_step=in_unit(float(step), z_unit if "zunit" in extra else unit, unit) if known else None,
        flavour="imagej",
        extra={key: value for key, value in extra.items() if _is_sound(key, value)},
        lost=(*common.lost, *(f"ImageJ's {k}" for k in extra if not _is_sound(k, extra[k]))),
    )


def _is_sound(key: str, value: Any) -> bool:
    """Whether an ImageJ entry has the type required to write it again."""
    values = value if isinstance(value, list) else [value]
    if key == "LUTs":
        return all(isinstance(each, np.ndarray) and each.shape == (3, 256) for each in values)
    if key == "Ranges":
        return isinstance(value, tuple)
    if key in ("Info", "Labels"):
        return all(isinstance(each, str) for each in values)
    if key in _BINARY:
        return isinstance(value, dict) or all(isinstance(each, bytes) for each in values)
    return isinstance(value, str | int | float)


def is_look_up_table(colormap: Any) -> bool:
    """Whether a palette is an ImageJ look-up table, in which neighbouring colours are similar."""
    if colormap is None or np.shape(colormap) != (3, 256):
        return False
    table = np.asarray(colormap, dtype=np.float64) / 257
    return float(np.abs(np.diff(table, axis=1)).mean()) < _ROUGH


def add_metadata(options: dict[str, Any], image: Image, array: np.ndarray, axes: str) -> None:
    """Add the metadata of an image to the options of ``tifffile.imwrite`` for this array."""
    metadata = image.metadata
    options["extratags"] = [(*tag, True) for tag in metadata.tags]
    if metadata.resolution:
        options["resolution"] = metadata.resolution
    if holds_imagej(image):
        options["imagej"] = True
        options.pop("software")
        luts: Any = metadata.extra.get("LUTs")
        if array.dtype == np.uint8 and set(axes) <= set("TZYX") and np.shape(luts) == (1, 3, 256):
            options["photometric"] = "palette"  # where ImageJ looks for a single channel
            options["colormap"] = np.asarray(luts[0], np.uint16) * 257
        options["metadata"] = _imagej_notes(metadata, axes)
        return
    if metadata.resolution:
        options["resolutionunit"] = _CODES.get(metadata.unit, 1)
    xml = ome.for_file(metadata, array, axes) if metadata.flavour == "ome" else None
    if xml is not None:
        options.update(ome=False, description=xml, metadata=None)
    elif metadata.flavour == "ome":
        options["ome"] = True
        options["metadata"] = {"axes": axes, **_ome_sizes(metadata)}
    elif metadata.description:
        options["description"] = metadata.description.encode()  # str would have to be ASCII
        options["metadata"] = None
    else:
        extra = {} if metadata.flavour else dict(metadata.extra)
        notes = {**extra, "axes": axes, "spacing": metadata.z_step, "unit": metadata.unit}
        options["metadata"] = {key: value for key, value in notes.items() if value}


def _imagej_notes(metadata: Metadata, axes: str) -> dict[str, Any]:
    """Return the ImageJ entries, with non-ASCII characters of the description escaped."""
    notes = {
        key: _escape(value) if isinstance(value, str) and key not in _BINARY else value
        for key, value in metadata.extra.items()
    }
    return {**notes, "axes": axes}


def _unescape(text: str) -> str:
    return re.sub(r"\\u([0-9A-Fa-f]{4})", lambda found: chr(int(found[1], 16)), text)


def _escape(text: str) -> str:
    return "".join(each if ord(each) < 128 else f"\\u{ord(each):04X}" for each in text)


def _ome_sizes(metadata: Metadata) -> dict[str, Any]:
    """Return the pixel size for the XML written by tifffile."""
    sizes = dict(zip("XYZ", metadata.pixel_size("XYZ") or (), strict=False))
    known = {f"PhysicalSize{axis}": size for axis, size in sizes.items() if size}
    return {**known, **{f"{key}Unit": metadata.unit for key in known if metadata.unit}}


def is_colour(image: Image) -> bool:
    """Whether an image is written as RGB, that is, has three channels not stored as planes."""
    stored = image.stored_axes or image.axes
    return image.channel_axis is not None and image.array.shape[-1] == 3 and stored.endswith("C")


def holds_imagej(image: Image) -> bool:
    """Whether an image from ImageJ is not float64, wide RGB or transparent, unknown to ImageJ."""
    dtype = image.array.dtype.name
    wide = dtype == "float64" or (dtype != "uint8" and is_colour(image))
    return image.metadata.flavour == "imagej" and not wide and image.alpha is None


def layout(image: Image) -> tuple[np.ndarray, str]:
    """Return the array to be written and its axes; "S" is the axis of the samples of a pixel."""
    if image.alpha is not None or is_colour(image):
        return image.samples(), image.axes.removesuffix("C") + "S"
    return _planes(image)


def _planes(image: Image) -> tuple[np.ndarray, str]:
    """Arrange channels as separate planes, in the order of the file or ImageJ, or C before Y."""
    axes, order = image.axes, image.stored_axes
    if holds_imagej(image):
        order = "".join(sorted(axes, key="TZCYX".index))
    if sorted(order) != sorted(axes) or order.endswith("C"):
        order = axes if not axes.endswith("C") else axes[:-1].replace("YX", "CYX")
    return restore_order(image.array, axes, order), order
