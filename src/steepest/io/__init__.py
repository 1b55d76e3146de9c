"""Images on disk: PNG, JPEG, TIFF (single and multi-page) and NPY, read and written in kind.

>>> from steepest.io import read_image, write_image
>>> photo = read_image("photo.png")
>>> write_image("copy.png", photo)
"""

from .files import SUFFIXES, check_target, read_image, write_image
from .image import Image, from_float
from .listing import image_files
from .metadata import Metadata
from .outputs import OutputSet
from .samples import SAMPLES, sample

__all__ = [
    "SAMPLES",
    "SUFFIXES",
    "Image",
    "Metadata",
    "OutputSet",
    "check_target",
    "from_float",
    "image_files",
    "read_image",
    "sample",
    "write_image",
]
