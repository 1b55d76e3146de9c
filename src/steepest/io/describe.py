"""Describe the metadata of a file in words, and list those that another file cannot store."""

import os
from typing import Any

import numpy as np

from . import ome
from .image import Image
from .metadata import Metadata
from .paths import SUFFIXES, check_kind
from .tiff_metadata import TAG_NAMES, holds_imagej, layout

_LONGEST = 120  # maximum number of characters of a note
_SILENT = {"unit", "spacing", "loop"}  # shown as the pixel size, or not worth showing
_WORDS = {
    "finterval": "time step",
    "fps": "frames per second",
    "mode": "display mode",
    "LUTs": "look-up tables",
    "Ranges": "display range",
    "Info": "info",
    "Labels": "labels",
    "ROI": "region",
    "Overlays": "overlays",
    "Properties": "properties",
}
_HELD = {
    "png": {"pixel size", "colour profile", "EXIF data", "text", "gamma"},
    "jpeg": {"pixel size", "colour profile", "EXIF data"},
    "webp": {"colour profile", "EXIF data"},
    "tiff": {"pixel size", "slice distance", "colour profile", "description"},
    "npy": set[str](),
}


def describe_metadata(metadata: Metadata) -> dict[str, str]:
    """Describe all metadata except the pixel size: channels, wavelengths, time step, ..."""
    if metadata.flavour == "ome":
        found = ome.describe(str(metadata.extra.get("xml", "")))
    else:
        extra = {key: value for key, value in metadata.extra.items() if key not in _SILENT}
        if "min" in extra and "max" in extra:
            shown = extra.pop("min"), extra.pop("max")
            extra = {**extra, "Ranges": extra.get("Ranges", shown)}
        found = {_WORDS.get(key, key): _in_words(key, value) for key, value in extra.items()}
    tags = {TAG_NAMES[code]: _in_words("", value) for code, _, _, value in metadata.tags}
    texts = {"description": metadata.description, **dict(metadata.text), **tags}
    every = {**found, **{key: value for key, value in texts.items() if value}}
    return {key: _short(value) for key, value in every.items()}


def _in_words(key: str, value: Any) -> str:
    if key in ("LUTs", "ROI", "Overlays"):
        return str(len(value) if isinstance(value, list) else 1)
    if key == "Ranges":
        ends = [f"{end:g}" for end in np.ravel(value)]
        pairs = zip(ends[::2], ends[1::2], strict=False)
        return ", ".join(f"{low} to {high}" for low, high in pairs)
    if key == "finterval":
        return f"{value} s"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace") if key == "" else f"{len(value)} bytes"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value[:20]))
    if isinstance(value, dict):
        return ", ".join(f"{name}={each}" for name, each in value.items())
    return str(value)


def _short(text: str) -> str:
    line = " ".join(text.replace("\0", " ").split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def not_kept(image: Image, path: str | os.PathLike[str]) -> list[str]:
    """Return the names of the image metadata that a file at this path cannot store.

    Raises
    ------
    InputError
        If the suffix is not an image suffix.
    """
    metadata, kind = image.metadata, SUFFIXES[check_kind(path, "image")]
    stated = {
        "pixel size": metadata.resolution,
        "slice distance": metadata.z_step,
        "colour profile": metadata.icc_profile,
        "EXIF data": metadata.exif,
        "gamma": metadata.gamma,
        "text": metadata.text,
        "description": metadata.description,
    }
    names = [key for key, value in stated.items() if value and key not in _HELD[kind]]
    if kind != "tiff":
        names += [TAG_NAMES[tag[0]] for tag in metadata.tags]
    if kind != "tiff" or not _holds_program_notes(image):
        names += describe_metadata(Metadata(flavour=metadata.flavour, extra=metadata.extra))
    return list(dict.fromkeys([*names, *metadata.lost]))


def _holds_program_notes(image: Image) -> bool:
    """Whether a TIFF file can store the metadata specific to ImageJ, OME or tifffile."""
    metadata = image.metadata
    if metadata.flavour == "imagej":
        return holds_imagej(image)
    return metadata.flavour != "ome" or ome.for_file(metadata, *layout(image)) is not None
