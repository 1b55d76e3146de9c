"""Connected components of a mask."""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from ..core.compiled import exact_kernel


def connected(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the connected parts of a mask: pixels that share a face belong together.

    Returns int32 labels of the shape of the mask (1-D to 3-D), which are 0 where it is False, else
    1, 2, ..., in the order of the first pixels of the parts; and how many parts there are.
    """
    volume = np.ascontiguousarray(mask, dtype=bool).reshape((1,) * (3 - mask.ndim) + mask.shape)
    labels = np.zeros(volume.shape, np.int32)
    count = _label(volume, labels)
    return labels.reshape(mask.shape), int(count)


@register_jitable
def root_of(parent, i):
    """The first element of a part (union-find); paths to it become shorter."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@register_jitable
def _join(parent, a, b):
    a, b = root_of(parent, a), root_of(parent, b)
    if a < b:
        parent[b] = a
    else:
        parent[a] = b


@exact_kernel
def _label(mask, labels):
    """Two passes: provisional numbers and which of them are one part (union-find), final ones."""
    depth, height, width = mask.shape
    parent = np.zeros(mask.size // 2 + 2, np.int32)  # no two neighbours are both new
    count = 0
    for z in range(depth):
        for y in range(height):
            if not mask[z, y].any():
                continue
            for x in range(width):
                if not mask[z, y, x]:
                    continue
                own = 0
                if x > 0 and mask[z, y, x - 1]:
                    own = labels[z, y, x - 1]
                if y > 0 and mask[z, y - 1, x]:
                    above = labels[z, y - 1, x]
                    if own:
                        _join(parent, own, above)
                    own = above
                if z > 0 and mask[z - 1, y, x]:
                    behind = labels[z - 1, y, x]
                    if own:
                        _join(parent, own, behind)
                    own = behind
                if not own:
                    count += 1
                    parent[count] = count
                    own = count
                labels[z, y, x] = own
    final = np.zeros(count + 1, np.int32)
    found = 0
    for i in range(1, count + 1):
        root = root_of(parent, i)
        if root == i:
            found += 1
            final[i] = found
        else:
            final[i] = final[root]
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                if labels[z, y, x]:
                    labels[z, y, x] = final[labels[z, y, x]]
    return found
