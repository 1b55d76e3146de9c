"""The orientation of a camera (EXIF, TIFF): images are turned upright when they are read."""

from collections.abc import Callable

import numpy as np
from PIL import Image as Pillow
from PIL.ExifTags import Base

UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}
"""What turns an array of an orientation upright."""


def orientation_of(picture: Pillow.Image) -> int:
    """The orientation of a picture, from 1 (upright) to 8; 1 if its EXIF data is damaged."""
    try:
        found = picture.getexif().get(Base.Orientation, 1)
    except Exception:  # Pillow raises many kinds
        return 1
    return found if found in UPRIGHT else 1


def exif_upright(picture: Pillow.Image) -> bytes:
    """The EXIF data of a picture with the orientation of one that is upright."""
    exif = picture.getexif()
    exif[Base.Orientation] = 1
    return exif.tobytes()


def turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turn the first two axes (rows, columns) of an array with this orientation upright."""
    turn = UPRIGHT.get(orientation)
    return array if turn is None else np.ascontiguousarray(turn(array))
