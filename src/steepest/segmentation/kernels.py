"""Compiled parts of the proof (docs/certificate): flow, potential, contour, and what may be wrong.

Arrays are (z, y, x). The flow ``q[a]`` runs through the faces between the pixels i and
``i + offsets[a]``; at most ``capacity[a] * weight[i]`` can flow, and the potential is
``u[i] = f[i] + sum over a of (q[a, i] - q[a, i - offsets[a]])``. Everything is in float64.
"""

from __future__ import annotations

import heapq

import numpy as np

from ..core.compiled import exact_kernel

_SNAP = 1e-6  # a flux as near to its bound as this is set to it; u is computed afterwards


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


@exact_kernel
def flow_of(p, weights, capacity, offsets, q):
    """The flow ``q`` of the flux ``p``, feasible whatever the rounding of ``p``."""
    shape = q.shape[1:]
    q[:] = 0.0
    for a in range(q.shape[0]):
        z0, z1 = _range(shape[0], offsets[a, 0])
        y0, y1 = _range(shape[1], offsets[a, 1])
        x0, x1 = _range(shape[2], offsets[a, 2])
        for z in range(z0, z1):
            for y in range(y0, y1):
                for x in range(x0, x1):
                    share = np.float64(p[a, z, y, x])
                    if weights.size > 0:
                        w = np.float64(weights[z, y, x])
                        share = share / w if w > 0 else 0.0
                    if abs(share) > 1.0 - _SNAP:
                        share = np.copysign(1.0, share)
                    q[a, z, y, x] = share * _limit(capacity, weights, a, z, y, x)


@exact_kernel
def potential(f, q, offsets, u):
    """``u = f + div q``."""
    shape = f.shape
    u[:] = f
    for a in range(q.shape[0]):
        dz, dy, dx = offsets[a, 0], offsets[a, 1], offsets[a, 2]
        z0, z1 = _range(shape[0], dz)
        y0, y1 = _range(shape[1], dy)
        x0, x1 = _range(shape[2], dx)
        for z in range(z0, z1):
            for y in range(y0, y1):
                for x in range(x0, x1):
                    u[z, y, x] += q[a, z, y, x]
                for x in range(x0, x1):
                    u[z + dz, y + dy, x + dx] -= q[a, z, y, x]


@exact_kernel
def deficits(u, q, weights, capacity, offsets, level):
    """The length of the contour of ``{u > level}``, and its faces that lack flow.

    Of these, the two pixels (n, 2) and what they lack (n,).
    """
    shape = u.shape
    plane, row = shape[1] * shape[2], shape[2]
    pairs, lacks, length = [(0, 0)], [0.0], 0.0
    for a in range(q.shape[0]):
        dz, dy, dx = offsets[a, 0], offsets[a, 1], offsets[a, 2]
        step = dz * plane + dy * row + dx
        z0, z1 = _range(shape[0], dz)
        y0, y1 = _range(shape[1], dy)
        x0, x1 = _range(shape[2], dx)
        for z in range(z0, z1):
            for y in range(y0, y1):
                for x in range(x0, x1):
                    outside = u[z, y, x] <= level
                    if outside == (u[z + dz, y + dy, x + dx] <= level):
                        continue
                    limit = _limit(capacity, weights, a, z, y, x)
                    length += limit
                    lack = limit - q[a, z, y, x] if outside else limit + q[a, z, y, x]
                    if lack > 0:
                        i = z * plane + y * row + x
                        pairs.append((i, i + step))
                        lacks.append(lack)
    ends = np.empty((len(lacks) - 1, 2), np.int64)
    amounts = np.empty(len(lacks) - 1)
    for k in range(1, len(lacks)):
        ends[k - 1, 0], ends[k - 1, 1] = pairs[k]
        amounts[k - 1] = lacks[k]
    return length, ends, amounts


@exact_kernel
def ties(u, level, near):
    """The number of values within ``near`` of the level, and the sum of their distances."""
    count, total = 0, 0.0
    flat = u.ravel()
    for i in range(flat.size):
        distance = abs(flat[i] - level)
        if distance <= near:
            count += 1
            total += distance
    return count, total


@exact_kernel
def reach(margin, offsets, seeds, part, radius):
    """The pixels within the radius of their part from a seed; each costs its margin.

    Paths stay within a part, ``part[i] - 1`` is the place of its radius, and 0 is no part.
    """
    shape = margin.shape
    plane, row = shape[1] * shape[2], shape[2]
    flat, parts = margin.ravel(), part.ravel()
    distance = np.full(flat.size, np.inf)
    heap = [(0.0, 0)]
    heap.pop()
    for i in seeds:
        if parts[i] > 0 and flat[i] <= radius[parts[i] - 1] and flat[i] < distance[i]:
            distance[i] = flat[i]
            heapq.heappush(heap, (flat[i], i))
    while len(heap) > 0:
        so_far, i = heapq.heappop(heap)
        if so_far > distance[i]:
            continue
        z, y, x = i // plane, i % plane // row, i % row
        for a in range(offsets.shape[0]):
            for sign in (-1, 1):
                dz, dy, dx = sign * offsets[a, 0], sign * offsets[a, 1], sign * offsets[a, 2]
                if not _inside(shape, z + dz, y + dy, x + dx):
                    continue
                j = i + dz * plane + dy * row + dx
                if parts[j] != parts[i]:
                    continue
                cost = so_far + flat[j]
                if cost < distance[j] and cost <= radius[parts[i] - 1]:
                    distance[j] = cost
                    heapq.heappush(heap, (cost, j))
    return (distance < np.inf).reshape(shape)


@exact_kernel
def numbered(mask, offsets):
    """The connected parts of a mask, numbered from 1 in the order of their first pixels."""
    shape = mask.shape
    plane, row = shape[1] * shape[2], shape[2]
    flat, part = mask.ravel(), np.zeros(mask.size, np.int32)
    queue, count = np.empty(mask.size, np.int64), 0
    for first in range(flat.size):
        if not flat[first] or part[first] > 0:
            continue
        count += 1
        part[first] = count
        queue[0], done, end = first, 0, 1
        while done < end:
            i = queue[done]
            done += 1
            z, y, x = i // plane, i % plane // row, i % row
            for a in range(offsets.shape[0]):
                for sign in (-1, 1):
                    dz, dy, dx = sign * offsets[a, 0], sign * offsets[a, 1], sign * offsets[a, 2]
                    if _inside(shape, z + dz, y + dy, x + dx):
                        j = i + dz * plane + dy * row + dx
                        if flat[j] and part[j] == 0:
                            part[j] = count
                            queue[end] = j
                            end += 1
    return part.reshape(shape), count
