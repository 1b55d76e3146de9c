"""Mask and values as one stream of bits, and back."""

from __future__ import annotations

import numpy as np

from .coder import BitDecoder, encode_bits, invalid, single_models
from .mask_model import model_mask, waves
from .nearest import nearest
from .value_model import DEPTH, Model, all_values, new_model, next_tree

MOST_LEVELS = 256


def encode(mask: np.ndarray, values: np.ndarray, levels: int) -> bytes:
    """The code of a mask and its values.

    Parameters
    ----------
    mask : Boolean (rows, columns)
    values : int (channels, number of known pixels)
        In raster order, each in 0 … levels - 1.
    levels : int
        2 to 256.
    """
    parts = model(mask, values, levels)
    bits, probabilities = (np.concatenate(both) for both in zip(*parts, strict=True))
    return encode_bits(bits, probabilities)


def model(mask: np.ndarray, values: np.ndarray, levels: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Bits and their probabilities in 1/65536: of the mask, then of each channel."""
    near, square = nearest(mask)
    parts = [model_mask(mask)]
    channels = separate(np.asarray(values, np.int64))
    other = np.zeros(near.shape[0], np.int64)
    for number, channel in enumerate(channels):
        state, low = _model(number, len(channels), levels)
        bits = np.zeros(DEPTH * channel.size, np.uint8)
        out = np.zeros(DEPTH * channel.size, np.int32)
        shifted = channel - low
        count = all_values(shifted, other, near, square, state.arrays, bits, out)
        parts.append((bits[:count], out[:count]))
        other = shifted
    return parts


def decode(
    data: bytes, shape: tuple[int, int], count: int, channels: int, levels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mask and values, as they were given to :func:`encode`.

    Raises
    ------
    InputError
        No encoder writes such data.
    """
    decoder = BitDecoder(data)
    mask = _decode_mask(decoder, shape, count)
    near, square = nearest(mask)
    values = np.zeros((channels, count), np.int64)
    other = np.zeros(count, np.int64)
    for number in range(channels):
        state, low = _model(number, channels, levels)
        _decode_channel(decoder, state, values[number], other, near, square)
        other = values[number].copy()
        values[number] += low
    return mask, np.clip(join(values), 0, levels - 1)


def _decode_mask(decoder: BitDecoder, shape: tuple[int, int], count: int) -> np.ndarray:
    mask = np.zeros(shape, bool)
    found = 0
    for probabilities, rows, columns in waves(mask, count):
        known = decoder.many(probabilities)
        mask[rows, columns] = known
        found += int(known.sum())
        if found > count:
            raise invalid()
    if found != count:
        raise invalid()
    return mask


def _decode_channel(
    decoder: BitDecoder,
    state: Model,
    values: np.ndarray,
    other: np.ndarray,
    near: np.ndarray,
    square: np.ndarray,
) -> None:
    """Fill ``values``, one after the other: each is expected from those before it."""
    models, arrays, tree = single_models(), state.arrays, state.tree
    bits, out = np.zeros(DEPTH, np.uint8), np.zeros(DEPTH, np.int32)
    leaves = tree.size
    for s in range(values.size):
        next_tree(values, other, near, square, s, arrays, bits, out)
        odds, node = tree.tolist(), 1
        while node < leaves:
            right = decoder.one(models[odds[node]]) if odds[node] else 0
            node = 2 * node + right
        values[s] = node - leaves


def _model(number: int, channels: int, levels: int) -> tuple[Model, int]:
    """The model of a channel and its smallest value."""
    if channels == 3 and number > 0:
        return new_model(2 * levels - 1, max(1, levels // 64)), 1 - levels
    return new_model(levels, max(1, levels // 16)), 0


def separate(values: np.ndarray) -> np.ndarray:
    """Three channels as Y, Co, Cg (YCoCg-R, Malvar and Sullivan 2003); others as they are.

    Y keeps the range 0 … levels - 1, Co and Cg lie in ±(levels - 1). Integer arithmetic, exactly
    inverted by :func:`join`.
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
