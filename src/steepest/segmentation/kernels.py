"""Compiled loops of the certificate: feasible flow, potential, contour, pixels near a level.

Arrays are (z, y, x). The flow ``q[a]`` runs through the faces between the pixels i and
``i + offsets[a]``; at most ``capacity[a] * weight[i]`` can flow, and the potential is
``u[i] = f[i] + sum over a of (q[a, i] - q[a, i - offsets[a]])``. Everything is in float64.
"""

import numpy as np

from ..core.compiled import copy, exact_helper, exact_kernel

_SNAP = 1e-6  # a flux as near to its bound as this is set to it; u is computed afterwards
_CHUNK = 64  # pixels of a row that are looked at together; most have nothing of interest


@exact_helper
def _inside(shape, z, y, x):
    return 0 <= z < shape[0] and 0 <= y < shape[1] and 0 <= x < shape[2]


@exact_helper
def _range(size, step):
    """The first pixel along an axis that has a neighbour ``step`` further, and the end of these."""
    return max(0, -step), size - max(0, step)


@exact_helper
def limit_of(capacity, weights, a, i):
    """What can flow through a face of pixel i (flat); computed alike: saturation is exact."""
    if weights.size > 0:
        return capacity[a] * np.float64(weights[i])
    return capacity[a]


@exact_helper
def _cap(flux, limit, flow):
    """The flow through the faces of a row, all with one limit."""
    for j in range(flow.size):
        share = np.float64(flux[j])
        full = np.copysign(1.0, share)
        flow[j] = (full if abs(share) > 1.0 - _SNAP else share) * limit


@exact_helper
def _cap_by_weights(flux, weights, capacity, flow):
    """The same where each face has its own limit."""
    for j in range(flow.size):
        w = np.float64(weights[j])
        share = np.float64(flux[j]) / w if w > 0 else 0.0
        full = np.copysign(1.0, share)
        flow[j] = (full if abs(share) > 1.0 - _SNAP else share) * (capacity * w)


@exact_kernel
def flow_of(p, weights, capacity, offsets, q):
    """The flow ``q`` of the flux ``p``, feasible whatever the rounding of ``p``.

    Loops run along views of rows: an index whose sign is unknown would not be vectorised.
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
                    _cap_by_weights(
                        p[a, z, y, x0:x1], weights[z, y, x0:x1], capacity[a], flow[x0:x1]
                    )
                else:
                    _cap(p[a, z, y, x0:x1], capacity[a], flow[x0:x1])


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
            copy(row, f[z, y])
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
def _differences(here, ahead):
    """The number of places where two rows differ."""
    count = 0
    for j in range(here.size):
        count += here[j] != ahead[j]
    return count


@exact_kernel
def contour(inside, q, weights, capacity, offsets, own):
    """The length of the contour of a set, of faces of the first ``own`` pixels along each axis.

    Also its faces that lack flow: pairs of pixels (n, 2), lacks, places in ``offsets``.
    """
    shape = inside.shape
    plane, row, flat = shape[1] * shape[2], shape[2], weights.reshape(weights.size)
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
                    here = inside[z, y, first:last]
                    ahead = inside[z + dz, y + dy, first + dx : last + dx]
                    if _differences(here, ahead) == 0:
                        continue
                    for x in range(first, last):
                        if here[x - first] == ahead[x - first]:
                            continue
                        i = z * plane + y * row + x
                        limit = limit_of(capacity, flat, a, i)
                        length += limit
                        flow = q[a, z, y, x]
                        lack = limit + flow if here[x - first] else limit - flow
                        if lack > 0:
                            pairs.append((i, i + step))
                            lacks.append(lack)
                            kinds.append(a)
    ends = np.empty((len(lacks) - 1, 2), np.int64)
    for k in range(1, len(lacks)):
        ends[k - 1, 0], ends[k - 1, 1] = pairs[k]
    return length, ends, np.array(lacks[1:]), np.array(kinds[1:])


@exact_helper
def _count_near(u, inside, level, near):
    count = 0
    for j in range(u.size):
        count += (u[j] - level if inside[j] else level - u[j]) <= near
    return count


@exact_kernel
def near_level(u, inside, level, near):
    """The pixels (flat indices) that are beyond the level, on their side of it, by at most
    ``near``.
    """
    found = [0]
    values, side = u.reshape(u.size), inside.reshape(u.size)
    for first in range(0, values.size, _CHUNK):
        last = min(first + _CHUNK, values.size)
        if _count_near(values[first:last], side[first:last], level, near) == 0:
            continue
        for i in range(first, last):
            if (values[i] - level if side[i] else level - values[i]) <= near:
                found.append(i)
    return np.array(found[1:])
