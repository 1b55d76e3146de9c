"""Compiled loops on the component tree of an image: nodes, sums over them, the best disjoint ones.

The tree holds the connected components of all sets of pixels at or above a level. Images are flat,
padded by one pixel on all sides, where ``levels`` is -1; ``steps`` are the distances in memory to
the next pixel along each axis. Nodes are numbered from the root, so that parents come first.
"""

import numpy as np

from ..core.compiled import exact_helper, exact_kernel


@exact_helper
def find_root(above, p):
    """The root of p in a forest; paths are shortened on the way."""
    root = p
    while above[root] != root:
        root = above[root]
    while above[p] != root:
        above[p], p = root, above[p]
    return root


@exact_kernel
def max_tree(levels, num_levels, steps):
    """The parent of each pixel, and the pixels by increasing level (union-find, Berger 2007)."""
    start = np.zeros(num_levels + 1, np.int64)
    for p in range(levels.size):
        if levels[p] >= 0:
            start[levels[p] + 1] += 1
    for k in range(num_levels):
        start[k + 1] += start[k]
    order = np.empty(start[num_levels], np.int32)
    for p in range(levels.size):
        if levels[p] >= 0:
            order[start[levels[p]]] = p
            start[levels[p]] += 1
    parent = np.full(levels.size, -1, np.int32)
    above = np.full(levels.size, -1, np.int32)  # the sets
    lowest = np.empty(levels.size, np.int32)  # pixel of each set, at its root
    size = np.ones(levels.size, np.int32)
    for i in range(order.size - 1, -1, -1):
        p = order[i]
        parent[p], above[p], lowest[p], root = p, p, p, p
        for k in range(2 * steps.size):
            q = p + (steps[k // 2] if k % 2 else -steps[k // 2])
            if above[q] < 0:
                continue
            other = find_root(above, q)
            if other == root:
                continue
            parent[lowest[other]] = p
            if size[other] > size[root]:
                root, other = other, root
            above[other] = root
            size[root] += size[other]
            lowest[root] = p
    for p in order:  # parents are the first pixels of their nodes
        if levels[parent[parent[p]]] == levels[parent[p]]:
            parent[p] = parent[parent[p]]
    return parent, order


@exact_kernel
def nodes_of(levels, parent, order):
    """The node of each pixel (-1 in the padding), and the parent of each node."""
    node = np.full(levels.size, -1, np.int32)
    up = np.zeros(order.size, np.int32)
    count = 0
    for p in order:
        q = parent[p]
        if p == q or levels[q] != levels[p]:
            node[p] = count
            up[count] = node[q] if p != q else 0
            count += 1
        else:
            node[p] = node[q]
    return node, up[:count].copy()


@exact_kernel
def sums_over_nodes(levels, order, node, up, evidence, steps):
    """Sums over each node and all above it, (nodes, columns).

    Columns: pixels; coordinates; products of two coordinates; faces to lower pixels; the evidence
    on these faces; faces to the padding. A face between two levels is on the contours of the higher
    node and of its parents, up to the lower node: it is added to the one and subtracted from the
    other.
    """
    ndim = steps.size
    last = 1 + ndim + ndim * (ndim + 1) // 2
    sums = np.zeros((up.size, last + 3), np.float64)
    at = np.empty(ndim, np.float64)
    for p in order:
        c, rest = node[p], p
        own = sums[c]
        own[0] += 1
        for a in range(ndim):
            at[a] = rest // steps[a]
            rest = rest % steps[a]
        column = 1 + ndim
        for a in range(ndim):
            own[1 + a] += at[a]
            for b in range(a, ndim):
                own[column] += at[a] * at[b]
                column += 1
        for a in range(ndim):
            q = p + steps[a]
            own[last + 2] += (levels[q] < 0) + (levels[p - steps[a]] < 0)
            if levels[q] < 0 or levels[p] == levels[q]:
                continue
            high, low = (c, node[q]) if levels[p] > levels[q] else (node[q], c)
            e = 0.5 * (evidence[p] + evidence[q])
            sums[high, last] += 1
            sums[low, last] -= 1
            sums[high, last + 1] += e
            sums[low, last + 1] -= e
    for c in range(up.size - 1, 0, -1):
        for k in range(last + 3):
            sums[up[c], k] += sums[c, k]
    return sums


@exact_kernel
def best_disjoint(score, up):
    """For each node the chosen one that holds it, or -1: disjoint, with the largest total score."""
    below = np.zeros(up.size, np.float64)
    for c in range(up.size - 1, 0, -1):
        below[up[c]] += max(score[c], below[c])
    chosen = np.full(up.size, -1, np.int32)
    for c in range(up.size):
        if c > 0 and chosen[up[c]] >= 0:
            chosen[c] = chosen[up[c]]
        elif score[c] > 0 and score[c] >= below[c]:
            chosen[c] = c
    return chosen


@exact_kernel
def basins(depth, order, steps, ratio, least):
    """Divide a set at its necks: the basin (from 1) of each pixel, 0 outside, and their number.

    ``order`` are the pixels of the set by decreasing ``depth``, the distance to the outside. Each
    joins the basin of its deepest neighbour. Two basins that meet at a depth of ``ratio`` of the
    lower peak, or of which one is less deep than ``least``, become one.
    """
    above = np.full(depth.size, -1, np.int32)  # the root of a basin is its peak
    for p in order:
        own, deepest = -1, -1.0
        for step in steps:
            q = p + step
            if above[q] >= 0 and depth[q] > deepest:
                own, deepest = q, depth[q]
        if own >= 0:
            own = find_root(above, own)
            for step in steps:
                if above[p + step] < 0:
                    continue
                other = find_root(above, p + step)
                lower = min(depth[other], depth[own])
                if other != own and (depth[p] >= ratio * lower or lower < least):
                    if depth[other] > depth[own]:
                        own, other = other, own
                    above[other] = own
        above[p] = p if own < 0 else own
    basin = np.zeros(depth.size, np.int32)
    count = 0
    for p in order:
        root = find_root(above, p)
        if basin[root] == 0:
            count += 1
            basin[root] = count
        basin[p] = basin[root]
    return basin, count
