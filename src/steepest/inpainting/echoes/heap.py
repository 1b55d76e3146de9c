"""Binary heaps of pixels ordered by key, one per tile, with the position of every pixel."""

import numpy as np

from ...core.compiled import lean_helper, lean_kernel
from .state import TILE


@lean_helper
def tile_of(echoes, pixel):
    """Return the number of the tile that contains a pixel."""
    width = echoes.image.shape[2]
    return (pixel // width) // TILE * (-(-width // TILE)) + pixel % width // TILE


@lean_helper
def _rise(heap, position, key, base, k):
    pixel = heap[base + k]
    value = key[pixel]
    while k > 0:
        parent = (k - 1) >> 1
        other = heap[base + parent]
        if key[other] <= value:
            break
        heap[base + k] = other
        position[other] = k
        k = parent
    heap[base + k] = pixel
    position[pixel] = k


@lean_helper
def _sink(heap, position, key, base, size, k):
    pixel = heap[base + k]
    value = key[pixel]
    while True:
        child = 2 * k + 1
        if child >= size:
            break
        if child + 1 < size and key[heap[base + child + 1]] < key[heap[base + child]]:
            child += 1
        other = heap[base + child]
        if key[other] >= value:
            break
        heap[base + k] = other
        position[other] = k
        k = child
    heap[base + k] = pixel
    position[pixel] = k


@lean_helper
def set_key(echoes, pixel, value):
    """Change the key of a known pixel."""
    heap, position, key = echoes.heap, echoes.position, echoes.key
    tile = tile_of(echoes, pixel)
    base = echoes.tile_start[tile]
    before = key[pixel]
    key[pixel] = value
    if value < before:
        _rise(heap, position, key, base, position[pixel])
    else:
        _sink(heap, position, key, base, echoes.tile_size[tile], position[pixel])


@lean_helper
def drop(echoes, pixel):
    """Remove a pixel."""
    heap, position, key = echoes.heap, echoes.position, echoes.key
    tile = tile_of(echoes, pixel)
    base, size = echoes.tile_start[tile], echoes.tile_size[tile] - 1
    echoes.tile_size[tile] = size
    k, last = position[pixel], heap[base + size]
    if k != size:
        heap[base + k], position[last] = last, k
        _sink(heap, position, key, base, size, k)
        _rise(heap, position, key, base, position[last])


@lean_helper
def first(echoes, tile):
    """Return the pixel with the smallest key of a nonempty tile."""
    return np.int64(echoes.heap[echoes.tile_start[tile]])  # the type of all pixels: one compilation


@lean_helper
def best_tile(echoes):
    """Return the tile with the smallest key of all."""
    best, smallest = -1, np.float32(np.inf)
    for tile in range(echoes.tile_size.shape[0]):
        if echoes.tile_size[tile] > 0:
            value = echoes.key[first(echoes, tile)]
            if best < 0 or value < smallest:
                best, smallest = tile, value
    return best


@lean_kernel
def gather(echoes):
    """List the known pixels of each tile, regardless of keys; `arrange` makes the list a heap."""
    height, width = echoes.known.shape
    echoes.tile_size[:] = 0
    for y in range(height):
        for x in range(width):
            if echoes.known[y, x]:
                pixel = y * width + x
                tile = tile_of(echoes, pixel)
                k = echoes.tile_size[tile]
                echoes.heap[echoes.tile_start[tile] + k], echoes.position[pixel] = pixel, k
                echoes.tile_size[tile] = k + 1


@lean_helper
def arrange(echoes, tile):
    """Order the pixels of a tile by their keys."""
    base, size = echoes.tile_start[tile], echoes.tile_size[tile]
    for k in range(size // 2 - 1, -1, -1):
        _sink(echoes.heap, echoes.position, echoes.key, base, size, k)
