"""Complete a flow so that it saturates the contour of a set, or change the set (docs/certificate).

Arrays are (z, y, x), as in `kernels`, or flat. Flow moves value from pixel to pixel, and inside
pixels should have ``u >= level``, the others ``u <= level``. Direction k of a pixel leads along the
offset ``k // 2``, backwards if k is odd.
"""

import numpy as np

from ..core.compiled import copy, exact_helper, exact_kernel
from .kernels import _inside, contour, limit_of, near_level


@exact_helper
def _place(i, shape):
    plane = i // shape[2]
    z = plane // shape[1]
    return z, plane - z * shape[1], i - plane * shape[2]


@exact_helper
def _ahead(place, k, offsets):
    """The place of the neighbour in direction k."""
    a, sign = k >> 1, 1 - 2 * (k & 1)
    z, y, x = place
    return z + sign * offsets[a, 0], y + sign * offsets[a, 1], x + sign * offsets[a, 2]


@exact_helper
def _within(place, box):
    z, y, x = place
    return box[0, 0] <= z < box[0, 1] and box[1, 0] <= y < box[1, 1] and box[2, 0] <= x < box[2, 1]


@exact_helper
def _steps(offsets, shape):
    """How far the neighbour in each direction is, in a flat array."""
    steps = np.empty(2 * offsets.shape[0], np.int64)
    for k in range(steps.size):
        z, y, x = _ahead((0, 0, 0), k, offsets)
        steps[k] = (z * shape[1] + y) * shape[2] + x
    return steps


@exact_helper
def _left(faces, i, j, k, way):
    """What can still move from i to its neighbour j (``way`` 1), or from j to i (-1)."""
    a, sign, first = k >> 1, way * (1 - 2 * (k & 1)), j if k & 1 else i
    return limit_of(faces[2], faces[1], a, first) + sign * faces[0][a, first]


@exact_helper
def _move(faces, i, j, k, way, amount):
    """Move an amount through a face; all that is left saturates it exactly."""
    a, sign, first = k >> 1, way * (1 - 2 * (k & 1)), j if k & 1 else i
    q, limit = faces[0], limit_of(faces[2], faces[1], a, first)
    if amount == limit + sign * q[a, first]:
        q[a, first] = -sign * limit
    else:
        q[a, first] -= sign * amount


@exact_helper
def _add(u, i, amount, level):
    """Add an amount; all that is missing makes it exactly the level."""
    if amount == level - u[i]:
        u[i] = level
    else:
        u[i] += amount


@exact_helper
def _passes(faces, steps, way, via, at, amount):
    """How much of an amount can move from a root to a pixel, and the length of the path."""
    count = 0
    while via[at] >= 0 and amount > 0:
        before = at - steps[via[at]]
        amount = min(amount, _left(faces, before, at, via[at], way))
        at = before
        count += 1
    return amount, count


@exact_helper
def _spread(u, inside, faces, shape, level, way, roots, free, work):
    """Move what the roots have beyond the level to pixels of their side that have room for it.

    Outside (``way`` 1), roots are above the level; inside (-1), all is reversed. They search
    together, breadth first, until nothing moves; what is then in reach of a root changes sides.
    """
    offsets, side = faces[3], way < 0
    steps = _steps(offsets, shape)
    seen, via = np.zeros(u.size, np.int32), np.empty(u.size, np.int8)
    root, queue = np.empty(u.size, np.int64), np.empty(u.size, np.int64)
    full = np.zeros(u.size, np.int32)  # the turn in which a face on the way from a root was full
    turn, moved = 0, True
    while moved and work >= 0:
        turn += 1
        end, done, moved = 0, 0, False
        for i in roots:
            if inside[i] == side and way * (u[i] - level) > 0 and seen[i] != turn:
                seen[i], via[i], root[i], queue[end] = turn, -1, i, i
                end += 1
        while done < end and work >= 0:
            i = queue[done]
            done += 1
            work -= 1
            top = root[i]
            if full[top] == turn:
                amount, count = _passes(faces, steps, way, via, i, np.inf)
                work -= count
                if amount <= 0:
                    continue
            place = _place(i, shape)
            for k in range(steps.size):
                surplus = way * (u[top] - level)
                if surplus <= 0:
                    break
                ahead, j = _ahead(place, k, offsets), i + steps[k]
                if not _inside(shape, *ahead) or inside[j] != side or seen[j] == turn:
                    continue
                if _left(faces, i, j, k, way) <= 0 or not _within(ahead, free):
                    continue
                seen[j], via[j], root[j], queue[end] = turn, k, top, j
                end += 1
                wanted = min(way * (level - u[j]), surplus)
                if wanted <= 0:
                    continue
                amount, count = _passes(faces, steps, way, via, j, wanted)
                work -= count
                if amount < wanted:
                    full[top] = turn
                if amount <= 0:
                    continue
                moved, at = True, j
                while via[at] >= 0:
                    before = at - steps[via[at]]
                    _move(faces, before, at, via[at], way, amount)
                    at = before
                _add(u, j, way * amount, level)
                _add(u, top, -way * amount, level)
    for i in roots:
        if work < 0 or inside[i] != side or way * (u[i] - level) <= 0:
            continue
        turn, end, done, closed = turn + 1, 1, 0, True
        seen[i], queue[0] = turn, i
        while done < end and closed:
            i = queue[done]
            done += 1
            place = _place(i, shape)
            for k in range(steps.size):
                ahead, j = _ahead(place, k, offsets), i + steps[k]
                if not _inside(shape, *ahead) or inside[j] != side or seen[j] == turn:
                    continue
                if _left(faces, i, j, k, way) > 0:
                    closed &= _within(ahead, free)
                    seen[j], queue[end] = turn, j
                    end += 1
        if closed:
            for n in range(end):
                inside[queue[n]] = not side
    return work


@exact_kernel
def repair(u, q, inside, weights, capacity, offsets, level, own, free, work):
    """Saturate the contour of a set, or change the set where that is not possible, in place.

    ``own`` and ``free`` (3, 2) are the first pixel and the last + 1 along each axis: faces from own
    pixels are saturated, by flow between free pixels, until ``work`` pixels have been visited.
    """
    shape, values, mask = u.shape, u.reshape(u.size), inside.reshape(inside.size)
    faces = (q.reshape(q.shape[0], u.size), weights.reshape(weights.size), capacity, offsets)
    _, ends, _, kinds = contour(inside, q, weights, capacity, offsets, own[:, 1])
    for n in range(len(kinds)):
        i, j, k = ends[n, 0], ends[n, 1], 2 * kinds[n]
        if not (_within(_place(i, shape), own) and _within(_place(j, shape), free)):
            continue
        if not mask[i]:
            i, j, k = j, i, k + 1
        amount = _left(faces, i, j, k, 1)
        _move(faces, i, j, k, 1, amount)
        values[i] -= amount
        values[j] += amount
    for way in (1, -1):
        near = near_level(u, inside, level, 0.0)
        roots = near[np.array([_within(_place(i, shape), free) for i in near], np.bool_)]
        work = _spread(values, mask, faces, shape, level, way, roots, free, work)


@exact_kernel
def undecided(q, inside, weights, capacity, offsets, pixels, near):
    """Those of ``pixels`` that no flow above ``near`` links with the other pixels of their side."""
    mask, shape, n = inside.reshape(inside.size), inside.shape, inside.size
    faces = (q.reshape(q.shape[0], n), weights.reshape(weights.size), capacity, offsets)
    steps = _steps(offsets, shape)
    waiting = np.zeros(n, np.bool_)
    waiting[pixels] = True
    queue, end, done = np.empty(2 * pixels.size, np.int64), pixels.size, 0
    copy(queue[:end], pixels)
    while done < end:
        i = queue[done]
        place, first, done = _place(i, shape), done < pixels.size, done + 1
        for k in range(steps.size):
            j = i + steps[k]
            if not _inside(shape, *_ahead(place, k, offsets)) or mask[j] != mask[i]:
                continue
            if first:  # is i linked with a pixel that does not wait?
                linked, way = i, -1 if mask[i] else 1
                wanted = waiting[i] and not waiting[j]
            else:
                linked, way = j, 1 if mask[i] else -1
                wanted = waiting[j]
            if wanted and _left(faces, i, j, k, way) > near:
                waiting[linked] = False
                queue[end] = linked
                end += 1
    return pixels[waiting[pixels]]
