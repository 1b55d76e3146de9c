"""Compiled parts of the proof (docs/certificate): flow, potential, contour, and what may be wrong.

Arrays are (z, y, x). The flow ``q[a]`` runs through the faces between the pixels i and
``i + offsets[a]``; at most ``capacity[a] * weight[i]`` can flow, and the potential is
``u[i] = f[i] + sum over a of (q[a, i] - q[a, i - offsets[a]])``. Everything is in float64.
"""

from __future__ import annotations

import heapq

import numpy as np

from ..core.compiled import exact_helper, exact_kernel
from ..grid.components import root_of

_SNAP = 1e-6  # a flux as near to its bound as this is set to it; u is computed afterwards
_MORE = 1 + 1e-9  # for the rounding of sums
_CHUNK = 64  # pixels of a row that are looked at together; most have nothing of interest


@exact_kernel
def _inside(shape, z, y, x):
    return 0 <= z < shape[0] and 0 <= y < shape[1] and 0 <= x < shape[2]


@exact_kernel
def _range(size, step):
    """The first pixel along an axis that has a neighbour ``step`` further, and the end of these."""
    return max(0, -step), size - max(0, step)


@exact_kernel
def _limit(capacity, weights, a, z, y, x):
    """What can flow through a face; always computed alike, so that saturation is exact."""
    if weights.size > 0:
        return capacity[a] * np.float64(weights[z, y, x])
    return capacity[a]


@exact_helper
def _capped(flux, limit, flow):
    """The flow through the faces of a row, all with one limit."""
    for j in range(flow.size):
        share = np.float64(flux[j])
        full = np.copysign(1.0, share)
        flow[j] = (full if abs(share) > 1.0 - _SNAP else share) * limit


@exact_helper
def _capped_by_weights(flux, weights, capacity, flow):
    """The same where each face has its own limit."""
    for j in range(flow.size):
        w = np.float64(weights[j])
        share = np.float64(flux[j]) / w if w > 0 else 0.0
        full = np.copysign(1.0, share)
        flow[j] = (full if abs(share) > 1.0 - _SNAP else share) * (capacity * w)


@exact_kernel
def flow_of(p, weights, capacity, offsets, q):
    """The flow ``q`` of the flux ``p``, feasible whatever the rounding of ``p``.

    Here and below, loops run along views of rows: an index whose sign is unknown keeps loops from
    being vectorised.
    """
    shape = q.shape[1:]
    for a in range(q.shape[0]):
        z0, z1 = _range(shape[0], offsets[a, 0])
        y0, y1 = _range(shape[1], offsets[a, 1])
        x0, x1 = _range(shape[2], offsets[a, 2])
        for z in range(shape[0]):
            for y in range(shape[1]):
                flow = q[a, z, y]
                if not (z0 <= z < z1 and y0 <= y < y1 and x0 < x1):
                    flow[:] = 0.0
                    continue
                flow[:x0] = 0.0
                flow[x1:] = 0.0
                if weights.size > 0:
                    _capped_by_weights(
                        p[a, z, y, x0:x1], weights[z, y, x0:x1], capacity[a], flow[x0:x1]
                    )
                else:
                    _capped(p[a, z, y, x0:x1], capacity[a], flow[x0:x1])


@exact_helper
def _add(u, q):
    for j in range(u.size):
        u[j] += q[j]


@exact_helper
def _subtract(u, q):
    for j in range(u.size):
        u[j] -= q[j]


@exact_kernel
def potential(f, q, offsets, u):
    """``u = f + div q``."""
    shape = f.shape
    for z in range(shape[0]):
        for y in range(shape[1]):
            row = u[z, y]
            row[:] = f[z, y]
            for a in range(q.shape[0]):
                dz, dy, dx = offsets[a, 0], offsets[a, 1], offsets[a, 2]
                x0, x1 = _range(shape[2], dx)
                if x0 >= x1:
                    continue
                if _inside(shape, z + dz, y + dy, x0 + dx):
                    _add(row[x0:x1], q[a, z, y, x0:x1])
                if _inside(shape, z - dz, y - dy, x0):
                    _subtract(row[x0 + dx : x1 + dx], q[a, z - dz, y - dy, x0:x1])


@exact_helper
def _crossings(here, ahead, level):
    """The number of neighbours on different sides of the level."""
    count = 0
    for j in range(here.size):
        count += (here[j] <= level) != (ahead[j] <= level)
    return count


@exact_kernel
def deficits(u, q, weights, capacity, offsets, level, own):
    """The length of the contour of ``{u > level}``, and its faces that lack flow.

    Of these, the two pixels (n, 2), what they lack (n,) and their places in ``offsets`` (n,). Only
    faces of the first ``own`` pixels along each axis count.
    """
    shape = u.shape
    plane, row = shape[1] * shape[2], shape[2]
    pairs, lacks, kinds, length = [(0, 0)], [0.0], [0], 0.0
    for a in range(q.shape[0]):
        dz, dy, dx = offsets[a, 0], offsets[a, 1], offsets[a, 2]
        step = dz * plane + dy * row + dx
        z0, z1 = _range(shape[0], dz)
        y0, y1 = _range(shape[1], dy)
        x0, x1 = _range(shape[2], dx)
        z1, y1, x1 = min(z1, own[0]), min(y1, own[1]), min(x1, own[2])
        for z in range(z0, z1):
            for y in range(y0, y1):
                for first in range(x0, x1, _CHUNK):
                    last = min(first + _CHUNK, x1)
                    here = u[z, y, first:last]
                    ahead = u[z + dz, y + dy, first + dx : last + dx]
                    if _crossings(here, ahead, level) == 0:
                        continue
                    for x in range(first, last):
                        outside = here[x - first] <= level
                        if outside == (ahead[x - first] <= level):
                            continue
                        limit = _limit(capacity, weights, a, z, y, x)
                        length += limit
                        lack = limit - q[a, z, y, x] if outside else limit + q[a, z, y, x]
                        if lack > 0:
                            i = z * plane + y * row + x
                            pairs.append((i, i + step))
                            lacks.append(lack)
                            kinds.append(a)
    ends = np.empty((len(lacks) - 1, 2), np.int64)
    amounts = np.empty(len(lacks) - 1)
    for k in range(1, len(lacks)):
        ends[k - 1, 0], ends[k - 1, 1] = pairs[k]
        amounts[k - 1] = lacks[k]
    return length, ends, amounts, np.array(kinds[1:])


@exact_helper
def _count_near(values, level, near):
    count = 0
    for j in range(values.size):
        count += abs(values[j] - level) <= near
    return count


@exact_kernel
def ties(u, level, near):
    """The number of values within ``near`` of the level, and the sum of their distances."""
    count, total = 0, 0.0
    flat = u.ravel()
    for first in range(0, flat.size, _CHUNK):
        chunk = flat[first : min(first + _CHUNK, flat.size)]
        found = _count_near(chunk, level, near)
        if found > 0:
            count += found
            for j in range(chunk.size):
                distance = abs(chunk[j] - level)
                if distance <= near:
                    total += distance
    return count, total


@exact_kernel
def reach(margin, around, seeds, part, radius):
    """The pixels within the radius of their part from a seed; each costs its margin.

    ``around`` (neighbours, n) are the places of the neighbours, or -1. Paths stay within a part;
    ``part[i] - 1`` is the place of its radius, and 0 is no part.
    """
    distance = np.full(margin.size, np.inf)
    heap = [(0.0, 0)]
    heap.pop()
    for i in seeds:
        if part[i] > 0 and margin[i] <= radius[part[i] - 1] and margin[i] < distance[i]:
            distance[i] = margin[i]
            heapq.heappush(heap, (margin[i], i))
    while len(heap) > 0:
        so_far, i = heapq.heappop(heap)
        if so_far > distance[i]:
            continue
        for a in range(around.shape[0]):
            j = around[a, i]
            if j < 0 or part[j] != part[i]:
                continue
            cost = so_far + margin[j]
            if cost < distance[j] and cost <= radius[part[i] - 1]:
                distance[j] = cost
                heapq.heappush(heap, (cost, j))
    return distance < np.inf


@exact_helper
def _join(parent, budget, i, j):
    """Join the clusters of two pixels; whether they were different."""
    first, second = root_of(parent, i), root_of(parent, j)
    if first == second:
        return False
    parent[second] = first
    budget[first] += budget[second]
    return True


@exact_helper
def _grow(gain, around, parent, budget, owner, distance):
    """Reach what each cluster can pay for; whether clusters that met were joined."""
    distance[:] = np.inf
    heap = [(0.0, 0)]
    heap.pop()
    for i in range(gain.size):
        if gain[i] >= 0:
            owner[i], distance[i] = i, 0.0
            heapq.heappush(heap, (0.0, i))
    joined = False
    while len(heap) > 0:
        so_far, i = heapq.heappop(heap)
        if so_far > distance[i]:
            continue
        for a in range(around.shape[0]):
            j = around[a, i]
            if j < 0:
                continue
            if distance[j] < np.inf:
                joined |= _join(parent, budget, owner[i], owner[j])
            cost = so_far + max(-gain[j], 0.0)
            if cost < distance[j] and cost <= budget[root_of(parent, owner[i])] * _MORE:
                owner[j], distance[j] = owner[i], cost
                heapq.heappush(heap, (cost, j))
    return joined


@exact_helper
def _meet(gain, around, parent, budget, owner, distance):
    """Join clusters that together can pay for a pixel between them; whether there were any."""
    joined = False
    left, found = np.empty(around.shape[0]), np.empty(around.shape[0], np.int64)
    for x in range(gain.size):
        if distance[x] < np.inf:
            continue
        count = 0
        for a in range(around.shape[0]):
            i = around[a, x]
            if i < 0 or distance[i] == np.inf:
                continue
            root = root_of(parent, owner[i])
            here = budget[root] * _MORE - distance[i]
            for k in range(count):
                if found[k] == root:
                    left[k] = max(left[k], here)
                    break
            else:
                found[count], left[count] = root, here
                count += 1
        if count > 1 and left[:count].sum() * _MORE >= -gain[x]:
            for k in range(1, count):
                joined |= _join(parent, budget, found[0], found[k])
    return joined


@exact_kernel
def clusters(gain, around):
    """The pixels in reach of those with a gain, and the largest budget of a cluster of them.

    A cluster begins as a pixel whose ``gain`` is not negative, and has a budget of this gain. It
    reaches the pixels to which a path costs no more than its budget; a pixel costs ``-gain``.
    Clusters that touch, or can pay together for a pixel between them, become one, and add their
    budgets. ``around`` (neighbours, n) are the places of the neighbours, or -1.
    """
    parent, budget = np.arange(gain.size), np.maximum(gain, 0.0)
    owner, distance = np.zeros(gain.size, np.int64), np.empty(gain.size)
    joined = True
    while joined:
        joined = _grow(gain, around, parent, budget, owner, distance)
        if not joined:
            joined = _meet(gain, around, parent, budget, owner, distance)
    largest = 0.0
    for i in range(gain.size):
        if gain[i] >= 0:
            largest = max(largest, budget[root_of(parent, i)])
    return distance < np.inf, largest


@exact_kernel
def numbered(mask, around):
    """The connected parts of a mask, numbered from 1 in the order of their first pixels."""
    part = np.zeros(mask.size, np.int32)
    queue, count = np.empty(mask.size, np.int64), 0
    for first in range(mask.size):
        if not mask[first] or part[first] > 0:
            continue
        count += 1
        part[first] = count
        queue[0], done, end = first, 0, 1
        while done < end:
            i = queue[done]
            done += 1
            for a in range(around.shape[0]):
                j = around[a, i]
                if j >= 0 and mask[j] and part[j] == 0:
                    part[j] = count
                    queue[end] = j
                    end += 1
    return part, count
