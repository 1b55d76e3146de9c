"""Encode mask and values as one stream of bits, and decode them."""

import numpy as np

from .coder import encode_bits, invalid, start, used_up
from .mask_model import decode_mask, model_mask
from .nearest import nearest
from .value_model import DEPTH, all_values, decode_values, new_state

MOST_LEVELS = 256


def encode(mask: np.ndarray, values: np.ndarray, levels: int) -> bytes:
    """The entropy code of a mask and its values.

    Parameters
    ----------
    mask : Boolean array (rows, columns)
        True at the known pixels.
    values : integer array (channels, number of known pixels)
        Values in raster order, each in 0 … levels - 1.
    levels : int
        Number of levels, 2 to 256.
    """
    parts = model(mask, values, levels)
    bits, probabilities = (np.concatenate(both) for both in zip(*parts, strict=True))
    return encode_bits(bits, probabilities)


def model(mask: np.ndarray, values: np.ndarray, levels: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Bits and their probabilities in 1/65536, for the mask and then for each channel."""
    near, square = nearest(mask)
    parts = [model_mask(mask)]
    channels = separate(np.asarray(values, np.int64))
    other = np.zeros(near.shape[0], np.int64)
    for number, channel in enumerate(channels):
        alphabet, typical, low = _kind(number, len(channels), levels)
        state = new_state(alphabet, typical)
        bits = np.zeros(DEPTH * channel.size, np.uint8)
        out = np.zeros(DEPTH * channel.size, np.int32)
        shifted = channel - low
        count = all_values(shifted, other, near, square, state, bits, out)
        parts.append((bits[:count], out[:count]))
        other = shifted
    return parts


def decode(
    data: bytes, shape: tuple[int, int], count: int, channels: int, levels: int
) -> tuple[np.ndarray, np.ndarray]:
    """The mask and the values that were given to :func:`encode`.

    Raises `InputError` if the data are invalid.
    """
    reader = start(data)
    mask = decode_mask(*reader, shape, count)
    if mask is None:
        raise invalid()
    near, square = nearest(mask)
    values = np.zeros((channels, count), np.int64)
    other = np.zeros(count, np.int64)
    for number in range(channels):
        alphabet, typical, low = _kind(number, channels, levels)
        if not used_up(*reader):  # otherwise all values are the smallest
            state = new_state(alphabet, typical)
            if not decode_values(*reader, values[number], other, near, square, state):
                raise invalid()
        other = values[number].copy()
        values[number] += low
    return mask, np.clip(join(values), 0, levels - 1)


def _kind(number: int, channels: int, levels: int) -> tuple[int, int, int]:
    """A channel's alphabet size, its typical difference between neighbours, its smallest value."""
    if channels == 3 and number > 0:
        return 2 * levels - 1, max(1, levels // 64), 1 - levels
    return levels, max(1, levels // 16), 0


def separate(values: np.ndarray) -> np.ndarray:
    """Convert three channels to Y, Co, Cg (YCoCg-R, Malvar and Sullivan 2003), exactly.

    Y keeps the range 0 … levels - 1; Co and Cg lie in ±(levels - 1).
    """
    if len(values) != 3:
        return values
    red, green, blue = values
    orange = red - blue
    middle = blue + (orange >> 1)
    violet = green - middle
    return np.stack([middle + (violet >> 1), orange, violet])


def join(values: np.ndarray) -> np.ndarray:
    """The inverse of :func:`separate`."""
    if len(values) != 3:
        return values
    light, orange, violet = values
    middle = light - (violet >> 1)
    blue = middle - (orange >> 1)
    return np.stack([blue + orange, violet + middle, blue])
