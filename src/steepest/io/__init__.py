"""Read and write image files: PNG, JPEG, WebP, single- and multi-page TIFF, and NPY.

Other formats can be read but not written: see `read_image`. `read_orientations` reads the
orientation maps (.ctf, .ang) of electron backscatter diffraction.

>>> from steepest.io import read_image, write_image
>>> photo = read_image("photo.png")
>>> write_image("copy.png", photo)
"""

from steepest.core.lazy import public

from .describe import describe_metadata, not_kept
from .dots import write_dots
from .files import check_target, decode_image, encode_image, read_image, write_image
from .image import Image, from_float
from .labels import read_labels
from .metadata import Metadata
from .orientations import (
    OrientationMap,
    check_orientation_target,
    read_orientations,
    write_orientations,
)
from .outputs import OutputSet, check_writable
from .paths import READ_ONLY, SUFFIXES, base_name, check_kind, image_files
from .samples import SAMPLES, sample
from .scan_table import Phase
from .store_writing import create_store
from .stores import StoredImage, open_store

__all__ = [
    "READ_ONLY",
    "SAMPLES",
    "SUFFIXES",
    "Image",
    "Metadata",
    "OrientationMap",
    "OutputSet",
    "Phase",
    "StoredImage",
    "base_name",
    "check_kind",
    "check_orientation_target",
    "check_target",
    "check_writable",
    "create_store",
    "decode_image",
    "describe_metadata",
    "encode_image",
    "from_float",
    "image_files",
    "not_kept",
    "open_store",
    "read_image",
    "read_labels",
    "read_orientations",
    "sample",
    "write_dots",
    "write_image",
    "write_orientations",
]

__dir__ = public(__all__)
