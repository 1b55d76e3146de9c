"""Conversion of a photograph to one grey image, or to the planes that a network takes."""

import numpy as np

from .errors import InputError

LUMA = (0.299, 0.587, 0.114)
CHANNELS = (1, 3)
_SLACK = 1e-4  # allowed overshoot of resampling


def brightness(array: np.ndarray, channel_axis: int | None = None) -> np.ndarray:
    """Return the brightness of an image as float64: integers over their largest value.

    Colours become the luma of ITU-R BT.601. Raises `InputError` unless there are one or three
    channels.
    """
    values = np.asarray(array)
    top = float(np.iinfo(values.dtype).max) if values.dtype.kind == "u" else 1.0
    if channel_axis is not None:
        values = np.moveaxis(values, channel_axis, -1)
        if values.shape[-1] not in (1, 3):
            raise InputError(f"{values.shape[-1]} channels; allowed are grey and RGB")
    grey = values.astype(np.float64) / top
    if channel_axis is None:
        return grey
    return np.asarray(grey @ np.array(LUMA) if grey.shape[-1] == 3 else grey[..., 0])


def to_grey(array: np.ndarray, name: str = "image") -> np.ndarray:
    """Convert pixels (H, W) or (H, W, 3) to float32 (H, W) in [0, 1].

    Integers are divided by their maximum. Colour becomes the luma of ITU-R BT.601 without rounding.
    Floats up to 1.0001 are clipped to 1. Raises `InputError` for any others.
    """
    values = np.asarray(array)
    scale = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
    with np.errstate(over="ignore", invalid="ignore"):  # infinite, and then refused
        values = values.astype(np.float32) / np.float32(scale)
        if values.ndim == 3 and values.shape[2] == 3:
            values = values @ np.asarray(LUMA, np.float32)
    if values.ndim != 2:
        raise InputError(f"{name}: shape {np.shape(array)}; allowed are (H, W) and (H, W, 3)")
    if values.size and not (values.min() >= 0 and values.max() <= 1 + _SLACK):
        raise InputError(
            f"{name}: values must lie in [0, 1], not [{values.min():g}, {values.max():g}]"
        )
    return np.ascontiguousarray(np.minimum(values, 1), np.float32)


def to_planes(pixels: np.ndarray, channels: int | None = None, name: str = "image") -> np.ndarray:
    """Convert pixels (H, W) or (H, W, C) to float32 (``channels``, H, W) in [0, 1].

    C is 1, 2 (grey), 3 or 4 (RGB); a second or fourth channel, transparency, is dropped.
    ``channels`` 1 converts colour to luma, 3 repeats grey, None keeps what there is. Raises
    `InputError` for other shapes and types, and floats outside [0, 1].
    """
    if channels not in (None, *CHANNELS):
        raise InputError(f"channels={channels!r}; allowed are 1, 3 and None (as the image is)")
    array = np.asarray(pixels)
    given = array.shape
    if array.ndim == 3 and array.shape[2] in (2, 4):
        array = array[..., :-1]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or array.size == 0:
        raise InputError(f"{name}: shape {given}; allowed are (H, W) and (H, W, 3)")
    if array.dtype.kind not in "buf" or (array.dtype.itemsize > 2 and array.dtype.kind == "u"):
        raise InputError(
            f"{name}: {array.dtype} values; allowed are uint8, uint16, and floats in [0, 1]"
        )
    array = array.astype(np.float32) if array.dtype.kind in "bf" else array
    if array.ndim == 2 or channels == 1:
        return np.repeat(to_grey(array, name)[None], channels or 1, axis=0)
    return np.stack([to_grey(array[..., c], name) for c in range(3)])
