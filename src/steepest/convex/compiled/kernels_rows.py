"""Rows of primal-dual iterations with terms of second order: layout, steps, and the ring of rows.

An image is ``(channels, height + 2, stride)``: a row of zeros above and below, and rows padded with
zeros to whole vectors. ``state[slot, channel]`` are u (in `kernels_saddle` u - f, as rounding would
hide small changes of u), the two components of w and of p, and the three of q. What the
discretisation does not use is always zero: w0 and p0 in the last row, w1 and p1 in the last column,
q00 in the first and the last row, q11 in the first and the last column. Column masks do the rest;
they hold 1 over the spacing, too.

One sweep runs several iterations as a wavefront: each updates u and w of a row, then p and q of the
row above, and is two rows behind the one before. All are in place, with rolling rows of the
extrapolated u and w. The loops never load at j - 1 what they stored at j: waiting for it takes
longer than the arithmetic.
"""

from ...core.compiled import lean_helper as helper
from ...core.vectors import LANES, convert, inverse_root, load, maximum, store, where_less
from .flags import announce, begin, stay, wait_for

SLOTS = 8
U, W, P, Q = 0, 1, 3, 5
NUM_MASKS = 5
LEFT, INNER, RIGHT, RIGHT_HALF, OPEN = range(NUM_MASKS)
NUM_ROLLING = 4  # rows of u and w between two iterations
NUM_NUMBERS = 10
# 1 over the spacing, a / (1 + a), b tau, the steps c and d, tau, both radii, over-relaxation
G_Y, G_X, A, B, C, D, TAU, ALPHA1, ALPHA0, RELAXATION = range(NUM_NUMBERS)
HALF = 0.5**0.5  # of both terms off the diagonal


@helper
def shrink(square, radius, one):
    """The factor that projects vectors of this squared norm to the ball."""
    limit = radius * radius
    return where_less(limit, square, radius * inverse_root(maximum(square, limit)), one)


@helper
def unbend(q, slot, size, x, stride, masks, j, top, g, g_half):
    """``E* q`` of 16 pixels, in the dtype of the masks; the first is not masked in the last row.

    ``g`` is 1 over the spacing along y; ``g_half`` is ``g HALF``, and ``top`` is that or 0 in the
    first row.
    """
    width = masks.shape[1]
    q0, q1, q2 = slot * size + x, (slot + 1) * size + x, (slot + 2) * size + x
    m = convert(load(q, q1), masks)
    before = convert(load(q, q1 + 1), masks)
    r0 = g * (convert(load(q, q0), masks) - convert(load(q, q0 + stride), masks))
    r0 += load(masks, LEFT * width + j) * m - load(masks, RIGHT_HALF * width + j) * before
    along = convert(load(q, q2), masks) - convert(load(q, q2 + 1), masks)
    below = convert(load(q, q1 + stride), masks)
    r1 = load(masks, RIGHT * width + j) * along
    r1 += load(masks, OPEN * width + j) * (top * m - g_half * below)
    return r0, r1


@helper
def bend(w, slot, at, before, wide, masks, j, rows, top):
    """``E w`` of 16 pixels, the component along x ``wide`` after the one along y from ``slot``.

    ``at`` and ``before`` are positions of the row and of the row above. ``rows`` is 1 over the
    spacing, or 0 in the first and the last row.
    """
    width = masks.shape[1]
    y, x = slot + at, slot + wide + at
    w0, w1 = convert(load(w, y), masks), convert(load(w, x), masks)
    across = w0 - convert(load(w, y - 1), masks)
    upwards = w1 - convert(load(w, slot + wide + before), masks)
    e0 = rows * (w0 - convert(load(w, slot + before), masks))
    e1 = load(masks, LEFT * width + j) * across + top * upwards
    e2 = load(masks, INNER * width + j) * (w1 - convert(load(w, x - 1), masks))
    return e0, e1, e2


@helper
def relaxed(state, at, value, rho):
    """``z + rho (value - z)`` in place."""
    before = load(state, at)
    store(state, at, before + rho * (value - before))


@helper
def move_w(state, work, size, x, at, wide, d0, d1, rho, two):
    """Add a step to 16 pixels of w, and set their extrapolation."""
    w0, w1 = load(state, W * size + x), load(state, (W + 1) * size + x)
    store(state, W * size + x, w0 + rho * d0)
    store(state, (W + 1) * size + x, w1 + rho * d1)
    store(work, at + wide, w0 + two * d0)
    store(work, at + 2 * wide, w1 + two * d1)


@helper
def step_p(state, work, size, x, new, here, wide, masks, j, step, c, lifted):
    """p of 16 pixels of a channel before the projection."""
    at = here + j
    w0, w1 = load(work, at + wide), load(work, at + 2 * wide)
    if lifted is not None:
        u = load(work, at)
        w0 = step * (load(work, new + j) - u) - w0
        w1 = load(masks, RIGHT * masks.shape[1] + j) * (load(work, at + 1) - u) - w1
    return load(state, P * size + x) + c * w0, load(state, (P + 1) * size + x) + c * w1


@helper
def step_q(state, work, size, x, here, before, wide, masks, j, d, rows, top):
    """q of 16 pixels of a channel before the projection."""
    e0, e1, e2 = bend(work, wide, here + j, before + j, wide, masks, j, rows, top)
    m0 = load(state, Q * size + x) + d * e0
    m1 = load(state, (Q + 1) * size + x) + d * e1
    return m0, m1, load(state, (Q + 2) * size + x) + d * e2


@helper
def share_waves(update, given, state, work, count, relax, one, turn):
    """Do ``count`` iterations, of which the last is not over-relaxed.

    Threads take turns with the wavefronts: each follows the one before at a distance, so the
    number of threads does not change the result.

    Parameters
    ----------
    update : helper
        ``update(given, r, new, here, before, rho)`` sets u and w of row r, if there is one, from
        which it extrapolates into the rolling rows at ``new``, then p and q of row r - 1, if there
        is one, with those of the rows r - 1 and r - 2 at ``here`` and ``before``.
    given : tuple
    state : (SLOTS, C, height + 2, stride)
    work : (threads, iterations of a wavefront, NUM_ROLLING, 3, C, stride + 2 LANES)
        Rolling rows of 2 u~ - u and 2 w~ - w.
    relax, one : vectors
        The factor of over-relaxation, and 1.
    turn : (part, progress, flags, member, ticket)
        The number of this thread, a flag for each thread, 0 at first, and those of `team`.
    """
    part, progress, flags, member, ticket = turn
    begin(flags, member, ticket)
    threads = work.shape[0] if flags.shape[0] > 0 else 1
    if part < threads:
        height = state.shape[2] - 2
        rows = 3 * work.shape[4] * work.shape[5]
        waves = -(-count // work.shape[1])  # as even as possible
        most = height + 2 + 2 * work.shape[1]  # what a wavefront counts
        for wave in range(part, waves, threads):
            start, end = count * wave // waves, count * (wave + 1) // waves
            others = 2 * (start - count * max(wave - 1, 0) // waves)  # rows to keep behind
            for front in range(height + 1 + 2 * (end - start - 1)):
                if threads > 1 and wave > 0:
                    ahead = min(front + others + 1, most - 1)
                    value = (wave - 1) * most + ahead
                    if not wait_for(progress, (wave - 1) % threads, value, flags, ticket):
                        return
                for k in range(end - start):
                    r = front - 2 * k
                    if r < 0 or r > height:
                        continue
                    rho = relax
                    if start + k == count - 1:
                        rho = one
                    ring = NUM_ROLLING * (k + work.shape[1] * part)
                    new = (ring + (r & 3)) * rows + LANES
                    here = (ring + ((r - 1) & 3)) * rows + LANES
                    before = (ring + ((r - 2) & 3)) * rows + LANES
                    update(given, r, new, here, before, rho)
                if threads > 1:
                    announce(progress, part, wave * most + front + 1)
            if threads > 1:
                announce(progress, part, (wave + 1) * most - 1)
    stay(flags, member, ticket, 0)
